//! Signed statements: Ed25519 (RFC 8032) over
//! `label ‖ 0x00 ‖ sender id(16) ‖ audience ‖ body`, checked with `verify_strict`.
//!
//! The audience is whom, or which request, the statement is for; its length is fixed by the kind. So
//! nothing that was said to one person, or for one request, can be used with another.

use crate::{
    ids::ContactId,
    keys::{Identity, PublicKeys},
    labels,
    wire::{self, DecodeError, V1, Wire},
};
use minicbor::Encode;
use recovery_derive::Decode;
use zeroize::Zeroize;

/// What a statement is; each kind has its own label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Kind {
    /// A card, for whoever reads it; the audience is its own id.
    #[n(0)]
    Card,
    /// A friend's answer to an invite, for the owner.
    #[n(1)]
    Answer,
    /// A bundle, for one contact.
    #[n(2)]
    Bundle,
    /// A receipt for a bundle, for the owner.
    #[n(3)]
    Receipt,
    /// A recovery request; the audience is the new device's own id.
    #[n(4)]
    Request,
    /// The cancellation of a request, for that request.
    #[n(5)]
    Cancel,
    /// An approval, for one request.
    #[n(6)]
    Approval,
    /// A decline, for one request.
    #[n(7)]
    Decline,
    /// An alert, for the owner.
    #[n(8)]
    Alert,
    /// A challenge, for one contact.
    #[n(9)]
    Challenge,
    /// The answer to a challenge, for the owner.
    #[n(10)]
    Proof,
    /// Which pieces are superseded, for one contact.
    #[n(11)]
    Forget,
    /// The answer to that, for the owner.
    #[n(12)]
    Forgotten,
    /// A contact holds nothing any more, for the owner.
    #[n(13)]
    Leave,
    /// The vault's newest version, for one contact.
    #[n(14)]
    Newest,
    /// The owner stops a request, for one contact or for that request.
    #[n(15)]
    Stop,
    /// An approval is held back, for one request.
    #[n(16)]
    Due,
    /// A rehearsal, for one contact.
    #[n(17)]
    Drill,
    /// The answer to a rehearsal, for the owner.
    #[n(18)]
    DrillAnswer,
    /// An owner's new device takes the place of a former one, for one contact; by the former identity.
    #[n(19)]
    Successor,
    /// The same, for one contact; by the request with which the device came back.
    #[n(20)]
    Succession,
    /// A contact has a new device, for the owner; by the former identity.
    #[n(21)]
    Moved,
}

impl Kind {
    /// The label that its signatures cover.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Card => labels::SIGN_CARD,
            Self::Answer => labels::SIGN_ANSWER,
            Self::Bundle => labels::SIGN_BUNDLE,
            Self::Receipt => labels::SIGN_RECEIPT,
            Self::Request => labels::SIGN_REQUEST,
            Self::Cancel => labels::SIGN_CANCEL,
            Self::Approval => labels::SIGN_APPROVAL,
            Self::Decline => labels::SIGN_DECLINE,
            Self::Alert => labels::SIGN_ALERT,
            Self::Challenge => labels::SIGN_CHALLENGE,
            Self::Proof => labels::SIGN_PROOF,
            Self::Forget => labels::SIGN_FORGET,
            Self::Forgotten => labels::SIGN_FORGOTTEN,
            Self::Leave => labels::SIGN_LEAVE,
            Self::Newest => labels::SIGN_NEWEST,
            Self::Stop => labels::SIGN_STOP,
            Self::Due => labels::SIGN_DUE,
            Self::Drill => labels::SIGN_DRILL,
            Self::DrillAnswer => labels::SIGN_DRILL_ANSWER,
            Self::Successor => labels::SIGN_SUCCESSOR,
            Self::Succession => labels::SIGN_SUCCESSION,
            Self::Moved => labels::SIGN_MOVED,
        }
    }
}

/// A body that can be signed.
pub trait Statement: Wire {
    /// Which kind of statement its signature makes.
    const KIND: Kind;
}

