//! Who a person is: an identity (one seed, two key pairs) and the card that tells others.

use crate::{
    address::MailboxAddress,
    hpke_suite::{OpeningKey, SealingKey},
    ids::{ContactId, labelled_hash},
    kdf::hkdf,
    labels,
    name::Name,
    secret::Secret,
    sign::{Kind, Signed, Statement, StatementError},
    wire::{V1, Wire},
};
use ed25519_dalek::{Signature, SignatureError, Signer, SigningKey, VerifyingKey};
use minicbor::{
    Decoder, Encode, Encoder,
    decode::{self, Decode},
    encode,
};
use recovery_derive::Decode;
use std::fmt;

/// A person's or device's secret half: both key pairs, derived from one 32-octet seed.
pub struct Identity {
    signing: SigningKey,
    opening: OpeningKey,
    public: PublicKeys,
}

impl Identity {
    /// The identity of a seed.
    #[must_use]
    pub fn from_seed(seed: &Secret<32>) -> Self {
        let derive = |label| hkdf::<32>(seed.expose(), &[], label, &[]);
        let signing = SigningKey::from_bytes(derive(labels::SIGNING_SEED).expose());
        let opening = OpeningKey::from_seed(&derive(labels::SEALING_SEED));
        let public = PublicKeys {
            signing: SigningPublic(signing.verifying_key()),
            sealing: opening.public().clone(),
        };
        Self { signing, opening, public }
    }

    /// The public halves.
    #[must_use]
    pub fn public(&self) -> &PublicKeys {
        &self.public
    }

    /// The id of the public halves.
    #[must_use]
    pub fn id(&self) -> ContactId {
        self.public.id()
    }

    /// Opens what is sealed to this identity.
    #[must_use]
    pub fn opening(&self) -> &OpeningKey {
        &self.opening
    }

    /// A card with `name` and `mailboxes`, signed by this identity.
    #[must_use]
    pub fn card(&self, name: Name, mailboxes: Vec<MailboxAddress>) -> Signed {
        let body = CardBody { version: V1, name, keys: self.public.clone(), mailboxes };
        Signed::new(&body, self, self.id().as_bytes())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}, redacted)", self.id())
    }
}

/// A person's public halves: Ed25519 (32 octets) and X-Wing (1,216 octets).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PublicKeys {
    #[n(0)]
    signing: SigningPublic,
    /// What messages to this person are sealed to.
    #[n(1)]
    pub sealing: SealingKey,
}

impl PublicKeys {
    /// The first 16 octets of SHA-256 over both keys.
    #[must_use]
    pub fn id(&self) -> ContactId {
        let parts: [&[u8]; 2] = [self.signing.0.as_bytes(), self.sealing.as_bytes()];
        let hash = labelled_hash(labels::CONTACT_ID, &parts);
        let mut id = [0; ContactId::LENGTH];
        id.copy_from_slice(hash.split_at(ContactId::LENGTH).0);
        ContactId::new(id)
    }

    /// Checks an Ed25519 signature with `verify_strict`: no low-order keys, no malleability.
    ///
    /// # Errors
    /// `SignatureError` for every signature that is not this key's over `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), SignatureError> {
        self.signing.0.verify_strict(message, &Signature::from_bytes(signature))
    }
}

/// An Ed25519 public key that is a point of the curve, and not of low order.
#[derive(Clone, PartialEq, Eq)]
struct SigningPublic(VerifyingKey);

impl fmt::Debug for SigningPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningPublic(…)")
    }
}

impl<C> Encode<C> for SigningPublic {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(self.0.as_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for SigningPublic {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let octets = d.bytes()?.try_into().map_err(|_| NOT_A_KEY())?;
        match VerifyingKey::from_bytes(octets) {
            Ok(key) if !key.is_weak() => Ok(Self(key)),
            _ => Err(NOT_A_KEY()),
        }
    }
}

const NOT_A_KEY: fn() -> decode::Error = || decode::Error::message("not an Ed25519 public key");

/// What a card says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CardBody {
    #[n(0)]
    version: V1,
    #[n(1)]
    name: Name,
    #[n(2)]
    keys: PublicKeys,
    #[n(3)]
    mailboxes: Vec<MailboxAddress>,
}

