//! Calls to relays: what is said, what is understood, and what is waited for.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test that panics has said what it has to say"
)]

mod relays_support;

use recovery_client::relays::{Hold, If, Page, Posted, Put, Read, RelayError};
use recovery_core::ids::HoldToken;
use relays_support::{Act, Server, answer, mailbox, problem, read, relays, slot};
use std::time::{Duration, Instant};

/// Request line, and the fields that matter, of the only request.
fn essence(server: &Server) -> Vec<String> {
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let matters = ["authorization", "recovery-hold", "if-match", "if-none-match"];
    let mut lines: Vec<String> = requests[0]
        .lines()
        .enumerate()
        .filter(|(n, line)| {
            *n == 0 || matters.iter().any(|name| line.starts_with(&format!("{name}:")))
        })
        .map(|(_, line)| line.to_owned())
        .collect();
    lines[1..].sort();
    lines
}

#[tokio::test]
async fn calls_are_as_the_protocol_says() {
    let relays = relays();
    let (token, id) = (mailbox(), mailbox().id());
    let bearer = format!("authorization: Bearer {}", token.expose());

    let server = Server::say(&answer("201 Created", "", "")).await;
    relays.open_mailbox(&server.url, &token, Some(60)).await.unwrap();
    assert_eq!(
        essence(&server),
        [format!("PUT /v1/mailboxes/{id}?ttl=60 HTTP/1.1"), bearer.clone()]
    );

    let server = Server::say(&answer("200 OK", "", "")).await;
    relays.open_mailbox(&server.url, &token, None).await.unwrap();
    assert_eq!(essence(&server), [format!("PUT /v1/mailboxes/{id} HTTP/1.1"), bearer.clone()]);

    for status in ["204 No Content", "200 OK"] {
        let server = Server::say(&answer(status, "", "")).await;
        relays.delete_message(&server.url, &token, 7).await.unwrap();
        assert_eq!(
            essence(&server),
            [format!("DELETE /v1/mailboxes/{id}/messages/7 HTTP/1.1"), bearer.clone()]
        );
    }

    let server = Server::say(&answer("204 No Content", "", "")).await;
    relays.close_mailbox(&server.url, &token).await.unwrap();
    assert_eq!(essence(&server), [format!("DELETE /v1/mailboxes/{id} HTTP/1.1"), bearer]);

    let token = HoldToken::new([3; 32]);
    for (only, query) in [(None, String::new()), (Some(id), format!("?mailbox={id}"))] {
        let server = Server::say(&answer("204 No Content", "", "")).await;
        relays.veto(&server.url, &token, only).await.unwrap();
        let (hold, bearer) = (token.id(), format!("authorization: Bearer {}", token.expose()));
        assert_eq!(
            essence(&server),
            [format!("POST /v1/holds/{hold}/veto{query} HTTP/1.1"), bearer]
        );
    }

    let server = Server::say(&answer("200 OK", "", "ok")).await;
    relays.healthy(&server.url).await.unwrap();
    assert_eq!(essence(&server), ["GET /healthz HTTP/1.1"]);
    let agent = format!("user-agent: recovery/{}", env!("CARGO_PKG_VERSION"));
    assert!(server.requests()[0].lines().any(|line| line == agent));
}

