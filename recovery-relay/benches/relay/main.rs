//! What HTTP costs over the store, and what the store costs over HTTP. Prints a table in Markdown.
//!
//! `cargo bench -p recovery-relay [-- posts|reads|connections]`; `RECOVERY_BENCH_ROUNDS` (default 7) and `RECOVERY_BENCH_MILLIS` (default
//! 1,500 a measurement) make it longer. Both sides of a ratio are measured in turn, round by round, and the
//! median of the rounds' ratios counts, so that a busy machine slows both.

#![expect(clippy::indexing_slicing, reason = "a measurement that can't go on ends with a panic")]

mod tools;

use self::tools::{Connection, Outcome, Run, length, median, sync_time};
use axum::Router;
use axum::http::{HeaderMap, HeaderName};
use axum::routing::get;
use bytes::Bytes;
use recovery_core::ids::{MailboxId, MailboxToken};
use recovery_relay::config::{Config, StorePlace};
use recovery_relay::store::{Body, Right, Write as StoreWrite};
use recovery_relay::{Relay, Running};
use std::cell::Cell;
use std::error::Error;
use std::io::{Write, stdout};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

const CONNECTIONS: usize = 64;
/// A mailbox takes 4,096 messages.
const MAILBOX_TAKES: u64 = 4_000;

