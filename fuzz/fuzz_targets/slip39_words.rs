#![no_main]
//! Words that are a share print as one line of words, which are the same share.

use libfuzzer_sys::fuzz_target;
use recovery_core::slip39::Share;

fuzz_target!(|octets: &[u8]| {
    let Ok(share) = Share::from_words(std::str::from_utf8(octets).unwrap_or_default()) else {
        return;
    };
    let words = share.to_words();
    assert_eq!(Share::from_words(&words).as_ref(), Ok(&share));
    let given: Vec<String> =
        String::from_utf8_lossy(octets).split_whitespace().map(str::to_ascii_lowercase).collect();
    assert_eq!(words.split(' ').collect::<Vec<_>>(), given);
});
