#![no_main]
//! A name is short, trimmed and without control characters; in CBOR it has one spelling.

use libfuzzer_sys::fuzz_target;
use recovery_core::name::Name;

fuzz_target!(|octets: &[u8]| {
    recovery_fuzz::one_text::<Name>(octets, Name::to_string);
    let Ok(name) = std::str::from_utf8(octets).unwrap_or_default().parse::<Name>() else {
        return;
    };
    let text = name.as_str();
    assert!((1..=Name::MAX).contains(&text.len()) && text == text.trim());
    assert!(!text.chars().any(char::is_control));
});