fn main() -> Outcome<()> {
    let rounds = setting("RECOVERY_BENCH_ROUNDS", 7);
    let span = Duration::from_millis(setting("RECOVERY_BENCH_MILLIS", 1_500));
    let server = Builder::new_multi_thread().enable_all().build()?;
    let client = Builder::new_current_thread().enable_all().build()?;
    let mut out = stdout();
    writeln!(out, "fdatasync of 4 KiB: {}\n", sync_time()?)?;
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    if wanted("posts") {
        posts(&server, &client, rounds, span)?;
    }
    if wanted("reads") {
        reads(&server, &client, rounds, span)?;
    }
    if wanted("connections") {
        absolute(&server, &client, span)?;
    }
    Ok(())
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Durable posts of 1 KiB over 64 connections, against the same store and group commit without HTTP.
fn posts(server: &Runtime, client: &Runtime, rounds: u64, span: Duration) -> Outcome<()> {
    let mut over_http = Vec::new();
    let mut without = Vec::new();
    for _ in 0..rounds {
        let place = Place::new(server)?;
        over_http.push(client.block_on(place.posts(CONNECTIONS, span))?);
        place.stop(server)?;
        let place = Place::new(server)?;
        without.push(place.posts_without_http(server, span)?);
        place.stop(server)?;
    }
    compare("durable posts of 1 KiB, 64 writers", &over_http, &without)
}

/// Reads of one message of 1 KiB, against a handler that has the answer in memory: the same read again and again,
/// as by people to whom nothing new came, and other reads each time, which the store has to answer.
fn reads(server: &Runtime, client: &Runtime, rounds: u64, span: Duration) -> Outcome<()> {
    let place = Place::new(server)?;
    let body = Bytes::from(vec![7; 1_024]);
    let mailbox = place.mailbox(0);
    for n in 0..1_000_u64 {
        let body = Body::new(Bytes::from([&n.to_be_bytes()[..], &body].concat()));
        let write = StoreWrite::Post { mailbox: mailbox.id(), body, hold: None };
        server.block_on(place.running.relay().write(write))?;
    }
    let get = |query: String| {
        format!(
            "GET /v1/mailboxes/{}/messages{query} HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer {}\r\n\r\n",
            mailbox.id(),
            mailbox.expose()
        )
        .into_bytes()
    };
    let again = vec![get("?after=500&limit=1".into())];
    // No answer is asked for twice in a row, so none that was kept helps.
    let other: Vec<_> = (0..900).map(|after| get(format!("?after={after}&limit=1"))).collect();
    let address = place.address();
    let (fields, answer) = client.block_on(one_answer(&address, &again[0]))?;
    let plain = server.block_on(plain_server(fields, answer))?;
    let mut runs = [Vec::new(), Vec::new(), Vec::new()];
    let turns = [(&address, again.clone()), (&address, other), (&plain, again)];
    for _ in 0..rounds {
        for (runs, (address, requests)) in runs.iter_mut().zip(&turns) {
            let load = load(address, requests.clone().into(), CONNECTIONS, span);
            runs.push(client.block_on(load)?);
        }
    }
    place.stop(server)?;
    let [again, other, plain] = runs;
    compare("reads of a message of 1 KiB, 64 readers", &again, &plain)?;
    compare("the same, each read another message", &other, &plain)
}

/// Posts at other numbers of connections: how many a second, and how long one takes.
fn absolute(server: &Runtime, client: &Runtime, span: Duration) -> Outcome<()> {
    let mut out = stdout();
    writeln!(out, "| posts of 1 KiB, connections | a second | p50 | p99 |\n|--:|--:|--:|--:|")?;
    for connections in [1, 16, 64, 256] {
        let place = Place::new(server)?;
        let run = client.block_on(place.posts(connections, span))?;
        place.stop(server)?;
        let (p50, p99) = (run.percentile(50), run.percentile(99));
        writeln!(out, "| {connections} | {:.0} | {p50:.1?} | {p99:.1?} |", run.rate())?;
    }
    Ok(())
}

fn compare(what: &str, ours: &[Run], baseline: &[Run]) -> Outcome<()> {
    let ratios = ours.iter().zip(baseline).map(|(ours, baseline)| ours.rate() / baseline.rate());
    let ratios: Vec<_> = ratios.collect();
    let rates = |runs: &[Run]| median(runs.iter().map(Run::rate).collect());
    let mut out = stdout();
    writeln!(out, "| {what} | a second | p50 | p99 |\n|---|--:|--:|--:|")?;
    for (name, runs) in [("relay", ours), ("baseline", baseline)] {
        let at = |p| {
            Duration::from_secs_f64(median(
                runs.iter().map(|r| r.percentile(p).as_secs_f64()).collect(),
            ))
        };
        writeln!(out, "| {name} | {:.0} | {:.1?} | {:.1?} |", rates(runs), at(50), at(99))?;
    }
    let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let high = ratios.iter().copied().fold(0.0, f64::max);
    let rounds = ratios.len();
    writeln!(
        out,
        "| **ratio** | **{:.2}** ({low:.2} to {high:.2}, {rounds} rounds) | | |\n",
        median(ratios)
    )?;
    Ok(())
}

/// A relay on disk, with its mailboxes opened as needed.
struct Place {
    running: Running,
    numbers: Arc<AtomicU64>,
    _folder: TempDir,
}

impl Place {
    fn new(server: &Runtime) -> Outcome<Self> {
        let folder = TempDir::new()?;
        let store = StorePlace::Sqlite(folder.path().join("relay.db"));
        let running = server.block_on(Relay::start(Config::on_free_port(store)))?;
        let place = Self { running, numbers: Arc::default(), _folder: folder };
        server.block_on(async {
            for n in 0..256 {
                let id = place.mailbox(n).id();
                place
                    .running
                    .relay()
                    .write(StoreWrite::OpenMailbox { id, ttl_millis: None, right: Right::Open })
                    .await?;
            }
            Ok::<_, Box<dyn Error + Send + Sync>>(place)
        })
    }

    fn stop(self, server: &Runtime) -> Outcome<()> {
        Ok(server.block_on(self.running.stop())?)
    }

    fn address(&self) -> String {
        self.running.url().trim_start_matches("http://").to_owned()
    }

    fn mailbox(&self, n: u64) -> MailboxToken {
        let mut token = [0; 32];
        token[..8].copy_from_slice(&n.to_be_bytes());
        MailboxToken::new(token)
    }

    /// A message no one has posted yet, and where it goes: to 64 mailboxes in turn, then to the next 64.
    fn next(numbers: &AtomicU64, mailboxes: &[MailboxId]) -> (MailboxId, Vec<u8>) {
        let n = numbers.fetch_add(1, Ordering::Relaxed);
        let (lane, block) = (n % 64, n / 64 / MAILBOX_TAKES);
        let mut body = vec![0; 1_024];
        body[..8].copy_from_slice(&n.to_be_bytes());
        (mailboxes[(block * 64 + lane) as usize % mailboxes.len()], body)
    }

    fn mailboxes(&self) -> Arc<[MailboxId]> {
        (0..256).map(|n| self.mailbox(n).id()).collect()
    }

    async fn posts(&self, connections: usize, span: Duration) -> Outcome<Run> {
        let local = tokio::task::LocalSet::new();
        let (address, mailboxes) = (self.address(), self.mailboxes());
        let until = Instant::now() + span;
        let run = local.run_until(async move {
            let mut tasks = Vec::new();
            for _ in 0..connections {
                let mut connection = Connection::new(&address).await?;
                let (mailboxes, numbers) = (Arc::clone(&mailboxes), Arc::clone(&self.numbers));
                tasks.push(tokio::task::spawn_local(async move {
                    let mut took = Vec::new();
                    while Instant::now() < until {
                        let (mailbox, body) = Self::next(&numbers, &mailboxes);
                        let mut request = format!(
                            "POST /v1/mailboxes/{mailbox}/messages HTTP/1.1\r\nHost: relay\r\nContent-Length: {}\r\n\r\n",
                            body.len()
                        )
                        .into_bytes();
                        request.extend_from_slice(&body);
                        let begun = Instant::now();
                        connection.call(&request, b"HTTP/1.1 201").await?;
                        took.push(begun.elapsed());
                    }
                    Ok::<_, Box<dyn Error + Send + Sync>>(took)
                }));
            }
            let mut took = Vec::new();
            for task in tasks {
                took.extend(task.await??);
            }
            Ok(Run::new(span, took))
        });
        run.await
    }

    fn posts_without_http(&self, server: &Runtime, span: Duration) -> Outcome<Run> {
        let until = Instant::now() + span;
        let mailboxes = self.mailboxes();
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (relay, numbers) = (self.running.relay().clone(), Arc::clone(&self.numbers));
                let mailboxes = Arc::clone(&mailboxes);
                server.spawn(async move {
                    let mut took = Vec::new();
                    while Instant::now() < until {
                        let (mailbox, body) = Self::next(&numbers, &mailboxes);
                        let begun = Instant::now();
                        let body = Body::new(Bytes::from(body));
                        relay.write(StoreWrite::Post { mailbox, body, hold: None }).await?;
                        took.push(begun.elapsed());
                    }
                    Ok::<_, Box<dyn Error + Send + Sync>>(took)
                })
            })
            .collect();
        let mut took = Vec::new();
        for task in tasks {
            took.extend(server.block_on(task)??);
        }
        Ok(Run::new(span, took))
    }
}

