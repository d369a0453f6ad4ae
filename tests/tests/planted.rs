//! No program has faults that were planted to try out the tests.

use recovery_tests::binary;
use std::fs;

/// What a build with planted faults says of two of them; `recovery-core/src/planted.rs`.
const SAID: [&[u8]; 2] = [b"a share with x = 0 is taken", b"an approval needs no number"];

#[test]
fn no_program_has_planted_faults() {
    for name in ["recovery", "recovery-relay"] {
        let octets = fs::read(binary(name)).expect("a program is read");
        for said in SAID {
            assert!(!octets.windows(said.len()).any(|window| window == said), "{name}");
        }
    }
}
