//! What a million stored messages cost: the time of a call against that with a thousand, memory, and a start.

use crate::load::{self, Posts, mailbox, read_request};
use crate::places::{Kind, Place, Program};
use crate::tools::{Outcome, Plan, Run, rate_and_times, ratio, say, time};
use std::sync::Arc;
use std::time::Instant;

const MANY: u64 = 1_000_000;
const FEW: u64 = 1_000;
/// As many with many messages as with few, so that nothing else differs.
const MAILBOXES: u64 = 1_000;
const CONNECTIONS: [usize; 2] = [1, 64];
const STARTS: usize = 5;

/// All figures of one kind of store.
pub(crate) fn all(kind: Kind<'_>, plan: &Plan) -> Outcome<()> {
    let (begun, place) = (Instant::now(), Place::new(kind)?);
    place.fill(MAILBOXES, MANY)?;
    let filled = begun.elapsed();
    place.settle();
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let program = Program::start(&place, &[])?;
        starts.push(program.started.as_secs_f64());
        program.stop()?;
    }
    starts.sort_by(f64::total_cmp);
    let many = Program::start(&place, &[])?;
    let fresh = many.memory();
    let rows = Rows::measure(kind, &many, plan)?;
    let name = kind.name();
    say(format_args!(
        "{name}: {MANY} messages in {MAILBOXES} mailboxes, filled in {filled:.0?}\n"
    ))?;
    let middle = starts.get(starts.len() / 2).copied().unwrap_or_default();
    let slowest = starts.last().copied().unwrap_or_default();
    say("| what | |\n|---|--:|")?;
    let started = format!("{} (slowest of {STARTS}: {})", time(middle), time(slowest));
    say(format_args!("| {name}: start after a clean stop, with {MANY} | {started} |"))?;
    say(format_args!("| {name}: resident memory after the start | {} |", mebibytes(fresh)))?;
    say(format_args!(
        "| {name}: the same after the load below | {} |\n",
        mebibytes(many.memory())
    ))?;
    many.stop()?;
    rows.tell(name)
}

/// Memory, as tables have it.
pub(crate) fn mebibytes(memory: Option<f64>) -> String {
    memory.map_or_else(|| "not known here".to_owned(), |memory| format!("{memory:.0} MiB"))
}

/// Calls with few messages and with many, by number of connections.
#[derive(Default)]
struct Rows(Vec<(usize, [Runs; 2])>);

/// Few, many.
type Runs = [Vec<Run>; 2];

impl Rows {
    /// Round by round, each with a fresh store of few.
    fn measure(kind: Kind<'_>, many: &Program, plan: &Plan) -> Outcome<Self> {
        let half = plan.span / 2;
        let few_reads = requests(|_| 0, |turn| 1 + (turn % 255) as usize);
        let many_reads = requests(|turn| turn * 7 % (MANY / MAILBOXES - 1), |_| 1);
        // Numbers of messages that are not stored yet.
        let into_many = Posts::new(MAILBOXES, MANY);
        let mut rows: [(usize, [Runs; 2]); 2] = CONNECTIONS.map(|many| (many, Default::default()));
        for _ in plan.rounds() {
            for (connections, [reads, posts]) in &mut rows {
                let place = Place::new(kind)?;
                place.fill(MAILBOXES, FEW)?;
                let few = Program::start(&place, &[])?;
                let read =
                    |at: &Program, requests| load::reads(&at.address, requests, *connections, half);
                push(reads, read(&few, &few_reads)?, read(many, &many_reads)?);
                let post =
                    |at: &Program, posts| load::posts(&at.address, posts, *connections, half);
                push(posts, post(&few, &Posts::new(MAILBOXES, FEW))?, post(many, &into_many)?);
                few.stop()?;
            }
        }
        Ok(Self(rows.into()))
    }

    fn tell(&self, name: &str) -> Outcome<()> {
        say("| store | connections | what | a second | p50 | p99 | p50, many / few |")?;
        say("|---|--:|---|--:|--:|--:|--:|")?;
        for (connections, calls) in &self.0 {
            for (what, [few, many]) in ["reads", "posts"].iter().zip(calls) {
                let ratio = ratio(many, few, Run::half);
                for (stored, runs, ratio) in [(FEW, few, ""), (MANY, many, &ratio)] {
                    let figures = rate_and_times(runs);
                    let line =
                        format!("{name} | {connections} | {what}, {stored} stored | {figures}");
                    say(format_args!("| {line} | {ratio} |"))?;
                }
            }
        }
        say("")
    }
}

fn push([few, many]: &mut Runs, first: Run, second: Run) {
    few.push(first);
    many.push(second);
}

/// Reads of one message each, of every mailbox in turn; never twice the same of a mailbox in a row, so that none of
/// the answers that are kept helps.
fn requests(after: fn(u64) -> u64, limit: fn(u64) -> usize) -> Arc<[Vec<u8>]> {
    let turns = (0..20).flat_map(|turn| (0..MAILBOXES).map(move |n| (turn, n)));
    turns.map(|(turn, n)| read_request(&mailbox(n), after(turn), limit(turn))).collect()
}
