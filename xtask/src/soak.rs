//! Long runs: each can be stopped and gone on with, and writes into docs/evidence what it showed.

use crate::run::{Outcome, all, cargo, root};
use std::{
    fs,
    path::PathBuf,
    process::{Command, ExitCode},
};

/// A long run: its name, what it shows, and how it is run.
struct Soak {
    name: &'static str,
    what: &'static str,
    size: &'static str,
    run: fn() -> Outcome,
}

const SOAKS: [Soak; 3] = [
    Soak {
        name: "world",
        what: "the simulated world, cheap password parameters",
        size: "10,000 seeds",
        run: || world(10_000, false),
    },
    Soak {
        name: "world-standard",
        what: "the simulated world, the real password parameters",
        size: "500 seeds",
        run: || world(500, true),
    },
    Soak {
        name: "kills",
        what: "SIGKILL of the relay at random under 64 writers",
        size: "200 kills",
        run: || kills(200),
    },
];

/// How many seeds one slice has; a run that was stopped goes on after its last whole slice.
const SLICE: u64 = 500;

/// Runs `seeds` seeds of the world from seed 1 on.
pub fn world(seeds: u64, standard: bool) -> Outcome {
    let kind = if standard { "standard" } else { "cheap" };
    let mut done = if seeds > 1_000 || standard { progress(kind) } else { 0 };
    while done < seeds {
        let count = SLICE.min(seeds - done);
        let (count_text, start) = (count.to_string(), (done + 1).to_string());
        let mut command = cargo(&[
            "run",
            "--quiet",
            "--release",
            "-p",
            "recovery-core",
            "--features",
            "testkit",
            "--example",
            "world",
            "--",
            "--seeds",
            &count_text,
            "--start",
            &start,
        ]);
        if standard {
            command.arg("--standard-kdf");
        }
        if let failed @ Outcome::Failed(_) = all([command]) {
            return failed;
        }
        done += count;
        if seeds > 1_000 || standard {
            let _ = fs::create_dir_all(progress_file(kind).parent().unwrap_or(&root()));
            let _ = fs::write(progress_file(kind), format!("{} {done}", commit()));
        }
    }
    Outcome::Passed
}

fn progress_file(kind: &str) -> PathBuf {
    root().join("target/soak").join(format!("world-{kind}"))
}

/// How far a run of this commit came.
fn progress(kind: &str) -> u64 {
    let text = fs::read_to_string(progress_file(kind)).unwrap_or_default();
    match text.split_once(' ') {
        Some((of, done)) if of == commit() => done.trim().parse().unwrap_or(0),
        _ => 0,
    }
}

fn kills(count: u32) -> Outcome {
    let mut command = cargo(&[
        "test",
        "--release",
        "-p",
        "recovery-relay",
        "--test",
        "kill",
        "--",
        "--nocapture",
    ]);
    command.env("RECOVERY_KILLS", count.to_string());
    all([command])
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
    let started = std::time::Instant::now();
    match (soak.run)() {
        Outcome::Passed => {}
        Outcome::Skipped(why) | Outcome::Failed(why) => {
            eprintln!("{} failed: {why}", soak.name);
            return ExitCode::FAILURE;
        }
    }
    let text = format!(
        "# {}\n\n- what: {}\n- size: {}\n- date: {}\n- commit: {}\n- took: {} s (the last part, if it was stopped between)\n- result: held\n",
        soak.name,
        soak.what,
        soak.size,
        today(),
        commit(),
        started.elapsed().as_secs(),
    );
    let path = root().join("docs/evidence").join(format!("{}.md", soak.name));
    let folder = path.parent().map(fs::create_dir_all);
    if folder.is_none_or(|made| made.is_err()) || fs::write(&path, text).is_err() {
        eprintln!("{} could not be written", path.display());
        return ExitCode::FAILURE;
    }
    println!("{} held; see docs/evidence/{}.md", soak.name, soak.name);
    ExitCode::SUCCESS
}

fn commit() -> String {
    output("git", &["rev-parse", "--short", "HEAD"])
}

fn today() -> String {
    output("date", &["-u", "+%Y-%m-%d"])
}

fn output(name: &str, args: &[&str]) -> String {
    let output = Command::new(name).args(args).current_dir(root()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_default()
}
