//! The program: settings, signals, output, log.

use super::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The program with a clean environment and a home of its own.
pub(super) fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recovery-relay"));
    command.env_clear().env("HOME", home).current_dir(home);
    command
}

/// Runs it to its end, which must not be long in coming.
pub(super) fn run(home: &Path, arguments: &[&str]) -> Output {
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
pub(super) struct Process {
    child: Child,
    pub(super) address: String,
}

impl Process {
    pub(super) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("listening on http://").map(|rest| rest.trim().to_owned());
        Self { child, address: address.unwrap_or_else(|| panic!("{line:?}")) }
    }

    /// Tells it to stop; its exit code and log.
    pub(super) fn stop(mut self) -> (Option<i32>, String) {
        signal(&self.child, "TERM");
        let code = self.child.wait().unwrap().code();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (code, log)
    }

    pub(super) fn talk(&self, request: &str) -> String {
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

pub(super) fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Wrong settings: exit code 2, what happened, and on a second line what to do.
pub(super) fn refused(output: &Output, part: &str) {
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
    for command in [
        "serve",
        "check-config",
        "backup",
        "restore",
        "copy",
        "pass",
        "stats",
        "verify",
        "doctor",
        "health",
    ] {
        assert!(text(&help.stdout).contains(command), "{command}");
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
        "--open",
        "--closed",
        "--metrics-listen",
        "--tls-cert",
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
        ("listen = \"127.0.0.1:0\"\nlisten_on = 1\n", "line 2: there is no setting `listen_on`"),
        ("listen = 8440\n", "line 1: listen: it must be text in quotes"),
        ("listen = \"a\"\nlisten = \"b\"\n", "line 2: duplicate key"),
        ("log_level = \"loud\"\n", "line 1: log_level: it must be one of: error, warn"),
        ("connections = 0\n", "line 1: connections: it must be a number of connections from 1 to"),
        ("connections = \"5\"\n", "line 1: connections: it must be a whole number"),
        ("closed = \"yes\"\n", "line 1: closed: it must be true or false"),
        ("trusted_proxies = [\"10.0.0.0/8\", \"proxy\"]\n", "\"proxy\" is neither an address"),
        ("open = true\nclosed = true\n", "open and closed contradict each other"),
        ("tls_cert = \"cert.pem\"\n", "tls_cert and tls_key go together"),
        ("[tls]\ncert = \"x\"\n", "line 1: there is no setting `tls`"),
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
    // What says nothing counts for nothing.
    assert_eq!(Process::start(serve().env("RELAY_STORE", "")).stop().0, Some(0));
    let mut named = program(home.path());
    named.arg("serve").env("RELAY_CONFIG", "relay.toml").env("RELAY_I_HAVE_A_TLS_PROXY", "true");
    named.env("RELAY_LISTEN", "0.0.0.0:0").env("RELAY_PUBLIC_URL", "https://relay.example/");
    let (code, log) = Process::start(&mut named).stop();
    assert_eq!(code, Some(0));
    assert!(log.contains("https://relay.example"), "{log}");
}

#[test]
fn the_guide_has_the_table_of_settings() {
    let page = kept("guide/settings.md", |old| {
        let text = old.split("| key |").next().unwrap();
        format!("{text}{}", recovery_relay::config::table::reference())
    });
    assert!(page.contains("| `listen` | ADDR |"));
}

#[test]
fn each_setting_says_where_it_comes_from() {
    let home = TempDir::new().unwrap();
    let file = "\n# who may\nclosed = true\nconnections = 7\ntrusted_proxies = [\"::1\"]\n";
    std::fs::write(home.path().join("relay.toml"), file).unwrap();
    let shown = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let mut command = program(home.path());
    command.args(["serve", "--print-config", "--config", "relay.toml", "--open"]);
    command.env("RELAY_STORE", "memory:").env("RELAY_CONNECTIONS", "9");
    let page = shown(&mut command);
    for line in [
        "open = true # --open",
        "store = \"memory:\" # RELAY_STORE",
        "connections = 9 # RELAY_CONNECTIONS",
        "trusted_proxies = [\"::1\"] # relay.toml, line 5",
        "# listen by default: 127.0.0.1:8440",
        "# tls_cert is not set",
    ] {
        assert!(page.lines().any(|shown| shown == line), "{line}: {page}");
    }
    assert!(!page.contains("closed = "), "a flag decided it: {page}");
    // What is printed is a file of settings again.
    std::fs::write(home.path().join("again.toml"), &page).unwrap();
    let mut again = program(home.path());
    let page = shown(again.args(["serve", "--print-config", "--config", "again.toml"]));
    assert!(page.contains("connections = 9 # again.toml, line "), "{page}");
    assert!(!home.path().join(".local").exists(), "nothing was made");
}

#[test]
fn settings_are_checked_without_serving() {
    let home = TempDir::new().unwrap();
    let check = |arguments: &[&str]| run(home.path(), &[&["check-config"], arguments].concat());
    let good = check(&["--store", "memory:"]);
    assert!(good.status.success());
    assert_eq!(text(&good.stdout), "the settings are good\n");
    assert!(text(&good.stderr).contains("warning: nothing is kept"));
    refused(&check(&["--store", "redis:x"]), "(--store): a store is");
    refused(&check(&["--listen", "0.0.0.0:1", "--store", "memory:"]), "does not encrypt");
    let tls = ["--tls-cert", "cert.pem", "--tls-key", "key.pem", "--store", "memory:"];
    refused(&check(&tls), "cert.pem: ");
    let exposed = ["--listen", "0.0.0.0:1", "--i-have-a-tls-proxy", "--open", "--store", "memory:"];
    assert!(text(&check(&exposed).stderr).contains("anybody who reaches this relay"));
}

#[test]
fn a_secret_comes_from_one_place_only() {
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("place"), "sqlite:secret.db\n").unwrap();
    std::fs::write(home.path().join("empty"), "\n").unwrap();
    let serve = |path: &str| {
        let mut command = program(home.path());
        command.args(["serve", "--listen", "127.0.0.1:0"]).env("RELAY_STORE_FILE", path);
        command
    };
    assert_eq!(Process::start(&mut serve("place")).stop().0, Some(0));
    assert!(home.path().join("secret.db").exists());
    let output = |mut command: Command| command.output().unwrap();
    let mut both = serve("place");
    both.args(["--store", "memory:"]);
    refused(&output(both), "store and store_file are both set");
    refused(&output(serve("missing")), "missing: ");
    refused(&output(serve("empty")), "empty: it is empty");
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
fn the_log_can_be_made_louder_while_it_serves() {
    let home = TempDir::new().unwrap();
    let settings = home.path().join("relay.toml");
    std::fs::write(&settings, "listen = \"127.0.0.1:0\"\nstore = \"memory:\"\n").unwrap();
    let mut command = program(home.path());
    let process = Process::start(command.args(["serve", "--config", "relay.toml"]));
    let ask = || process.talk("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n");
    let id = |answer: &str| {
        let field = answer.lines().find_map(|line| line.strip_prefix("x-request-id: "));
        field.unwrap_or_else(|| panic!("{answer}")).trim().to_owned()
    };
    let quiet = id(&ask());
    std::fs::write(&settings, "log_level = \"debug\"\n").unwrap();
    signal(&process.child, "HUP");
    let mut loud = Vec::new();
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(50));
        loud.push(id(&ask()));
    }
    let (code, log) = process.stop();
    assert_eq!(code, Some(0));
    assert!(!log.contains(&quiet), "{log}");
    assert!(loud.iter().any(|id| log.contains(id)), "{log}");
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
