#![no_main]
//! Messages that travel as files: what decodes encodes to the same octets, and taking it a second time changes
//! nothing.

use libfuzzer_sys::fuzz_target;
use recovery_core::wire;

#[path = "../../recovery-client/src/relays/error.rs"]
#[allow(dead_code, reason = "the target uses a part of it")]
mod error;
#[path = "../../recovery-client/src/relays/files.rs"]
#[allow(dead_code, reason = "the target uses a part of it")]
mod files;
#[path = "../../recovery-client/src/relays/types.rs"]
#[allow(dead_code, reason = "the target uses a part of it")]
mod types;

use error::RelayError;
use files::{Both, Files, Parcel};
use types::{Etag, If, Message, Page, Put};

const NOW: u64 = 1_800_000_000;

fuzz_target!(|octets: &[u8]| {
    recovery_fuzz::round_trip::<Parcel>(octets);
    let Ok(parcel) = wire::decode::<Parcel>(octets) else {
        return;
    };
    let files = Files::new(Both::default());
    files.take(parcel.clone(), NOW);
    let once = files.keep();
    files.take(parcel, NOW);
    assert!(files.keep() == once);
});
