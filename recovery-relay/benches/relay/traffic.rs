//! Posts and reads over HTTP at several numbers of connections, beside the same store without HTTP and a plain
//! benchmark of the database.

use crate::cluster::Cluster;
use crate::load::{self, Posts, mailbox, read_request};
use crate::pgbench::Pgbench;
use crate::places::{Kind, Place, Program};
use crate::tools::{Outcome, Plan, Run, rate_and_times, ratio, say};
use recovery_core::ids::MailboxId;
use recovery_relay::{Config, Relay};
use std::sync::Arc;
use tokio::runtime::Runtime;

const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];
/// Mailboxes, and messages in each, to read from.
const READ: (u64, u64) = (64, 64);
/// Mailboxes to post to.
const POSTED: u64 = 256;

/// Everything that is measured with one number of connections.
struct Lines {
    /// For each kind of store: over HTTP, and without.
    stores: Vec<(&'static str, [Vec<Run>; 2])>,
    pgbench: Vec<Run>,
}

/// Durable posts of 1 KiB.
pub(crate) fn posts(kinds: &[Kind<'_>], server: &Runtime, plan: &Plan) -> Outcome<()> {
    head("durable posts of 1 KiB")?;
    for many in CONNECTIONS {
        let measure = |n: usize| -> Outcome<[Run; 2]> {
            let place = Place::new(kinds[n])?;
            place.fill(POSTED, 0)?;
            let program = Program::start(&place, &[])?;
            let over_http = load::posts(&program.address, &Posts::new(POSTED, 0), many, plan.span)?;
            program.stop()?;
            let place = Place::new(kinds[n])?;
            place.fill(POSTED, 0)?;
            let config = Config::on_free_port(place.store_place()?);
            let alone = server.block_on(async {
                let relay = Relay::open(&config).await?;
                let posts = Posts::new(POSTED, 0);
                let run = load::posts_alone(&relay, &posts, many, plan.span).await;
                relay.stop().await?;
                run
            })?;
            Ok([over_http, alone])
        };
        let insert = |cluster: &Cluster| Pgbench::insert(cluster)?.run(many);
        rounds(kinds, plan, many, (&measure, &insert))?;
    }
    say("")
}

/// Reads of a message of 1 KiB, each of another one.
pub(crate) fn reads(kinds: &[Kind<'_>], plan: &Plan) -> Outcome<()> {
    head("reads of a message of 1 KiB, each of another")?;
    let (mailboxes, each) = READ;
    // No mailbox is asked the same twice in a row, so none of the answers that are kept helps.
    let all = || (0..each).flat_map(|after| (0..mailboxes).map(move |n| (mailbox(n), after)));
    let requests: Arc<[_]> = all().map(|(token, after)| read_request(&token, after, 1)).collect();
    let places: Vec<_> = kinds.iter().map(|kind| filled(*kind)).collect::<Outcome<_>>()?;
    let queries: Vec<(MailboxId, u64)> = all().map(|(token, after)| (token.id(), after)).collect();
    for many in CONNECTIONS {
        let measure = |n: usize| -> Outcome<[Run; 2]> {
            let program = Program::start(&places[n], &[])?;
            let over_http = load::reads(&program.address, &requests, many, plan.span)?;
            program.stop()?;
            let store = places[n].store()?;
            let alone = load::reads_alone(&*store, &queries, many, plan.span);
            store.close()?;
            Ok([over_http, alone?])
        };
        let select = |cluster: &Cluster| Pgbench::select(cluster, READ)?.run(many);
        rounds(kinds, plan, many, (&measure, &select))?;
    }
    say("")
}

fn filled(kind: Kind<'_>) -> Outcome<Place<'_>> {
    let (mailboxes, each) = READ;
    let place = Place::new(kind)?;
    place.fill(mailboxes, mailboxes * each)?;
    place.settle();
    Ok(place)
}

/// A store of the kind with this number: over HTTP, and without.
type Measure<'m> = &'m dyn Fn(usize) -> Outcome<[Run; 2]>;
type OfDatabase<'m> = &'m dyn Fn(&Cluster) -> Outcome<Run>;

/// Everything in turn, round by round.
fn rounds(
    kinds: &[Kind<'_>],
    plan: &Plan,
    many: usize,
    (measure, of_database): (Measure<'_>, OfDatabase<'_>),
) -> Outcome<()> {
    let stores = kinds.iter().map(|kind| (kind.name(), Default::default())).collect();
    let mut lines = Lines { stores, pgbench: Vec::new() };
    for _ in plan.rounds() {
        for (n, (_, [over_http, alone])) in lines.stores.iter_mut().enumerate() {
            let [first, second] = measure(n)?;
            over_http.push(first);
            alone.push(second);
            if let Kind::Postgres(cluster) = kinds[n] {
                lines.pgbench.push(of_database(cluster)?);
            }
        }
    }
    lines.tell(many)
}

fn head(what: &str) -> Outcome<()> {
    say(format_args!(
        "| connections | {what} | a second | p50 | p99 | relay / this, of each round |"
    ))?;
    say("|--:|---|--:|--:|--:|--:|")
}

impl Lines {
    fn tell(&self, many: usize) -> Outcome<()> {
        for (name, [over_http, alone]) in &self.stores {
            say(format_args!(
                "| {many} | **relay on {name}** | {} | |",
                rate_and_times(over_http)
            ))?;
            let mut beside = vec![(format!("{name} without HTTP"), alone)];
            if *name != "SQLite" && !self.pgbench.is_empty() {
                beside.push(("pgbench".to_owned(), &self.pgbench));
            }
            for (what, runs) in beside {
                let ratio = ratio(over_http, runs, Run::rate);
                say(format_args!("| {many} | {what} | {} | {ratio} |", rate_and_times(runs)))?;
            }
        }
        Ok(())
    }
}
