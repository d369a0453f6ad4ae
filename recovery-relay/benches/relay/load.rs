//! The load: posts and reads over HTTP, and the same without it.

use crate::places::now;
use crate::tools::{Connection, Outcome, Run};
use bytes::Bytes;
use recovery_core::ids::{MailboxId, MailboxToken};
use recovery_relay::Relay;
use recovery_relay::store::{Body, Query, Store, Write};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, LocalSet};

/// Octets of every message.
pub(crate) const BODY: usize = 1_024;
/// Mailboxes that are posted to at a time.
const LANES: u64 = 64;
/// A mailbox takes 4,096 messages.
const MAILBOX_TAKES: u64 = 4_000;

/// One mailbox of many.
pub(crate) fn mailbox(n: u64) -> MailboxToken {
    let mut token = [0; 32];
    token[..8].copy_from_slice(&n.to_be_bytes());
    MailboxToken::new(token)
}

/// A message like no other.
pub(crate) fn body(n: u64) -> Vec<u8> {
    let mut body = vec![7; BODY];
    body[..8].copy_from_slice(&n.to_be_bytes());
    body
}

/// Messages no one has posted yet, and where they go: to 64 mailboxes in turn, then to the next 64.
#[derive(Clone)]
pub(crate) struct Posts {
    mailboxes: Arc<[MailboxId]>,
    numbers: Arc<AtomicU64>,
}

impl Posts {
    /// Into so many mailboxes, with numbers from there on.
    pub(crate) fn new(mailboxes: u64, from: u64) -> Self {
        let mailboxes = (0..mailboxes).map(|n| mailbox(n).id()).collect();
        Self { mailboxes, numbers: Arc::new(from.into()) }
    }

    fn next(&self) -> (MailboxId, Vec<u8>) {
        let n = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (lane, block) = (n % LANES, n / LANES / MAILBOX_TAKES);
        (self.mailboxes[(block * LANES + lane) as usize % self.mailboxes.len()], body(n))
    }

    fn next_request(&self) -> Vec<u8> {
        let (mailbox, body) = self.next();
        let head = format!(
            "POST /v1/mailboxes/{mailbox}/messages HTTP/1.1\r\nHost: relay\r\nContent-Length: {BODY}\r\n\r\n"
        );
        [head.as_bytes(), &body].concat()
    }
}

/// A read of what comes after a number.
pub(crate) fn read_request(token: &MailboxToken, after: u64, limit: usize) -> Vec<u8> {
    format!(
        "GET /v1/mailboxes/{}/messages?after={after}&limit={limit} HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer {}\r\n\r\n",
        token.id(),
        token.expose()
    )
    .into_bytes()
}

/// Requests over many connections of one thread, each after the answer to the one before.
async fn over_http(
    address: &str,
    connections: usize,
    span: Duration,
    expected: &'static [u8],
    next: impl Fn() -> Vec<u8> + 'static,
) -> Outcome<Run> {
    let next = Rc::new(next);
    let mut opened = Vec::new();
    for _ in 0..connections {
        opened.push(Connection::new(address).await?);
    }
    let until = Instant::now() + span;
    let all = async move {
        let tasks = opened.into_iter().map(|mut connection| {
            let next = Rc::clone(&next);
            tokio::task::spawn_local(async move {
                let mut took = Vec::new();
                while Instant::now() < until {
                    let request = next();
                    let begun = Instant::now();
                    connection.call(&request, expected).await?;
                    took.push(begun.elapsed());
                }
                Outcome::Ok(took)
            })
        });
        gathered(tasks.collect(), span).await
    };
    LocalSet::new().run_until(all).await
}

/// What all of those who call took, once they are done.
async fn gathered(tasks: Vec<JoinHandle<Outcome<Vec<Duration>>>>, span: Duration) -> Outcome<Run> {
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await??);
    }
    Ok(Run::new(span, took))
}

/// Durable posts over HTTP.
pub(crate) fn posts(address: &str, posts: &Posts, many: usize, span: Duration) -> Outcome<Run> {
    let posts = posts.clone();
    let next = move || posts.next_request();
    client()?.block_on(over_http(address, many, span, b"HTTP/1.1 201", next))
}

/// Reads over HTTP, the given ones in turn.
pub(crate) fn reads(
    address: &str,
    requests: &Arc<[Vec<u8>]>,
    many: usize,
    span: Duration,
) -> Outcome<Run> {
    let (requests, sent) = (Arc::clone(requests), Cell::new(0));
    let next = move || requests[sent.replace(sent.get() + 1) % requests.len()].clone();
    client()?.block_on(over_http(address, many, span, b"HTTP/1.1 200", next))
}

/// All that measures is done by one thread, so that a core is left to what is measured.
pub(crate) fn client() -> Outcome<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// The same posts to the same store and group commit, without HTTP.
pub(crate) async fn posts_alone(
    relay: &Relay,
    posts: &Posts,
    many: usize,
    span: Duration,
) -> Outcome<Run> {
    let until = Instant::now() + span;
    let tasks = (0..many).map(|_| {
        let (relay, posts) = (relay.clone(), posts.clone());
        tokio::spawn(async move {
            let mut took = Vec::new();
            while Instant::now() < until {
                let (mailbox, body) = posts.next();
                let begun = Instant::now();
                let body = Body::new(Bytes::from(body));
                relay.write(Write::Post { mailbox, body, hold: None }).await?;
                took.push(begun.elapsed());
            }
            Outcome::Ok(took)
        })
    });
    gathered(tasks.collect(), span).await
}

/// The same reads from the same store, without HTTP: a thread for each reader.
pub(crate) fn reads_alone(
    store: &dyn Store,
    queries: &[(MailboxId, u64)],
    many: usize,
    span: Duration,
) -> Outcome<Run> {
    let (sent, now) = (AtomicUsize::new(0), now());
    let until = Instant::now() + span;
    let reader = || {
        let mut took = Vec::new();
        while Instant::now() < until {
            let n = sent.fetch_add(1, Ordering::Relaxed);
            let (mailbox, after) = queries[n % queries.len()];
            let begun = Instant::now();
            let page = store.messages(&Query { mailbox, after, limit: 1, octets: BODY }, now)?;
            if page.is_none_or(|page| page.messages.len() != 1) {
                return Err("a message is missing".into());
            }
            took.push(begun.elapsed());
        }
        Outcome::Ok(took)
    };
    let took = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..many).map(|_| scope.spawn(reader)).collect();
        let mut took = Vec::new();
        for reader in readers {
            took.extend(reader.join().map_err(|_| "a reader broke off")??);
        }
        Outcome::Ok(took)
    })?;
    Ok(Run::new(span, took))
}
