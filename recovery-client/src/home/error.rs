//! What can go wrong with a home or a file, in sentences, each with what to do about it.

use recovery_core::kdf::KdfCostError;
use std::{io, path::PathBuf};

/// Why a home cannot be made, opened or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// Another command holds the lock, for longer than was waited.
    #[error("another command is using the home {dir:?}")]
    Busy {
        /// The home.
        dir: PathBuf,
    },
    /// A file of the home is not what was written.
    #[error("{path:?} is damaged: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A passphrase without a character protects nothing.
    #[error("an empty passphrase protects nothing")]
    EmptyPassphrase,
    /// There is a home already.
    #[error("there is a home in {dir:?} already")]
    Exists {
        /// The home.
        dir: PathBuf,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The cost parameters of the passphrase are out of range.
    #[error("{path:?} cannot be used: {source}")]
    KdfCost {
        /// The file.
        path: PathBuf,
        /// Which parameters.
        source: KdfCostError,
    },
    /// Made by a newer version of this program.
    #[error("{path:?} was written by a newer version of this program (format {version})")]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// The format's version.
        version: u8,
    },
    /// There is no home.
    #[error("there is no home in {dir:?}")]
    NotFound {
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// The home is protected by a passphrase, and none was given.
    #[error("the home is protected by a passphrase")]
    PassphraseNeeded,
    /// Everybody on this machine may write into the folder.
    #[error("everybody on this machine may write into the folder {dir:?}")]
    Permissions {
        /// The folder.
        dir: PathBuf,
    },
    /// While it was closed, the home was made anew or got another passphrase.
    #[error("the home {dir:?} was made anew in the meantime")]
    Replaced {
        /// The home.
        dir: PathBuf,
    },
    /// The state is larger than a home holds.
    #[error("the state has {length} octets; a home holds at most {max}")]
    StateTooLarge {
        /// How long it is.
        length: usize,
        /// How long it may be.
        max: usize,
    },
    /// The passphrase is not the one the home was made with.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
}

impl HomeError {
    /// What to do about it, as one sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "Wait until it has ended, then run this again.",
            Self::Damaged { .. } => {
                "Put the whole folder back from a copy, or restore to a new home with your contacts' help."
            }
            Self::EmptyPassphrase => "Choose a passphrase, or say that you want none.",
            Self::Exists { .. } => "Use it, or choose another folder for the new one.",
            Self::File(error) => error.hint(),
            Self::KdfCost { .. } => "Put the whole folder back from a copy.",
            Self::NewerVersion { .. } => "Update this program, then run this again.",
            Self::NotFound { .. } => "Make one first, or name the folder it is in.",
            Self::PassphraseNeeded => "Give the passphrase.",
            Self::Permissions { .. } => {
                "Choose a folder that only you can write to, or take the permission away from others."
            }
            Self::Replaced { .. } => "Run this again.",
            Self::StateTooLarge { .. } => "Remove entries that are no longer needed.",
            Self::WrongPassphrase => "Type it again; capital letters and spaces count.",
        }
    }
}

/// Why a file cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Reading or writing is not allowed.
    #[error("no permission to {doing} {path:?}")]
    Denied {
        /// What was tried: a verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
    },
    /// There is a file already, and replacing it was not asked for.
    #[error("{path:?} exists already")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The disk, or the person's part of it, is full.
    #[error("no space left to {doing} {path:?}")]
    Full {
        /// What was tried: a verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
    },
    /// The system says no for another reason.
    #[error("cannot {doing} {path:?}: {source}")]
    Io {
        /// What was tried: a verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no such file, or no folder to put it in.
    #[error("{path:?} does not exist")]
    Missing {
        /// The file or folder.
        path: PathBuf,
    },
    /// A folder, a link, a device or a pipe where a plain file is wanted.
    #[error("{path:?} is {what}, not a plain file")]
    NotAFile {
        /// What is there.
        path: PathBuf,
        /// Which kind of thing it is.
        what: &'static str,
    },
    /// A file where a folder is wanted.
    #[error("{path:?} is not a folder")]
    NotAFolder {
        /// What is there.
        path: PathBuf,
    },
    /// Longer than what can be used.
    #[error("{path:?} is too large: at most {max} octets")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How long it may be.
        max: usize,
    },
}

impl FileError {
    /// Sorts an error of the system by what a person can do about it.
    pub(super) fn new(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Denied { doing, path }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { doing, path },
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::AlreadyExists => Self::Exists { path },
            io::ErrorKind::NotADirectory => {
                Self::NotAFolder { path: path.parent().map_or_else(PathBuf::new, Into::into) }
            }
            io::ErrorKind::IsADirectory => Self::NotAFile { path, what: "a folder" },
            _ => Self::Io { doing, path, source },
        }
    }

    /// What to do about it, as one sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Denied { .. } => {
                "Look whose it is: it may belong to another user, or lie on a disk that is read-only."
            }
            Self::Exists { .. } => "Choose another name, or say that it is to be replaced.",
            Self::Full { .. } => "Make room on the disk, then run this again; nothing was changed.",
            Self::Io { .. } => "Look after the disk, then run this again.",
            Self::Missing { .. } => "Look at the name, and whether the folder is there.",
            Self::NotAFile { .. } => "Name a plain file.",
            Self::NotAFolder { .. } => "Name a folder.",
            Self::TooLarge { .. } => "Name the right file, or a smaller one.",
        }
    }
}
