//! Octets that no client sends: each gets the answer named, and the relay goes on.

use super::*;
use recovery_relay::Running;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A relay with short patience, on a socket.
async fn impatient() -> (Running, String) {
    let mut config = Config::on_free_port(StorePlace::Memory);
    config.limits.head = Duration::from_millis(600);
    config.limits.body = Duration::from_millis(600);
    config.limits.stall = Duration::from_millis(600);
    let running = Relay::start(config).await.unwrap();
    let address = running.url().trim_start_matches("http://").to_owned();
    (running, address)
}

/// Sends octets and reads all that comes back until the connection ends or rests.
pub(super) async fn talk(address: &str, octets: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The relay may end the connection before all is sent.
    let _ = stream.write_all(octets).await;
    hear(&mut stream).await
}

async fn hear(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    let mut piece = [0; 16_384];
    while let Ok(Ok(read @ 1..)) = timeout(Duration::from_secs(2), stream.read(&mut piece)).await {
        heard.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&heard).into_owned()
}

pub(super) fn status(answer: &str) -> &str {
    answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap_or("none")
}

/// An opened mailbox over the socket, so that refusals are not for want of one.
pub(super) async fn furnished(address: &str) -> Mailbox {
    let mailbox = Mailbox::new(1);
    let put = format!(
        "PUT {} HTTP/1.1\r\nHost: x\r\n{}\r\nConnection: close\r\n\r\n",
        mailbox.path, mailbox.auth[0]
    );
    assert_eq!(status(&talk(address, put.as_bytes()).await), "201");
    mailbox
}

