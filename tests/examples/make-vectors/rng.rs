//! Randomness that is the same each time: drawn from a case's name, or played back.

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use rand_core::{Rng as _, TryCryptoRng, TryRng};
use std::convert::Infallible;

/// What a case draws; no other case's.
pub(crate) fn of(case: &str) -> ChaCha20Rng {
    ChaCha20Rng::from_seed(crate::people::hash("recovery vectors", &[case.as_bytes()]))
}

pub(crate) fn octets<const N: usize>(case: &str) -> [u8; N] {
    let mut octets = [0; N];
    of(case).fill_bytes(&mut octets);
    octets
}

/// Gives these octets, and no more.
pub(crate) struct Replay<'a>(pub(crate) &'a [u8]);

impl TryRng for Replay<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unimplemented!("nothing here draws numbers")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unimplemented!("nothing here draws numbers")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        let (now, later) = self.0.split_at(out.len());
        out.copy_from_slice(now);
        self.0 = later;
        Ok(())
    }
}

impl TryCryptoRng for Replay<'_> {}