#[tokio::test]
async fn messages_are_posted_and_read() {
    let relays = relays();
    let (token, id) = (mailbox(), mailbox().id());
    let (a, b) = (HoldToken::new([4; 32]).id(), HoldToken::new([5; 32]).id());
    let line = format!("POST /v1/mailboxes/{id}/messages HTTP/1.1");
    let one = Hold { id: a, also: None, seconds: 604_800 };
    let two = Hold { id: a, also: Some(b), seconds: 0 };
    for (hold, field) in [
        (None, None),
        (Some(one), Some(format!("recovery-hold: {a}; for=604800"))),
        (Some(two), Some(format!("recovery-hold: {a},{b}; for=0"))),
    ] {
        for status in ["201 Created", "200 OK", "202 Accepted"] {
            for (body, posted) in [
                (r#"{"seq":5}"#, Posted::Seq(5)),
                (r#"{"release_at":9}"#, Posted::Held { release_at: 9 }),
            ] {
                let server = Server::say(&answer(status, "", body)).await;
                assert_eq!(
                    relays.post(&server.url, id, b"sealed", hold.as_ref()).await,
                    Ok(posted)
                );
                let expected: Vec<String> =
                    [Some(line.clone()), field.clone()].into_iter().flatten().collect();
                assert_eq!(essence(&server), expected);
                assert!(server.requests()[0].ends_with("\r\n\r\nsealed"));
            }
        }
    }

    let list = b"\x81\xa3\x63seq\x08\x64body\x42hi\x69posted_at\x18\x19";
    let server = Server::say(&answer("200 OK", "", list)).await;
    let page = relays
        .read(&server.url, &token, Read { after: 7, limit: 1_000, wait: 1_000 })
        .await
        .unwrap();
    let bearer = format!("authorization: Bearer {}", token.expose());
    let line = format!("GET /v1/mailboxes/{id}/messages?after=7&limit=256&wait=60 HTTP/1.1");
    assert_eq!(essence(&server), [line, bearer]);
    assert_eq!((page.epoch.as_str(), page.messages.len()), ("e1", 1));
    assert_eq!((page.messages[0].seq, page.messages[0].posted_at), (8, 25));
    assert_eq!(page.messages[0].body, b"hi");
    assert!(!format!("{page:?}").contains("104"), "the octets of a message are not for logs");
}

#[tokio::test]
async fn slots_are_written_with_a_condition_and_read() {
    let relays = relays();
    let (token, id) = (slot(), slot().id());
    let bearer = format!("authorization: Bearer {}", token.expose());
    let server = Server::say(&answer("201 Created", "ETag: \"v1\"\r\n", "")).await;
    let put = Put { only_if: If::None, ttl: Some(604_800) };
    let v1 = relays.put_slot(&server.url, &token, b"boxed", &put).await.unwrap();
    let line = format!("PUT /v1/slots/{id}?ttl=604800 HTTP/1.1");
    assert_eq!(essence(&server), [line, bearer.clone(), "if-none-match: *".to_owned()]);
    assert!(server.requests()[0].ends_with("\r\n\r\nboxed"));

    let server = Server::say(&answer("200 OK", "ETag: \"v2\"\r\n", "")).await;
    let put = Put { only_if: If::Match(v1.to_string().parse().unwrap()), ttl: None };
    let v2 = relays.put_slot(&server.url, &token, b"boxed", &put).await.unwrap();
    let line = format!("PUT /v1/slots/{id} HTTP/1.1");
    assert_eq!(essence(&server), [line, bearer.clone(), "if-match: \"v1\"".to_owned()]);

    let server = Server::say(&answer("200 OK", "ETag: \"v2\"\r\n", "boxed")).await;
    assert_eq!(relays.get_slot(&server.url, id).await, Ok(Some((v2, b"boxed".to_vec()))));
    assert_eq!(essence(&server), [format!("GET /v1/slots/{id} HTTP/1.1")]);

    let server = Server::say(&problem("404 Not Found", "", "no-such-slot")).await;
    assert_eq!(relays.get_slot(&server.url, id).await, Ok(None));
    let server =
        Server::say(&problem("412 Precondition Failed", "ETag: \"v9\"\r\n", "version-mismatch"))
            .await;
    assert!(relays.put_slot(&server.url, &token, b"", &put).await.unwrap_err().is_conflict());
    let server = Server::say(&answer("204 No Content", "", "")).await;
    relays.delete_slot(&server.url, &token).await.unwrap();
    assert_eq!(essence(&server), [format!("DELETE /v1/slots/{id} HTTP/1.1"), bearer]);
}

#[tokio::test]
async fn refusals_say_what_to_think_of_them() {
    let relays = relays();
    for (status, code, transient, is) in [
        ("404 Not Found", "no-such-mailbox", false, RelayError::is_gone as fn(&RelayError) -> bool),
        ("409 Conflict", "hold-vetoed", false, RelayError::is_vetoed),
        ("412 Precondition Failed", "version-mismatch", false, RelayError::is_conflict),
        ("507 Insufficient Storage", "mailbox-full", true, RelayError::is_full),
        ("401 Unauthorized", "unauthorized", false, RelayError::is_denied),
        ("403 Forbidden", "pass-needed", false, RelayError::needs_pass),
        ("403 Forbidden", "pass-used-up", false, RelayError::is_denied),
        ("413 Payload Too Large", "body-too-large", false, |_| true),
        ("429 Too Many Requests", "too-many", true, |_| true),
        ("408 Request Timeout", "body-timeout", true, |_| true),
        ("500 Internal Server Error", "internal", true, |_| true),
        ("503 Service Unavailable", "store-failed", true, |_| true),
    ] {
        let server = Server::say(&problem(status, "", code)).await;
        let error = relays.post(&server.url, mailbox().id(), b"x", None).await.unwrap_err();
        assert_eq!((error.code(), error.is_transient()), (Some(code), transient), "{status}");
        assert_eq!(error.status(), status.split(' ').next().unwrap().parse().ok());
        assert!(is(&error), "{status}");
        // A relay speaks to programs where it wants a pass; people have a command for it.
        let own = error.hint().contains("'recovery pass'");
        assert_eq!(own, error.needs_pass(), "{status}");
        assert!(own || error.hint() == "Do this.", "{status}");
        assert!(error.to_string().ends_with(&format!("{code}): A sentence.")), "{error}");
        assert_eq!(error.relay(), Some(&server.url));
    }
    // Of a proxy before the relay, by status alone.
    for (status, transient) in [("502 Bad Gateway", true), ("429 Too Many Requests", true)] {
        let server =
            Server::say(format!("HTTP/1.1 {status}\r\nContent-Length: 6\r\n\r\n<html>").as_bytes())
                .await;
        let error = relays.healthy(&server.url).await.unwrap_err();
        assert!(matches!(error, RelayError::Refused { .. }) && error.is_transient() == transient);
    }
    // A relay that answers 404 without a body still is a relay.
    let server = Server::say(&answer("404 Not Found", "", "")).await;
    assert_eq!(relays.get_slot(&server.url, slot().id()).await, Ok(None));
}

#[tokio::test]
async fn a_damaged_message_is_passed_by() {
    let damaged = |seq| {
        answer("503 Service Unavailable", "", format!(r#"{{"code":"record-damaged","seq":{seq}}}"#))
    };
    let list = answer("200 OK", "", b"\x81\xa3\x63seq\x08\x64body\x42hi\x69posted_at\x18\x19");
    let server =
        Server::start(vec![Act::Say(damaged(3)), Act::Say(damaged(7)), Act::Say(list)]).await;
    let Page { messages, damaged: passed, .. } =
        relays().read(&server.url, &mailbox(), read()).await.unwrap();
    assert_eq!((messages[0].seq, passed), (8, vec![3, 7]));
    let after: Vec<_> = server
        .requests()
        .iter()
        .map(|r| r.split("after=").nth(1).unwrap()[..1].to_owned())
        .collect();
    assert_eq!(after, ["0", "3", "7"]);
    // It ends, even if the relay finds no end.
    let server = Server::start((1..50).map(|seq| Act::Say(damaged(seq))).collect()).await;
    assert!(relays().read(&server.url, &mailbox(), read()).await.is_err());
    assert_eq!(server.requests().len(), 33);
    // The same number again is no progress.
    let server = Server::say(&damaged(3)).await;
    let error = relays().read(&server.url, &mailbox(), read()).await.unwrap_err();
    assert_eq!((error.code(), server.requests().len()), (Some("record-damaged"), 2));
}

#[tokio::test]
async fn a_short_wait_asked_for_is_waited_out() {
    let busy = |fields: &str| Act::Say(problem("429 Too Many Requests", fields, "too-many"));
    let good = Act::Say(answer("201 Created", "", r#"{"seq":1}"#));
    for (name, acts, tries, succeeds, least) in [
        ("once", vec![busy("Retry-After: 1\r\n"), good.clone()], 2, true, 1_000),
        ("at once", vec![busy("Retry-After: 0\r\n"), good.clone()], 2, true, 250),
        ("too long", vec![busy("Retry-After: 11\r\n"), good.clone()], 1, false, 0),
        (
            "beyond all",
            vec![busy("Retry-After: 18446744073709551615\r\n"), good.clone()],
            1,
            false,
            0,
        ),
        (
            "a date",
            vec![busy("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n"), good.clone()],
            1,
            false,
            0,
        ),
        ("not said", vec![busy(""), good.clone()], 1, false, 0),
        ("for ever", vec![busy("Retry-After: 0\r\n")], 4, false, 750),
    ] {
        let server = Server::start(acts).await;
        let start = Instant::now();
        let posted = relays().post(&server.url, mailbox().id(), b"x", None).await;
        assert_eq!((posted.is_ok(), server.requests().len()), (succeeds, tries), "{name}");
        let least = Duration::from_millis(least);
        assert!((least..least + Duration::from_secs(2)).contains(&start.elapsed()), "{name}");
    }
    let stopping = Act::Say(problem("503 Service Unavailable", "Retry-After: 1\r\n", "stopping"));
    let server = Server::start(vec![stopping, good.clone()]).await;
    assert_eq!(relays().post(&server.url, mailbox().id(), b"x", None).await, Ok(Posted::Seq(1)));
    // Only these two: a full mailbox stays full.
    let full = Act::Say(problem("507 Insufficient Storage", "Retry-After: 1\r\n", "mailbox-full"));
    let server = Server::start(vec![full, good]).await;
    assert!(relays().post(&server.url, mailbox().id(), b"x", None).await.unwrap_err().is_full());
}

#[tokio::test]
async fn calls_can_run_side_by_side() {
    let server = Server::say(&answer("200 OK", "", b"\x80")).await;
    let relays = relays();
    let calls = (0..16).map(|_| {
        let (relays, url) = (relays.clone(), server.url.clone());
        tokio::spawn(async move { relays.read(&url, &mailbox(), read()).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap().unwrap().messages, []);
    }
}
