//! The operator's commands, beside a relay that serves.

use super::cluster::Database;
use super::program::{Process, program, refused, run, text};
use super::*;
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

/// A folder in which an operator works, and the stores at hand: one that is served, and two that are empty.
struct Place {
    home: TempDir,
    stores: [String; 3],
    /// Where the stores are, if they are no files.
    _databases: Vec<Database>,
}

impl Place {
    fn sqlite() -> Self {
        let stores = ["relay", "new", "third"].map(|name| format!("sqlite:{name}.db"));
        Self { home: TempDir::new().unwrap(), stores, _databases: Vec::new() }
    }

    fn postgres() -> Option<Self> {
        let databases = (0..3).map(|_| Database::fresh()).collect::<Option<Vec<_>>>()?;
        let stores = [0, 1, 2].map(|at| databases[at].url());
        Some(Self { home: TempDir::new().unwrap(), stores, _databases: databases })
    }

    fn at(&self) -> &Path {
        self.home.path()
    }

    /// Runs a command on the store that is served.
    fn command(&self, arguments: &[&str]) -> Output {
        run(self.at(), &[arguments, &["--store", &self.stores[0]]].concat())
    }

    /// Its output, if it did its work.
    fn result(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn serve(&self, arguments: &[&str], store: usize) -> Process {
        let mut serve = program(self.at());
        serve.args(["serve", "--listen", "127.0.0.1:0", "--store", &self.stores[store]]);
        Process::start(serve.args(arguments))
    }
}

/// The same story on a file of SQLite's and on a database of PostgreSQL's.
fn on_each(story: impl Fn(&Place)) {
    story(&Place::sqlite());
    if let Some(place) = Place::postgres() {
        story(&place);
    }
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
    on_each(passes);
}

fn passes(place: &Place) {
    // The first one may come before the relay ever served.
    let pass = place.result(&["pass", "new", "--name", "Anna's family", "--mailboxes", "2"]);
    let process = place.serve(&["--closed"], 0);
    let field = format!("Recovery-Pass: {}\r\n", pass.trim());
    assert!(open(&process, 1, "").contains(" 403 "));
    assert!(open(&process, 1, &field).contains(" 201 "));
    let made = place.result(&["pass", "new", "--json", "--name", "Ben", "--expires", "90d"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    assert!(
        open(&process, 2, &format!("Recovery-Pass: {}\r\n", made["pass"].as_str().unwrap()))
            .contains(" 201 ")
    );
    let list = place.result(&["pass", "list"]);
    assert!(
        list.contains("mailboxes 1/2") && list.contains("89 days left  mailboxes 1/128"),
        "{list}"
    );
    assert!(!list.contains(pass.trim()), "a pass is shown once");
    let list: Value = serde_json::from_str(&place.result(&["pass", "list", "--json"])).unwrap();
    assert_eq!(list["passes"].as_array().unwrap().len(), 2);
    assert_eq!(list["passes"][0]["used"]["mailboxes"], 1);
    place.result(&["pass", "revoke", "Anna's family"]);
    assert!(open(&process, 3, &field).contains(" 403 "));
    place.result(&["pass", "revoke", &made["id"].as_str().unwrap()[..12]]);
    for unknown in ["nobody", "A"] {
        let output = place.command(&["pass", "revoke", unknown]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("there is no such pass"));
    }
    for wrong in [["--expires", "0d"], ["--expires", "soon"], ["--mailboxes", "-1"]] {
        assert_eq!(place.command(&[&["pass", "new"][..], &wrong].concat()).status.code(), Some(2));
    }
    assert_eq!(process.stop().0, Some(0));
}

#[test]
fn stats_verify_doctor_and_health_tell_the_truth_and_no_secrets() {
    on_each(health);
}

fn health(place: &Place) {
    let at = place.at();
    let pass = place.result(&["pass", "new", "--name", "Anna"]);
    let process = place.serve(&["--closed"], 0);
    assert!(open(&process, 1, &format!("Recovery-Pass: {}\r\n", pass.trim())).contains(" 201 "));
    let mailbox = Mailbox::new(1);
    let post = format!(
        "{} HTTP/1.1\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        mailbox.post()
    );
    assert!(process.talk(&post).contains(" 201 "));
    let stats: Value = serde_json::from_str(&place.result(&["stats", "--json"])).unwrap();
    for (name, value) in
        [("mailboxes", 1), ("messages", 1), ("message_octets", 5), ("passes", 1), ("slots", 0)]
    {
        assert_eq!(stats[name], value, "{name}: {stats}");
    }
    assert!(place.result(&["stats"]).lines().any(|line| line == "messages: 1"));
    assert!(place.result(&["verify"]).contains(" 0 damaged"));
    let address = process.address.clone();
    let health = run(at, &["health", "--listen", &address]);
    assert_eq!((health.status.code(), text(&health.stdout).trim()), (Some(0), "ready"));
    let doctor =
        place.result(&["doctor", "--listen", &address, "--public-url", "https://relay.example"]);
    assert!(doctor.contains("good  listening: ") && !doctor.contains("BAD"), "{doctor}");
    assert!(doctor.contains("look  settings: "), "{doctor}");
    let store = place.stores[0].trim_start_matches("sqlite:");
    for secret in ["127.0.0.1", "relay.example", "Anna", store, pass.trim(), &mailbox.id[..7]] {
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

/// A certificate for a name, until a year, in `cert.pem` and `key.pem`.
fn certificate(at: &Path, until: i32) {
    let mut params = rcgen::CertificateParams::new(vec!["relay.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 31);
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(at.join("cert.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(at.join("key.pem"), key.serialize_pem()).unwrap();
}

#[test]
fn doctor_looks_at_the_certificate() {
    let place = Place::sqlite();
    place.result(&["pass", "new"]);
    let doctor = |url: &str| {
        let tls = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
        let rest = ["--listen", "127.0.0.1:1", "--public-url", url, "--closed"];
        let output = place.command(&[&["doctor"], &tls[..], &rest].concat());
        (output.status.code(), text(&output.stdout))
    };
    certificate(place.at(), 4095);
    let (code, told) = doctor("https://relay.example");
    assert_eq!(code, Some(0), "{told}");
    for line in ["good  certificate: valid until 4095-01-31, ", "good  key: it fits"] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(told.contains("good  names: relay.example\n"), "{told}");
    let (code, told) = doctor("https://other.example");
    assert!(code == Some(1) && told.contains("BAD   names: relay.example; "), "{told}");
    assert!(!told.contains("other.example") && !told.contains(".pem"), "{told}");
    certificate(place.at(), 2021);
    let (code, told) = doctor("https://relay.example");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("BAD   certificate: it ended on 2021-01-31; "), "{told}");
    let key = std::fs::read(place.at().join("key.pem")).unwrap();
    certificate(place.at(), 4095);
    std::fs::write(place.at().join("key.pem"), key).unwrap();
    let (code, told) = doctor("https://relay.example");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("BAD   key: it is the key of another certificate"), "{told}");
}

/// Posts a message of its own to a mailbox and says whether it was acknowledged.
fn post(process: &Process, n: usize) -> bool {
    let body = format!("{n:08}");
    let head = "HTTP/1.1\r\nConnection: close\r\nContent-Length: 8\r\n\r\n";
    process.talk(&format!("{} {head}{body}", Mailbox::new(1).post())).contains(" 201 ")
}

#[test]
fn a_backup_under_load_holds_all_that_was_acknowledged_before_it() {
    on_each(backup_under_load);
}

fn backup_under_load(place: &Place) {
    let (at, [served, fresh, third]) = (place.at(), &place.stores);
    let pass = place.result(&["pass", "new"]);
    let process = place.serve(&["--closed"], 0);
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
        let backup = place.command(&["backup", "relay.bak"]);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        backup
    });
    assert!(backup.status.success(), "{}", text(&backup.stderr));
    assert!(text(&backup.stdout).contains("written and checked"), "{}", text(&backup.stdout));
    let again = place.command(&["backup", "relay.bak"]);
    assert!(!again.status.success() && text(&again.stderr).contains("is there already"));
    // Not over a store that is there, or that a relay has.
    assert_eq!(place.command(&["restore", "relay.bak"]).status.code(), Some(1));
    assert_eq!(process.stop().0, Some(0));
    assert_eq!(place.command(&["restore", "relay.bak"]).status.code(), Some(1));
    assert_eq!(run(at, &["restore", "missing.bak", "--store", fresh]).status.code(), Some(1));
    assert!(!at.join("new.db").exists());
    let restored = run(at, &["restore", "relay.bak", "--store", fresh]);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let verified = run(at, &["verify", "--store", fresh]);
    assert!(text(&verified.stdout).contains(" 0 damaged"), "{}", text(&verified.stdout));
    let new = place.serve(&[], 1);
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
    let copied = run(at, &["copy", "--from", fresh, "--to", third]);
    assert!(copied.status.success(), "{}", text(&copied.stderr));
    assert!(run(at, &["verify", "--store", third]).status.success());
    let full = run(at, &["copy", "--from", fresh, "--to", served]);
    assert!(text(&full.stderr).contains("not empty"), "{}", text(&full.stderr));
}
