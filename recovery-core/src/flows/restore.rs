//! Restoring: from untrusted approvals to a quorum, to the root key, to the vault, to the owner.
//!
//! Each type is the only door to the next: [`Assessment`] → [`Quorum`] → [`Restored`]. Approvals that
//! fail are set aside with the reason, and the good ones go on.

mod assess;
mod quorum;
mod succession;
mod words;

pub use assess::{Assessed, Assessment, ShareSet, Verdict};
pub use quorum::{Quorum, Quorums, Restored, Rollback};

use super::request::NewDevice;
use crate::{
    ids::ContactId,
    name::Name,
    seal::{self, Letter},
    sign::Kind,
    wire::armor::{self, ArmorError, Title},
};

/// Letters a new device keeps: beyond that, only those that count.
const LETTERS_MAX: usize = 256;
/// Stops a new device keeps.
const STOPS_MAX: usize = 16;

/// Why nothing can be restored, yet or at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// More approvals are needed.
    #[error("{have} of {need} approvals are here")]
    TooFew {
        /// Good approvals that belong together.
        have: usize,
        /// How many are needed.
        need: usize,
    },
    /// Pieces that should belong together do not, whichever are left out.
    #[error("the pieces do not belong together")]
    Disagree,
    /// The circle has a passphrase.
    #[error("this key is also protected by a passphrase")]
    PassphraseNeeded,
    /// The passphrase is wrong, or the pieces are.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// The key does not open its package.
    #[error("the pieces fit together, but what they give does not open the key")]
    WrongKey,
    /// No relay or contact gave a vault that opens.
    #[error("the key is back, but no relay and no contact gave a vault that it opens")]
    NoVault,
    /// The vault belongs to another identity than the one that signed the pieces.
    #[error("the vault belongs to somebody else than who signed the pieces")]
    WrongOwner,
    /// The vault found is older than a contact knows of.
    #[error("the vault found is version {}, but {} of version {}", .0.found, .0.who(), .0.known)]
    Rollback(Rollback),
}

/// What became of a message to the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Kept.
    Kept,
    /// Known already.
    Known,
    /// Not sealed to this device, or nothing it can use: may be deleted where it lies.
    Useless,
}

/// An approval file can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The text is not whole.
    #[error(transparent)]
    Armor(#[from] ArmorError),
    /// What it holds is not what it must be.
    #[error(transparent)]
    Content(#[from] crate::wire::DecodeError),
    /// It is for another recovery.
    #[error("it does not open on this device: it was made for another recovery, or was changed")]
    NotForUs,
    /// More approvals than any circle can need.
    #[error("too many approvals are here already")]
    TooMany,
}

impl NewDevice {
    /// Takes one message from the session mailbox.
    pub fn take(&mut self, message: &[u8]) -> Taken {
        match seal::open(&self.identity, message) {
            Ok(letter) => self.keep(letter),
            Err(_) => Taken::Useless,
        }
    }

    /// Takes an approval that came as armored text.
    ///
    /// # Errors
    /// [`ImportError`]; nothing is kept then.
    pub fn import(&mut self, text: &[u8]) -> Result<(), ImportError> {
        let message = armor::decode(Title::Approval, text)?;
        let letter = seal::open(&self.identity, &message).map_err(|_| ImportError::NotForUs)?;
        match self.keep(letter) {
            Taken::Kept | Taken::Known => Ok(()),
            Taken::Useless => Err(ImportError::TooMany),
        }
    }

    fn keep(&mut self, letter: Letter) -> Taken {
        let kinds = [Kind::Approval, Kind::Decline, Kind::Due, Kind::Stop];
        if !kinds.contains(&letter.signed.kind) {
            return Taken::Useless;
        }
        let same = |other: &Letter| other.signed == letter.signed;
        if self.state.letters.iter().any(same) {
            return Taken::Known;
        }
        let stop = letter.signed.kind == Kind::Stop;
        let alike = |other: &&Letter| (other.signed.kind == Kind::Stop) == stop;
        let most = if stop { STOPS_MAX } else { LETTERS_MAX };
        let full = self.state.letters.iter().filter(alike).count() >= most;
        if full && !(if stop { self.drop_a_stop() } else { self.make_room(&letter) }) {
            return Taken::Useless;
        }
        self.state.letters.push(letter);
        Taken::Kept
    }

    /// Lets go of a stop that is of nobody known here; stops have room of their own, so that nothing else
    /// pushes one out.
    fn drop_a_stop(&mut self) -> bool {
        let ours = self.assess().owners();
        let letters = &mut self.state.letters;
        let strange = |letter: &Letter| {
            letter.signed.kind == Kind::Stop && !ours.contains(&letter.signed.sender)
        };
        letters.iter().position(strange).map(|at| letters.remove(at)).is_some()
    }

    /// Lets go of a letter for one that counts: of one that does not, or that its sender sent again.
    fn make_room(&mut self, fresh: &Letter) -> bool {
        let id = self.id();
        let letters = &mut self.state.letters;
        let useless =
            |letter: &Letter| letter.signed.kind != Kind::Stop && !assess::counts(id, letter);
        if useless(fresh) {
            return false;
        }
        let sender = |at: usize| letters.get(at).map(|letter| letter.signed.sender);
        let again = |at: usize| (at + 1..letters.len()).any(|later| sender(at) == sender(later));
        let spare = letters.iter().position(useless);
        let spare = spare.or_else(|| (0..letters.len()).find(|at| again(*at)));
        spare.map(|at| letters.remove(at)).is_some()
    }

    /// Checks everything that came, and groups what is good by owner and circle.
    #[must_use]
    pub fn assess(&self) -> Assessment {
        assess::assess(self.id(), &self.state.letters)
    }
}

/// A person, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// Their id.
    pub id: ContactId,
    /// The name they give themselves.
    pub name: Name,
}
