//! Killed at any instruction, or out of space at any write: the old state or the new one, whole, and
//! the same command simply runs again.
//!
//! The sweep runs each action in a process of its own under `strace`, which kills it at the n-th call
//! of each kind that changes something on disk, for every n. Without `strace`, only the random kills run.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "a test that panics has said what it has to say"
)]
#![cfg(target_os = "linux")]

mod home_support;

use home_support::{Folder, rng};
use recovery_client::home::{Home, HomeError, Protection, write_private};
use recovery_core::kdf::KdfCost;
use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};
use zeroize::Zeroizing;

/// Calls that change something on disk, by their names on any processor, and some between them.
const CALLS: [&str; 16] = [
    "?openat",
    "?write",
    "?fsync",
    "?rename",
    "?renameat",
    "?renameat2",
    "?unlink",
    "?unlinkat",
    "?mkdir",
    "?mkdirat",
    "?chmod",
    "?fchmod",
    "?fchmodat",
    "?link",
    "?linkat",
    "?flock",
];
const OLD: &[u8] = b"old state";
const NEW: &[u8] = &[b'n'; 20_000];

/// A name and what to do in a folder.
type Action = (&'static str, fn(&Path));

/// What the child does in the folder; each can be run again whatever became of the last run.
const ACTIONS: [Action; 5] = [
    ("create", |dir| create(dir, Protection::None)),
    ("create-with-passphrase", |dir| create(dir, protection())),
    ("write", |dir| open(dir).unwrap().0.write(NEW, &mut rng(2)).unwrap()),
    ("remove", |dir| match open(dir) {
        Ok((home, _)) => home.remove().unwrap(),
        Err(error) => assert!(matches!(error, HomeError::NotFound { .. }), "{error}"),
    }),
    ("export", |dir| {
        let there = fs::read(dir.join("secret")).is_ok_and(|octets| octets == NEW);
        match write_private(&dir.join("secret"), NEW, false) {
            Ok(()) => {}
            Err(error) => assert!(there, "{error}"),
        }
    }),
];

fn protection() -> Protection {
    let cost = KdfCost { memory_kib: 19 * 1_024, passes: 1, lanes: 1 };
    Protection::Passphrase { passphrase: Zeroizing::new("x".to_owned()), cost }
}

fn create(dir: &Path, protection: Protection) {
    if !Home::exists(&dir.join("home")) {
        drop(Home::create(&dir.join("home"), protection, NEW, &mut rng(1)).unwrap());
    }
}

fn open(dir: &Path) -> Result<(Home, Vec<u8>), HomeError> {
    let ask = || Ok::<_, HomeError>(Zeroizing::new("x".to_owned()));
    let (home, state) = Home::open(&dir.join("home"), ask, Duration::from_secs(5))?;
    Ok((home, state.to_vec()))
}

/// Not a test: what the other tests run in a process of its own.
#[test]
fn child() {
    let (Ok(action), Ok(dir)) = (env::var("HOME_CHILD"), env::var("HOME_CHILD_DIR")) else {
        return;
    };
    let dir = Path::new(&dir);
    match ACTIONS.iter().find(|(name, _)| *name == action) {
        Some((_, act)) => act(dir),
        None => write_forever(dir),
    }
}

/// Writes one state after the other and says on standard output when each is safe.
fn write_forever(dir: &Path) {
    let (mut home, state) = open(dir).unwrap();
    let mut count = u64::from(state[0]);
    loop {
        count += 1;
        home.write(&vec![u8::try_from(count % 256).unwrap(); 50_000], &mut rng(count)).unwrap();
        println!("safe {count}");
    }
}

/// This program again, as [`child`]; under `strace` if there is something to inject.
fn command(action: &str, dir: &Path, inject: Option<&str>) -> Command {
    let this = env::current_exe().unwrap();
    let mut command = match inject {
        None => Command::new(&this),
        Some(inject) => {
            let mut strace = Command::new("strace");
            strace
                .args(["-f", "-qqq", "-o", "/dev/null", "-e", &format!("inject={inject}")])
                .arg(&this);
            strace
        }
    };
    command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
    command.env("HOME_CHILD", action).env("HOME_CHILD_DIR", dir);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn run(action: &str, dir: &Path, inject: Option<&str>) -> ExitStatus {
    command(action, dir, inject).status().unwrap()
}

/// A folder in which the action has something to do.
fn prepared(action: &str) -> Folder {
    let folder = Folder::new();
    if matches!(action, "write" | "remove") {
        drop(Home::create(&folder.join("home"), Protection::None, OLD, &mut rng(0)).unwrap());
    }
    folder
}

/// Whole and old, or whole and new, or not there.
fn assert_whole(action: &str, folder: &Folder, context: &str) {
    if action == "export" {
        let found = fs::read(folder.join("secret"));
        assert!(found.is_err() || found.is_ok_and(|octets| octets == NEW), "{context}");
        return;
    }
    let (absent, states): (bool, &[&[u8]]) = match action {
        "write" => (false, &[OLD, NEW]),
        "remove" => (true, &[OLD]),
        _ => (true, &[NEW]),
    };
    match open(folder.path()) {
        Ok((_, state)) => assert!(states.contains(&state.as_slice()), "{context}"),
        Err(HomeError::NotFound { .. }) => assert!(absent, "{context}: no home"),
        Err(error) => panic!("{context}: {error}"),
    }
}

/// No unfinished file lies about: after a failure, and after a home was opened.
fn assert_tidy(folder: &Folder, context: &str) {
    for dir in [folder.path(), &folder.join("home")] {
        for entry in fs::read_dir(dir).into_iter().flatten() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.ends_with(".new") && !name.ends_with(".part"), "{context}: {name}");
        }
    }
}

