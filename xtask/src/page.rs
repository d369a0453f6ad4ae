//! The steps for the page: what is checked in is what its sources give, and it works in a browser.

use crate::run::{Outcome, all, cargo, is_there, program, root};
use std::fs;
use std::path::Path;

const FOLDER: &str = "recovery-web";
/// What the relay embeds.
const DIST: &str = "recovery-relay/web-dist";
/// What the module was built with.
const TOOLCHAIN: &str = "recovery-web/core.toolchain";

/// Types, words, the module against vectors, all vectors by an implementation of its own, and that `web-dist` is what
/// the sources give.
pub fn page() -> Outcome {
    if let Err(outcome) = packages() {
        return outcome;
    }
    let rebuilt = root().join("target/page");
    let checks = all([
        npm(&["run", "--silent", "check"]),
        npm(&["run", "--silent", "oracle"]),
        program("node", &["recovery-web/build.mjs", &rebuilt.to_string_lossy()]),
    ]);
    match checks {
        Outcome::Passed => {}
        failed => return failed,
    }
    match differing(&rebuilt, &root().join(DIST)) {
        None => core(),
        Some(name) => Outcome::Failed(format!(
            "{DIST}/{name} is not what recovery-web gives: node recovery-web/build.mjs {DIST}"
        )),
    }
}

/// Builds the module anew and compares: octets with the same compiler, behaviour always.
fn core() -> Outcome {
    if !is_there("/usr/bin/wasm-ld-22", &["--version"]) || !is_there("/usr/bin/rustc", &["-vV"]) {
        let why = "all else of the page held; the module is not built anew without Debian's rustc-web, cargo-web, \
                   rust-web-src and lld-22";
        return Outcome::Skipped(why.to_owned());
    }
    let built = root().join("target/page-core");
    let built_text = built.to_string_lossy().into_owned();
    match all([program("bash", &["recovery-web/build-core.sh", &built_text])]) {
        Outcome::Passed => {}
        failed => return failed,
    }
    let read = |path: &Path| fs::read(path).unwrap_or_default();
    let module = built.join("core.wasm");
    if read(&built.join("core.toolchain")) == read(&root().join(TOOLCHAIN)) {
        return match read(&module) == read(&root().join(DIST).join("core.wasm")) {
            true => Outcome::Passed,
            false => Outcome::Failed(format!(
                "{DIST}/core.wasm is not what the same compiler makes of recovery-web/core"
            )),
        };
    }
    println!("another compiler than {TOOLCHAIN} names: octets can't be compared, behaviour is");
    let mut tests = program("node", &["--test", "recovery-web/test/core.test.mjs"]);
    tests.env("CORE_WASM", &module);
    all([tests])
}

/// Stories in a browser, against the real relay and the real command line.
pub fn browser() -> Outcome {
    if let Err(outcome) = packages() {
        return outcome;
    }
    if !is_there("chromium", &["--version"]) {
        return Outcome::Skipped("needs chromium".to_owned());
    }
    all([
        cargo(&["build", "--quiet", "-p", "recovery-relay", "-p", "recovery-cli"]),
        npm(&["run", "--silent", "browser"]),
    ])
}

/// The locked packages; their scripts are not run.
fn packages() -> Result<(), Outcome> {
    if !is_there("node", &["--version"]) || !is_there("npm", &["--version"]) {
        return Err(Outcome::Skipped("needs node 20 or later and npm".to_owned()));
    }
    match all([npm(&["ci", "--ignore-scripts", "--silent"])]) {
        Outcome::Passed => Ok(()),
        _ => {
            Err(Outcome::Skipped("the packages of recovery-web could not be installed".to_owned()))
        }
    }
}

fn npm(args: &[&str]) -> std::process::Command {
    let mut command = program("npm", args);
    command.current_dir(root().join(FOLDER));
    command
}

/// The first file that is other, or missing, in one of two folders. What is compressed need not have the same octets with
/// another version of node, so only what it was made from is compared.
fn differing(one: &Path, other: &Path) -> Option<String> {
    let names = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    let (mine, theirs) = (names(one), names(other));
    if mine != theirs {
        return Some("(a file more or less)".to_owned());
    }
    mine.into_iter().filter(|name| !name.ends_with(".br")).find(|name| {
        fs::read(one.join(name)).unwrap_or_default()
            != fs::read(other.join(name)).unwrap_or_default()
    })
}
