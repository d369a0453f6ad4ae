//! The steps of `check`, in the order in which they fail fastest.

use crate::run::{Outcome, all, cargo, cargo_tool, is_there, program, python, root, shared};
use crate::{page, relay, soak};
use std::fs;

/// One suite.
pub struct Step {
    /// What to call it.
    pub name: &'static str,
    /// What it shows.
    pub what: &'static str,
    /// Runs it.
    pub run: fn() -> Outcome,
}

/// The step that comes last.
pub const LAST: &str = "tests";

/// Steps that run only if they are named: this one builds the library once more and takes half an hour; its long run
/// leaves evidence.
pub const BY_NAME: [&str; 1] = ["planted"];

/// All of them.
pub fn list() -> Vec<Step> {
    let step = |name, what, run| Step { name, what, run };
    vec![
        step("fmt", "every file is formatted", fmt),
        step("clippy", "no warning in any crate, test or bench", clippy),
        step("doctests", "the examples in the documentation compile and run", doctests),
        step("docs", "the documentation builds without a warning", docs),
        step("world", "2,000 seeds of the simulated world", world),
        step("planted", "faults planted on purpose, each found by the simulated world", planted),
        step("demo", "the main job, as the README says it", demo),
        step(
            "python",
            "a second implementation from the spec alone opens every vector",
            python_vectors,
        ),
        step(
            "page",
            "the page is what its sources give; noble libraries open every vector",
            page::page,
        ),
        step("page-browser", "friends accept, approve and refuse in a browser", page::browser),
        step("oracles", "against sharks, blahaj, vsss-rs and others", oracles),
        step(
            "slip39-python",
            "shares interchange with the reference implementation",
            slip39_python,
        ),
        step("constant-time", "no branch or index on secret octets, under Valgrind", constant_time),
        step(
            "schemathesis",
            "calls made up from the description, against a running relay (about 1 minute)",
            relay::schemathesis,
        ),
        step("proxies", "nginx and Caddy take the snippets (seconds)", relay::proxies),
        step(
            "deb",
            "the package is built, installed, run and removed (about 10 seconds)",
            relay::deb,
        ),
        step("evidence", "long runs left word that they held", soak::evidence),
        step("deny", "licences, bans and sources of all dependencies", deny),
        step("audit", "no dependency has a known vulnerability", audit),
        step("fuzz", "every decoder, at least 10,000 executions", fuzz),
        // Last, so that the test runner's own lines end what this prints.
        step(LAST, "unit, property, vector, conformance, kill and story tests", tests),
    ]
}

fn fmt() -> Outcome {
    all([cargo(&["fmt", "--all", "--check"])])
}

fn clippy() -> Outcome {
    let args = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    all([cargo(&args)])
}

fn tests() -> Outcome {
    match cargo_tool("nextest") {
        Ok(()) => {
            // The mail server that the relay's notices are sent to; on CI its tests fail without it.
            if let Err(Outcome::Skipped(why)) = python("tests/python/relay-requirements.txt") {
                println!("SKIPPED: tests with a mail server: {why}");
            }
            let args = ["nextest", "run", "--workspace", "--all-features"];
            let mut command = cargo(&args);
            command.args(["--no-fail-fast", "--status-level", "slow"]);
            all([command])
        }
        Err(outcome) => outcome,
    }
}

fn doctests() -> Outcome {
    let libraries = ["-p", "recovery-core", "-p", "recovery-client", "-p", "recovery-relay"];
    let mut command = cargo(&["test", "--doc"]);
    command.args(libraries);
    all([command])
}

fn docs() -> Outcome {
    let mut command = cargo(&["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    all([command])
}

fn world() -> Outcome {
    soak::world(2_000)
}

fn planted() -> Outcome {
    soak::planted(500)
}

/// One byte, a key, the longest entry; and what is refused: nothing, and one byte more.
fn demo() -> Outcome {
    let folder = root().join("target/demo");
    if let Err(error) = fs::create_dir_all(&folder) {
        return Outcome::Failed(error.to_string());
    }
    for (size, fits) in [(0, false), (1, true), (65_536, true), (65_537, false)] {
        let file = folder.join(format!("{size}.bin"));
        let octets: Vec<u8> =
            (0..size).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        if let Err(error) = fs::write(&file, octets) {
            return Outcome::Failed(error.to_string());
        }
        let status = cargo(&["run", "--quiet", "--", "demo", &file.to_string_lossy()]).status();
        let done = status.is_ok_and(|status| status.success());
        if done != fits {
            return Outcome::Failed(format!("a file of {size} bytes: restored = {done}"));
        }
    }
    Outcome::Passed
}

fn python_vectors() -> Outcome {
    match python("tests/python/requirements.txt") {
        Ok(python) => all([program(python, &["tests/python/check_vectors.py"])]),
        Err(outcome) => outcome,
    }
}

fn oracles() -> Outcome {
    let manifest = "tests/oracles/Cargo.toml";
    all([cargo(&["test", "--locked", "--manifest-path", manifest])])
}

fn slip39_python() -> Outcome {
    let python = match python("tests/oracles/requirements.txt") {
        Ok(python) => python,
        Err(outcome) => return outcome,
    };
    let manifest = "tests/oracles/Cargo.toml";
    let build = cargo(&["build", "--locked", "--manifest-path", manifest, "--bin", "slip39_peer"]);
    let peer = "tests/oracles/target/debug/slip39_peer";
    all([build, program(python, &["tests/oracles/shamir_mnemonic_interop.py", peer])])
}

fn constant_time() -> Outcome {
    if !is_there("valgrind", &["--version"]) {
        return Outcome::Skipped("needs valgrind".to_owned());
    }
    all([program("bash", &["tests/oracles/ct_check.sh"])])
}

fn deny() -> Outcome {
    match cargo_tool("deny") {
        Ok(()) => all([
            cargo(&["fetch", "--locked"]),
            cargo(&["deny", "--offline", "check", "licenses", "bans", "sources"]),
        ]),
        Err(outcome) => outcome,
    }
}

fn audit() -> Outcome {
    if let Err(outcome) = cargo_tool("audit") {
        return outcome;
    }
    let mut command = cargo(&["audit", "--deny", "warnings"]);
    if let Some(database) = shared("advisory-db") {
        command.arg("--db").arg(database).args(["--no-fetch", "--no-yanked", "--stale"]);
    }
    all([command])
}

fn fuzz() -> Outcome {
    match cargo_tool("fuzz") {
        Ok(()) => all([program("bash", &["fuzz/run.sh", "20"])]),
        Err(outcome) => outcome,
    }
}
