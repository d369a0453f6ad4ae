//! `cargo xtask check [--list] [NAME…]` runs every suite at a size for each change;
//! `cargo xtask soak NAME` runs a long one and writes what it showed into docs/evidence;
//! `cargo xtask evidence` tells whether all of them did;
//! `cargo xtask bench-relay [PART…]` measures a relay and prints what docs/performance.md shows.

mod bench;
mod page;
mod relay;
mod run;
mod soak;
mod steps;

use run::Outcome;
use std::{env, process::ExitCode, time::Instant};
use steps::Step;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let mut words = args.iter().map(String::as_str);
    match words.next() {
        Some("check") => check(&words.collect::<Vec<_>>()),
        Some("soak") => soak::run(words.next()),
        Some("evidence") => told(soak::evidence()),
        Some("bench-relay") => told(bench::relay(&words.collect::<Vec<_>>())),
        _ => {
            eprintln!(
                "usage: cargo xtask check [--list] [NAME…] | soak NAME | evidence | bench-relay [PART…]"
            );
            ExitCode::from(2)
        }
    }
}

/// Says what is missing, if something is.
fn told(outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Passed => ExitCode::SUCCESS,
        Outcome::Skipped(why) | Outcome::Failed(why) => {
            eprintln!("missing: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the steps, or those that are named: some run only then. The tests come last, so that all ends with their runner's
/// own lines; only what failed or was skipped before them is said once more.
fn check(names: &[&str]) -> ExitCode {
    if names == ["--list"] {
        for step in steps::list() {
            println!("{:<14} {}", step.name, step.what);
        }
        return ExitCode::SUCCESS;
    }
    let wanted = |step: &Step| match names {
        [] => !steps::BY_NAME.contains(&step.name),
        names => names.contains(&step.name),
    };
    if names.is_empty() {
        println!("only if named: {}", steps::BY_NAME.join(", "));
    }
    let steps: Vec<Step> = steps::list().into_iter().filter(wanted).collect();
    let mut done = Done::default();
    for step in &steps {
        if step.name == steps::LAST {
            done.tell();
        }
        println!("\n=== {}: {}", step.name, step.what);
        let started = Instant::now();
        let outcome = (step.run)();
        done.note(step.name, outcome, started.elapsed().as_secs());
    }
    let good = done.failed.is_empty() && !done.passed.is_empty();
    if !good || steps.last().is_none_or(|last| last.name != steps::LAST) {
        done.tell();
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What became of the steps so far.
#[derive(Default)]
struct Done {
    passed: Vec<&'static str>,
    failed: Vec<&'static str>,
    skipped: Vec<&'static str>,
}

impl Done {
    /// On CI, what can't be run has failed.
    fn note(&mut self, name: &'static str, outcome: Outcome, seconds: u64) {
        let ci = env::var_os("CI").is_some();
        match outcome {
            Outcome::Passed => {
                if name != steps::LAST {
                    println!("=== {name} passed ({seconds} s)");
                }
                self.passed.push(name);
            }
            Outcome::Skipped(why) if !ci => {
                println!("=== {name} SKIPPED: {why}");
                self.skipped.push(name);
            }
            Outcome::Skipped(why) | Outcome::Failed(why) => {
                println!("=== {name} FAILED ({seconds} s): {why}");
                self.failed.push(name);
            }
        }
    }

    fn tell(&self) {
        println!();
        for (what, names) in [("skipped", &self.skipped), ("failed", &self.failed)] {
            if !names.is_empty() {
                println!("{what}: {}", names.join(", "));
            }
        }
        let (passed, failed) = (self.passed.len(), self.failed.len());
        println!("steps: {passed} passed, {failed} failed, {} skipped", self.skipped.len());
    }
}