/// Sends requests in turn over many connections.
async fn load(
    address: &str,
    requests: Arc<[Vec<u8>]>,
    connections: usize,
    span: Duration,
) -> Outcome<Run> {
    let local = tokio::task::LocalSet::new();
    let until = Instant::now() + span;
    let sent = Rc::new(Cell::new(0));
    let run = local.run_until(async move {
        let mut tasks = Vec::new();
        for _ in 0..connections {
            let mut connection = Connection::new(address).await?;
            let (requests, sent) = (Arc::clone(&requests), Rc::clone(&sent));
            tasks.push(tokio::task::spawn_local(async move {
                let mut took = Vec::new();
                while Instant::now() < until {
                    let begun = Instant::now();
                    let request = &requests[sent.replace(sent.get() + 1) % requests.len()];
                    connection.call(request, b"HTTP/1.1 200").await?;
                    took.push(begun.elapsed());
                }
                Ok::<_, Box<dyn Error + Send + Sync>>(took)
            }));
        }
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await??);
        }
        Ok(Run::new(span, took))
    });
    run.await
}

/// One answer: its header fields, but for those that every server adds, and its body.
async fn one_answer(address: &str, request: &[u8]) -> Outcome<(HeaderMap, Bytes)> {
    let mut connection = Connection::new(address).await?;
    let read = connection.call(request, b"HTTP/1.1 200").await?;
    let answer = &connection.buffer[..read];
    let length = length(answer).ok_or("no length")?;
    let head = std::str::from_utf8(&answer[..answer.len() - length])?;
    let mut fields = HeaderMap::new();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        if !matches!(name, "content-length" | "date") {
            fields.insert(HeaderName::try_from(name)?, value.parse()?);
        }
    }
    Ok((fields, Bytes::copy_from_slice(&answer[answer.len() - length..])))
}

/// axum as its first example has it, with the same octets from memory.
async fn plain_server(fields: HeaderMap, answer: Bytes) -> Outcome<String> {
    let app = Router::new().route(
        "/v1/mailboxes/{id}/messages",
        get(move || std::future::ready((fields.clone(), answer.clone()))),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}
