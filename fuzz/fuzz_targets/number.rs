#![no_main]
//! A number has 15 digits in one order, and no slip of one digit is a number.

use libfuzzer_sys::fuzz_target;
use recovery_core::number::Number;

fuzz_target!(|octets: &[u8]| {
    recovery_fuzz::one_text::<Number>(octets, Number::to_string);
    let Ok(number) = std::str::from_utf8(octets).unwrap_or_default().parse::<Number>() else {
        return;
    };
    let digits = number.digits();
    assert!(digits.len() == 15 && digits.bytes().all(|digit| digit.is_ascii_digit()));
    for at in 0..15 {
        let mut slip = digits.clone().into_bytes();
        slip[at] = b'0' + (slip[at] - b'0' + 1) % 10;
        assert!(String::from_utf8_lossy(&slip).parse::<Number>().is_err());
    }
});
