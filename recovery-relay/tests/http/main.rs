//! The relay from outside: every call, bad input over raw sockets, and the program itself.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that can't go on ends with a panic"
)]

mod api;
mod bad_input;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "../support/cluster.rs"]
mod cluster;
mod commands;
mod guards;
mod logs;
mod notices;
mod page;
mod passes;
mod program;
mod time;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use recovery_core::ids::{HoldToken, MailboxToken, SlotToken};
use recovery_relay::config::{Config, StorePlace};
use recovery_relay::{Relay, app};
use tower::ServiceExt;

/// A relay without a socket.
struct World {
    relay: Relay,
    app: Router,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl World {
    async fn new() -> Self {
        Self::with(Relay::open(&Config::new(StorePlace::Memory)).await.unwrap())
    }

    fn with(relay: Relay) -> Self {
        Self { app: app(relay.clone()), relay }
    }

    /// Sends `METHOD target` with header fields given as `Name: value`.
    async fn call(&self, call: &str, fields: &[String], body: impl Into<Body>) -> Reply {
        let (method, target) = call.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(target);
        for field in fields {
            let (name, value) = field.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let request = request.body(body.into()).unwrap();
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Opens a mailbox.
    async fn mailbox(&self, n: u8) -> Mailbox {
        let mailbox = Mailbox::new(n);
        let put = format!("PUT {}", mailbox.path);
        assert_eq!(self.call(&put, &mailbox.auth, "").await.status, 201);
        mailbox
    }
}

impl Reply {
    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of a problem, whose form is checked.
    fn code(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["type"], "about:blank");
        for member in ["title", "detail", "hint"] {
            assert!(problem[member].as_str().unwrap().len() > 3, "{member}");
        }
        problem["code"].as_str().unwrap().to_owned()
    }

    /// The messages of an answer to a read: number, time, body.
    fn messages(&self) -> Vec<(u64, u64, Vec<u8>)> {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/cbor");
        let mut cbor = minicbor::Decoder::new(&self.body);
        let count = cbor.array().unwrap().unwrap();
        let mut messages = Vec::new();
        for _ in 0..count {
            assert_eq!(cbor.map().unwrap(), Some(3));
            assert_eq!(cbor.str().unwrap(), "seq");
            let seq = cbor.u64().unwrap();
            assert_eq!(cbor.str().unwrap(), "body");
            let body = cbor.bytes().unwrap().to_vec();
            assert_eq!(cbor.str().unwrap(), "posted_at");
            messages.push((seq, cbor.u64().unwrap(), body));
        }
        assert_eq!(cbor.position(), self.body.len(), "nothing follows");
        messages
    }
}

/// A mailbox's addresses and what its owner sends.
struct Mailbox {
    id: String,
    path: String,
    messages: String,
    auth: [String; 1],
}

impl Mailbox {
    fn new(n: u8) -> Self {
        let token = MailboxToken::new([n; 32]);
        let id = token.id().to_string();
        let path = format!("/v1/mailboxes/{id}");
        Self { messages: format!("{path}/messages"), id, path, auth: [bearer(&token.expose())] }
    }

    fn post(&self) -> String {
        format!("POST {}", self.messages)
    }

    fn get(&self, query: &str) -> String {
        format!("GET {}{query}", self.messages)
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// A slot's path and what its owner sends.
fn slot(n: u8) -> (String, String) {
    let token = SlotToken::new([n; 32]);
    (format!("/v1/slots/{}", token.id()), bearer(&token.expose()))
}

/// A hold's id, the call that vetoes it, and what its owner sends.
fn hold(n: u8) -> (String, String, String) {
    let token = HoldToken::new([n; 32]);
    let id = token.id().to_string();
    (id.clone(), format!("POST /v1/holds/{id}/veto"), bearer(&token.expose()))
}

fn held(ids: &str, seconds: u64) -> [String; 1] {
    [format!("Recovery-Hold: {ids}; for={seconds}")]
}

/// No header fields.
const NONE: &[String] = &[];

/// A page of the documentation that is made from the code. With `WRITE_DOCS=1` it is made anew from the old one.
fn kept(page: &str, make: impl FnOnce(&str) -> String) -> String {
    let path = format!("{}/../docs/{page}", env!("CARGO_MANIFEST_DIR"));
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let new = make(&old);
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, &new).unwrap();
        return new;
    }
    assert!(
        old == new,
        "docs/{page} is old: WRITE_DOCS=1 cargo test -p recovery-relay --test http"
    );
    old
}
