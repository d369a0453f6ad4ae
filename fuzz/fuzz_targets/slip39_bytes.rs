#![no_main]
//! A compact share has one form, and goes through words and back.

use libfuzzer_sys::fuzz_target;
use recovery_core::slip39::{self, Share};

fuzz_target!(|octets: &[u8]| {
    let Ok(share) = Share::from_bytes(octets) else {
        return;
    };
    assert_eq!(share.to_bytes().as_slice(), octets);
    assert_eq!(Share::from_words(&share.to_words()).as_ref(), Ok(&share));
    assert!(slip39::progress(&[share.clone(), share]).is_ok());
});