/// Done, with nothing left beside it.
fn assert_done(action: &str, folder: &Folder, context: &str) {
    if action == "remove" {
        assert!(!Home::exists(&folder.join("home")), "{context}");
        return;
    }
    let (dir, expected) = match action {
        "export" => (folder.path().to_owned(), vec!["secret"]),
        "create-with-passphrase" => (folder.join("home"), vec!["lock", "state"]),
        _ => (folder.join("home"), vec!["key", "lock", "state"]),
    };
    if action == "export" {
        assert!(fs::read(folder.join("secret")).unwrap() == NEW, "{context}");
    } else {
        assert!(open(folder.path()).unwrap().1 == NEW, "{context}");
    }
    let mut names: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, expected, "{context}");
}

/// The action with something going wrong at the n-th call of one kind, for every kind and n; then again
/// without. Gives how many runs there were.
fn sweep(action: &str, calls: &[&str], fault: &str) -> u32 {
    let mut runs = 0;
    for call in calls {
        for n in 1.. {
            let context = format!("{action}, {fault} at {call} {n}");
            let folder = prepared(action);
            let ended = run(action, folder.path(), Some(&format!("{call}:{fault}:when={n}")));
            runs += 1;
            if fault.starts_with("error") {
                assert_tidy(&folder, &context);
            }
            assert_whole(action, &folder, &context);
            if Home::exists(&folder.join("home")) {
                assert_tidy(&folder, &context);
            }
            assert!(run(action, folder.path(), None).success(), "{context}: again");
            assert_done(action, &folder, &context);
            if ended.success() {
                break;
            }
            assert!(n < 500, "{context}: never done");
        }
    }
    runs
}

fn can_trace() -> bool {
    let traced = Command::new("strace").args(["-qqq", "-o", "/dev/null", "true"]).status();
    let can = traced.is_ok_and(|status| status.success());
    if !can {
        println!("strace is not here or not allowed to trace: nothing swept");
    }
    can
}

#[test]
fn killed_at_every_call() {
    if can_trace() {
        for (action, _) in ACTIONS {
            let runs = sweep(action, &CALLS, "signal=KILL");
            println!("{action}: {runs} runs");
            assert!(runs > CALLS.len() as u32);
        }
    }
}

#[test]
fn out_of_space_at_every_call() {
    if can_trace() {
        for (action, _) in ACTIONS {
            let runs = sweep(
                action,
                &["?write", "?fsync", "?rename", "?renameat", "?renameat2", "?mkdir", "?mkdirat"],
                "error=ENOSPC",
            );
            println!("{action}: {runs} runs");
        }
    }
}

/// A kill does not show what a power cut would: that the octets are on the disk before the name is, and
/// the name before the caller hears of it.
#[test]
fn synced_before_and_after_the_rename() {
    if can_trace() {
        let folder = prepared("write");
        let log = folder.join("log");
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-qqq", "-e", "trace=write,fsync,rename,renameat,renameat2", "-o"])
            .arg(&log);
        let child = command("write", folder.path(), None);
        strace.arg(child.get_program()).args(child.get_args()).stdout(Stdio::null());
        strace.env("HOME_CHILD", "write").env("HOME_CHILD_DIR", folder.path());
        assert!(strace.status().unwrap().success());
        let log = fs::read_to_string(log).unwrap();
        let steps: Vec<&str> = log
            .lines()
            .skip_while(|line| !line.contains("recovery home"))
            .filter_map(|line| {
                ["write(", "fsync(", "rename"].into_iter().find(|call| line.contains(call))
            })
            .take(4)
            .collect();
        assert_eq!(steps, ["write(", "fsync(", "rename", "fsync("]);
    }
}

#[test]
fn killed_at_random_moments() {
    let folder = prepared("write");
    let mut last = u64::from(OLD[0]);
    for round in 0..30_u64 {
        let mut child =
            command("forever", folder.path(), None).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        thread::sleep(Duration::from_millis(5 + round * 37 % 50));
        child.kill().unwrap();
        child.wait().unwrap();
        let safe = lines
            .map_while(Result::ok)
            .filter_map(|line| line.rsplit_once("safe ")?.1.parse::<u64>().ok())
            .last();
        let (_, state) = open(folder.path()).unwrap();
        let first = state[0];
        assert!(state == OLD || state == vec![first; 50_000], "a mixture");
        let found = u64::from(first);
        let least = safe.map_or(last, |safe| safe % 256);
        assert!(found == least || found == (least + 1) % 256, "{found} after {least}");
        last = found;
    }
}
