//! What a relay does in a second, what HTTP and the store each cost of it, and what much of everything does to it.
//! Prints tables in Markdown; nothing is asserted.
//!
//! `cargo xtask bench-relay [PART…]`, or `cargo bench -p recovery-relay --bench relay -- [PART…]`, with PART one of
//! [`PARTS`]. `RECOVERY_BENCH_ROUNDS` (default 5) and
//! `RECOVERY_BENCH_MILLIS` (default 1,000 a measurement) make it longer. Whatever is compared is measured in turn,
//! round by round, and the median of the rounds' ratios counts, so that a busy machine slows both.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a measurement that can't go on ends with a panic"
)]

#[expect(dead_code, reason = "tests use more of it")]
#[path = "../../tests/support/cluster.rs"]
mod cluster;
mod handler;
mod load;
mod million;
mod pgbench;
mod places;
mod polls;
mod tools;
mod traffic;
mod wake;

use self::cluster::Cluster;
use self::places::Kind;
use self::tools::{Outcome, Plan, say, sync_time};
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

const PARTS: [&str; 6] = ["posts", "reads", "handler", "million", "polls", "wake"];
/// After this each part has one round left; what is not measured in rounds takes some minutes.
const BOUND: Duration = Duration::from_secs(8 * 60);
/// Beside what the installation sets: more connections than pgbench opens, the default of all that is durable, a
/// quarter of a small machine's memory as PostgreSQL's manual advises, and no checkpoint while a part is measured, for
/// what comes first after one writes whole pages to the log.
const DATABASE: [&str; 6] = [
    "max_connections=300",
    "fsync=on",
    "shared_buffers=1GB",
    "max_wal_size=8GB",
    "checkpoint_timeout=1h",
    "wal_compression=on",
];

fn main() -> Outcome<()> {
    let begun = Instant::now();
    let span = Duration::from_millis(setting("RECOVERY_BENCH_MILLIS", 1_000));
    let plan = Plan::new(setting("RECOVERY_BENCH_ROUNDS", 5), span, BOUND);
    let only: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if let Some(unknown) = only.iter().find(|only| !PARTS.contains(&only.as_str())) {
        return Err(format!("{unknown} is none of {}", PARTS.join(", ")).into());
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|only| only == name);
    let server = Builder::new_multi_thread().enable_all().build()?;
    let cluster = Cluster::start(&DATABASE);
    let kinds: Vec<_> =
        [Kind::Sqlite].into_iter().chain(cluster.as_ref().map(Kind::Postgres)).collect();
    circumstances(cluster.as_ref())?;
    if wanted("posts") {
        traffic::posts(&kinds, &server, &plan)?;
    }
    if wanted("reads") {
        traffic::reads(&kinds, &plan)?;
    }
    if wanted("handler") {
        handler::reads(&server, &plan)?;
    }
    if wanted("million") {
        kinds.iter().try_for_each(|kind| million::all(*kind, &plan))?;
    }
    if wanted("polls") {
        polls::all(&kinds)?;
    }
    if let Some(cluster) = cluster.as_ref().filter(|_| wanted("wake")) {
        wake::all(cluster)?;
    }
    say(format_args!("all in {:.0?}; load at the end: {}", begun.elapsed(), load_average()))
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// What the figures depend on beside the relay.
fn circumstances(cluster: Option<&Cluster>) -> Outcome<()> {
    let cores = std::thread::available_parallelism()?;
    say(format_args!("cores: {cores}; load at the beginning: {}", load_average()))?;
    say(format_args!("fdatasync of 4 KiB: {}", sync_time()?))?;
    if let Some(cluster) = cluster {
        say(format_args!("PostgreSQL {}", cluster.sql("SHOW server_version")))?;
    }
    say("")
}

/// How many ran or waited in the last 1, 5 and 15 minutes.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
