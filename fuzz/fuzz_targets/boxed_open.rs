#![no_main]
//! A box opens under its own secret and label only. Input: a length, a secret, then a box or a content.

use libfuzzer_sys::fuzz_target;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use recovery_core::{boxed, labels};

fuzz_target!(|octets: &[u8]| {
    let [length, rest @ ..] = octets else {
        return;
    };
    let Some((secret, content)) = rest.split_at_checked(usize::from(length % 64)) else {
        return;
    };
    if let Ok(opened) = boxed::open(secret, labels::BOX_VAULT, content) {
        assert_eq!(opened.len() + boxed::OVERHEAD, content.len());
        assert!(boxed::open(secret, labels::BOX_HOME, content).is_err());
    }
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut made = boxed::seal(secret, labels::BOX_VAULT, content, &mut rng);
    let opened = boxed::open(secret, labels::BOX_VAULT, &made);
    assert!(opened.is_ok_and(|opened| opened.as_slice() == content));
    let at = content.iter().fold(0, |sum, octet| sum + usize::from(*octet)) % made.len();
    made[at] ^= 1;
    assert!(boxed::open(secret, labels::BOX_VAULT, &made).is_err());
});
