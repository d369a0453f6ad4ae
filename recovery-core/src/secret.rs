//! Secrets: boxed, wiped when dropped, redacted in `Debug`, compared in constant time, one way out.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use rand_core::CryptoRng;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// `N` secret octets. The only way to the octets is [`Secret::expose`].
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Takes over `octets`; the caller's own copy, if any, is the caller's to wipe.
    #[must_use]
    pub fn new(octets: [u8; N]) -> Self {
        let octets = Zeroizing::new(octets);
        Self(Box::new(*octets))
    }

    /// Fresh octets from `rng`.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut secret = Self(Box::new([0; N]));
        rng.fill_bytes(secret.0.as_mut_slice());
        secret
    }

    /// Copies a slice of exactly `N` octets; `None` for any other length.
    #[must_use]
    pub fn from_slice(octets: &[u8]) -> Option<Self> {
        let mut secret = Self(Box::new([0; N]));
        if octets.len() != N {
            return None;
        }
        secret.0.copy_from_slice(octets);
        Some(secret)
    }

    /// The octets. Each call is a place to audit.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// The octets, to be filled in place.
    pub fn expose_mut(&mut self) -> &mut [u8; N] {
        &mut self.0
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret<{N}>(redacted)")
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    /// Constant time in the octets.
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl<const N: usize> Eq for Secret<N> {}

/// A CBOR byte string of `N` octets; only ever inside encrypted state.
impl<C, const N: usize> Encode<C> for Secret<N> {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(self.0.as_slice())?.ok()
    }
}

impl<'b, C, const N: usize> Decode<'b, C> for Secret<N> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::from_slice(d.bytes()?)
            .ok_or_else(|| decode::Error::message("wrong length of a secret"))
    }
}

/// Secret octets of any length: wiped when dropped, redacted in `Debug`.
#[derive(Clone, Default, Zeroize, ZeroizeOnDrop)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Copies the octets; the caller's own copy is the caller's to wipe.
    #[must_use]
    pub fn new(octets: &[u8]) -> Self {
        Self(octets.to_vec())
    }

    /// The octets. Each call is a place to audit.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Number of octets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True for no octets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({}, redacted)", self.0.len())
    }
}

impl PartialEq for SecretBytes {
    /// Constant time in the octets, not in their number.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretBytes {}

impl<C> Encode<C> for SecretBytes {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for SecretBytes {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.bytes().map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_hides_the_octets() {
        assert_eq!(format!("{:?}", Secret::new([0xAB; 2])), "Secret<2>(redacted)");
    }

    #[test]
    fn other_lengths_are_no_secret() {
        assert!(Secret::<4>::from_slice(&[1, 2, 3]).is_none());
        assert_eq!(Secret::<3>::from_slice(&[1, 2, 3]), Some(Secret::new([1, 2, 3])));
        assert_ne!(Secret::new([1, 2, 3]), Secret::new([1, 2, 4]));
    }
}
