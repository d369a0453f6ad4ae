//! The relay's program, and just enough HTTP to talk to it.

use recovery_core::ids::{MailboxToken, SlotToken};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// Draws numbers from a seed.
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn seeded() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let fresh = now.as_nanos() as u64;
        let seed = std::env::var("RECOVERY_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or(fresh);
        println!("RECOVERY_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// The store in this folder.
pub(crate) fn sqlite(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("relay.db").display())
}

pub(crate) fn spawn(store: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_recovery-relay"))
        .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"])
        // A database's URL holds its password: not for everybody who can list processes.
        .env("RELAY_STORE", store)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Starts it and waits until it listens.
pub(crate) fn start(store: &str) -> (Child, String) {
    let mut child = spawn(store);
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://");
    let address = address.unwrap_or_else(|| panic!("it did not start: {line:?}")).to_owned();
    (child, address)
}

pub(crate) fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A connection that speaks just enough HTTP.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn new(address: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Self(BufReader::new(stream)))
    }

    /// Status, entity tag, body; `None` once the relay is gone.
    pub(crate) fn call(&mut self, head: &str, body: &[u8]) -> Option<(u16, String, Vec<u8>)> {
        let (line, fields) = head.split_once('\n').unwrap_or((head, ""));
        let fields: String = fields.lines().map(|field| format!("{field}\r\n")).collect();
        let mut request =
            format!("{line} HTTP/1.1\r\n{fields}Content-Length: {}\r\n\r\n", body.len())
                .into_bytes();
        request.extend_from_slice(body);
        self.0.get_mut().write_all(&request).ok()?;
        let mut status = String::new();
        self.0.read_line(&mut status).ok()?;
        let status = status.get(9..12)?.parse().ok()?;
        let (mut length, mut tag) = (0, String::new());
        loop {
            let mut field = String::new();
            self.0.read_line(&mut field).ok().filter(|read| *read > 0)?;
            match field.trim_end().split_once(": ") {
                None => break,
                Some(("content-length", value)) => length = value.parse().ok()?,
                Some(("etag", value)) => value.clone_into(&mut tag),
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).ok()?;
        Some((status, tag, body))
    }
}

/// The tokens of one round.
pub(crate) struct Round(pub(crate) u64);

impl Round {
    pub(crate) fn token(&self, n: u64) -> [u8; 32] {
        let mut token = [0; 32];
        token[..8].copy_from_slice(&self.0.to_be_bytes());
        token[8..16].copy_from_slice(&n.to_be_bytes());
        token
    }

    /// A mailbox's path and its owner's field.
    pub(crate) fn mailbox(&self, n: u64) -> (String, String) {
        let token = MailboxToken::new(self.token(n));
        let path = format!("/v1/mailboxes/{}", token.id());
        (path, format!("Authorization: Bearer {}", token.expose()))
    }

    pub(crate) fn slot(&self) -> (String, String) {
        let token = SlotToken::new(self.token(0));
        (format!("/v1/slots/{}", token.id()), format!("Authorization: Bearer {}", token.expose()))
    }

    pub(crate) fn messages(&self, client: &mut Client, n: u64) -> BTreeMap<u64, Vec<u8>> {
        let (path, auth) = self.mailbox(n);
        let mut all = BTreeMap::new();
        loop {
            let after = all.last_key_value().map_or(0, |(seq, _)| *seq);
            let head = format!("GET {path}/messages?after={after}\n{auth}");
            let (status, _, body) = client.call(&head, b"").unwrap();
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
            let mut cbor = minicbor::Decoder::new(&body);
            let count = cbor.array().unwrap().unwrap();
            for _ in 0..count {
                cbor.map().unwrap();
                cbor.skip().unwrap();
                let seq = cbor.u64().unwrap();
                cbor.skip().unwrap();
                let body = cbor.bytes().unwrap().to_vec();
                cbor.skip().unwrap();
                cbor.skip().unwrap();
                assert!(all.insert(seq, body).is_none(), "a number twice");
            }
            if count == 0 {
                return all;
            }
        }
    }
}
