//! Faults that are planted on purpose: the simulated world has to find each of them.

use super::{Shown, side_by_side};
use crate::run::{Outcome, cargo, root};
use std::{
    fs,
    process::{Command, Stdio},
};

/// Seeds within which each has to be found.
const MOST: u64 = 10_000;
/// The first seed that is tried.
const FIRST: u64 = 1;
/// Faults that make as fine a table as is asked for.
const WANTED: usize = 20;

/// Letters of what was seen that are shown.
const HOW: usize = 160;

/// A planted fault, and by which seed and invariant it was found.
struct Found {
    name: String,
    what: String,
    seeds: u64,
    how: String,
}

/// Every fault within so many seeds, as a step of `check`; what is known to take longer is left to the long
/// run.
pub fn planted(seeds: u64) -> Outcome {
    let table = fs::read_to_string(root().join("docs/evidence/planted.md")).unwrap_or_default();
    let known = |name: &str| {
        let line = table.lines().find(|line| line.contains(&format!("`{name}`")))?;
        line.split('|').nth(3)?.trim().parse::<u64>().ok()
    };
    let names = match list() {
        Ok(names) => names,
        Err(outcome) => return outcome,
    };
    let run = |(name, what): &(String, String)| match find(name, what, seeds) {
        Err(Outcome::Failed(why)) => match known(name).filter(|needed| *needed > seeds) {
            Some(needed) => {
                println!("{name}: left to the long run, which found it after {needed} seeds");
                Ok(())
            }
            None => Err(Outcome::Failed(why)),
        },
        other => other.map(drop),
    };
    side_by_side(&names, run, |()| ()).map_or_else(|outcome| outcome, |_| Outcome::Passed)
}

/// Every fault within [`MOST`] seeds, and the table of how many it took.
pub(super) fn soak() -> Result<Shown, Outcome> {
    let names = list()?;
    let run = |(name, what): &(String, String)| find(name, what, MOST);
    let mut found = side_by_side(&names, run, |_| ())?;
    found.sort_by(|one, other| one.seeds.cmp(&other.seeds).then(one.name.cmp(&other.name)));
    let row = |found: &Found| {
        let Found { name, what, seeds, how } = found;
        format!("| `{name}` | {what} | {seeds} | {} |\n", how.replace('|', "/"))
    };
    let rows: String = found.iter().map(row).collect();
    let head =
        "| fault | what is wrong | seeds until it was found | what was seen |\n|---|---|---|---|\n";
    Ok(Shown {
        seeds: format!("from {FIRST} until each was found, {MOST} at most"),
        counts: format!("{} faults, all found\n\n{head}{rows}", found.len()),
    })
}

/// The names of all faults and what is wrong with each.
fn list() -> Result<Vec<(String, String)>, Outcome> {
    let output = world(&["--list-planted"]).output();
    let output = output.map_err(|error| Outcome::Failed(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let pair = |line: &str| {
        let (name, what) = line.split_once(": ")?;
        Some((name.to_owned(), what.to_owned()))
    };
    let names: Vec<_> = text.lines().filter_map(pair).collect();
    match names.len() >= WANTED {
        true => Ok(names),
        false => Err(Outcome::Failed(format!("{} planted faults, not {WANTED}", names.len()))),
    }
}

/// Runs worlds with one fault until one of them shows it.
fn find(name: &str, what: &str, seeds: u64) -> Result<Found, Outcome> {
    let (first, most) = (FIRST.to_string(), seeds.to_string());
    let mut command = world(&["--planted", name, "--start", &first, "--seeds", &most]);
    let output = command.stderr(Stdio::null()).output();
    let output = output.map_err(|error| Outcome::Failed(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut before = "the world stopped";
    for line in text.lines() {
        let seed = line.strip_prefix("SEED=").and_then(|rest| rest.split(':').next());
        if let Some(seed) = seed.and_then(|seed| seed.parse::<u64>().ok()) {
            let (name, what, seeds) = (name.to_owned(), what.to_owned(), seed + 1 - FIRST);
            let how = shortened(before);
            println!("{name}: found after {seeds} seeds: {how}");
            return Ok(Found { name, what, seeds, how });
        }
        before = line;
    }
    Err(Outcome::Failed(format!("{name}: {what}, and {seeds} worlds do not show it: {text}")))
}

/// As much of a line as a table has room for: some show whole values.
fn shortened(line: &str) -> String {
    let mut letters = line.chars();
    let start: String = letters.by_ref().take(HOW).collect();
    if letters.next().is_none() { start } else { start + " …" }
}

/// The world, built with planted faults into a folder of its own.
fn world(args: &[&str]) -> Command {
    let mut command = cargo(&["run", "--quiet", "--release", "-p", "recovery-core"]);
    command.args(["--features", "testkit", "--example", "world"]);
    command.args(["--target-dir", "target/planted", "--"]).args(args);
    command.env("RUSTFLAGS", "--cfg recovery_planted").stdin(Stdio::null());
    command
}
