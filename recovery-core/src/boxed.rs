//! The committing box: XSalsa20-Poly1305 that opens under one key only.
//!
//! `nonce(24) ‖ commitment(32) ‖ secretbox(16 + length)`, with
//! `commitment(32) ‖ key(32) = HKDF-SHA-256(secret, salt = nonce, info = label)`.
//! The AEAD alone commits to no key: one ciphertext can be made that opens under two. Here the
//! commitment is checked first, in constant time. The secretbox is NaCl's, byte for byte.

use crate::{kdf::hkdf, secret::Secret};
use poly1305::{Poly1305, universal_hash::KeyInit as _};
use rand_core::CryptoRng;
use salsa20::{
    XSalsa20,
    cipher::{KeyIvInit, StreamCipher},
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const NONCE: usize = 24;
const COMMITMENT: usize = 32;
const TAG: usize = 16;

/// Octets a box adds to what it holds: 72.
pub const OVERHEAD: usize = NONCE + COMMITMENT + TAG;

/// The box does not open: another key, another label, or changed octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the box does not open: it was made with another key, or was changed")]
pub struct BoxError;

/// Boxes `plaintext` under `secret` (any length, high entropy) for one use, named by `label`.
pub fn seal(secret: &[u8], label: &str, plaintext: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    if !planted!(NonceRepeated) {
        rng.fill_bytes(&mut nonce);
    }
    let (commitment, key) = derive(secret, &nonce, label);
    let mut out = Vec::with_capacity(OVERHEAD + plaintext.len());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&commitment);
    out.extend_from_slice(&[0; TAG]);
    out.extend_from_slice(plaintext);
    let (head, body) = out.split_at_mut(OVERHEAD);
    let tag = secretbox(&key, &nonce, body, Direction::Seal);
    if let Some(place) = head.last_chunk_mut::<TAG>() {
        *place = tag;
    }
    out
}

/// Opens a box.
///
/// # Errors
/// [`BoxError`] for anything that [`seal`] did not make with the same secret and label.
pub fn open(secret: &[u8], label: &str, boxed: &[u8]) -> Result<Zeroizing<Vec<u8>>, BoxError> {
    let (nonce, rest) = boxed.split_first_chunk::<NONCE>().ok_or(BoxError)?;
    let (claimed, rest) = rest.split_first_chunk::<COMMITMENT>().ok_or(BoxError)?;
    let (tag, ciphertext) = rest.split_first_chunk::<TAG>().ok_or(BoxError)?;
    let (commitment, key) = derive(secret, nonce, label);
    if !bool::from(commitment.ct_eq(claimed)) {
        return Err(BoxError);
    }
    let mut body = Zeroizing::new(ciphertext.to_vec());
    let computed = secretbox(&key, nonce, &mut body, Direction::Open);
    if !bool::from(computed.ct_eq(tag)) {
        return Err(BoxError);
    }
    Ok(body)
}

/// (commitment, key) of one box.
fn derive(secret: &[u8], nonce: &[u8; NONCE], label: &str) -> ([u8; COMMITMENT], Secret<32>) {
    let both = hkdf::<64>(secret, nonce, label, &[]);
    let (mut commitment, mut key) = ([0; COMMITMENT], Secret::new([0; 32]));
    let (first, second) = both.expose().split_at(COMMITMENT);
    commitment.copy_from_slice(first);
    key.expose_mut().copy_from_slice(second);
    (commitment, key)
}

#[derive(Clone, Copy)]
enum Direction {
    Seal,
    Open,
}

/// NaCl's `crypto_secretbox` in place; gives the tag of the ciphertext.
///
/// The first 32 octets of the XSalsa20 stream key Poly1305; the message starts at octet 32.
fn secretbox(
    key: &Secret<32>,
    nonce: &[u8; NONCE],
    body: &mut [u8],
    direction: Direction,
) -> [u8; TAG] {
    let mut cipher = XSalsa20::new(key.expose().into(), nonce.into());
    let mut tag_key = Zeroizing::new([0; 32]);
    cipher.apply_keystream(tag_key.as_mut_slice());
    let tag_of =
        |ciphertext: &[u8]| Poly1305::new((&*tag_key).into()).compute_unpadded(ciphertext).into();
    match direction {
        Direction::Seal => {
            cipher.apply_keystream(body);
            tag_of(body)
        }
        Direction::Open => {
            let tag = tag_of(body);
            cipher.apply_keystream(body);
            tag
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BoxError, Direction, OVERHEAD, open, seal, secretbox};
    use crate::secret::Secret;
    use proptest::prelude::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    /// The example of NaCl's "Cryptography in NaCl", section 10 (also libsodium's test `secretbox`).
    #[test]
    fn secretbox_is_nacls() {
        let key = hex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389");
        let nonce = hex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37");
        let mut body =
            hex("be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a\
             1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057\
             e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040\
             e082f937763848645e0705");
        let key = Secret::from_slice(&key).unwrap();
        let tag = secretbox(&key, &nonce.try_into().unwrap(), &mut body, Direction::Seal);
        assert_eq!(tag.as_slice(), hex("f3ffc7703f9400e52a7dfb4b3d3305d9"));
        assert_eq!(body.get(..8), Some(hex("8e993b9f48681273").as_slice()));
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    proptest! {
        #[test]
        fn opens_what_was_sealed_and_nothing_else(
            plaintext in proptest::collection::vec(any::<u8>(), 0..300), seed: u64, at: prop::sample::Index, bit in 0..8u8,
        ) {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            let boxed = seal(b"secret", "label", &plaintext, &mut rng);
            prop_assert_eq!(boxed.len(), plaintext.len() + OVERHEAD);
            prop_assert_eq!(open(b"secret", "label", &boxed).map(|opened| opened.to_vec()), Ok(plaintext));
            prop_assert_eq!(open(b"secreu", "label", &boxed), Err(BoxError));
            prop_assert_eq!(open(b"secret", "labem", &boxed), Err(BoxError));
            let mut flipped = boxed.clone();
            flipped[at.index(boxed.len())] ^= 1 << bit;
            prop_assert_eq!(open(b"secret", "label", &flipped), Err(BoxError));
            prop_assert_eq!(open(b"secret", "label", &boxed[..at.index(boxed.len())]), Err(BoxError));
        }
    }
}
