//! The operator's commands, beside a relay that serves.

use super::program::{Process, program, refused, run, text};
use super::*;
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

const STORE: [&str; 2] = ["--store", "sqlite:relay.db"];

/// Runs a command on the store.
fn command(home: &Path, arguments: &[&str]) -> Output {
    run(home, &[arguments, &STORE].concat())
}

/// Its output, if it did its work.
fn result(home: &Path, arguments: &[&str]) -> String {
    let output = command(home, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn serve(home: &Path) -> Process {
    let mut serve = program(home);
    serve.args(["serve", "--closed", "--listen", "127.0.0.1:0"]).args(STORE);
    Process::start(&mut serve)
}

/// Opens a mailbox with these fields; the status line.
fn open(process: &Process, n: u8, fields: &str) -> String {
    let mailbox = Mailbox::new(n);
    let auth = &mailbox.auth[0];
    let put =
        format!("PUT {} HTTP/1.1\r\nConnection: close\r\n{auth}\r\n{fields}\r\n", mailbox.path);
    process.talk(&put).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn passes_are_made_listed_and_revoked_while_it_serves() {
    let home = TempDir::new().unwrap();
    let at = home.path();
    // The first one may come before the relay ever served.
    let pass = result(at, &["pass", "new", "--name", "Anna's family", "--mailboxes", "2"]);
    let process = serve(at);
    let field = format!("Recovery-Pass: {}\r\n", pass.trim());
    assert!(open(&process, 1, "").contains(" 403 "));
    assert!(open(&process, 1, &field).contains(" 201 "));
    let made = result(at, &["pass", "new", "--json", "--name", "Ben", "--expires", "90d"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    assert!(
        open(&process, 2, &format!("Recovery-Pass: {}\r\n", made["pass"].as_str().unwrap()))
            .contains(" 201 ")
    );
    let list = result(at, &["pass", "list"]);
    assert!(
        list.contains("mailboxes 1/2") && list.contains("89 days left  mailboxes 1/128"),
        "{list}"
    );
    assert!(!list.contains(pass.trim()), "a pass is shown once");
    let list: Value = serde_json::from_str(&result(at, &["pass", "list", "--json"])).unwrap();
    assert_eq!(list["passes"].as_array().unwrap().len(), 2);
    assert_eq!(list["passes"][0]["used"]["mailboxes"], 1);
    result(at, &["pass", "revoke", "Anna's family"]);
    assert!(open(&process, 3, &field).contains(" 403 "));
    result(at, &["pass", "revoke", &made["id"].as_str().unwrap()[..12]]);
    for unknown in ["nobody", "A"] {
        let output = command(at, &["pass", "revoke", unknown]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("there is no such pass"));
    }
    for wrong in [["--expires", "0d"], ["--expires", "soon"], ["--mailboxes", "-1"]] {
        assert_eq!(command(at, &[&["pass", "new"][..], &wrong].concat()).status.code(), Some(2));
    }
    assert_eq!(process.stop().0, Some(0));
}

#[test]
fn stats_verify_doctor_and_health_tell_the_truth_and_no_secrets() {
    let home = TempDir::new().unwrap();
    let at = home.path();
    let pass = result(at, &["pass", "new", "--name", "Anna"]);
    let process = serve(at);
    assert!(open(&process, 1, &format!("Recovery-Pass: {}\r\n", pass.trim())).contains(" 201 "));
    let mailbox = Mailbox::new(1);
    let post = format!(
        "{} HTTP/1.1\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        mailbox.post()
    );
    assert!(process.talk(&post).contains(" 201 "));
    let stats: Value = serde_json::from_str(&result(at, &["stats", "--json"])).unwrap();
    for (name, value) in
        [("mailboxes", 1), ("messages", 1), ("message_octets", 5), ("passes", 1), ("slots", 0)]
    {
        assert_eq!(stats[name], value, "{name}: {stats}");
    }
    assert!(result(at, &["stats"]).lines().any(|line| line == "messages: 1"));
    assert!(result(at, &["verify"]).contains(" 0 damaged"));
    let address = process.address.clone();
    let health = run(at, &["health", "--listen", &address]);
    assert_eq!((health.status.code(), text(&health.stdout).trim()), (Some(0), "ready"));
    let doctor =
        result(at, &["doctor", "--listen", &address, "--public-url", "https://relay.example"]);
    assert!(doctor.contains("good  listening: ") && !doctor.contains("BAD"), "{doctor}");
    assert!(doctor.contains("look  settings: "), "{doctor}");
    for secret in ["127.0.0.1", "relay.example", "Anna", "relay.db", pass.trim(), &mailbox.id[..7]]
    {
        assert!(!doctor.contains(secret), "{secret}: {doctor}");
    }
    assert_eq!(process.stop().0, Some(0));
    let silent = run(at, &["health", "--listen", &address]);
    assert_eq!(silent.status.code(), Some(1));
    assert!(text(&silent.stderr).contains("no relay answers"));
    refused(&run(at, &["stats", "--store", "memory:"]), "in memory");
    assert_eq!(run(at, &["stats", "--store", "sqlite:none.db"]).status.code(), Some(1));
    assert!(!at.join("none.db").exists(), "nothing was made");
}

/// Posts a message of its own to a mailbox and says whether it was acknowledged.
fn post(process: &Process, n: usize) -> bool {
    let body = format!("{n:08}");
    let head = "HTTP/1.1\r\nConnection: close\r\nContent-Length: 8\r\n\r\n";
    process.talk(&format!("{} {head}{body}", Mailbox::new(1).post())).contains(" 201 ")
}

#[test]
fn a_backup_under_load_holds_all_that_was_acknowledged_before_it() {
    let home = TempDir::new().unwrap();
    let at = home.path();
    let pass = result(at, &["pass", "new"]);
    let process = serve(at);
    assert!(open(&process, 1, &format!("Recovery-Pass: {}\r\n", pass.trim())).contains(" 201 "));
    let before = (0..100).filter(|n| post(&process, *n)).count();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let backup = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 1_000;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                assert!(post(&process, n));
                n += 1;
            }
        });
        let backup = command(at, &["backup", "relay.bak"]);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        backup
    });
    assert!(backup.status.success(), "{}", text(&backup.stderr));
    assert!(text(&backup.stdout).contains("written and checked"), "{}", text(&backup.stdout));
    let again = command(at, &["backup", "relay.bak"]);
    assert!(!again.status.success() && text(&again.stderr).contains("is there already"));
    // Not over a store that is there, or that a relay has.
    assert_eq!(command(at, &["restore", "relay.bak"]).status.code(), Some(1));
    assert_eq!(process.stop().0, Some(0));
    assert_eq!(command(at, &["restore", "relay.bak"]).status.code(), Some(1));
    assert_eq!(
        run(at, &["restore", "missing.bak", "--store", "sqlite:new.db"]).status.code(),
        Some(1)
    );
    assert!(!at.join("new.db").exists());
    let restored = run(at, &["restore", "relay.bak", "--store", "sqlite:new.db"]);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let verified = run(at, &["verify", "--store", "sqlite:new.db"]);
    assert!(text(&verified.stdout).contains(" 0 damaged"), "{}", text(&verified.stdout));
    let mut new = program(at);
    new.args(["serve", "--listen", "127.0.0.1:0", "--store", "sqlite:new.db"]);
    let new = Process::start(&mut new);
    let mailbox = Mailbox::new(1);
    let get =
        format!("{} HTTP/1.1\r\nConnection: close\r\n{}\r\n\r\n", mailbox.get(""), mailbox.auth[0]);
    let found = new.talk(&get);
    assert_eq!(before, 100);
    for n in 0..before {
        assert!(found.contains(&format!("{n:08}")), "message {n}");
    }
    assert_eq!(new.stop().0, Some(0));
    // And on, to a third store.
    let copied = run(at, &["copy", "--from", "sqlite:new.db", "--to", "sqlite:third.db"]);
    assert!(copied.status.success(), "{}", text(&copied.stderr));
    assert!(run(at, &["verify", "--store", "sqlite:third.db"]).status.success());
    let full = run(at, &["copy", "--from", "sqlite:new.db", "--to", "sqlite:relay.db"]);
    assert!(text(&full.stderr).contains("not empty"), "{}", text(&full.stderr));
}
