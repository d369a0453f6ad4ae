#![no_main]
//! Padding comes off in one way.

use libfuzzer_sys::fuzz_target;
use recovery_core::wire::{PAD_HEADER, pad, unpad};

fuzz_target!(|octets: &[u8]| {
    if let Some(content) = unpad(octets) {
        let again = pad(content, octets.len()).map(|padded| padded.to_vec());
        assert_eq!(again.as_deref(), Some(octets));
    }
    let padded = pad(octets, octets.len() + PAD_HEADER + 7);
    assert!(padded.is_some_and(|padded| unpad(&padded) == Some(octets)));
});
