//! What an operator should look at: each a [`Finding`] without secrets, ids or addresses.

mod certificate;

pub use certificate::certificate;

use crate::clock::{SystemTimeSource, TimeSource, UnixMillis};
use crate::config::{Config, StorePlace};
use crate::notify::Notifier;
use crate::store::Stats;
use std::path::Path;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// As it should be.
    Good(String),
    /// Perhaps meant so.
    Odd(String),
    /// To be mended.
    Bad(String),
}

/// A time before which no clock is right: 2026.
const NOT_BEFORE: i64 = 1_767_225_600_000;
/// Free octets under which it gets tight, and under which it is bad.
const TIGHT: u64 = 1 << 30;
const FULL: u64 = 64 << 20;
/// How late what is held, and what is to be sent, may be.
const HELD_LATE_MILLIS: i64 = 60_000;
const NOTICE_LATE_MILLIS: i64 = 3_600_000;

/// Whether a clock can be right.
pub(crate) const fn is_sane(now: UnixMillis) -> bool {
    now.0 >= NOT_BEFORE
}

/// How late something is that was due then.
pub(crate) fn late(due: Option<UnixMillis>, now: UnixMillis) -> i64 {
    due.map_or(0, |due| now.0.saturating_sub(due.0).max(0))
}

/// Whether what is held is shown in time.
pub(crate) fn is_stuck(next_due: Option<UnixMillis>, now: UnixMillis) -> bool {
    late(next_due, now) > HELD_LATE_MILLIS
}

/// The machine's clock.
#[must_use]
pub fn clock() -> Finding {
    match is_sane(UnixMillis(SystemTimeSource.wall())) {
        true => Finding::Good("it shows a time that can be".into()),
        false => Finding::Bad("it shows a time before this program was made".into()),
    }
}

/// The room where the store is.
#[must_use]
pub fn disk(place: &StorePlace) -> Finding {
    let Some(path) = place.file() else {
        return Finding::Good("the store is not on this machine's disk".into());
    };
    let mebibytes = |octets: u64| format!("{} MiB free", octets >> 20);
    match free(path) {
        None => Finding::Odd("how much is free can't be told".into()),
        Some(octets) if octets < FULL => Finding::Bad(mebibytes(octets)),
        Some(octets) if octets < TIGHT => Finding::Odd(mebibytes(octets)),
        Some(octets) => Finding::Good(mebibytes(octets)),
    }
}

/// Free octets on the file system of a path.
pub(crate) fn free(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let facts = rustix::fs::statvfs(folder.unwrap_or(Path::new("."))).ok()?;
        Some(facts.f_bavail.saturating_mul(facts.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Held messages.
#[must_use]
pub fn held(stats: &Stats) -> Finding {
    let now = UnixMillis(SystemTimeSource.wall());
    match late(stats.next_due, now) {
        late if late > HELD_LATE_MILLIS => {
            Finding::Bad(format!("one is {} seconds late; does the relay run?", late / 1_000))
        }
        _ => Finding::Good(format!("{}, none late", stats.held)),
    }
}

/// The queue of notices.
#[must_use]
pub fn notices(stats: &Stats) -> Finding {
    let now = UnixMillis(SystemTimeSource.wall());
    let counts = format!("{} waiting, {} of them failed before", stats.jobs, stats.jobs_failing);
    match late(stats.oldest_job, now) > NOTICE_LATE_MILLIS {
        true => Finding::Bad(format!("{counts}; the oldest is late")),
        false if stats.jobs_failing > 0 => Finding::Odd(counts),
        false => Finding::Good(counts),
    }
}

/// The ways to tell people.
pub async fn ways(config: &Config) -> Vec<(&'static str, Finding)> {
    let Ok(notifier) = Notifier::new(&config.notices) else {
        return vec![("notices", Finding::Bad("they can't be sent with these settings".into()))];
    };
    let mail = match notifier.test_mail().await {
        None => Finding::Good("not set up".into()),
        Some(true) => Finding::Good("the server answers and takes the login".into()),
        Some(false) => Finding::Bad("the server does not answer, or refuses the login".into()),
    };
    let web = match config.notices.webhooks {
        true => "people may name ntfy topics and webhooks",
        false => "not offered",
    };
    vec![("mail", mail), ("webhooks", Finding::Good(web.into()))]
}
