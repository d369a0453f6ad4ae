//! Long runs: each can be stopped and gone on with, and writes into docs/evidence what it showed.

mod planted;
mod world;

pub use planted::planted;
pub use world::world;

use crate::run::{self, Outcome, cargo, root};
use std::{
    fs,
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    sync::{Mutex, PoisonError},
    thread,
};

/// A long run: its name, what it shows, and how it is run.
struct Soak {
    name: &'static str,
    what: &'static str,
    size: &'static str,
    run: fn() -> Result<Shown, Outcome>,
}

/// What a run showed, for its evidence.
pub struct Shown {
    /// The seeds it ran with.
    pub seeds: String,
    /// What was counted.
    pub counts: String,
}

const SOAKS: [Soak; 9] = [
    Soak {
        name: "world",
        what: "the simulated world, cheap password parameters",
        size: "10,000 seeds",
        run: || world::soak(10_000, false),
    },
    Soak {
        name: "world-long",
        what: "the same, over a night",
        size: "100,000 seeds",
        run: || world::soak(100_000, false),
    },
    Soak {
        name: "world-standard",
        what: "the simulated world, the real password parameters",
        size: "500 seeds",
        run: || world::soak(500, true),
    },
    Soak {
        name: "planted",
        what: "faults planted on purpose, each found by the simulated world",
        size: "all of them",
        run: planted::soak,
    },
    Soak {
        name: "kills",
        what: "SIGKILL of the relay, and of its database, at random under 64 writers",
        size: "500 kills of the relay, 125 of the database",
        run: || kills(500),
    },
    Soak {
        name: "relay-steps",
        what: "the relay killed at every system call of its first start and of 50 commits",
        size: "every call",
        run: || relay_test("trouble", &[("RECOVERY_KILL_STEPS", "all")], " points"),
    },
    Soak {
        name: "flips",
        what: "bits flipped and pages zeroed in a closed SQLite store",
        size: "1,500 bits, 120 pages",
        run: || relay_test("", &[("RECOVERY_FLIPS", "1500"), ("RECOVERY_PAGES", "120")], " found"),
    },
    Soak {
        name: "renewal",
        what: "a renewal killed at every step it takes on the disk or the network",
        size: "every step",
        run: || {
            let test = ("recovery-tests", "story_killed_renewal");
            test_in_full(test, ("RECOVERY_KILL_STEPS", "all"), " steps of ")
        },
    },
    Soak {
        name: "hostile",
        what: "slow connections, large bodies, heads without end and changed requests, beside who means well",
        size: "2,000 connections, 100,000 requests",
        run: || test_in_full(("recovery-relay", "hostile"), ("RECOVERY_HOSTILE", "full"), ", "),
    },
];

/// Runs a test without seeds at its full size; lines with `wanted` are counts.
fn test_in_full(
    (package, name): (&str, &str),
    (setting, value): (&str, &str),
    wanted: &str,
) -> Result<Shown, Outcome> {
    let mut command = cargo(&["test", "-p", package, "--test", name, "--", "--nocapture"]);
    let output = output_of(command.env(setting, value))?;
    let counts = output.lines().filter(|line| line.contains(wanted));
    Ok(Shown { seeds: "none".to_owned(), counts: counts.collect::<Vec<_>>().join("; ") })
}

/// Kills the relay so many times; its test starts anew when it was stopped.
fn kills(count: u32) -> Result<Shown, Outcome> {
    relay_test("kill", &[("RECOVERY_KILLS", &count.to_string())], " acknowledged")
}

/// Runs a test of the relay, or with no name those of its library, with settings; lines with `wanted` are counts.
fn relay_test(name: &str, settings: &[(&str, &str)], wanted: &str) -> Result<Shown, Outcome> {
    let mut command = cargo(&["test", "--release", "-p", "recovery-relay"]);
    match name {
        "" => command.args(["--lib", "--", "flips"]),
        name => command.args(["--test", name, "--"]),
    };
    command.args(["--nocapture", "--test-threads=1"]).envs(settings.iter().copied());
    let output = output_of(&mut command)?;
    let counts: Vec<_> = output.lines().filter(|line| line.contains(wanted)).collect();
    let seeds = output.split_whitespace().filter(|word| word.starts_with("RECOVERY_SEED="));
    Ok(Shown { seeds: seeds.collect::<Vec<_>>().join(" "), counts: counts.join("; ") })
}

/// What a command printed, if it ended well; what went wrong is shown as it comes.
fn output_of(command: &mut Command) -> Result<String, Outcome> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Outcome::Failed(format!("{command:?}: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    println!("{text}");
    Err(Outcome::Failed(format!("{command:?}: {}", output.status)))
}

/// Runs one, and writes its evidence if it held.
pub fn run(name: Option<&str>) -> ExitCode {
    let Some(soak) = SOAKS.iter().find(|soak| Some(soak.name) == name) else {
        eprintln!("usage: cargo xtask soak NAME, with NAME one of:");
        for soak in &SOAKS {
            eprintln!("  {:<15} {} ({})", soak.name, soak.what, soak.size);
        }
        return ExitCode::from(2);
    };
    if !run::text("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty() {
        eprintln!("commit first: evidence names the commit it was made with");
        return ExitCode::FAILURE;
    }
    let done = (soak.run)().and_then(|shown| write(soak, &shown));
    match done {
        Ok(()) => {
            println!("{} held; see docs/evidence/{}.md", soak.name, soak.name);
            ExitCode::SUCCESS
        }
        Err(Outcome::Skipped(why) | Outcome::Failed(why)) => {
            eprintln!("{} failed: {why}", soak.name);
            ExitCode::FAILURE
        }
        Err(Outcome::Passed) => ExitCode::SUCCESS,
    }
}

fn write(soak: &Soak, shown: &Shown) -> Result<(), Outcome> {
    let text = format!(
        "# {}\n\n- what: {}\n- size: {}\n- date: {}\n- commit: {}\n- result: held\n- seeds: {}\n- counts: {}\n",
        soak.name,
        soak.what,
        soak.size,
        run::text("date", &["-u", "+%Y-%m-%d"]),
        run::commit(),
        shown.seeds,
        shown.counts,
    );
    let path = evidence_of(soak);
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder
        .and_then(|()| fs::write(&path, text))
        .map_err(|error| Outcome::Failed(format!("{}: {error}", path.display())))
}

/// Whether every long run has left word that it held.
pub fn evidence() -> Outcome {
    let held = |soak: &&Soak| {
        let text = fs::read_to_string(evidence_of(soak)).unwrap_or_default();
        text.lines().any(|line| line == "- result: held")
    };
    let missing: Vec<_> = SOAKS.iter().filter(|soak| !held(soak)).map(|soak| soak.name).collect();
    match missing.is_empty() {
        true => Outcome::Passed,
        false => Outcome::Failed(format!("cargo xtask soak {}", missing.join(", then "))),
    }
}

/// Does something with each of a list, as many at a time as there are cores, until one fails; tells of each
/// that is done.
fn side_by_side<T: Sync, R: Send>(
    list: &[T],
    run: impl Fn(&T) -> Result<R, Outcome> + Sync,
    done: impl Fn(&R) + Sync,
) -> Result<Vec<R>, Outcome> {
    let (left, all) = (Mutex::new(list.iter()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(next) = next else { return Ok(()) };
            let result = run(next)?;
            done(&result);
            all.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| Err(Outcome::Failed("a worker panicked".into())))
        })
    })?;
    Ok(all.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn evidence_of(soak: &Soak) -> PathBuf {
    root().join("docs/evidence").join(format!("{}.md", soak.name))
}
