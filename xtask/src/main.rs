//! `cargo xtask check [--list] [NAME…]` runs every suite at a size for each change;
//! `cargo xtask soak NAME` runs a long one and writes what it showed into docs/evidence.

mod run;
mod soak;
mod steps;

use run::Outcome;
use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let mut words = args.iter().map(String::as_str);
    match words.next() {
        Some("check") => check(&words.collect::<Vec<_>>()),
        Some("soak") => soak::run(words.next()),
        _ => {
            eprintln!("usage: cargo xtask check [--list] [NAME…] | cargo xtask soak NAME");
            ExitCode::from(2)
        }
    }
}

/// Runs all steps, or those that are named; the last line counts them.
fn check(names: &[&str]) -> ExitCode {
    if names == ["--list"] {
        for step in steps::list() {
            println!("{:<14} {}", step.name, step.what);
        }
        return ExitCode::SUCCESS;
    }
    let ci = env::var_os("CI").is_some();
    let (mut passed, mut failed, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    for step in steps::list() {
        if !names.is_empty() && !names.contains(&step.name) {
            continue;
        }
        println!("\n=== {}: {}", step.name, step.what);
        let started = std::time::Instant::now();
        let outcome = (step.run)();
        let took = started.elapsed().as_secs();
        match outcome {
            Outcome::Passed => {
                println!("=== {} passed ({took} s)", step.name);
                passed.push(step.name);
            }
            Outcome::Skipped(why) if !ci => {
                println!("=== {} SKIPPED: {why}", step.name);
                skipped.push(step.name);
            }
            Outcome::Skipped(why) | Outcome::Failed(why) => {
                println!("=== {} FAILED ({took} s): {why}", step.name);
                failed.push(step.name);
            }
        }
    }
    println!();
    if !skipped.is_empty() {
        println!("skipped: {}", skipped.join(", "));
    }
    if !failed.is_empty() {
        println!("failed: {}", failed.join(", "));
    }
    println!("{} passed, {} failed, {} skipped", passed.len(), failed.len(), skipped.len());
    if failed.is_empty() && !passed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
