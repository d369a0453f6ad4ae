#![no_main]
//! What decodes encodes to the same octets.

use libfuzzer_sys::fuzz_target;
use recovery_core::wire::messages::Moved;

fuzz_target!(|octets: &[u8]| recovery_fuzz::round_trip::<Moved>(octets));
