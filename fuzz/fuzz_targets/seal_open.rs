#![no_main]
//! Nothing opens but what was sealed. Input: a message, or a letter's CBOR to be sealed and opened.

use libfuzzer_sys::fuzz_target;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use recovery_core::{
    keys::Identity,
    seal::{self, Letter},
    secret::Secret,
    wire::{self, limits::MESSAGE_SIZES},
};
use std::sync::LazyLock;

/// Bob of the test vectors.
static BOB: LazyLock<Identity> = LazyLock::new(|| Identity::from_seed(&Secret::new([0x22; 32])));

fuzz_target!(|octets: &[u8]| {
    if let Ok(letter) = seal::open(&BOB, octets) {
        assert!(MESSAGE_SIZES.contains(&octets.len()) && octets[0] == 1);
        assert!(wire::encode(&letter).len() <= seal::LETTER_MAX);
    }
    let Ok(letter) = wire::decode::<Letter>(octets) else {
        return;
    };
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let message = seal::seal(&letter, &BOB.public().sealing, &mut rng).expect("a letter fits");
    assert_eq!(seal::open(&BOB, &message), Ok(letter));
});