/// A statement and its signature, not yet checked.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Signed {
    #[n(0)]
    version: V1,
    /// What it says it is.
    #[n(1)]
    pub kind: Kind,
    /// Who says to have signed it.
    #[n(2)]
    pub sender: ContactId,
    #[cbor(n(3), with = "minicbor::bytes")]
    body: Vec<u8>,
    #[cbor(n(4), with = "minicbor::bytes")]
    signature: [u8; 64],
}

/// A statement that is not what it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// Another kind of statement was expected.
    #[error("it is another kind of message")]
    Kind,
    /// The body is not what its kind says.
    #[error(transparent)]
    Body(#[from] DecodeError),
    /// The sender is somebody else than the keys' owner.
    #[error("it says to come from somebody else")]
    Sender,
    /// The signature is not the sender's, or was made for another person or request.
    #[error("its signature is wrong, or was made for somebody else")]
    Signature,
}

impl Signed {
    /// Signs `body` for `audience`.
    #[must_use]
    pub fn new<T: Statement>(body: &T, identity: &Identity, audience: &[u8]) -> Self {
        let body = wire::encode(body).to_vec();
        let sender = identity.id();
        let signature = identity.sign(&signing_input(T::KIND, sender, audience, &body));
        Self { version: V1, kind: T::KIND, sender, body, signature }
    }

    /// Reads the body without believing it; for what names its own keys.
    ///
    /// # Errors
    /// [`StatementError::Kind`] and [`StatementError::Body`].
    pub fn peek<T: Statement>(&self) -> Result<T, StatementError> {
        if self.kind != T::KIND {
            return Err(StatementError::Kind);
        }
        Ok(wire::decode(&self.body)?)
    }

    /// The body, if `keys` signed it for `audience`.
    ///
    /// # Errors
    /// [`StatementError`] says what is not as it must be.
    pub fn verify<T: Statement>(
        &self,
        keys: &PublicKeys,
        audience: &[u8],
    ) -> Result<T, StatementError> {
        let body = self.peek::<T>()?;
        self.check(keys, audience)?;
        Ok(body)
    }

    /// The body, if the keys that it names itself signed it for the audience that it names itself.
    /// Whose keys they are, the caller has to know.
    ///
    /// # Errors
    /// [`StatementError`] says what is not as it must be.
    pub fn verify_claim<T: Statement>(
        &self,
        claim: impl FnOnce(&T) -> (&PublicKeys, Vec<u8>),
    ) -> Result<T, StatementError> {
        let body = self.peek::<T>()?;
        let (keys, audience) = claim(&body);
        self.check(keys, &audience)?;
        Ok(body)
    }

    /// Whether `keys` signed it for the audience, whatever it says.
    pub(crate) fn check(&self, keys: &PublicKeys, audience: &[u8]) -> Result<(), StatementError> {
        if self.sender != keys.id() {
            return Err(StatementError::Sender);
        }
        let input = signing_input(self.kind, self.sender, audience, &self.body);
        keys.verify(&input, &self.signature).map_err(|_| StatementError::Signature)
    }
}

/// Bodies of bundles hold a share.
impl Drop for Signed {
    fn drop(&mut self) {
        self.body.zeroize();
    }
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signed({:?} by {})", self.kind, self.sender)
    }
}

impl Wire for Signed {
    const NAME: &'static str = "a signed message";
    const MAX: usize = wire::limits::MESSAGE_MAX;
}

fn signing_input(
    kind: Kind,
    sender: ContactId,
    audience: &[u8],
    body: &[u8],
) -> zeroize::Zeroizing<Vec<u8>> {
    let label = kind.label().as_bytes();
    let audience = if planted!(SignedForAnybody) { &[] } else { audience };
    let parts: [&[u8]; 5] = [label, &[0], sender.as_bytes(), audience, body];
    let mut input =
        zeroize::Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    for part in parts {
        input.extend_from_slice(part);
    }
    input
}
