//! The simulated world, in slices that run side by side.

use super::{Shown, output_of, side_by_side};
use crate::run::{self, Outcome, cargo, root};
use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// Seeds of one slice: some minutes' work. A run that was stopped goes on with the slices that are missing.
const fn slice_of(standard: bool) -> u64 {
    if standard { 10 } else { 250 }
}

/// The counts of each slice that held, by its first seed.
type Held = BTreeMap<u64, String>;

/// Runs seeds 1 to `seeds`, as a step of `check`.
pub fn world(seeds: u64) -> Outcome {
    match slices(seeds, false, Held::new(), |_| ()) {
        Ok(held) => {
            println!("{}", sum(&held));
            Outcome::Passed
        }
        Err(outcome) => outcome,
    }
}

/// The same as a long run.
pub(super) fn soak(seeds: u64, standard: bool) -> Result<Shown, Outcome> {
    let file = progress_file(if standard { "standard" } else { "cheap" });
    let held = slices(seeds, standard, read_progress(&file), |held| {
        let lines = held.iter().map(|(start, counts)| format!("{start} {counts}\n"));
        let text = format!("{}\n{}", library(), lines.collect::<String>());
        let made = file.parent().map_or(Ok(()), fs::create_dir_all);
        if let Err(error) = made.and_then(|()| fs::write(&file, text)) {
            eprintln!("{}: {error}; if this is stopped, it starts anew", file.display());
        }
    })?;
    // A longer run may have gone on where this one ends.
    let held = held.into_iter().filter(|(start, _)| *start <= seeds).collect();
    Ok(Shown { seeds: format!("1 to {seeds}"), counts: sum(&held) })
}

/// Runs what is missing, as many slices at a time as there are cores.
fn slices(
    seeds: u64,
    standard: bool,
    held: Held,
    keep: impl Fn(&Held) + Sync,
) -> Result<Held, Outcome> {
    let size = slice_of(standard);
    let starts = (0..seeds.div_ceil(size)).map(|at| at * size + 1);
    let missing: Vec<u64> = starts.filter(|start| !held.contains_key(start)).collect();
    let held = Mutex::new(held);
    let run = |start: &u64| {
        let counts = slice(*start, size.min(seeds + 1 - start), standard)?;
        println!("from seed {start}: {counts}");
        Ok((*start, counts))
    };
    side_by_side(&missing, run, |(start, counts)| {
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(*start, counts.clone());
        keep(&held);
    })?;
    Ok(held.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Runs one slice and gives its counts.
fn slice(start: u64, count: u64, standard: bool) -> Result<String, Outcome> {
    let (start, count) = (start.to_string(), count.to_string());
    let mut command = cargo(&["run", "--quiet", "--release", "-p", "recovery-core"]);
    command.args(["--features", "testkit", "--example", "world", "--"]);
    command.args(["--start", &start, "--seeds", &count]);
    if standard {
        command.arg("--standard-kdf");
    }
    let output = output_of(&mut command)?;
    let last = output.lines().last().unwrap_or_default();
    Ok(last.split(" elapsed=").next().unwrap_or_default().to_owned())
}

/// The counts of all slices, added up.
fn sum(held: &Held) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, value) in held.values().flat_map(|line| line.split(' ')).filter_map(count) {
        if !names.contains(&name) {
            names.push(name);
        }
        *sums.entry(name).or_default() += value;
    }
    let shown = names.iter().map(|name| format!("{name}={}", sums.get(name).unwrap_or(&0)));
    shown.collect::<Vec<_>>().join(" ")
}

fn count(word: &str) -> Option<(&str, u64)> {
    let (name, value) = word.split_once('=')?;
    Some((name, value.parse().ok()?))
}

fn progress_file(kind: &str) -> PathBuf {
    root().join("target/soak").join(format!("world-{kind}"))
}

/// What a world is made of: the library as it was committed.
fn library() -> String {
    run::text("git", &["rev-parse", "HEAD:recovery-core"])
}

/// What a run of this library has done already.
fn read_progress(file: &PathBuf) -> Held {
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut lines = text.lines();
    if lines.next() != Some(&library()) {
        return Held::new();
    }
    let line = |line: &str| {
        let (start, counts) = line.split_once(' ')?;
        Some((start.parse().ok()?, counts.to_owned()))
    };
    lines.filter_map(line).collect()
}
