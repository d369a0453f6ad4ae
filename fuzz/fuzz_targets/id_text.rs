#![no_main]
//! An id has one text.

use libfuzzer_sys::fuzz_target;
use recovery_core::ids::{ContactId, MailboxId};

fuzz_target!(|octets: &[u8]| {
    let text = std::str::from_utf8(octets).unwrap_or_default();
    if let Ok(id) = text.parse::<MailboxId>() {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(id) = text.parse::<ContactId>() {
        assert_eq!(id.to_string(), text);
    }
});
