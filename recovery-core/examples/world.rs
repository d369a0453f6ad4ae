//! Runs the worlds of many seeds: `--seeds N` (1,000), `--start S` (0), `--standard-kdf`, `--all`, `--log`,
//! `--only FAULT` with `--rate N` per mille (900). Built with planted faults, `--planted NAME` puts one in
//! force, and `--list-planted` names them.
//!
//! It stops at the first seed where an invariant does not hold, and says how to see it again; with
//! `--all` it goes on. With `--log` it runs one seed and prints every step.
#![expect(clippy::print_stdout, reason = "it is a program for a terminal")]

use recovery_core::{
    kdf::KdfCost,
    testkit::{Counts, Fault, Options, Outcome, Swarm, World},
};
use std::{collections::BTreeMap, process::ExitCode, str::FromStr, time::Instant};

/// Seeds between two lines of progress.
const PROGRESS: u64 = 500;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    #[cfg(recovery_planted)]
    if let Some(done) = planted(&arguments) {
        return done;
    }
    let (Ok(start), Ok(seeds)) =
        (number(&arguments, "--start", 0), number(&arguments, "--seeds", 1_000))
    else {
        println!(
            "usage: world [--seeds N] [--start S] [--standard-kdf] [--all] [--log] [--only FAULT [--rate N]]"
        );
        return ExitCode::from(2);
    };
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let mut options = Options { log: has("--log"), ..Options::default() };
    if has("--standard-kdf") {
        options.cost = KdfCost::STANDARD;
    }
    if let Some(fault) = fault(&arguments) {
        let rate = number(&arguments, "--rate", 900).unwrap_or(900);
        options.swarm = Swarm::Only(vec![(fault, rate.min(1_000) as u16)]);
    }
    let seeds = if options.log { 1 } else { seeds };
    let mut sum = Sum::default();
    let started = Instant::now();
    for seed in start..start.saturating_add(seeds) {
        let named = Seed(seed);
        let outcome = World::new(seed, options.clone()).run();
        drop(named);
        outcome.log.iter().for_each(|line| println!("{line}"));
        if let Some(violation) = &outcome.violation {
            println!("{violation}\n{}", outcome.again());
            sum.violated += 1;
            if !has("--all") {
                return ExitCode::FAILURE;
            }
        }
        sum.add(&outcome);
        if sum.seeds.is_multiple_of(PROGRESS) {
            sum.print(started);
        }
    }
    sum.print(started);
    if sum.violated > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Says which seed it was if the world itself panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the world panicked\nSEED={}:", self.0);
        }
    }
}

/// The number after an option.
fn number(arguments: &[String], name: &str, default: u64) -> Result<u64, <u64 as FromStr>::Err> {
    let at = arguments.iter().position(|argument| argument == name);
    at.map_or(Ok(default), |at| arguments.get(at + 1).map_or("", String::as_str).parse())
}

/// Plants what is asked for; or names what can be, and is done.
#[cfg(recovery_planted)]
fn planted(arguments: &[String]) -> Option<ExitCode> {
    use recovery_core::{Planted, force};
    if arguments.iter().any(|argument| argument == "--list-planted") {
        Planted::ALL.iter().for_each(|fault| println!("{fault:?}: {}", fault.what()));
        return Some(ExitCode::SUCCESS);
    }
    let at = arguments.iter().position(|argument| argument == "--planted")?;
    let name = arguments.get(at + 1)?;
    let known = Planted::ALL.iter().copied().find(|fault| format!("{fault:?}") == *name);
    if known.is_none() {
        println!("no such fault: {name}");
        return Some(ExitCode::from(2));
    }
    force(known);
    None
}

/// The fault after `--only`.
fn fault(arguments: &[String]) -> Option<Fault> {
    let at = arguments.iter().position(|argument| argument == "--only")?;
    let name = arguments.get(at + 1)?;
    Fault::ALL.iter().copied().find(|fault| format!("{fault:?}") == *name)
}

/// What all worlds together came to.
#[derive(Default)]
struct Sum {
    seeds: u64,
    violated: u64,
    restored: u64,
    refused: u64,
    came_back: u64,
    steps: u64,
    faults: Counts,
    deeds: BTreeMap<&'static str, u64>,
}

impl Sum {
    fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.restored += outcome.restored;
        self.refused += outcome.refused;
        self.came_back += u64::from(outcome.came_back);
        self.steps += outcome.steps;
        self.faults.add(&outcome.faults);
        for (deed, count) in &outcome.deeds {
            *self.deeds.entry(deed).or_default() += count;
        }
    }

    fn print(&self, started: Instant) {
        let Self { seeds, violated, restored, refused, came_back, steps, faults, deeds } = self;
        let elapsed = started.elapsed().as_secs_f64();
        let rate = *seeds as f64 / elapsed.max(0.001);
        println!(
            "seeds={seeds} violated={violated} came_back={came_back} restored={restored} refused={refused} \
             steps={steps} {faults} {deeds:?} elapsed={elapsed:.1}s rate={rate:.1}/s"
        );
    }
}
