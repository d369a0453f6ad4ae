//! Messages: signed inside, padded, sealed to a person's card.
//!
//! `version(1) ‖ encapsulated key(1120) ‖ ciphertext ‖ tag(16)`, exactly 4, 16 or 64 KiB. Inside:
//! [`wire::pad`]ded CBOR of a [`Letter`]. The relay sees a size class and nothing else.

use crate::{
    hpke_suite::{self, SealingKey},
    keys::Identity,
    labels,
    sign::Signed,
    wire::{self, DecodeError, V1, Wire, limits::MESSAGE_SIZES},
};
use minicbor::Encode;
use rand_core::CryptoRng;
use recovery_derive::Decode;

/// First octet of every sealed message.
const VERSION: u8 = 1;

/// Longest letter, in octets of CBOR: 64,395.
pub const LETTER_MAX: usize =
    wire::limits::MESSAGE_MAX - 1 - hpke_suite::OVERHEAD - wire::PAD_HEADER;

/// What travels: a signed statement, and octets whose SHA-256 stands in its body.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Letter {
    #[n(0)]
    version: V1,
    /// The statement.
    #[n(1)]
    pub signed: Signed,
    /// Octets that the statement names by hash; checked by whoever uses them.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub attachment: Option<Vec<u8>>,
}

impl Letter {
    /// A letter with an attachment.
    #[must_use]
    pub fn new(signed: Signed, attachment: Option<Vec<u8>>) -> Self {
        Self { version: V1, signed, attachment }
    }
}

impl Wire for Letter {
    const NAME: &'static str = "a message";
    const MAX: usize = LETTER_MAX;
}

/// A letter is too long for the largest message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message is too long: {length} octets, and at most {LETTER_MAX} fit")]
pub struct SealError {
    /// The letter's length.
    pub length: usize,
}

/// A message that does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A newer program sealed it.
    #[error("this message needs a newer version of the program")]
    Newer,
    /// It has none of the three sizes, is for somebody else, or was changed.
    #[error("the message is for somebody else, or was changed on its way")]
    NotForUs,
    /// It opened, but what is inside is no letter.
    #[error(transparent)]
    Letter(#[from] DecodeError),
}

/// Seals `letter` to a card's key, in the smallest size that holds it.
///
/// # Errors
/// [`SealError`] if it fits none.
pub fn seal(
    letter: &Letter,
    to: &SealingKey,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, SealError> {
    let content = wire::encode(letter);
    let too_long = SealError { length: content.len() };
    let padded = MESSAGE_SIZES
        .iter()
        .find_map(|size| wire::pad(&content, size - 1 - hpke_suite::OVERHEAD))
        .ok_or(too_long)?;
    let sealed = to.seal(labels::SEAL_MESSAGE, &padded, rng).ok_or(too_long)?;
    let mut message = Vec::with_capacity(sealed.len() + 1);
    message.push(VERSION);
    message.extend_from_slice(&sealed);
    if planted!(NotSealed) {
        message.splice(message.len() - content.len().., content.iter().copied());
    }
    Ok(message)
}

/// Opens a message sealed to `identity`. Whose it is, its signature has yet to show.
///
/// # Errors
/// [`OpenError`] for everything that [`seal`] did not make for this identity.
pub fn open(identity: &Identity, message: &[u8]) -> Result<Letter, OpenError> {
    if !MESSAGE_SIZES.contains(&message.len()) {
        return Err(OpenError::NotForUs);
    }
    let (version, sealed) = message.split_first().ok_or(OpenError::NotForUs)?;
    match *version {
        VERSION => {}
        newer if newer > VERSION => return Err(OpenError::Newer),
        _ => return Err(OpenError::NotForUs),
    }
    let padded =
        identity.opening().open(labels::SEAL_MESSAGE, sealed).map_err(|_| OpenError::NotForUs)?;
    let malformed = DecodeError::Malformed { what: Letter::NAME };
    let content = wire::unpad(&padded).ok_or(malformed)?;
    Ok(wire::decode(content)?)
}

#[cfg(test)]
mod tests {
    use super::{LETTER_MAX, Letter, OpenError, open, seal};
    use crate::{keys::Identity, secret::Secret, wire};
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    fn identity(seed: u8) -> Identity {
        Identity::from_seed(&Secret::new([seed; 32]))
    }

    fn letter(attachment: usize) -> Letter {
        let card = identity(1).card("Anna".parse().unwrap(), vec![]);
        Letter::new(card, (attachment > 0).then(|| vec![7; attachment]))
    }

    #[test]
    fn sizes_are_three() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let bob = identity(2);
        let base = wire::encode(&letter(1_000)).len() - 1_000;
        // 4096 = 1 + 1136 + 4 + letter, and so on.
        for (content, size) in [
            (2_955, 4_096),
            (2_956, 16_384),
            (15_243, 16_384),
            (15_244, 65_536),
            (LETTER_MAX - 2, 65_536),
        ] {
            let letter = letter(content - base);
            let message = seal(&letter, &bob.public().sealing, &mut rng).unwrap();
            assert_eq!(message.len(), size, "{content}");
            assert_eq!(open(&bob, &message), Ok(letter));
        }
        assert!(seal(&letter(LETTER_MAX), &bob.public().sealing, &mut rng).is_err());
    }

    #[test]
    fn only_the_addressee_opens_and_only_unchanged() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let (bob, carol) = (identity(2), identity(3));
        let message = seal(&letter(0), &bob.public().sealing, &mut rng).unwrap();
        assert_eq!(open(&carol, &message), Err(OpenError::NotForUs));
        for at in (0..message.len()).step_by(13).chain([0, 1, 1_120, 1_121, 4_095]) {
            let mut changed = message.clone();
            changed[at] ^= 0x40;
            assert!(open(&bob, &changed).is_err(), "octet {at}");
        }
        for cut in [0, 1, 1_121, 4_095] {
            assert_eq!(open(&bob, &message[..cut]), Err(OpenError::NotForUs));
        }
        let mut newer = message;
        newer[0] = 2;
        assert_eq!(open(&bob, &newer), Err(OpenError::Newer));
    }
}
