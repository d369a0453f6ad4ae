//! The program is killed again and again while 64 writers write: what it acknowledged is there after a restart.
//!
//! `RECOVERY_KILLS` sets how often (default 10), `RECOVERY_SEED` repeats a run.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that can't go on ends with a panic"
)]

#[path = "support/client.rs"]
mod client;
#[path = "support/cluster.rs"]
mod cluster;

use self::client::{Client, Draws, Round, kill, spawn, sqlite, start};
use self::cluster::Database;
use recovery_core::ids::HoldToken;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const WRITERS: usize = 64;
const MAILBOXES: u64 = 8;

fn kills() -> u64 {
    std::env::var("RECOVERY_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(10)
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
