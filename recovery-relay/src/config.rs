//! Every setting: name, unit, default, one sentence.
//!
//! [`Settings`] is what people write, by flag, by environment or in a file; [`Config`] is what the relay runs by.

use crate::limits::Limits;
use crate::store::postgres::{PostgresOpenError, PostgresUrl};
use crate::store::sqlite::OpenError;
use clap::ValueEnum;
use etcetera::BaseStrategy;
use serde::Deserialize;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where the relay listens unless told otherwise: 127.0.0.1:8440.
pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8440);

/// What the relay runs by.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 picks one.
    pub listen: SocketAddr,
    /// Where things are kept.
    pub store: StorePlace,
    /// Under which address people reach the relay, if that is another one than it listens on.
    pub public_url: Option<String>,
    /// Someone promised that a proxy in front of the relay does TLS.
    pub behind_tls_proxy: bool,
    /// Sizes and times.
    pub limits: Limits,
}

impl Config {
    /// On 127.0.0.1:8440, with everything else as by default.
    #[must_use]
    pub fn new(store: StorePlace) -> Self {
        let (public_url, behind_tls_proxy) = (None, false);
        Self { listen: LISTEN, store, public_url, behind_tls_proxy, limits: Limits::default() }
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
        match self.listen.ip().is_loopback() || self.behind_tls_proxy {
            true => Ok(()),
            false => Err(StartError::Exposed(self.listen)),
        }
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
    Postgres(PostgresUrl),
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

impl FromStr for StorePlace {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("postgres" | "postgresql", _)) => text.parse().map(Self::Postgres),
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

/// The settings as people write them. A flag goes before the environment, that before the file.
#[derive(Debug, Clone, Default, clap::Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to listen: HOST:PORT; port 0 picks one [default: 127.0.0.1:8440]
    #[arg(long, env = "RELAY_LISTEN", value_name = "ADDR")]
    pub listen: Option<String>,
    /// Where to keep things: sqlite:PATH, postgres://USER@HOST/DATABASE, or memory: for none after the end
    /// [default: sqlite:recovery-relay/relay.db in the platform's data folder]
    #[arg(long, env = "RELAY_STORE", value_name = "STORE")]
    pub store: Option<String>,
    /// The address people use, if a proxy gives the relay another one: `https://HOST[:PORT]`
    #[arg(long, env = "RELAY_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Listen beyond this machine without TLS, because a proxy in front does it
    #[arg(
        long,
        env = "RELAY_I_HAVE_A_TLS_PROXY",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    pub i_have_a_tls_proxy: Option<bool>,
    /// How to write the log, which goes to standard error [default: text]
    #[arg(long, env = "RELAY_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// How much to log [default: info]
    #[arg(long, env = "RELAY_LOG_LEVEL", value_name = "LEVEL")]
    pub log_level: Option<LogLevel>,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line of text an event.
    #[default]
    Text,
    /// A line of JSON an event.
    Json,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What needs somebody to act.
    Error,
    /// And what may need it.
    Warn,
    /// And start, stop, and what is done rarely.
    #[default]
    Info,
    /// And every call, without ids.
    Debug,
    /// And more.
    Trace,
}

impl Settings {
    /// Reads a TOML file; its keys are the names of the fields.
    ///
    /// # Errors
    /// [`StartError::File`] names the file and, for wrong content, the line.
    pub fn read(path: &Path) -> Result<Self, StartError> {
        let failed = |why: String| StartError::File { path: path.to_owned(), why };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(0, |before| before.matches('\n').count()) + 1;
            failed(format!("line {line}: {}", error.message().replace('\n', " ")))
        })
    }

    /// These settings, and the other ones where these say nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            store: self.store.or(other.store),
            public_url: self.public_url.or(other.public_url),
            i_have_a_tls_proxy: self.i_have_a_tls_proxy.or(other.i_have_a_tls_proxy),
            log_format: self.log_format.or(other.log_format),
            log_level: self.log_level.or(other.log_level),
        }
    }

    /// What the relay runs by, with defaults for what was not said.
    ///
    /// # Errors
    /// [`StartError::Setting`] names the setting that can't be.
    pub fn config(&self) -> Result<Config, StartError> {
        let store = match &self.store {
            // A database's URL may hold its password, and is not repeated.
            Some(store) if store.starts_with("postgres") => {
                store.parse().map_err(|why| wrong("store", "postgres://…", why))?
            }
            Some(store) => store.parse().map_err(|why| wrong("store", store, why))?,
            None => StorePlace::platform_default()?,
        };
        let mut config = Config::new(store);
        if let Some(listen) = &self.listen {
            config.listen = address(listen).map_err(|why| wrong("listen", listen, why))?;
        }
        if let Some(url) = &self.public_url {
            let url = public_url(url).map_err(|why| wrong("public_url", url, why.into()))?;
            config.public_url = Some(url);
        }
        config.behind_tls_proxy = self.i_have_a_tls_proxy.unwrap_or_default();
        config.check()?;
        Ok(config)
    }
}

fn wrong(name: &'static str, value: &str, why: String) -> StartError {
    StartError::Setting { name, value: value.to_owned(), why }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let mut found = text.to_socket_addrs().map_err(|error| error.to_string())?;
    found.next().ok_or_else(|| "the name has no address".into())
}

/// An origin: `http://` or `https://`, a host, maybe a port, nothing else.
fn public_url(text: &str) -> Result<String, &'static str> {
    let uri: axum::http::Uri = text.parse().map_err(|_| "it is not a URL")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("it must begin with https:// or http://");
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = uri.host().filter(|host| !host.is_empty() && !authority.contains('@'));
    let host = host.ok_or("it must name a host and no user")?;
    if uri.port().is_none() && authority != host {
        return Err("its port is not one");
    }
    if uri.path() != "/" || uri.query().is_some() {
        return Err("it must end after host and port");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Why a relay could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting can't be.
    #[error("{name} = {value:?}: {why}")]
    Setting {
        /// Which one.
        name: &'static str,
        /// What it was set to.
        value: String,
        /// Why not.
        why: String,
    },
    /// The file of settings can't be read.
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
    /// The platform names no folder for data.
    #[error("this system names no folder for data")]
    NoHome,
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
            Self::File { .. } => "correct the file; the guide lists all keys".into(),
            Self::Exposed(_) => "listen on 127.0.0.1 behind a proxy that does TLS, or say \
                --i-have-a-tls-proxy if only such a proxy can reach this address"
                .into(),
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
        matches!(self, Self::Setting { .. } | Self::File { .. } | Self::Exposed(_) | Self::NoHome)
    }
}
