#![no_main]
//! Armor has one text but for the ends of lines and white space around; any octets go there and back.

use libfuzzer_sys::fuzz_target;
use recovery_core::wire::armor::{Title, decode, encode};

fuzz_target!(|octets: &[u8]| {
    if let Ok(content) = decode(Title::Approval, octets) {
        let text = String::from_utf8_lossy(octets).replace("\r\n", "\n");
        assert_eq!(text.trim(), encode(Title::Approval, &content).trim());
    }
    let text = encode(Title::Approval, octets);
    match decode(Title::Approval, text.as_bytes()) {
        Ok(again) => assert_eq!(again, octets),
        Err(_) => assert!(text.len() > recovery_core::wire::armor::MAX),
    }
});
