//! The one HPKE suite (RFC 9180 base mode): X-Wing (0x647a), HKDF-SHA256 (0x0001),
//! ChaCha20-Poly1305 (0x0003), as single-shot seal and open with our `info` and `aad`.

use crate::{ids::labelled_hash, labels, secret::Secret};
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::XWing,
};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use rand_core::CryptoRng;
use std::fmt;
use zeroize::Zeroizing;

/// Octets of a public key.
pub const PUBLIC_KEY: usize = 1_216;
/// Octets of an encapsulated key.
pub const ENCAPSULATED: usize = 1_120;
/// Octets that [`SealingKey::seal`] adds: encapsulated key and tag.
pub const OVERHEAD: usize = ENCAPSULATED + 16;

/// What was sealed does not open: it is for another key or purpose, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is sealed to another key, or was changed")]
pub struct OpenError;

/// An X-Wing public key: 1,216 octets, checked when read (ML-KEM coefficients below q, FIPS 203 7.2).
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey {
    octets: Box<[u8; PUBLIC_KEY]>,
    parsed: <XWing as Kem>::PublicKey,
}

impl SealingKey {
    /// Checks and takes the octets; `None` if they are no key.
    #[must_use]
    pub fn from_slice(octets: &[u8]) -> Option<Self> {
        let parsed = <XWing as Kem>::PublicKey::from_bytes(octets).ok()?;
        Some(Self { octets: Box::new(octets.try_into().ok()?), parsed })
    }

    /// The octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; PUBLIC_KEY] {
        &self.octets
    }

    /// `encapsulated key(1120) ‖ ciphertext ‖ tag(16)`, with `info` a label and `aad` the hash of this
    /// key. `None` only if the library refuses, which it has no reason to for a checked key.
    pub fn seal(&self, info: &str, plaintext: &[u8], rng: &mut impl CryptoRng) -> Option<Vec<u8>> {
        let (encapsulated, ciphertext) =
            hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
                &OpModeS::Base,
                &self.parsed,
                info.as_bytes(),
                plaintext,
                &self.hash(),
                rng,
            )
            .ok()?;
        let mut out = encapsulated.to_bytes().to_vec();
        out.extend_from_slice(&ciphertext);
        Some(out)
    }

    fn hash(&self) -> [u8; 32] {
        labelled_hash(labels::SEAL_KEY_HASH, &[self.octets.as_slice()])
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

impl<C> Encode<C> for SealingKey {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(self.octets.as_slice())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for SealingKey {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::from_slice(d.bytes()?)
            .ok_or_else(|| decode::Error::message("not an X-Wing public key"))
    }
}

/// An X-Wing key pair, derived from its 32-octet seed.
pub struct OpeningKey {
    private: <XWing as Kem>::PrivateKey,
    public: SealingKey,
}

impl OpeningKey {
    /// The pair of a seed.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "every 32 octets are a seed, and its public key has 1,216"
    )]
    pub fn from_seed(seed: &Secret<32>) -> Self {
        let private = <XWing as Kem>::PrivateKey::from_bytes(seed.expose()).expect("32 octets");
        let parsed = XWing::sk_to_pk(&private);
        let octets = Box::new(*parsed.to_bytes().as_slice().first_chunk().expect("1,216 octets"));
        Self { private, public: SealingKey { octets, parsed } }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &SealingKey {
        &self.public
    }

    /// Opens what [`SealingKey::seal`] made for this key and `info`.
    ///
    /// # Errors
    /// [`OpenError`] for everything else.
    pub fn open(&self, info: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (encapsulated, ciphertext) = sealed.split_at_checked(ENCAPSULATED).ok_or(OpenError)?;
        let encapsulated =
            <XWing as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| OpenError)?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.private,
            &encapsulated,
            info.as_bytes(),
            ciphertext,
            &self.public.hash(),
        )
        .map(Zeroizing::new)
        .map_err(|_| OpenError)
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpeningKey(redacted)")
    }
}