impl Wire for CardBody {
    const NAME: &'static str = "a card";
    const MAX: usize = 8_192;
}

impl Statement for CardBody {
    const KIND: Kind = Kind::Card;
}

/// A person as others know them: name, keys, and where to post to them; its signature was checked.
///
/// The signature shows that whoever holds the keys wrote the name and the mailboxes. Whose keys they
/// are, only people can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    body: CardBody,
    signed: Signed,
}

impl Card {
    /// Most mailboxes on a card.
    pub const MAILBOXES_MAX: usize = 8;

    /// Checks a card's own signature.
    ///
    /// # Errors
    /// [`StatementError`] if it is no card or its keys did not sign it.
    pub fn verify(signed: &Signed) -> Result<Self, StatementError> {
        let body: CardBody = signed
            .verify_claim(|body: &CardBody| (&body.keys, body.keys.id().as_bytes().to_vec()))?;
        if body.mailboxes.len() > Self::MAILBOXES_MAX {
            return Err(StatementError::Body(crate::wire::DecodeError::Malformed {
                what: CardBody::NAME,
            }));
        }
        Ok(Self { body, signed: signed.clone() })
    }

    /// The name its owner gave themselves.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.body.name
    }

    /// The public keys.
    #[must_use]
    pub fn keys(&self) -> &PublicKeys {
        &self.body.keys
    }

    /// The id of the keys.
    #[must_use]
    pub fn id(&self) -> ContactId {
        self.signed.sender
    }

    /// Where to post to this person; every address gets every message.
    #[must_use]
    pub fn mailboxes(&self) -> &[MailboxAddress] {
        &self.body.mailboxes
    }

    /// The signed octets, to pass on.
    #[must_use]
    pub fn signed(&self) -> &Signed {
        &self.signed
    }
}

/// As its signed statement, which is checked again when read.
impl<C> Encode<C> for Card {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        self.signed.encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Card {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let signed = Signed::decode(d, ctx)?;
        Self::verify(&signed)
            .map_err(|_| decode::Error::message("a card that its keys did not sign"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Card, CardBody, Identity};
    use crate::{secret::Secret, sign::Signed, wire};

    fn identity(seed: u8) -> Identity {
        Identity::from_seed(&Secret::new([seed; 32]))
    }

    #[test]
    fn a_card_verifies_itself_only() {
        let anna = identity(1);
        let signed = anna.card("Anna".parse().unwrap(), vec![]);
        let card = Card::verify(&signed).unwrap();
        assert_eq!((card.name().as_str(), card.id()), ("Anna", anna.id()));
        let octets = wire::encode(&signed);
        assert_eq!(wire::decode::<Signed>(&octets), Ok(signed));
        for at in 0..octets.len() {
            let mut changed = octets.clone();
            changed[at] ^= 1;
            let verified = wire::decode::<Signed>(&changed).map(|signed| Card::verify(&signed));
            assert!(!matches!(verified, Ok(Ok(_))), "octet {at}");
        }
    }

    #[test]
    fn a_statement_is_for_one_sender_and_audience() {
        let (anna, bob) = (identity(1), identity(2));
        let card = anna.card("Anna".parse().unwrap(), vec![]);
        assert!(card.verify::<CardBody>(anna.public(), anna.id().as_bytes()).is_ok());
        assert!(card.verify::<CardBody>(anna.public(), bob.id().as_bytes()).is_err());
        assert!(card.verify::<CardBody>(bob.public(), anna.id().as_bytes()).is_err());
    }

    #[test]
    fn debug_shows_no_seed() {
        let text = format!("{:?}", identity(7));
        assert!(text.ends_with("redacted)"), "{text}");
    }
}
