//! Chance, from a seed: what the world rolls for is never what the cryptography draws from.

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};

/// Per mille.
pub(super) type Rate = u16;

/// A seeded source of choices.
pub(super) struct Dice(ChaCha20Rng);

impl Dice {
    /// The dice of a seed; `stream` keeps several apart.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// 0 to `n` - 1; 0 for an `n` of 0.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64().checked_rem(n).unwrap_or(0)
    }

    /// An index of something that has `length` places.
    pub(super) fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// `from` to `to`, both included.
    pub(super) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// True in `rate` of 1,000 cases.
    pub(super) fn chance(&mut self, rate: Rate) -> bool {
        self.below(1_000) < u64::from(rate)
    }

    /// One of several.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// Puts a list into another order.
    pub(super) fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.index(at + 1));
        }
    }

    /// Random octets.
    pub(super) fn octets(&mut self, length: usize) -> Vec<u8> {
        let mut octets = vec![0; length];
        self.0.fill_bytes(&mut octets);
        octets
    }
}
