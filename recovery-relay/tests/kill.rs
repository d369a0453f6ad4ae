//! The program is killed again and again while 64 writers write: what it acknowledged is there after a restart.
//!
//! `RECOVERY_KILLS` sets how often (default 10), `RECOVERY_SEED` repeats a run.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that can't go on ends with a panic"
)]

#[path = "support/cluster.rs"]
mod cluster;

use self::cluster::Database;
use recovery_core::ids::{HoldToken, MailboxToken, SlotToken};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const WRITERS: usize = 64;
const MAILBOXES: u64 = 8;

/// Draws numbers from a seed.
struct Draws(u64);

impl Draws {
    fn seeded() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let fresh = now.as_nanos() as u64;
        let seed = std::env::var("RECOVERY_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or(fresh);
        println!("RECOVERY_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn kills() -> u64 {
    std::env::var("RECOVERY_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(10)
}

/// The store in this folder.
fn sqlite(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("relay.db").display())
}

fn spawn(store: &str) -> Child {
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
fn start(store: &str) -> (Child, String) {
    let mut child = spawn(store);
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://");
    let address = address.unwrap_or_else(|| panic!("it did not start: {line:?}")).to_owned();
    (child, address)
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A connection that speaks just enough HTTP.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new(address: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Self(BufReader::new(stream)))
    }

    /// Status, entity tag, body; `None` once the relay is gone.
    fn call(&mut self, head: &str, body: &[u8]) -> Option<(u16, String, Vec<u8>)> {
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
struct Round(u64);

impl Round {
    fn token(&self, n: u64) -> [u8; 32] {
        let mut token = [0; 32];
        token[..8].copy_from_slice(&self.0.to_be_bytes());
        token[8..16].copy_from_slice(&n.to_be_bytes());
        token
    }

    /// A mailbox's path and its owner's field.
    fn mailbox(&self, n: u64) -> (String, String) {
        let token = MailboxToken::new(self.token(n));
        let path = format!("/v1/mailboxes/{}", token.id());
        (path, format!("Authorization: Bearer {}", token.expose()))
    }

    fn slot(&self) -> (String, String) {
        let token = SlotToken::new(self.token(0));
        (format!("/v1/slots/{}", token.id()), format!("Authorization: Bearer {}", token.expose()))
    }

    fn messages(&self, client: &mut Client, n: u64) -> BTreeMap<u64, Vec<u8>> {
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

/// Everything that was acknowledged in a round.
#[derive(Default)]
struct Acknowledged {
    /// (mailbox, number, body)
    posted: Mutex<Vec<(u64, u64, Vec<u8>)>>,
    held: Mutex<Vec<Vec<u8>>>,
    deleted: Mutex<Vec<u64>>,
    /// What the slot held, and what it may hold since the last write was under way.
    slot: Mutex<(u64, u64)>,
}

fn body(round: &Round, writer: usize, n: u64) -> Vec<u8> {
    let mut body = format!("{}-{writer}-{n}-", round.0).into_bytes();
    body.resize(100 + writer * 40, b'x');
    body
}

fn write(address: &str, round: &Round, writer: usize, acknowledged: &Acknowledged, messages: u64) {
    let Some(mut client) = Client::new(address) else { return };
    let mailbox = writer as u64 % MAILBOXES;
    let (path, _) = round.mailbox(mailbox);
    for n in 0..messages {
        let body = body(round, writer, n);
        let answer = loop {
            match client.call(&format!("POST {path}/messages"), &body) {
                Some((200 | 201, _, answer)) => break answer,
                // The database is away: the same once more.
                Some((503, ..)) => thread::sleep(Duration::from_millis(50)),
                _ => return,
            }
        };
        let answer = String::from_utf8(answer).unwrap();
        let seq = answer.strip_prefix("{\"seq\":").and_then(|rest| rest.strip_suffix('}')).unwrap();
        acknowledged.posted.lock().unwrap().push((mailbox, seq.parse().unwrap(), body));
    }
}

/// Posts and deletes in a mailbox of its own, posts under a hold in another, and counts up in a slot.
fn change(address: &str, round: &Round, acknowledged: &Acknowledged) -> Option<()> {
    let mut client = Client::new(address)?;
    let (deletes, auth) = round.mailbox(MAILBOXES);
    let (holds, _) = round.mailbox(MAILBOXES + 1);
    let hold = HoldToken::new(round.token(0)).id();
    let (slot, slot_auth) = round.slot();
    let mut condition = "If-None-Match: *".to_owned();
    for n in 1.. {
        let body = n.to_string().into_bytes();
        client.call(&format!("POST {deletes}/messages"), &body).filter(|answer| answer.0 == 201)?;
        client
            .call(&format!("DELETE {deletes}/messages/{n}\n{auth}"), b"")
            .filter(|answer| answer.0 == 204)?;
        acknowledged.deleted.lock().unwrap().push(n);
        let head = format!("POST {holds}/messages\nRecovery-Hold: {hold}; for=1");
        client.call(&head, &body).filter(|answer| answer.0 == 202)?;
        acknowledged.held.lock().unwrap().push(body.clone());
        acknowledged.slot.lock().unwrap().1 = n;
        let head = format!("PUT {slot}\n{slot_auth}\n{condition}");
        let (_, tag, _) = client.call(&head, &body).filter(|answer| answer.0 < 300)?;
        acknowledged.slot.lock().unwrap().0 = n;
        condition = format!("If-Match: {tag}");
    }
    None
}

/// After the restart: all that was acknowledged is there, and nothing twice.
fn verify(address: &str, round: &Round, acknowledged: &Acknowledged) -> usize {
    let mut client = Client::new(address).unwrap();
    let posted = acknowledged.posted.lock().unwrap();
    for mailbox in 0..MAILBOXES {
        let messages = round.messages(&mut client, mailbox);
        let numbers: Vec<_> = messages.keys().copied().collect();
        let expected: Vec<_> = (1..=messages.len() as u64).collect();
        assert_eq!(numbers, expected, "numbers without a gap");
        for (_, seq, body) in posted.iter().filter(|(other, ..)| *other == mailbox) {
            assert_eq!(messages.get(seq), Some(body), "acknowledged and lost");
        }
        let mut bodies: Vec<_> = messages.values().collect();
        bodies.sort();
        bodies.dedup();
        assert_eq!(bodies.len(), messages.len(), "a message twice");
    }
    let left = round.messages(&mut client, MAILBOXES);
    for seq in acknowledged.deleted.lock().unwrap().iter() {
        assert!(!left.contains_key(seq), "deleted and there again");
    }
    let (at_least, at_most) = *acknowledged.slot.lock().unwrap();
    let (status, _, body) = client.call(&format!("GET {}", round.slot().0), b"").unwrap();
    let value = if status == 200 { String::from_utf8(body).unwrap().parse().unwrap() } else { 0 };
    assert!((at_least..=at_most).contains(&value), "the slot went back");
    posted.len() + acknowledged.held.lock().unwrap().len()
}

/// A second or more later: what was held is visible.
fn verify_held(client: &mut Client, round: &Round, acknowledged: &Acknowledged) {
    let visible = round.messages(client, MAILBOXES + 1);
    for body in acknowledged.held.lock().unwrap().iter() {
        assert_eq!(
            visible.values().filter(|other| *other == body).count(),
            1,
            "held and lost, or twice"
        );
    }
}

#[test]
fn what_is_acknowledged_survives_a_kill() {
    let folder = TempDir::new().unwrap();
    let mut draws = Draws::seeded();
    let (mut child, mut address) = start(&sqlite(folder.path()));
    let (mut total, mut slowest) = (0, Duration::ZERO);
    let mut rounds = Vec::new();
    for round in 0..kills() {
        let round = Round(round);
        let acknowledged = Acknowledged::default();
        let mut client = Client::new(&address).unwrap();
        for n in 0..MAILBOXES + 2 {
            let (path, auth) = round.mailbox(n);
            assert_eq!(client.call(&format!("PUT {path}\n{auth}"), b"").unwrap().0, 201);
        }
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (address, round, acknowledged) = (&address, &round, &acknowledged);
                scope.spawn(move || write(address, round, writer, acknowledged, 400));
            }
            scope.spawn(|| change(&address, &round, &acknowledged));
            thread::sleep(Duration::from_millis(20 + draws.below(300)));
            kill(child);
        });
        // Now and then it is killed again while it starts.
        for _ in 0..draws.below(3) {
            let starting = spawn(&sqlite(folder.path()));
            thread::sleep(Duration::from_millis(draws.below(30)));
            kill(starting);
        }
        let begun = Instant::now();
        (child, address) = start(&sqlite(folder.path()));
        slowest = slowest.max(begun.elapsed());
        total += verify(&address, &round, &acknowledged);
        rounds.push((round, acknowledged));
    }
    thread::sleep(Duration::from_millis(1_500));
    let mut client = Client::new(&address).unwrap();
    for (round, acknowledged) in &rounds {
        verify_held(&mut client, round, acknowledged);
        verify(&address, round, acknowledged);
    }
    kill(child);
    println!("{} kills, {total} acknowledged, 0 lost, slowest start {slowest:?}", rounds.len());
}

/// A database that loses power loses nothing that a relay acknowledged, and the relay goes on with it.
#[test]
fn what_is_acknowledged_survives_a_crash_of_the_database() {
    let Some(database) = Database::fresh() else { return };
    let mut draws = Draws::seeded();
    let (child, address) = start(&database.url());
    let mut total = 0;
    let crashes = kills().div_ceil(4);
    for round in 0..crashes {
        let (round, acknowledged) = (Round(round), Acknowledged::default());
        let mut client = Client::new(&address).unwrap();
        for n in 0..MAILBOXES + 2 {
            let (path, auth) = round.mailbox(n);
            assert_eq!(client.call(&format!("PUT {path}\n{auth}"), b"").unwrap().0, 201);
        }
        let first = acknowledged.posted.lock().unwrap().len();
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (address, round, acknowledged) = (&address, &round, &acknowledged);
                scope.spawn(move || write(address, round, writer, acknowledged, 40));
            }
            thread::sleep(Duration::from_millis(50 + draws.below(300)));
            database.cluster.crash();
        });
        let posted = acknowledged.posted.lock().unwrap().len() - first;
        assert_eq!(posted, WRITERS * 40, "a writer gave up");
        total += verify(&address, &round, &acknowledged);
    }
    kill(child);
    println!("{crashes} crashes of the database, {total} acknowledged, 0 lost, 0 doubled");
}

