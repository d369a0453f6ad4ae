//! Killing a command at a chosen step that it takes on the disk or the network.

use crate::Person;
use std::{
    fs,
    process::{Command, Stdio},
};

/// System calls that change something outside the process.
pub const STEPS: [&str; 11] = [
    "write",
    "pwrite64",
    "ftruncate",
    "fsync",
    "rename",
    "link",
    "linkat",
    "unlink",
    "connect",
    "sendto",
    "writev",
];

/// One step: the system call, and which of its calls, from 1.
pub type Step = (&'static str, usize);

/// Whether this machine has what it takes.
#[must_use]
pub fn has_strace() -> bool {
    Command::new("strace").arg("-V").output().is_ok_and(|out| out.status.success())
}

fn strace(who: &Person, args: &[&str], how: &[&str]) -> Command {
    let command = who.command(args);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq"]).args(how).arg("--");
    strace.arg(command.get_program()).args(command.get_args()).env_clear();
    let set = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    strace.envs(set).env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    strace
}

/// Runs a command that is killed at the `n`th call of this kind; false if it had fewer and ended by
/// itself.
///
/// # Panics
/// If strace does not run.
#[must_use]
pub fn killed_at((call, n): Step, who: &Person, args: &[&str]) -> bool {
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:signal=KILL:when={n}"));
    let mut strace = strace(who, args, &["-o", "/dev/null", "-e", &trace, "-e", &inject]);
    strace.output().expect("strace runs").status.code().is_none()
}

/// Every step that a command takes, by running it once.
///
/// # Panics
/// If strace does not run.
#[must_use]
pub fn steps_of(who: &Person, args: &[&str]) -> Vec<Step> {
    let log = who.home().with_extension("trace");
    let log = log.to_str().expect("a path in UTF-8");
    let trace = format!("trace={}", STEPS.join(","));
    let output = strace(who, args, &["-o", log, "-e", &trace]).output().expect("strace runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(log).expect("what strace wrote");
    let count = |call: &&str| {
        // `PID call(…`; a call that was interrupted is written a second time as resumed.
        let begins = |line: &&str| {
            let call_of = line.split_once(' ').map(|(_, rest)| rest.trim_start());
            call_of.is_some_and(|rest| rest.strip_prefix(*call).is_some_and(|r| r.starts_with('(')))
        };
        text.lines().filter(begins).count()
    };
    STEPS.iter().flat_map(|call| (1..=count(call)).map(|n| (*call, n))).collect()
}

/// Every so many of these steps, from a place that differs each day; all of them if `RECOVERY_KILL_STEPS` is
/// `all`.
#[must_use]
pub fn some_of(steps: Vec<Step>, stride: usize) -> Vec<Step> {
    if std::env::var("RECOVERY_KILL_STEPS").is_ok_and(|which| which == "all") {
        return steps;
    }
    let offset = usize::try_from(crate::now() / 86_400).unwrap_or(0) % stride;
    steps.into_iter().skip(offset).step_by(stride).collect()
}
