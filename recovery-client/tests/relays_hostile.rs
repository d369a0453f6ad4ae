//! Relays that talk nonsense, too much, too slowly or not at all.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test that panics has said what it has to say"
)]

mod relays_support;

use recovery_client::relays::{Read, RelayError};
use recovery_core::address::RelayUrl;
use relays_support::{Act, Server, answer, hasty, mailbox, new_slot, read, relays, slot};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

/// Every wrong answer to every call that reads one: an error that blames the relay, at once, without a
/// token or an id in it.
#[tokio::test]
async fn nonsense_is_refused() {
    let relays = relays();
    let text = |text: &str| text.as_bytes().to_vec();
    let epoch = |value: &str| {
        text(&format!(
            "HTTP/1.1 200 OK\r\nRecovery-Epoch: {value}\r\nContent-Length: 1\r\n\r\n\u{0}"
        ))
    };
    let mut wrong = vec![
        (
            "redirect",
            text(
                "HTTP/1.1 302 Found\r\nRecovery-Epoch: e1\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            ),
        ),
        (
            "permanent redirect",
            text("HTTP/1.1 308 Permanent Redirect\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
        ),
        ("not modified", answer("304 Not Modified", "ETag: \"v\"\r\n", "")),
        ("sign-in page", text("HTTP/1.1 200 OK\r\nETag: \"v\"\r\nContent-Length: 6\r\n\r\n<html>")),
        ("another server", text("HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>")),
        (
            "proxy wants a password",
            text("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"),
        ),
        ("two epochs", answer("200 OK", "Recovery-Epoch: e2\r\n", "")),
        ("long epoch", epoch(&"e".repeat(65))),
        ("epoch with a space", epoch("a b")),
        ("empty epoch", epoch("")),
        ("not HTTP", text("SSH-2.0-OpenSSH_9\r\n")),
        ("another HTTP", text("HTTP/9.9 200 OK\r\n\r\n")),
        ("no status", text("HTTP/1.1\r\n\r\n")),
        (
            "length below nothing",
            text("HTTP/1.1 200 OK\r\nRecovery-Epoch: e1\r\nContent-Length: -1\r\n\r\n"),
        ),
        (
            "two lengths",
            text(
                "HTTP/1.1 200 OK\r\nRecovery-Epoch: e1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            ),
        ),
        (
            "length beyond all",
            text(
                "HTTP/1.1 200 OK\r\nRecovery-Epoch: e1\r\nETag: \"v\"\r\nContent-Length: 18446744073709551615\r\n\r\n",
            ),
        ),
        (
            "length beyond memory",
            text(
                "HTTP/1.1 200 OK\r\nRecovery-Epoch: e1\r\nETag: \"v\"\r\nContent-Length: 9223372036854775807\r\n\r\n",
            ),
        ),
        (
            "broken chunk",
            text(
                "HTTP/1.1 200 OK\r\nRecovery-Epoch: e1\r\nETag: \"v\"\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            ),
        ),
        (
            "cut off",
            text(
                "HTTP/1.1 200 OK\r\nRecovery-Epoch: e1\r\nETag: \"v\"\r\nContent-Length: 9\r\n\r\n\u{0}",
            ),
        ),
        ("many fields", answer("200 OK", &"A: b\r\n".repeat(5_000), "")),
    ];
    wrong.push(("nothing", Vec::new()));
    for (name, octets) in wrong {
        let server = Server::say(&octets).await;
        let (url, id) = (&server.url, slot().id());
        let mut errors = vec![
            relays.read(url, &mailbox(), read()).await.map(drop).unwrap_err(),
            relays.post(url, mailbox().id(), b"the message", None).await.map(drop).unwrap_err(),
            relays.get_slot(url, id).await.map(drop).unwrap_err(),
        ];
        let put = relays.put_slot(url, &slot(), b"the message", &new_slot()).await;
        // The answer to a write is in its head: what is wrong with a body nobody reads is no matter.
        match ["length beyond memory", "broken chunk", "cut off"].contains(&name) {
            true => assert!(put.is_ok(), "{name}"),
            false => errors.push(put.map(drop).unwrap_err()),
        }
        for error in errors {
            let blamed =
                matches!(error, RelayError::Answer { .. } | RelayError::Unreachable { .. });
            assert!(blamed && error.is_transient(), "{name}: {error}");
            assert_discreet(&error);
        }
    }
}

/// Nothing in an error that a stranger could use, and nothing that a terminal would act on.
fn assert_discreet(error: &RelayError) {
    for shown in [error.to_string(), format!("{error:?}"), error.hint().to_owned()] {
        let (mailbox, slot) = (mailbox(), slot());
        for secret in
            [mailbox.expose(), slot.expose(), mailbox.id().to_string(), slot.id().to_string()]
        {
            assert!(!shown.contains(&secret), "{shown}");
        }
        assert!(!shown.contains("the message") && !shown.chars().any(char::is_control), "{shown}");
        assert!(shown.len() < 1_000);
    }
}

#[tokio::test]
async fn bodies_that_make_no_sense_are_refused() {
    let relays = relays();
    let etag = "ETag: \"v\"\r\n";
    for body in ["", "{}", "\u{0}", "[]", "{\"seq\":0}"] {
        let server = Server::say(&answer("200 OK", etag, body)).await;
        let read = relays.read(&server.url, &mailbox(), read()).await;
        assert!(matches!(read, Err(RelayError::Answer { .. })), "{body:?}");
        let posted = relays.post(&server.url, mailbox().id(), b"", None).await;
        assert!(matches!(posted, Err(RelayError::Answer { .. })), "{body:?}");
    }
    for etag in ["", "ETag: v\r\n", "ETag: W/\"v\"\r\n", "ETag: \"a\"\r\nETag: \"b\"\r\n"] {
        let server = Server::say(&answer("200 OK", etag, "x")).await;
        let found = relays.get_slot(&server.url, slot().id()).await;
        assert!(matches!(found, Err(RelayError::Answer { .. })), "{etag}");
        let put = relays.put_slot(&server.url, &slot(), b"", &new_slot()).await;
        assert!(matches!(put, Err(RelayError::Answer { .. })), "{etag}");
    }
    // Packed octets are not unpacked.
    let server =
        Server::say(&answer("200 OK", "ETag: \"v\"\r\nContent-Encoding: gzip\r\n", "\u{1f}x"))
            .await;
    assert_eq!(relays.get_slot(&server.url, slot().id()).await.unwrap().unwrap().1, b"\x1fx");
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let relays = relays();
    let head = "HTTP/1.1 200 OK\r\nRecovery-Epoch: e1\r\nETag: \"v\"\r\n";
    let chunk = [b"10000\r\n".as_slice(), &[0; 65_536], b"\r\n"].concat();
    let chunked =
        Act::Flood(format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes(), chunk);
    let unframed = Act::Flood(format!("{head}\r\n").into_bytes(), vec![0; 65_536]);
    let fields = Act::Flood(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n".repeat(1_000));
    let field = Act::Flood(b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'y'; 65_536]);
    let problem = Act::Flood(
        b"HTTP/1.1 404 Not Found\r\nRecovery-Epoch: e1\r\n\r\n".to_vec(),
        vec![b' '; 65_536],
    );
    for (name, act, limit) in [
        ("chunks", chunked, 1 << 20),
        ("no frame", unframed, 1 << 20),
        ("fields", fields, 1 << 20),
        ("one field", field, 1 << 20),
        ("problem", problem, 1 << 20),
    ] {
        let server = Server::start(vec![act]).await;
        let start = Instant::now();
        assert!(relays.read(&server.url, &mailbox(), read()).await.is_err(), "{name}");
        let found = relays.get_slot(&server.url, slot().id()).await;
        assert!(found.is_err() || found == Ok(None), "{name}");
        assert!(start.elapsed() < Duration::from_secs(5), "{name}");
        // What was taken, and what lies in the buffers of two connections.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let flooded = server.flooded.load(Ordering::Relaxed);
        assert!(flooded < 2 * limit + (16 << 20), "{name}: {flooded}");
        let later = server.flooded.load(Ordering::Relaxed);
        assert_eq!(flooded, later, "{name}: the connection is closed");
    }
    let announced = Act::Stall(format!("{head}Content-Length: 1000000\r\n\r\n").into_bytes());
    let server = Server::start(vec![announced]).await;
    let start = Instant::now();
    let found = relays.get_slot(&server.url, slot().id()).await;
    assert!(
        matches!(found, Err(RelayError::Answer { .. })) && start.elapsed() < Duration::from_secs(5)
    );
}

#[tokio::test]
async fn a_slow_relay_is_given_up() {
    let head = b"HTTP/1.1 200 OK\r\nRecovery-Epoch: e1\r\nETag: \"v\"\r\n".to_vec();
    let body = [&head[..], b"Content-Length: 500\r\n\r\n"].concat();
    let relays = hasty();
    for act in [
        Act::Stall(Vec::new()),
        Act::Stall(head.clone()),
        Act::Stall(body.clone()),
        Act::Drip(Vec::new(), b'H'),
        Act::Drip([&head[..], b"X: "].concat(), b'y'),
        Act::Drip(body, b'z'),
    ] {
        let server = Server::start(vec![act]).await;
        let start = Instant::now();
        let error = relays.get_slot(&server.url, slot().id()).await.unwrap_err();
        assert!(matches!(error, RelayError::Unreachable { .. }), "{error}");
        assert!(start.elapsed() < Duration::from_secs(3));
    }
    // A long poll may take as long as was asked for, and longer than a call.
    let server = Server::start(vec![Act::Stall(Vec::new())]).await;
    let start = Instant::now();
    let error = relays.read(&server.url, &mailbox(), Read { wait: 1, ..read() }).await.unwrap_err();
    assert!(error.to_string().ends_with("no answer in time"), "{error}");
    assert!((Duration::from_millis(1_500)..Duration::from_secs(5)).contains(&start.elapsed()));
}

#[tokio::test]
async fn who_does_not_answer_is_named_with_the_cause() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: RelayUrl = format!("http://{}", nobody.local_addr().unwrap()).parse().unwrap();
    drop(nobody);
    let error = relays().healthy(&url).await.unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("cannot reach {url}: Connection refused")),
        "{error}"
    );
    let server = Server::start(vec![Act::Close]).await;
    let error = relays().read(&server.url, &mailbox(), read()).await.unwrap_err();
    assert!(matches!(error, RelayError::Unreachable { .. }), "{error}");
    // HTTPS to a server that speaks none.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: RelayUrl = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
    let answer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    };
    let relays = relays();
    let (called, _stream) = tokio::join!(relays.healthy(&url), answer);
    let error = called.unwrap_err();
    assert!(matches!(error, RelayError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("corrupt message"), "{error}");
}

#[tokio::test]
async fn names_that_must_stay_here_do() {
    if ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"]
        .iter()
        .all(|name| std::env::var(name).is_err())
    {
        let url = format!("http://{}.onion", "a".repeat(56)).parse().unwrap();
        let error = relays().healthy(&url).await.unwrap_err();
        assert!(error.to_string().contains("needs Tor"), "{error}");
    }
    let server = Server::say(&answer("200 OK", "", "")).await;
    let url: RelayUrl = server.url.as_str().replace("127.0.0.1", "localhost").parse().unwrap();
    relays().healthy(&url).await.unwrap();
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::say(&answer("200 OK", "", "")).await;
    let redirect =
        answer("307 Temporary Redirect", &format!("Location: {}/\r\n", elsewhere.url), "");
    let server = Server::say(&redirect).await;
    let error = relays().open_mailbox(&server.url, &mailbox(), None).await.unwrap_err();
    assert!(error.to_string().ends_with("it points elsewhere"), "{error}");
    assert!(elsewhere.requests().is_empty());
}
