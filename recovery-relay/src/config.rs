//! Settings: the [`table`] of all, the [`Settings`] that people wrote and where, and the [`Config`] that comes of
//! them and that the relay runs by.

pub mod table;

mod error;
mod layers;
mod values;

pub use error::StartError;
pub use layers::{Given, Origin, Settings};

use crate::limits::Limits;
use crate::notify::{Notices, Notifier};
use crate::ratelimit::Rates;
use crate::server::tls::Tls;
use crate::store::memory::MemoryStore;
use crate::store::postgres::{PostgresStore, PostgresUrl};
use crate::store::sqlite::SqliteStore;
use crate::store::{Quotas, Store};
use etcetera::BaseStrategy;
use ipnet::IpNet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// Where the relay listens unless told otherwise: 127.0.0.1:8440.
pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8440);

/// What the relay runs by.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 picks one.
    pub listen: SocketAddr,
    /// Where things are kept.
    pub store: StorePlace,
    /// Anybody may open mailboxes and slots that last; otherwise only who has a pass.
    pub open: bool,
    /// Under which address people reach the relay, if that is another one than it listens on.
    pub public_url: Option<String>,
    /// Certificate and key, if the relay itself does TLS.
    pub tls: Option<TlsFiles>,
    /// Someone promised that a proxy in front of the relay does TLS.
    pub behind_tls_proxy: bool,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How often an address may call.
    pub rates: Rates,
    /// Where figures are served, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// By what ways people are told that something waits.
    pub notices: Notices,
    /// Serve the page for friends who have no terminal.
    pub page: bool,
    /// Sizes and times.
    pub limits: Limits,
}

/// The files of a certificate, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that vouch for it.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Config {
    /// On 127.0.0.1:8440, open, with everything else as by default.
    #[must_use]
    pub fn new(store: StorePlace) -> Self {
        Self {
            listen: LISTEN,
            store,
            open: true,
            public_url: None,
            tls: None,
            behind_tls_proxy: false,
            trusted_proxies: Vec::new(),
            rates: Rates::default(),
            metrics_listen: None,
            notices: Notices::default(),
            page: true,
            limits: Limits::default(),
        }
    }

    /// On a free port of this machine.
    #[must_use]
    pub fn on_free_port(store: StorePlace) -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..Self::new(store) }
    }

    /// Whether it is safe to run by.
    ///
    /// # Errors
    /// [`StartError::Exposed`] if tokens would cross a network unencrypted.
    pub fn check(&self) -> Result<(), StartError> {
        match self.listen.ip().is_loopback() || self.behind_tls_proxy || self.tls.is_some() {
            true => Ok(()),
            false => Err(StartError::Exposed(self.listen)),
        }
    }

    /// Whether the files it names can be used, and the ways to tell people prepared.
    ///
    /// # Errors
    /// [`StartError`] names what can't.
    pub fn check_files(&self) -> Result<(), StartError> {
        Notifier::new(&self.notices)?;
        self.tls.as_ref().map_or(Ok(()), |files| Tls::load(files).map(drop))
    }

    /// What is allowed but seldom meant, a sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<&'static str> {
        let public = self.public_url.is_some() || !self.listen.ip().is_loopback();
        let proxied = self.public_url.is_some() && self.tls.is_none();
        let checks = [
            (
                public && self.open,
                "anybody who reaches this relay may store things on it; `closed = true` asks for passes",
            ),
            (
                proxied && self.trusted_proxies.is_empty(),
                "without `trusted_proxies`, all who come through a proxy count as one address",
            ),
            (self.store == StorePlace::Memory, "nothing is kept when this relay stops"),
        ];
        checks.into_iter().filter_map(|(is_so, sentence)| is_so.then_some(sentence)).collect()
    }
}

/// Where things are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// In memory, until the relay stops.
    Memory,
    /// In this SQLite file.
    Sqlite(PathBuf),
    /// In this PostgreSQL database, together with other relays.
    Postgres(Box<PostgresUrl>),
}

impl StorePlace {
    /// `recovery-relay/relay.db` in the platform's folder for data.
    ///
    /// # Errors
    /// [`StartError::NoHome`] if the platform names none.
    pub fn platform_default() -> Result<Self, StartError> {
        let folders = etcetera::choose_base_strategy().map_err(|_| StartError::NoHome)?;
        Ok(Self::Sqlite(folders.data_dir().join("recovery-relay").join("relay.db")))
    }
}

impl StorePlace {
    /// The file on this machine, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Memory | Self::Postgres(_) => None,
        }
    }

    /// Opens the store, or makes it.
    ///
    /// # Errors
    /// [`StartError`] if it can't be opened, or another relay has it.
    pub fn open(&self, quotas: Quotas) -> Result<Arc<dyn Store>, StartError> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::new(quotas).map_err(|_| StartError::Broken)?),
            Self::Sqlite(path) => Arc::new(SqliteStore::open(path, quotas)?),
            Self::Postgres(url) => Arc::new(PostgresStore::open(url, quotas)?),
        })
    }

    /// Opens the store beside a relay that may be using it, for the operator's commands.
    ///
    /// # Errors
    /// [`StartError`] if there is none, or it can't be opened.
    pub fn open_beside(&self) -> Result<Box<dyn Store>, StartError> {
        match self {
            Self::Sqlite(path) => Ok(Box::new(SqliteStore::beside(path, Quotas::default())?)),
            Self::Postgres(url) => Ok(Box::new(PostgresStore::open(url, Quotas::default())?)),
            Self::Memory => Err(StartError::OnlyInMemory),
        }
    }
}

impl StorePlace {
    /// Opens a store to copy into, or makes it; also one that a copy was begun into.
    ///
    /// # Errors
    /// [`StartError`] if it can't be opened, or a relay has it.
    pub fn receive(&self) -> Result<Box<dyn Store>, StartError> {
        let quotas = Quotas::default();
        match self {
            Self::Sqlite(path) => Ok(Box::new(SqliteStore::receive(path, quotas)?)),
            Self::Postgres(url) => Ok(Box::new(PostgresStore::receive(url, quotas)?)),
            Self::Memory => Err(StartError::OnlyInMemory),
        }
    }
}

impl FromStr for StorePlace {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("postgres" | "postgresql", _)) => {
                text.parse().map(|url| Self::Postgres(Box::new(url)))
            }
            _ => Err("a store is sqlite:PATH, postgres://… or memory:".into()),
        }
    }
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => write!(f, "{url}"),
        }
    }
}
