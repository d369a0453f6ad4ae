//! The program: settings, signals, output, log.

use super::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The program with a clean environment and a home of its own.
fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recovery-relay"));
    command.env_clear().env("HOME", home).current_dir(home);
    command
}

/// Runs it to its end, which must not be long in coming.
fn run(home: &Path, arguments: &[&str]) -> Output {
    let mut command = program(home);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    for _ in 0..500 {
        if child.try_wait().unwrap().is_some() {
            return child.wait_with_output().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("it serves with {arguments:?}");
}

/// A relay that runs as a process.
struct Process {
    child: Child,
    address: String,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("listening on http://").map(|rest| rest.trim().to_owned());
        Self { child, address: address.unwrap_or_else(|| panic!("{line:?}")) }
    }

    /// Tells it to stop; its exit code and log.
    fn stop(mut self) -> (Option<i32>, String) {
        signal(&self.child, "TERM");
        let code = self.child.wait().unwrap().code();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (code, log)
    }

    fn talk(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Wrong settings: exit code 2, what happened, and on a second line what to do.
fn refused(output: &Output, part: &str) {
    let stderr = text(&output.stderr);
    let lines: Vec<_> = stderr.lines().collect();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(output.stdout.is_empty());
    assert_eq!(lines.len(), 2, "{stderr}");
    assert!(lines[0].starts_with("recovery-relay: error: ") && lines[0].contains(part), "{stderr}");
    assert!(lines[1].starts_with("recovery-relay: hint: "), "{stderr}");
}

#[test]
fn help_and_version_are_short_and_true() {
    let home = TempDir::new().unwrap();
    let help = run(home.path(), &["--help"]);
    assert!(help.status.success());
    assert!(text(&help.stdout).contains("serve"));
    for later in ["backup", "restore", "verify", "copy", "pass", "stats", "check-config"] {
        assert!(!text(&help.stdout).contains(later), "{later} is not there yet");
    }
    let serve = text(&run(home.path(), &["serve", "--help"]).stdout);
    for flag in [
        "--listen",
        "--store",
        "--config",
        "--public-url",
        "--log-format",
        "--log-level",
        "--i-have-a-tls-proxy",
        "RELAY_LISTEN",
        "127.0.0.1:8440",
    ] {
        assert!(serve.contains(flag), "{flag}");
    }
    let version = text(&run(home.path(), &["--version"]).stdout);
    assert_eq!(version.trim(), format!("recovery-relay {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_settings_are_refused_with_a_hint() {
    let home = TempDir::new().unwrap();
    let at = home.path();
    let wrong = |arguments: &[&str]| run(at, &[&["serve"], arguments].concat());
    refused(&wrong(&["--store", "redis:x"]), "sqlite:PATH");
    refused(&wrong(&["--store", "sqlite:"]), "sqlite:PATH");
    refused(&wrong(&["--listen", "127.0.0.1:65536", "--store", "memory:"]), "listen");
    refused(&wrong(&["--listen", "8440", "--store", "memory:"]), "listen");
    refused(&wrong(&["--listen", "0.0.0.0:0", "--store", "memory:"]), "does not encrypt");
    refused(&wrong(&["--listen", "[::]:0", "--store", "memory:"]), "does not encrypt");
    for url in [
        "relay.example",
        "ftp://relay.example",
        "https://",
        "https://u:p@relay.example",
        "https://relay.example/x",
        "https://relay.example?x",
        "https://relay.example:99999",
    ] {
        refused(&wrong(&["--public-url", url, "--store", "memory:"]), "public_url");
    }
    refused(&wrong(&["--config", "missing.toml"]), "missing.toml");
    for (content, part) in [
        ("listen = \"127.0.0.1:0\"\nlisten_on = 1\n", "line 2: unknown field `listen_on`"),
        ("listen = 8440\n", "line 1: invalid type"),
        ("listen = \"a\"\nlisten = \"b\"\n", "line 2: duplicate key"),
        ("log_level = \"loud\"\n", "line 1: unknown variant"),
        ("x", "line 1"),
    ] {
        std::fs::write(at.join("relay.toml"), content).unwrap();
        refused(&wrong(&["--config", "relay.toml"]), part);
    }
    for arguments in
        [&["serve", "--unknown"][..], &["server"], &["serve", "--log-level", "loud"], &[]]
    {
        let output = run(at, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
    assert!(!at.join(".local").exists(), "nothing was made");
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let home = TempDir::new().unwrap();
    std::fs::write(
        home.path().join("relay.toml"),
        "store = \"sqlite:file.db\"\nlisten = \"127.0.0.1:0\"\n",
    )
    .unwrap();
    let made = |name: &str| home.path().join(name).exists();
    let serve = || {
        let mut command = program(home.path());
        command.args(["serve", "--config", "relay.toml"]);
        command
    };
    assert_eq!(Process::start(&mut serve()).stop().0, Some(0));
    assert!(made("file.db"));
    assert_eq!(Process::start(serve().env("RELAY_STORE", "sqlite:env.db")).stop().0, Some(0));
    assert!(made("env.db"));
    let mut both = serve();
    both.args(["--store", "sqlite:flag.db"]).env("RELAY_STORE", "sqlite:other.db");
    assert_eq!(Process::start(&mut both).stop().0, Some(0));
    assert!(made("flag.db") && !made("other.db"));
    let mut named = program(home.path());
    named.arg("serve").env("RELAY_CONFIG", "relay.toml").env("RELAY_I_HAVE_A_TLS_PROXY", "true");
    named.env("RELAY_LISTEN", "0.0.0.0:0").env("RELAY_PUBLIC_URL", "https://relay.example/");
    let (code, log) = Process::start(&mut named).stop();
    assert_eq!(code, Some(0));
    assert!(log.contains("https://relay.example"), "{log}");
}

#[test]
fn a_misspelt_variable_is_named() {
    let home = TempDir::new().unwrap();
    let mut command = program(home.path());
    command.args(["serve", "--listen", "127.0.0.1:0"]).env("RELAY_STORE", "memory:");
    let (code, log) = Process::start(command.env("RELAY_LISTENN", "x")).stop();
    assert_eq!(code, Some(0));
    assert!(log.contains("RELAY_LISTENN") && !log.contains("RELAY_STORE"), "{log}");
}

#[test]
fn without_settings_it_keeps_to_this_machine_and_its_user() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let mut command = program(home.path());
    command.args(["serve", "--listen", "localhost:0"]).env("XDG_DATA_HOME", &data);
    let process = Process::start(&mut command);
    assert!(process.address.starts_with("127.0.0.1:") || process.address.starts_with("[::1]:"));
    assert_eq!(process.stop().0, Some(0));
    assert!(data.join("recovery-relay/relay.db").exists());
}

#[test]
fn what_is_taken_is_named() {
    let home = TempDir::new().unwrap();
    let mut command = program(home.path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--store", "sqlite:relay.db"]);
    let process = Process::start(&mut command);
    let second = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let stderr = text(&second.stderr);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        stderr.contains("error: another relay is using the store") && stderr.contains("hint:"),
        "{stderr}"
    );
    let port = run(home.path(), &["serve", "--listen", &process.address, "--store", "memory:"]);
    let stderr = text(&port.stderr);
    assert_eq!(port.status.code(), Some(1));
    assert!(stderr.contains("can't listen on") && stderr.contains("another port"), "{stderr}");
    assert_eq!(process.stop().0, Some(0));
}

#[test]
fn told_to_stop_it_finishes_what_it_has() {
    for name in ["TERM", "INT"] {
        let home = TempDir::new().unwrap();
        let mut command = program(home.path());
        command.args(["serve", "--listen", "127.0.0.1:0", "--store", "sqlite:relay.db"]);
        let mut process = Process::start(&mut command);
        let mailbox = Mailbox::new(1);
        let auth = &mailbox.auth[0];
        let put = format!("PUT {} HTTP/1.1\r\n{auth}\r\nConnection: close\r\n\r\n", mailbox.path);
        assert!(process.talk(&put).contains(" 201 "));
        let _idle = TcpStream::connect(&process.address).unwrap();
        let address = process.address.clone();
        let poll = format!("GET {}?wait=60 HTTP/1.1\r\n{auth}\r\n\r\n", mailbox.messages);
        let poll = std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(poll.as_bytes()).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            text(&answer)
        });
        std::thread::sleep(Duration::from_millis(300));
        let begun = Instant::now();
        signal(&process.child, name);
        assert_eq!(process.child.wait().unwrap().code(), Some(0), "{name}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert!(poll.join().unwrap().starts_with("HTTP/1.1 200 "), "the long poll was answered");
        // A clean stop leaves nothing to be checked or replayed.
        assert!(!home.path().join("relay.db-wal").exists());
        let (code, log) = Process::start(&mut command).stop();
        assert_eq!(code, Some(0));
        assert!(!log.contains("not stopped cleanly"), "{log}");
    }
}

#[test]
fn after_an_unclean_stop_the_store_is_checked() {
    let home = TempDir::new().unwrap();
    let mut command = program(home.path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--store", "sqlite:relay.db"]);
    let mut process = Process::start(&mut command);
    process.child.kill().unwrap();
    process.child.wait().unwrap();
    let (code, log) = Process::start(&mut command).stop();
    assert_eq!(code, Some(0));
    assert!(log.contains("not stopped cleanly"), "{log}");
}

#[test]
fn no_log_holds_ids_tokens_or_bodies() {
    for format in ["text", "json"] {
        let home = TempDir::new().unwrap();
        let mut command = program(home.path());
        command.args(["serve", "--listen", "127.0.0.1:0", "--store", "sqlite:relay.db"]);
        command.args(["--log-level", "trace", "--log-format", format]);
        let process = Process::start(&mut command);
        let mailbox = Mailbox::new(1);
        let (slot, slot_auth) = slot(1);
        let (hold_id, veto, hold_auth) = hold(1);
        let auth = &mailbox.auth[0];
        let body = "a body that nobody may log";
        let post =
            format!("POST {} HTTP/1.1\r\nContent-Length: {}\r\n", mailbox.messages, body.len());
        let (path, messages) = (&mailbox.path, &mailbox.messages);
        for request in [
            format!("PUT {path}?ttl=60 HTTP/1.1\r\n{auth}\r\n\r\n"),
            format!("{post}\r\n{body}"),
            format!("{post}Recovery-Hold: {hold_id}; for=5\r\n\r\n{body}"),
            format!("GET {messages}?after=0 HTTP/1.1\r\n{auth}\r\n\r\n"),
            format!("GET {messages}?after=x HTTP/1.1\r\n{auth}\r\n\r\n"),
            format!("GET {messages} HTTP/1.1\r\n{slot_auth}\r\n\r\n"),
            format!("DELETE {messages}/1 HTTP/1.1\r\n{auth}\r\n\r\n"),
            format!(
                "PUT {slot} HTTP/1.1\r\n{slot_auth}\r\nIf-None-Match: *\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ),
            format!("GET {slot} HTTP/1.1\r\n\r\n"),
            format!("GET {slot}/nowhere HTTP/1.1\r\n\r\n"),
            format!("{veto} HTTP/1.1\r\n{hold_auth}\r\n\r\n"),
            format!("GET {path} \0 broken {auth}\r\n\r\n"),
        ] {
            let request = request.replacen("HTTP/1.1\r\n", "HTTP/1.1\r\nConnection: close\r\n", 1);
            assert!(process.talk(&request).starts_with("HTTP/1.1 "), "{request}");
        }
        let (code, log) = process.stop();
        assert_eq!(code, Some(0));
        assert!(log.contains("/v1/mailboxes/{id}/messages"), "it logs calls: {log}");
        let secret = |text: &str| text.rsplit(['/', ' ']).next().unwrap().to_owned();
        let secrets =
            [&mailbox.id, auth, &slot, &slot_auth, &hold_id, &hold_auth].map(|text| secret(text));
        for secret in secrets.iter().map(String::as_str).chain([body]) {
            // Six characters may be shown, seven not.
            for part in 0..secret.len() - 6 {
                assert!(!log.contains(&secret[part..part + 7]), "{secret:?} in the log: {log}");
            }
        }
        if format == "json" {
            assert!(
                log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
            );
        }
    }
}
