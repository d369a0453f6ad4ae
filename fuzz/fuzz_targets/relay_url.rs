#![no_main]
//! A relay's address has one spelling of harmless characters.

use libfuzzer_sys::fuzz_target;
use recovery_core::address::RelayUrl;

fuzz_target!(|octets: &[u8]| {
    recovery_fuzz::one_text::<RelayUrl>(octets, RelayUrl::to_string);
    let Ok(url) = std::str::from_utf8(octets).unwrap_or_default().parse::<RelayUrl>() else {
        return;
    };
    let text = url.as_str();
    assert!(text.len() <= RelayUrl::MAX && text.is_ascii() && !text.ends_with('/'));
    assert!(text.starts_with("https://") || text.starts_with("http://"));
    assert!(!text.bytes().any(|c| c.is_ascii_control() || b"@?#%\\\"'<> ".contains(&c)));
});