/// What is not HTTP: the status, and the octets.
fn not_http(path: &str) -> Vec<(&'static str, String)> {
    let nulls = "\0".repeat(100);
    vec![
        ("400", "\r\n\r\n\r\n\0\r\n\r\n".into()),
        ("400", format!("{nulls}\r\n\r\n")),
        ("400", "GET\r\n\r\n".into()),
        ("400", "GET / HTTP/9.9\r\n\r\n".into()),
        ("400", "GET  / HTTP/1.1\r\n\r\n".into()),
        ("none", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into()),
        ("400", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n".into()),
        ("400", "GET / HTTP/1.1\r\nA B: 1\r\n\r\n".into()),
        ("400", "GET / HTTP/1.1\r\nA: \0\r\n\r\n".into()),
        ("400", "GET / HTTP/1.1\r\n: 1\r\n\r\n".into()),
        ("400", "GET / HTTP/1.1\r\nA: 1\r\n B: folded\r\n\r\n".into()),
        ("400", format!("POST {path} HTTP/1.1\r\nContent-Length: -1\r\n\r\n")),
        ("400", format!("POST {path} HTTP/1.1\r\nContent-Length: x\r\n\r\n")),
        ("400", format!("POST {path} HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n")),
        (
            "400",
            format!("POST {path} HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        ),
        ("400", format!("POST {path} HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\nab")),
        ("400", format!("POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n")),
        ("400", format!("POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n")),
        (
            "400",
            format!(
                "POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx"
            ),
        ),
    ]
}

/// HTTP that the relay refuses, or takes.
fn refused_or_taken(path: &str) -> Vec<(&'static str, String)> {
    let long = "a".repeat(70_000);
    let many: String = (0..101).map(|n| format!("X-{n}: 1\r\n")).collect();
    let over = "b".repeat(65_537);
    vec![
        ("404", "GET //../%2e%2e/%00 HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("404", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("404", "CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("405", format!("PATCH {path} HTTP/1.1\r\nHost: x\r\n\r\n")),
        ("413", format!("POST {path} HTTP/1.1\r\nContent-Length: 65537\r\n\r\n")),
        ("413", format!("POST {path} HTTP/1.1\r\nContent-Length: 65537\r\n\r\n{over}")),
        (
            "413",
            format!(
                "POST {path} HTTP/1.1\r\nContent-Length: 65537\r\nExpect: 100-continue\r\n\r\n"
            ),
        ),
        ("413", format!("POST {path} HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n{long}")),
        (
            "413",
            format!(
                "POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n{long}\r\n0\r\n\r\n"
            ),
        ),
        ("414", format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", &long[..10_000])),
        (
            "415",
            format!("POST {path} HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"),
        ),
        ("431", format!("GET /healthz HTTP/1.1\r\nA: {}\r\n\r\n", &long[..20_000])),
        ("431", format!("GET /healthz HTTP/1.1\r\nA: {long}\r\n\r\n")),
        ("431", format!("GET /healthz HTTP/1.1\r\n{many}\r\n")),
        ("200", "GET /healthz HTTP/1.0\r\n\r\n".into()),
        ("200", "GET /healthz HTTP/1.1\r\nHost: evil.example\r\nRange: bytes=0-0\r\n\r\n".into()),
        ("200", "GET /healthz HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n".into()),
        ("200", "GET http://other.example/healthz HTTP/1.1\r\nHost: x\r\n\r\n".into()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_bad_request_gets_its_answer() {
    let (running, address) = impatient().await;
    let mailbox = furnished(&address).await;
    let path = &mailbox.messages;
    let cases = [not_http(path), refused_or_taken(path)].concat();
    let mut talks = tokio::task::JoinSet::new();
    for (expected, request) in cases {
        let address = address.clone();
        talks.spawn(async move {
            let answer = talk(&address, request.as_bytes()).await;
            let shown: String = request.chars().take(60).collect();
            let right = status(&answer) == expected || version_only(&answer, expected);
            (!right).then(|| format!("{shown:?} is not {expected}: {answer:.200}"))
        });
    }
    let wrong: Vec<_> = talks.join_all().await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(status(&talk(&address, b"GET /healthz HTTP/1.1\r\n\r\n").await), "200", "alive");
    running.stop().await.unwrap();
}

/// HTTP/1.0 is answered as such.
fn version_only(answer: &str, expected: &str) -> bool {
    answer.strip_prefix("HTTP/1.0 ").is_some_and(|rest| rest.starts_with(expected))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_while_talking_still_hears_why() {
    let (running, address) = impatient().await;
    let (path, auth) = slot(1);
    let body = "b".repeat(524_288);
    let length = format!("Content-Length: {}", body.len());
    for (expected, fields) in [
        ("401", length.clone()),
        ("428", format!("{auth}\r\n{length}")),
        ("415", format!("{auth}\r\nIf-None-Match: *\r\nContent-Encoding: br\r\n{length}")),
    ] {
        for _ in 0..5 {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            let head = format!("PUT {path} HTTP/1.1\r\n{fields}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            // All of it can be sent, and then the answer be read.
            stream.write_all(body.as_bytes()).await.unwrap();
            assert_eq!(status(&hear(&mut stream).await), expected);
        }
    }
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_lengths_at_once_smuggle_nothing() {
    let (running, address) = impatient().await;
    let mailbox = furnished(&address).await;
    for fields in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
    ] {
        let request = format!(
            "POST {} HTTP/1.1\r\n{fields}\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nX: y\r\n\r\n",
            mailbox.messages
        );
        let answer = talk(&address, request.as_bytes()).await;
        assert!(matches!(status(&answer), "400" | "200" | "201"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_senders_are_cut_off() {
    let (running, address) = impatient().await;
    let mailbox = furnished(&address).await;
    // A head that comes letter by letter.
    let begun = Instant::now();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    for letter in b"GET /healthz HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
        if stream.write_all(&[*letter]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        if begun.elapsed() > Duration::from_secs(1) {
            break;
        }
    }
    assert!(matches!(status(&hear(&mut stream).await), "none" | "408"), "no answer but the end");
    assert!(begun.elapsed() < Duration::from_secs(3));
    // Nothing at all.
    let begun = Instant::now();
    assert_eq!(talk(&address, b"").await, "");
    assert!(begun.elapsed() < Duration::from_millis(1_900), "the relay ended it");
    // A body that comes letter by letter, by length and in chunks, and one that never comes.
    let head = format!("POST {} HTTP/1.1\r\n", mailbox.messages);
    for (fields, piece) in [
        ("Content-Length: 1000\r\n\r\n", "a"),
        ("Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n"),
        ("Content-Length: 1000\r\n\r\n", ""),
    ] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(format!("{head}{fields}").as_bytes()).await.unwrap();
        for _ in 0..40 {
            if stream.write_all(piece.as_bytes()).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let answer = hear(&mut stream).await;
        assert_eq!(status(&answer), "408", "{fields:?}: {answer}");
        assert!(answer.contains("body-timeout"));
        assert!(begun.elapsed() < Duration::from_secs(4));
    }
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_breaks_off_is_not_kept() {
    let (running, address) = impatient().await;
    let mailbox = furnished(&address).await;
    for body in
        ["Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
    {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let request = format!("POST {} HTTP/1.1\r\n{body}", mailbox.messages);
        stream.write_all(request.as_bytes()).await.unwrap();
        drop(stream);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let get = format!(
        "GET {} HTTP/1.1\r\n{}\r\nConnection: close\r\n\r\n",
        mailbox.messages, mailbox.auth[0]
    );
    let answer = talk(&address, get.as_bytes()).await;
    assert!(answer.ends_with("\r\n\r\n\u{fffd}"), "an empty array: {answer}");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_a_row_are_answered_in_order() {
    let (running, address) = impatient().await;
    let mailbox = furnished(&address).await;
    let mut octets = String::new();
    for n in 0..20 {
        octets += &format!("POST {} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{n:02}", mailbox.messages);
    }
    let answer = talk(&address, octets.as_bytes()).await;
    let numbers: Vec<_> =
        answer.split("{\"seq\":").skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
    let expected: Vec<_> = (1..=20).map(|n| n.to_string()).collect();
    assert_eq!(numbers, expected);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_no_answer_is_cut_off() {
    let (running, address) = impatient().await;
    let mailbox = furnished(&address).await;
    for n in 0..60_u8 {
        let mut request = format!(
            "POST {} HTTP/1.1\r\nConnection: close\r\nContent-Length: 65536\r\n\r\n",
            mailbox.messages
        )
        .into_bytes();
        request.extend(std::iter::repeat_n(n, 65_536));
        assert_eq!(status(&talk(&address, &request).await), "201");
    }
    let get = format!("GET {} HTTP/1.1\r\n{}\r\n\r\n", mailbox.messages, mailbox.auth[0]);
    let mut stream = TcpStream::connect(&address).await.unwrap();
    // Many answers of 4 MiB, none taken.
    for _ in 0..10 {
        stream.write_all(get.as_bytes()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let mut heard = 0;
    let mut piece = vec![0; 1 << 20];
    while let Ok(Ok(read @ 1..)) = timeout(Duration::from_secs(2), stream.read(&mut piece)).await {
        heard += read;
    }
    assert!(heard < 9 * 60 * 65_536, "it was cut off: {heard}");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_idle_connections_do_not_shut_others_out_for_long() {
    let mut config = Config::on_free_port(StorePlace::Memory);
    config.limits.connections = 50;
    config.limits.head = Duration::from_millis(600);
    let running = Relay::start(config).await.unwrap();
    let address = running.url().trim_start_matches("http://").to_owned();
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(TcpStream::connect(&address).await.unwrap());
    }
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let read = timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await;
    assert!(read.is_ok() && status(&answer) == "200", "{answer}");
    drop(idle);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_bodies_than_memory_are_asked_to_come_again() {
    let mut config = Config::on_free_port(StorePlace::Memory);
    config.limits.bodies = 100_000;
    let running = Relay::start(config).await.unwrap();
    let address = running.url().trim_start_matches("http://").to_owned();
    let mailbox = furnished(&address).await;
    let head = format!("POST {} HTTP/1.1\r\nContent-Length: 60001\r\n\r\n", mailbox.messages);
    let mut stalled = TcpStream::connect(&address).await.unwrap();
    stalled.write_all(format!("{head}{}", "a".repeat(60_000)).as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let answer = talk(&address, format!("{head}{}", "b".repeat(60_001)).as_bytes()).await;
    assert_eq!(status(&answer), "503", "{answer}");
    assert!(answer.contains("retry-after: 1"));
    stalled.write_all(b"a").await.unwrap();
    assert_eq!(status(&hear(&mut stalled).await), "201");
    assert_eq!(
        status(&talk(&address, format!("{head}{}", "b".repeat(60_001)).as_bytes()).await),
        "201"
    );
    running.stop().await.unwrap();
}
