//! Running other programs, and finding out whether they are there.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What became of a step.
#[derive(Debug)]
pub enum Outcome {
    /// All of it held.
    Passed,
    /// Something it needs is not here; on CI that is a failure.
    Skipped(String),
    /// Something did not hold.
    Failed(String),
}

/// The workspace's folder.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// A cargo command in the workspace.
pub fn cargo(args: &[&str]) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(args).current_dir(root());
    command
}

/// Another program in the workspace.
pub fn program(name: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(args).current_dir(root());
    command
}

/// Runs commands one after the other until one fails.
pub fn all(commands: impl IntoIterator<Item = Command>) -> Outcome {
    for mut command in commands {
        let shown = format!("{command:?}");
        match command.stdin(Stdio::null()).status() {
            Ok(status) if status.success() => {}
            Ok(status) => return Outcome::Failed(format!("{shown}: {status}")),
            Err(error) => return Outcome::Failed(format!("{shown}: {error}")),
        }
    }
    Outcome::Passed
}

/// Whether a program answers `--version` (or what `probe` says).
pub fn is_there(name: &str, probe: &[&str]) -> bool {
    let mut command = program(name, probe);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// A cargo subcommand; installed if it is missing and this is CI.
pub fn cargo_tool(name: &str) -> Result<(), Outcome> {
    let there = || is_there("cargo", &[name, "--version"]);
    if there() {
        return Ok(());
    }
    let package = format!("cargo-{name}");
    if env::var_os("CI").is_none() {
        return Err(Outcome::Skipped(format!("needs {package}: cargo install --locked {package}")));
    }
    match all([cargo(&["install", "--debug", "--locked", &package])]) {
        Outcome::Passed if there() => Ok(()),
        _ => Err(Outcome::Failed(format!("{package} could not be installed"))),
    }
}

/// A Python environment of the project's own with the packages of a requirements file.
pub fn python(requirements: &str) -> Result<PathBuf, Outcome> {
    let venv = root().join("target/python");
    let python = venv.join("bin/python");
    if !python.exists() {
        let made = program("python3", &["-m", "venv", &venv.to_string_lossy()]).status();
        if !made.is_ok_and(|status| status.success()) {
            return Err(Outcome::Skipped("needs python3 with venv".to_owned()));
        }
    }
    let install =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements];
    let installed = program(&python, &install).status();
    if installed.is_ok_and(|status| status.success()) {
        return Ok(python);
    }
    Err(Outcome::Skipped(format!("the packages of {requirements} could not be installed")))
}

/// The folder of data to test against that lies beside the workspace, if it is there.
pub fn shared(folder: &str) -> Option<PathBuf> {
    let path = root().parent()?.join("shared").join(folder);
    path.is_dir().then_some(path)
}

/// What a program prints, in one piece; nothing if it can't be run.
pub fn text(name: &str, args: &[&str]) -> String {
    let output = program(name, args).output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// The commit that is checked out.
pub fn commit() -> String {
    text("git", &["rev-parse", "--short=12", "HEAD"])
}
