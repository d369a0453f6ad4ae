//! What the store costs over HTTP: reads, against a handler that has the answer in memory.

use crate::load::{self, client, mailbox, read_request};
use crate::places::{Kind, Place, Program};
use crate::tools::{Connection, Outcome, Plan, Run, length, rate_and_times, ratio, say};
use axum::Router;
use axum::http::{HeaderMap, HeaderName};
use axum::routing::get;
use bytes::Bytes;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const CONNECTIONS: usize = 64;
const MESSAGES: u64 = 1_000;

/// The same read again and again, as by people to whom nothing new came, and other reads each time, which the store
/// has to answer.
pub(crate) fn reads(server: &Runtime, plan: &Plan) -> Outcome<()> {
    let place = Place::new(Kind::Sqlite)?;
    place.fill(1, MESSAGES)?;
    let relay = Program::start(&place, &[])?;
    let request = |after| read_request(&mailbox(0), after, 1);
    let again: Arc<[_]> = [request(500)].into();
    // No answer is asked for twice in a row, so none that was kept helps.
    let other: Arc<[_]> = (0..900).map(request).collect();
    let (fields, answer) = client()?.block_on(one_answer(&relay.address, &again[0]))?;
    let plain = server.block_on(plain_server(fields, answer))?;
    let mut runs = [Vec::new(), Vec::new(), Vec::new()];
    let turns = [(&relay.address, &again), (&relay.address, &other), (&plain, &again)];
    for _ in plan.rounds() {
        for (runs, (address, requests)) in runs.iter_mut().zip(turns) {
            runs.push(load::reads(address, requests, CONNECTIONS, plan.span)?);
        }
    }
    relay.stop()?;
    let [again, other, plain] = runs;
    say(
        "| reads of a message of 1 KiB, 64 connections, SQLite | a second | p50 | p99 | to the handler |",
    )?;
    say("|---|--:|--:|--:|--:|")?;
    for (what, runs) in [("the same again and again", again), ("each of another", other)] {
        let ratio = ratio(&runs, &plain, Run::rate);
        say(format_args!("| {what} | {} | {ratio} |", rate_and_times(&runs)))?;
    }
    say(format_args!("| a handler with the octets in memory | {} | |\n", rate_and_times(&plain)))
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
