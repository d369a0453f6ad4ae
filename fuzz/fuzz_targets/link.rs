#![no_main]
//! A link has one text, which parses to itself.

use libfuzzer_sys::fuzz_target;
use recovery_core::wire::link::Link;

fuzz_target!(|octets: &[u8]| recovery_fuzz::one_text::<Link>(octets, |link| link
    .expose()
    .to_string()));