/// What is posted at one relay wakes who waits at another one on the same database, and a veto at one holds at both.
#[test]
fn two_relays_on_one_database_are_one() {
    let Some(database) = Database::fresh() else { return };
    let [(one, here), (other, there)] = [start(&database.url()), start(&database.url())];
    let (mut near, mut far) = (Client::new(&here).unwrap(), Client::new(&there).unwrap());
    let round = Round(1);
    let (path, auth) = round.mailbox(1);
    assert_eq!(near.call(&format!("PUT {path}\n{auth}"), b"").unwrap().0, 201);
    assert_eq!(far.call(&format!("PUT {path}\n{auth}"), b"").unwrap().0, 200);
    for n in 0..10_u64 {
        let head = format!("GET {path}/messages?after={n}&wait=30\n{auth}");
        thread::scope(|scope| {
            let poll = scope.spawn(|| far.call(&head, b"").unwrap());
            thread::sleep(Duration::from_millis(20 * (n % 3)));
            let post = near.call(&format!("POST {path}/messages"), &n.to_be_bytes()).unwrap();
            assert_eq!(post.0, 201);
            let (status, _, body) = poll.join().unwrap();
            assert!(status == 200 && body.len() > 10, "{status}");
        });
    }
    let hold = HoldToken::new(round.token(0));
    let held = format!("POST {path}/messages\nRecovery-Hold: {}; for=1", hold.id());
    assert_eq!(near.call(&held, b"dropped").unwrap().0, 202);
    let veto =
        format!("POST /v1/holds/{}/veto\nAuthorization: Bearer {}", hold.id(), hold.expose());
    assert_eq!(far.call(&veto, b"").unwrap().0, 204);
    assert_eq!(near.call(&held, b"refused").unwrap().0, 409);
    let other_hold = HoldToken::new(round.token(7)).id();
    let held = format!("POST {path}/messages\nRecovery-Hold: {other_hold}; for=1");
    assert_eq!(near.call(&held, b"kept").unwrap().0, 202);
    let head = format!("GET {path}/messages?after=10&wait=30\n{auth}");
    let (_, _, body) = far.call(&head, b"").unwrap();
    assert!(body.windows(4).any(|part| part == b"kept"));
    let all = round.messages(&mut near, 1);
    assert_eq!(all.len(), 11);
    kill(one);
    kill(other);
}

#[test]
fn a_store_that_is_being_made_survives_a_kill() {
    let mut draws = Draws::seeded();
    let mut there = 0;
    for _ in 0..2 * kills() {
        let folder = TempDir::new().unwrap();
        let starting = spawn(&sqlite(folder.path()));
        thread::sleep(Duration::from_micros(draws.below(25_000)));
        kill(starting);
        there += u64::from(folder.path().join("relay.db").exists());
        let (child, _) = start(&sqlite(folder.path()));
        kill(child);
    }
    println!("{} kills while the store was made, {there} after it was there", 2 * kills());
}
