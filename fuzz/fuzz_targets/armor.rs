#![no_main]
//! Armor has one text but for the ends of lines and white space around; any octets go there and back.

use libfuzzer_sys::fuzz_target;
use recovery_core::wire::armor::{Title, decode, encode};

fuzz_target!(|octets: &[u8]| {
    for title in [Title::Approval, Title::Messages] {
        if let Ok(content) = decode(title, octets) {
            let text = String::from_utf8_lossy(octets).replace("\r\n", "\n");
            assert_eq!(text.trim(), encode(title, &content).trim());
            assert_eq!(Title::of(octets), Some(title));
        }
        let text = encode(title, octets);
        match decode(title, text.as_bytes()) {
            Ok(again) => assert_eq!(again, octets),
            Err(_) => assert!(text.len() > title.max()),
        }
    }
});
