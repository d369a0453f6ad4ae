//! Connections: where to, with TLS or without, and what their errors mean.

use crate::store::{Damage, StoreError};
use futures_util::future::poll_fn;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, NoTls, TlsConnect};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, Row, Socket, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long connecting may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long the other side may take none of what was sent before the connection counts as lost.
const SILENCE: Duration = Duration::from_secs(15);
/// What every connection begins with: a commit that is answered is on disk; nothing hangs for ever.
const BEGIN: &str = "SET synchronous_commit = on; SET statement_timeout = '60s'; \
    SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning";

/// Plans are made once, not for each call: a plan for the values at hand looks cheaper (one message of a thousand that
/// come later), so it would be made anew each time, and takes three times as long as the call. Databases that speak like
/// PostgreSQL may not know the word.
const PLANS: &str = "SET plan_cache_mode = force_generic_plan";

/// Where a database is. Neither [`fmt::Debug`] nor [`fmt::Display`] show its password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    config: Box<Config>,
}

impl FromStr for PostgresUrl {
    type Err = String;

    /// Reads `postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE[?sslmode=…]`; with `sslmode=require`, `verify-ca` or
    /// `verify-full` the connection is encrypted and the certificate is checked, with `disable` it is not, and
    /// without it is encrypted if the other side can.
    fn from_str(text: &str) -> Result<Self, String> {
        // What is asked for by these is done by `require`, too.
        let text = text.replace("sslmode=verify-full", "sslmode=require");
        let text = text.replace("sslmode=verify-ca", "sslmode=require");
        let mut config: Config = text.parse().map_err(|error: tokio_postgres::Error| {
            // The library names the part that is wrong and never its value.
            format!("it is not a PostgreSQL URL: {error}")
        })?;
        if config.get_hosts().is_empty() {
            return Err("it names no host".into());
        }
        if config.get_application_name().is_none() {
            config.application_name("recovery-relay");
        }
        config.connect_timeout(CONNECT_WITHIN).tcp_user_timeout(SILENCE);
        config.keepalives_idle(SILENCE);
        Ok(Self { config: Box::new(config) })
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use tokio_postgres::config::Host;
        f.write_str("postgres://")?;
        if let Some(user) = self.config.get_user() {
            write!(f, "{user}@")?;
        }
        for (place, host) in self.config.get_hosts().iter().enumerate() {
            f.write_str(if place > 0 { "," } else { "" })?;
            match host {
                Host::Tcp(name) => f.write_str(name)?,
                #[cfg(unix)]
                Host::Unix(path) => write!(f, "{}", path.display())?,
            }
            let ports = self.config.get_ports();
            if let Some(port) = ports.get(place).or(ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

/// Why something was not done, and whether it may be tried again.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The transaction met another one and was rolled back.
    Again(String),
    /// The connection is lost: what was under way is done or not.
    Lost(String),
    /// Anything else; the transaction is rolled back.
    Store(StoreError),
}

impl Trouble {
    pub(super) fn damaged(what: &str) -> Self {
        Self::Store(StoreError::Damaged(Damage { what: what.into(), seq: None }))
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Again(why) | Trouble::Lost(why) => Self::Unreachable(why),
            Trouble::Store(error) => error,
        }
    }
}

impl From<tokio_postgres::Error> for Trouble {
    /// What the database adds as detail may hold values, and is left out.
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(database) = error.as_db_error() else {
            return Self::Lost(error.to_string());
        };
        let code = database.code();
        let why = format!("{} ({})", database.message(), code.code());
        let class = code.code().get(..2).unwrap_or_default();
        if [&SqlState::T_R_SERIALIZATION_FAILURE, &SqlState::T_R_DEADLOCK_DETECTED].contains(&code)
        {
            return Self::Again(why);
        }
        match class {
            // The server stops, starts, gave up on us, or has too many of us; or it is a standby.
            "08" | "57" | "25" => Self::Lost(why),
            _ if *code == SqlState::TOO_MANY_CONNECTIONS => Self::Lost(why),
            _ if *code == SqlState::DISK_FULL => Self::Store(StoreError::Full),
            "XX" => Self::Store(StoreError::Damaged(Damage { what: why, seq: None })),
            _ => Self::Store(StoreError::Unreachable(why)),
        }
    }
}

/// A connection, and the statements prepared on it.
pub(super) struct Session {
    client: Client,
    statements: Mutex<HashMap<String, Statement>>,
}

/// Who hears of notifications.
pub(super) type Heard = Arc<dyn Fn(&str) + Send + Sync>;

impl Session {
    /// Connects; what the database notifies this connection of goes to `heard`.
    pub(super) async fn connect(url: &PostgresUrl, heard: Option<Heard>) -> Result<Self, Trouble> {
        let client = match url.config.get_ssl_mode() {
            SslMode::Disable => Self::drive(&url.config, NoTls, heard).await?,
            _ => Self::drive(&url.config, tls()?, heard).await?,
        };
        client.batch_execute(BEGIN).await?;
        let _ = client.batch_execute(PLANS).await;
        Ok(Self { client, statements: Mutex::default() })
    }

    async fn drive<T>(config: &Config, tls: T, heard: Option<Heard>) -> Result<Client, Trouble>
    where
        T: MakeTlsConnect<Socket> + Send + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let (client, mut connection) = config.connect(tls).await?;
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let (AsyncMessage::Notification(notification), Some(heard)) = (message, &heard) {
                    heard(notification.payload());
                }
            }
        });
        Ok(client)
    }

    /// Whether the connection is lost.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Statements without values.
    pub(super) async fn simple(&self, sql: &str) -> Result<(), Trouble> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// The rows of an answer.
    pub(super) async fn query(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Trouble> {
        let statement = self.prepared(sql).await?;
        Ok(self.client.query(&statement, values).await?)
    }

    /// How many rows were changed.
    pub(super) async fn execute(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Trouble> {
        let statement = self.prepared(sql).await?;
        Ok(self.client.execute(&statement, values).await?)
    }

    /// Statements are prepared once for each connection; `?1` is written `$1` here.
    pub(super) async fn prepared(&self, sql: &str) -> Result<Statement, Trouble> {
        let known = || self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(statement) = known().get(sql).cloned() {
            return Ok(statement);
        }
        let statement = self.client.prepare(&sql.replace('?', "$")).await?;
        known().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// TLS that trusts what the operating system trusts.
fn tls() -> Result<MakeRustlsConnect, Trouble> {
    let failed = |error: rustls::Error| StoreError::Unreachable(format!("no TLS: {error}"));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(failed)?;
    let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(builder.crypto_provider()));
    let verifier = verifier.map_err(failed)?;
    let config = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
