#![no_main]
//! The state file of a home: a header that parses is written back as the same octets. The target adds the
//! checksum, which no mutation would hit.

use libfuzzer_sys::fuzz_target;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use recovery_core::{ids::labelled_hash, secret::Secret};

#[path = "../../recovery-client/src/home/format.rs"]
#[allow(dead_code, reason = "the target uses a part of it")]
mod format;

const CHECKSUM: usize = 32;

fuzz_target!(|octets: &[u8]| {
    let _ = format::parse(octets).is_ok();
    let checksum = labelled_hash("recovery/v1/home-checksum", &[octets]);
    let file = [octets, &checksum].concat();
    let Ok((header, boxed)) = format::parse(&file) else {
        return;
    };
    let before = file.len() - CHECKSUM - boxed.len();
    let secret = header.bind(&Secret::new([7; 32]));
    let again = format::seal(&header, &secret, b"state", &mut ChaCha20Rng::seed_from_u64(1));
    assert_eq!(file[..before], again[..before]);
    let (same, boxed) = format::parse(&again).expect("it was just made");
    assert!(same == header);
    assert!(format::open(&secret, boxed).is_some_and(|state| state.as_slice() == b"state"));
});
