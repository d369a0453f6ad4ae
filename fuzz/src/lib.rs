//! Oracles that several targets share.

use recovery_core::wire::{self, Wire};

/// What decodes encodes to the same octets, within its limit.
pub fn round_trip<T: Wire>(octets: &[u8]) {
    let Ok(value) = wire::decode::<T>(octets) else {
        return;
    };
    assert!(octets.len() <= T::MAX);
    assert_eq!(wire::encode(&value).as_slice(), octets);
}

/// What parses prints to a text that parses to the same and prints the same.
pub fn one_text<T: std::str::FromStr + PartialEq>(octets: &[u8], print: impl Fn(&T) -> String) {
    let Ok(value) = std::str::from_utf8(octets).unwrap_or_default().parse::<T>() else {
        return;
    };
    let text = print(&value);
    let again = text.parse::<T>();
    assert!(again.is_ok_and(|again| again == value && print(&again) == text));
}
