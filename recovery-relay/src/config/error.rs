//! Why a relay could not start, and what to do.

use crate::store::postgres::PostgresOpenError;
use crate::store::sqlite::OpenError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a relay could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting can't be.
    #[error("{name} = {value:?} ({origin}): {why}")]
    Setting {
        /// Which one.
        name: &'static str,
        /// What it was set to; of a secret, nothing.
        value: String,
        /// Who said so.
        origin: String,
        /// Why not.
        why: String,
    },
    /// Two settings exclude each other, or one needs the other.
    #[error("{first} and {second} {why}")]
    Pair {
        /// One.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// What is wrong with them.
        why: &'static str,
    },
    /// A file that a setting names can't be read.
    #[error("{path}: {why}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Tokens would cross a network unencrypted.
    #[error("{0} can be reached from other machines, and this relay does not encrypt connections")]
    Exposed(SocketAddr),
    /// Notices can't be sent in this way.
    #[error("notices: {0}")]
    Notices(String),
    /// The platform names no folder for data.
    #[error("this system names no folder for data")]
    NoHome,
    /// The store is in the memory of a relay, where no command reaches it.
    #[error("a store in memory can only be used by the relay that has it")]
    OnlyInMemory,
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The database can't be opened.
    #[error(transparent)]
    Database(#[from] PostgresOpenError),
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}")]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The operating system gave no thread.
    #[error("can't start a thread: {0}")]
    Thread(io::Error),
    /// Something that can't go wrong did.
    #[error("the start broke off")]
    Broken,
}

impl StartError {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Setting { name, .. } => {
                format!("change {name}; `recovery-relay serve --help` says what it can be")
            }
            Self::Pair { first, second, .. } => format!("change {first} or {second}"),
            Self::File { .. } => "correct the file; the guide lists all keys".into(),
            Self::Exposed(_) => {
                "give it a certificate with --tls-cert and --tls-key, or listen on \
                127.0.0.1 behind a proxy that does TLS, or say --i-have-a-tls-proxy if only such a \
                proxy can reach this address"
                    .into()
            }
            Self::Notices(_) => "change smtp, mail_from or webhooks".into(),
            Self::OnlyInMemory => "name a place with --store sqlite:PATH".into(),
            Self::NoHome => "name a place with --store sqlite:PATH".into(),
            Self::Store(error) => error.hint(),
            Self::Database(error) => error.hint(),
            Self::Bind { source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => "stop what listens there, or choose another port",
                io::ErrorKind::PermissionDenied => "choose a port from 1024 on",
                _ => "choose an address of this machine with --listen",
            }
            .into(),
            Self::Thread(_) | Self::Broken => "try again; if it stays so, report it".into(),
        }
    }

    /// Whether a setting is the cause, rather than the machine.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Setting { .. }
                | Self::Pair { .. }
                | Self::File { .. }
                | Self::Exposed(_)
                | Self::Notices(_)
                | Self::OnlyInMemory
                | Self::NoHome
        )
    }
}
