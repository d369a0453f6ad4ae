//! A generator that says what it is told to.

use rand_chacha::rand_core::{Infallible, TryCryptoRng, TryRng};

/// Gives out these octets, then panics.
pub(crate) struct Scripted<I>(pub(crate) I);

impl<I: Iterator<Item = u8>> TryRng for Scripted<I> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("sharing draws octets only")
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("sharing draws octets only")
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.fill_with(|| self.0.next().expect("more octets were drawn than scripted"));
        Ok(())
    }
}

impl<I: Iterator<Item = u8>> TryCryptoRng for Scripted<I> {}
