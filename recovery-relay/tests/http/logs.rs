//! What the log must never hold, whatever is called.

use super::program::{Process, program};
use super::*;
use recovery_core::ids::PassToken;
use std::time::Duration;
use tempfile::TempDir;

const BODY: &str = "a body that nobody may log";
/// Nobody listens there, so the notice fails, which is logged.
const TARGET: &str = "http://127.0.0.1:1/a-hook-that-nobody-may-log";
/// Who a caller says that it is.
const ADDRESS: &str = "198.51.100.77";

/// Calls of every kind, good and bad, and the secrets in them.
fn calls() -> (Vec<String>, Vec<String>) {
    let mailbox = Mailbox::new(1);
    let (slot, slot_auth) = slot(1);
    let (hold_id, veto, hold_auth) = hold(1);
    let pass = PassToken::new([7; 32]).expose();
    let (auth, path, messages) = (&mailbox.auth[0], &mailbox.path, &mailbox.messages);
    let length = |text: &str| format!("Content-Length: {}\r\n", text.len());
    let post = format!("POST {messages} HTTP/1.1\r\n{}", length(BODY));
    let put = format!("PUT {slot} HTTP/1.1\r\n{slot_auth}\r\nIf-None-Match: *\r\n{}", length(BODY));
    let subscriptions = format!("{path}/subscriptions HTTP/1.1\r\n{auth}\r\n");
    let calls = vec![
        format!("PUT {path}?ttl=60 HTTP/1.1\r\n{auth}\r\n\r\n"),
        format!("{post}\r\n{BODY}"),
        format!("{post}Recovery-Hold: {hold_id}; for=5\r\n\r\n{BODY}"),
        format!("GET {messages}?after=0 HTTP/1.1\r\n{auth}\r\n\r\n"),
        format!("GET {messages}?after=x HTTP/1.1\r\n{auth}\r\n\r\n"),
        format!("GET {messages} HTTP/1.1\r\n{slot_auth}\r\n\r\n"),
        format!("DELETE {messages}/1 HTTP/1.1\r\n{auth}\r\n\r\n"),
        format!("{put}\r\n{BODY}"),
        format!("GET {slot} HTTP/1.1\r\nX-Forwarded-For: {ADDRESS}\r\n\r\n"),
        format!("GET {slot}/nowhere HTTP/1.1\r\n\r\n"),
        format!("{veto} HTTP/1.1\r\n{hold_auth}\r\n\r\n"),
        format!("GET {path} \0 broken {auth}\r\n\r\n"),
        format!("PUT {path} HTTP/1.1\r\n{auth}\r\nRecovery-Pass: {pass}\r\n\r\n"),
        format!("POST /v1/passes HTTP/1.1\r\nRecovery-Pass: {pass}\r\n\r\n"),
        format!("POST {subscriptions}{}\r\n{TARGET}", length(TARGET)),
        format!("GET {subscriptions}\r\n"),
        format!("GET /s/{pass} HTTP/1.1\r\n\r\n"),
        format!("POST /s/{pass} HTTP/1.1\r\nContent-Length: 8\r\n\r\ndo=start"),
    ];
    let secret = |text: &String| text.rsplit(['/', ' ']).next().unwrap().to_owned();
    let texts = [&mailbox.id, auth, &slot, &slot_auth, &hold_id, &hold_auth, &pass];
    let mut secrets: Vec<_> = texts.into_iter().map(secret).collect();
    secrets.extend([BODY.to_owned(), TARGET[20..].to_owned()]);
    (calls, secrets)
}

/// The log of a relay at its loudest that was called in all these ways.
fn log(format: &str, calls: &[String]) -> String {
    let home = TempDir::new().unwrap();
    let mut command = program(home.path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--store", "sqlite:relay.db", "--closed"]);
    command.args(["--log-level", "trace", "--log-format", format, "--webhooks"]);
    command.args(["--private-targets", "127.0.0.0/8", "--metrics-listen", "127.0.0.1:0"]);
    let process = Process::start(&mut command);
    for call in calls {
        let call = call.replacen("HTTP/1.1\r\n", "HTTP/1.1\r\nConnection: close\r\n", 1);
        assert!(process.talk(&call).starts_with("HTTP/1.1 "), "{call}");
    }
    // Until the notice was tried.
    std::thread::sleep(Duration::from_secs(4));
    let (code, log) = process.stop();
    assert_eq!(code, Some(0));
    log
}

#[test]
fn no_log_holds_ids_tokens_addresses_or_bodies() {
    let (calls, secrets) = calls();
    for format in ["text", "json"] {
        let log = log(format, &calls);
        for part in ["/v1/mailboxes/{id}/messages", "somebody was not told", "is not believed"] {
            assert!(log.contains(part), "it logs {part}: {log}");
        }
        assert!(!log.contains(ADDRESS), "an address in the log: {log}");
        for secret in &secrets {
            // Six characters may be shown, seven not.
            for part in 0..secret.len() - 6 {
                assert!(!log.contains(&secret[part..part + 7]), "{secret:?} in the log: {log}");
            }
        }
        if format == "json" {
            let is_json = |line| serde_json::from_str::<serde_json::Value>(line).is_ok();
            assert!(log.lines().all(is_json), "{log}");
        }
    }
}
