//! Where relays keep things while they are measured, and the relays themselves.

use crate::cluster::Cluster;
use crate::load::{body, mailbox};
use crate::tools::Outcome;
use bytes::Bytes;
use recovery_relay::clock::{SystemTimeSource, TimeSource, UnixMillis};
use recovery_relay::config::StorePlace;
use recovery_relay::store::{Body, Quotas, Right, Store, Write};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Messages in one transaction while a store is filled.
const AT_ONCE: u64 = 5_000;

static SCHEMAS: AtomicU32 = AtomicU32::new(0);

/// The kinds of stores.
#[derive(Clone, Copy)]
pub(crate) enum Kind<'a> {
    Sqlite,
    Postgres(&'a Cluster),
}

impl Kind<'_> {
    /// As people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }
}

/// An empty place for a store; what is in it goes with it.
pub(crate) enum Place<'a> {
    Sqlite(TempDir),
    Postgres(&'a Cluster, String),
}

impl<'a> Place<'a> {
    pub(crate) fn new(kind: Kind<'a>) -> Outcome<Self> {
        Ok(match kind {
            Kind::Sqlite => Self::Sqlite(TempDir::new()?),
            Kind::Postgres(cluster) => {
                let schema = format!("bench_{}", SCHEMAS.fetch_add(1, Ordering::Relaxed));
                cluster.sql(&format!("CREATE SCHEMA {schema}"));
                Self::Postgres(cluster, schema)
            }
        })
    }

    /// As the setting `store` has it.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("relay.db").display()),
            Self::Postgres(cluster, schema) => {
                format!("{}?options=-csearch_path%3D{schema}", cluster.url())
            }
        }
    }

    /// For a relay in this process.
    pub(crate) fn store_place(&self) -> Outcome<StorePlace> {
        Ok(self.url().parse()?)
    }

    /// The store itself.
    pub(crate) fn store(&self) -> Outcome<Arc<dyn Store>> {
        Ok(self.store_place()?.open(Quotas::default())?)
    }

    /// Opens so many mailboxes, posts so many messages into one after the other, as a relay would have, and closes.
    pub(crate) fn fill(&self, mailboxes: u64, messages: u64) -> Outcome<()> {
        let store = self.store()?;
        let open =
            |n| Write::OpenMailbox { id: mailbox(n).id(), ttl_millis: None, right: Right::Open };
        let ids: Vec<_> = (0..mailboxes).map(|n| mailbox(n).id()).collect();
        let post = |n: u64| {
            let body = Body::new(Bytes::from(body(n)));
            Write::Post { mailbox: ids[(n * mailboxes / messages) as usize], body, hold: None }
        };
        batches(&*store, mailboxes, open)?;
        batches(&*store, messages, post)?;
        Ok(store.close()?)
    }

    /// Has the database do what it would do in the next minutes anyway, so that it does not do it meanwhile.
    pub(crate) fn settle(&self) {
        if let Self::Postgres(cluster, schema) = self {
            cluster.sql(&format!("VACUUM ANALYZE {schema}.messages"));
            cluster.sql(&format!("VACUUM ANALYZE {schema}.mailboxes"));
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Self::Postgres(cluster, schema) = self {
            cluster.sql(&format!("SET client_min_messages = error; DROP SCHEMA {schema} CASCADE"));
        }
    }
}

/// The time, as a relay has it.
pub(crate) fn now() -> UnixMillis {
    UnixMillis(SystemTimeSource.wall())
}

fn batches(store: &dyn Store, many: u64, write: impl Fn(u64) -> Write) -> Outcome<()> {
    for from in (0..many).step_by(AT_ONCE as usize) {
        let writes: Vec<_> = (from..many.min(from + AT_ONCE)).map(&write).collect();
        for done in store.apply(&writes, now())? {
            done.map_err(|refusal| format!("refused: {refusal:?}"))?;
        }
    }
    Ok(())
}

/// A relay of its own process; ended when dropped.
pub(crate) struct Program {
    child: Child,
    /// Host and port.
    pub(crate) address: String,
    /// How long it took until it listened.
    pub(crate) started: Duration,
}

impl Program {
    /// Starts the program, with settings beside its store and port.
    pub(crate) fn start(place: &Place<'_>, settings: &[&str]) -> Outcome<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recovery-relay"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"]).args(settings);
        // A database's URL holds its password: not for everybody who can list processes.
        command.env("RELAY_STORE", place.url()).stdin(Stdio::null()).stdout(Stdio::piped());
        let begun = Instant::now();
        let mut child = command.spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.as_mut() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let started = begun.elapsed();
        let address = line.trim().strip_prefix("listening on http://").unwrap_or_default().into();
        let program = Self { child, address, started };
        match program.address.is_empty() {
            true => Err("the relay does not start".into()),
            false => Ok(program),
        }
    }

    /// Resident memory, in MiB; not known where there is no `/proc`.
    pub(crate) fn memory(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib / 1_024.0)
    }

    /// Stops it as an operator does, and waits for its end.
    pub(crate) fn stop(mut self) -> Outcome<()> {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(id.ok_or("no process")?, Signal::TERM)?;
        match self.child.wait()?.success() {
            true => Ok(()),
            false => Err("the relay did not stop cleanly".into()),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
