//! Every call: what it answers.

use super::*;
use std::slice::from_ref;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_mailbox_opens_once_and_closes() {
    let world = World::new().await;
    let mailbox = Mailbox::new(1);
    let (put, delete) = (format!("PUT {}", mailbox.path), format!("DELETE {}", mailbox.path));
    assert_eq!(world.call(&delete, &mailbox.auth, "").await.status, 204);
    assert_eq!(world.call(&mailbox.get(""), &mailbox.auth, "").await.code(), "no-such-mailbox");
    assert_eq!(world.call(&put, &mailbox.auth, "").await.status, 201);
    assert_eq!(world.call(&put, &mailbox.auth, "").await.status, 200);
    assert_eq!(world.call(&format!("{put}?ttl=60"), &mailbox.auth, "").await.status, 200);
    assert_eq!(world.call(&mailbox.get(""), &mailbox.auth, "").await.messages(), []);
    assert_eq!(world.call(&delete, &mailbox.auth, "").await.status, 204);
    assert_eq!(world.call(&mailbox.get(""), &mailbox.auth, "").await.status, 404);
    assert_eq!(world.call(&mailbox.post(), NONE, "x").await.code(), "no-such-mailbox");
}

#[tokio::test]
async fn a_wrong_token_learns_nothing() {
    let world = World::new().await;
    let (there, not_there) = (world.mailbox(1).await, Mailbox::new(2));
    let other = MailboxToken::new([9; 32]).expose();
    let wrong: [&[String]; 9] = [
        &[],
        &[bearer(&other)],
        &[bearer("")],
        &[bearer("short")],
        &[bearer(&format!("{other}="))],
        &[format!("Authorization: Basic {other}")],
        &["Authorization: Bearer".into()],
        &[there.auth[0].clone(), there.auth[0].clone()],
        &[bearer(&there.id)],
    ];
    for fields in wrong {
        for (method, rest) in
            [("PUT", ""), ("DELETE", ""), ("GET", "/messages"), ("DELETE", "/messages/1")]
        {
            let answers =
                [&there, &not_there].map(|mailbox| format!("{method} {}{rest}", mailbox.path));
            let mut one = world.call(&answers[0], fields, "").await;
            let mut two = world.call(&answers[1], fields, "").await;
            for answer in [&mut one, &mut two] {
                assert_eq!(answer.headers.remove("x-request-id").unwrap().len(), 16);
            }
            assert_eq!(one.status, 401, "{fields:?}");
            assert_eq!(one.code(), "unauthorized");
            assert_eq!(one.headers["www-authenticate"], "Bearer");
            assert_eq!(
                (one.headers, one.body),
                (two.headers, two.body),
                "unknown looks like known"
            );
        }
        let (slot, _) = slot(1);
        let (_, veto, _) = hold(1);
        for call in [format!("PUT {slot}"), format!("DELETE {slot}"), veto] {
            assert_eq!(world.call(&call, fields, "").await.status, 401, "{call}");
        }
    }
    let lower = [there.auth[0].replace("Bearer", "bEARER")];
    assert_eq!(world.call(&there.get(""), &lower, "").await.status, 200);
}

#[tokio::test]
async fn a_post_is_numbered_once() {
    let world = World::new().await;
    let mailbox = world.mailbox(1).await;
    let first = world.call(&mailbox.post(), NONE, "a").await;
    assert_eq!((first.status, first.json()), (StatusCode::CREATED, serde_json::json!({"seq": 1})));
    assert_eq!(first.headers["content-type"], "application/json");
    let again = world.call(&mailbox.post(), NONE, "a").await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, serde_json::json!({"seq": 1})));
    assert_eq!(world.call(&mailbox.post(), NONE, "b").await.json()["seq"], 2);
    assert_eq!(world.call(&mailbox.post(), NONE, "").await.json()["seq"], 3, "any size");
    let messages = world.call(&mailbox.get(""), &mailbox.auth, "").await.messages();
    let bodies: Vec<_> = messages.iter().map(|(seq, _, body)| (*seq, body.as_slice())).collect();
    assert_eq!(bodies, [(1, b"a".as_slice()), (2, b"b"), (3, b"")]);
    let again = world.call(&mailbox.get("?after=1&limit=1"), &mailbox.auth, "").await.messages();
    assert_eq!(again[0].0, 2, "nothing is removed by reading");
    for _ in 0..2 {
        let delete = format!("DELETE {}/2", mailbox.messages);
        assert_eq!(world.call(&delete, &mailbox.auth, "").await.status, 204);
    }
    let left = world.call(&mailbox.get("?after=1"), &mailbox.auth, "").await.messages();
    assert_eq!(left.len(), 1);
    let again = world.call(&mailbox.post(), NONE, "b").await;
    assert_eq!((again.status, again.json()["seq"].as_u64()), (StatusCode::OK, Some(2)));
}

#[tokio::test]
async fn an_answer_that_was_kept_is_never_old() {
    let world = World::new().await;
    let mailbox = world.mailbox(1).await;
    let (id, veto, veto_auth) = hold(1);
    let (path, messages) = (&mailbox.path, &mailbox.messages);
    let post = || mailbox.post();
    let steps: [(String, Vec<String>, &str); 10] = [
        (post(), vec![], "a"),
        (post(), vec![], "b"),
        (post(), held(&id, 600).to_vec(), "vetoed"),
        (format!("DELETE {messages}/1"), mailbox.auth.to_vec(), ""),
        (veto, vec![veto_auth], ""),
        (post(), held(&hold(2).0, 0).to_vec(), "released"),
        (format!("PUT {path}"), mailbox.auth.to_vec(), ""),
        (format!("DELETE {path}"), mailbox.auth.to_vec(), ""),
        (format!("PUT {path}?ttl=1"), mailbox.auth.to_vec(), ""),
        (post(), vec![], "c"),
    ];
    let mut answers = std::collections::HashSet::new();
    for (call, fields, body) in steps {
        world.call(&mailbox.get(""), &mailbox.auth, "").await;
        let status = world.call(&call, &fields, body).await.status;
        assert!(status.is_success(), "{call}");
        let wait = if body == "released" { 600 } else { 0 };
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let again = world.call(&mailbox.get(""), &mailbox.auth, "").await;
        // Another query, so it comes from the store.
        let fresh = world.call(&mailbox.get("?limit=255"), &mailbox.auth, "").await;
        assert_eq!((again.status, &again.body), (fresh.status, &fresh.body), "after {call}");
        answers.insert(again.body);
    }
    assert!(answers.len() >= 6);
    world.call(&mailbox.get(""), &mailbox.auth, "").await.messages();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(
        world.call(&mailbox.get(""), &mailbox.auth, "").await.status,
        404,
        "its time is over"
    );
}

#[tokio::test]
async fn bodies_have_a_limit() {
    let world = World::new().await;
    let mailbox = world.mailbox(1).await;
    assert_eq!(world.call(&mailbox.post(), NONE, vec![1; 65_536]).await.status, 201);
    assert_eq!(world.call(&mailbox.post(), NONE, vec![1; 65_537]).await.code(), "body-too-large");
    let chunks = Body::new(Pieces(66));
    assert_eq!(world.call(&mailbox.post(), NONE, chunks).await.code(), "body-too-large");
    let chunks = Body::new(Pieces(65));
    assert_eq!(world.call(&mailbox.post(), NONE, chunks).await.status, 201);
    let (slot, auth) = slot(1);
    let fields = [auth, "If-None-Match: *".into()];
    let put = format!("PUT {slot}");
    assert_eq!(world.call(&put, &fields, vec![1; 524_289]).await.status, 413);
    assert_eq!(world.call(&put, &fields, vec![1; 524_288]).await.status, 201);
    let coded = ["Content-Encoding: gzip".to_owned()];
    let refused = world.call(&mailbox.post(), &coded, "x").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (415, "encoding-refused"));
}

/// A body of unknown length, in so many pieces of 1,000 octets.
struct Pieces(usize);

impl hyper::body::Body for Pieces {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;
    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<bytes::Bytes>, Self::Error>>> {
        let left = self.0.checked_sub(1);
        self.0 = left.unwrap_or(0);
        let piece = || Ok(hyper::body::Frame::data(vec![2; 1_000].into()));
        std::task::Poll::Ready(left.map(|_| piece()))
    }
}

#[tokio::test]
async fn a_mailbox_fills_up() {
    let world = World::new().await;
    let mailbox = world.mailbox(1).await;
    for n in 0..256_u32 {
        let mut body = vec![0; 65_536];
        body[..4].copy_from_slice(&n.to_be_bytes());
        assert_eq!(world.call(&mailbox.post(), NONE, body).await.status, 201);
    }
    let full = world.call(&mailbox.post(), NONE, "x").await;
    assert_eq!((full.status.as_u16(), full.code().as_str()), (507, "mailbox-full"));
    // 16 MiB are more than one answer: it ends early, and the reader goes on.
    let mut after = 0;
    let mut answers = 0;
    loop {
        let messages = world
            .call(&mailbox.get(&format!("?after={after}")), &mailbox.auth, "")
            .await
            .messages();
        let Some(last) = messages.last() else { break };
        assert_eq!(messages[0].0, after + 1);
        (after, answers) = (last.0, answers + 1);
    }
    assert_eq!((after, answers), (256, 4));
    world.call(&format!("DELETE {}/7", mailbox.messages), &mailbox.auth, "").await;
    assert_eq!(world.call(&mailbox.post(), NONE, "x").await.json()["seq"], 257);
}

#[tokio::test]
async fn queries_out_of_range_are_refused() {
    let world = World::new().await;
    let mailbox = world.mailbox(1).await;
    for query in [
        "?after=-1",
        "?after=x",
        "?after=",
        "?after",
        "?after=1.5",
        "?after=+1",
        "?after=%31",
        "?after=9223372036854775808",
        "?after=99999999999999999999",
        "?limit=0",
        "?limit=257",
        "?limit=-1",
        "?limit=1000000000",
        "?wait=61",
        "?wait=-1",
        "?wait=0x1",
        "?after=1&after=2",
        "?x=1",
        "?after=1&limit=1&y",
        "?ttl=5",
        "?after=1;limit=2",
    ] {
        let reply = world.call(&mailbox.get(query), &mailbox.auth, "").await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (400, "malformed-query"),
            "{query}"
        );
    }
    for query in ["?", "?&", "?after=9223372036854775807", "?limit=256&wait=0&after=00"] {
        assert_eq!(
            world.call(&mailbox.get(query), &mailbox.auth, "").await.messages(),
            [],
            "{query}"
        );
    }
    for query in ["?ttl=0", "?ttl=-5", "?ttl=315360001", "?ttl=x", "?after=1"] {
        let put = format!("PUT {}{query}", mailbox.path);
        assert_eq!(world.call(&put, &mailbox.auth, "").await.code(), "malformed-query", "{query}");
    }
    for seq in ["-1", "x", "1.0", "+1", "18446744073709551616", "%00"] {
        let delete = format!("DELETE {}/{seq}", mailbox.messages);
        assert_eq!(world.call(&delete, &mailbox.auth, "").await.code(), "malformed-id", "{seq}");
    }
}

#[tokio::test]
async fn ids_have_one_form() {
    let world = World::new().await;
    let mailbox = world.mailbox(1).await;
    let id = &mailbox.id;
    for wrong in [
        id[1..].to_owned(),
        format!("{id}A"),
        format!("{id}="),
        format!("{id}%00"),
        "%00".into(),
        "%ff".into(),
        "a".into(),
        "*".repeat(43),
        "é".repeat(21),
        id.replace(|c: char| c.is_ascii_alphanumeric(), "+"),
    ] {
        let wrong = wrong.replace('é', "%C3%A9");
        let reply = world.call(&format!("POST /v1/mailboxes/{wrong}/messages"), NONE, "x").await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (400, "malformed-id"),
            "{wrong}"
        );
    }
    let other_case: String = id.chars().map(flip_case).collect();
    let reply = world.call(&format!("POST /v1/mailboxes/{other_case}/messages"), NONE, "x").await;
    assert!(matches!(reply.status.as_u16(), 400 | 404), "another id, or none");
}

fn flip_case(c: char) -> char {
    if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
}

#[tokio::test]
async fn a_long_poll_ends_with_the_first_message() {
    let world = World::new().await;
    let mailbox = world.mailbox(1).await;
    let begun = Instant::now();
    let (query, post) = (mailbox.get("?wait=30"), mailbox.post());
    let (reply, ()) = tokio::join!(world.call(&query, &mailbox.auth, ""), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(world.call(&post, NONE, "x").await.status, 201);
    });
    assert_eq!(reply.messages().len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(5));
    let begun = Instant::now();
    let reply = world.call(&mailbox.get("?after=1&wait=1"), &mailbox.auth, "").await;
    assert_eq!(reply.messages(), []);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_long_poll_ends_with_its_mailbox_and_with_the_relay() {
    let world = World::new().await;
    let mailbox = world.mailbox(1).await;
    let (query, close) = (mailbox.get("?wait=30"), format!("DELETE {}", mailbox.path));
    let (reply, ()) = tokio::join!(world.call(&query, &mailbox.auth, ""), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.call(&close, &mailbox.auth, "").await;
    });
    assert_eq!(reply.code(), "no-such-mailbox");
    let mailbox = world.mailbox(1).await;
    let query = mailbox.get("?wait=30");
    let (reply, stopped) = tokio::join!(world.call(&query, &mailbox.auth, ""), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.relay.stop().await
    });
    assert_eq!(reply.messages(), []);
    assert_eq!(stopped, Ok(()));
    let late = world.call(&mailbox.post(), NONE, "x").await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (503, "stopping"));
    assert_eq!(late.headers["retry-after"], "1");
    assert_eq!(world.call("GET /readyz", NONE, "").await.code(), "stopping");
}

#[tokio::test]
async fn a_held_post_waits_and_can_be_vetoed() {
    let world = World::new().await;
    let mailbox = world.mailbox(1).await;
    let (id, veto, auth) = hold(1);
    let (other, ..) = hold(2);
    let before = unix_seconds();
    let first = world.call(&mailbox.post(), &held(&id, 600), "a").await;
    assert_eq!(first.status, 202);
    let release_at = first.json()["release_at"].as_u64().unwrap();
    assert!((before + 600..=before + 602).contains(&release_at));
    let again = world.call(&mailbox.post(), &held(&other, 5), "a").await;
    assert_eq!((again.status, again.body), (StatusCode::OK, first.body));
    let both = held(&format!("{other},{id}"), 600);
    assert_eq!(world.call(&mailbox.post(), &both, "b").await.status, 202);
    assert_eq!(world.call(&mailbox.get(""), &mailbox.auth, "").await.messages(), []);
    assert_eq!(world.call(&veto, &[auth], "").await.status, 204);
    for body in ["a", "b", "c"] {
        let refused = world.call(&mailbox.post(), &held(&id, 1), body).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "hold-vetoed"));
    }
    assert_eq!(world.call(&mailbox.post(), &held(&other, 600), "a").await.status, 202);
    for bad in ["x; for=1", "; for=1"] {
        let fields = [format!("Recovery-Hold: {bad}")];
        assert_eq!(world.call(&mailbox.post(), &fields, "z").await.code(), "malformed-header");
    }
    let twice = [held(&other, 1)[0].clone(), held(&other, 1)[0].clone()];
    assert_eq!(world.call(&mailbox.post(), &twice, "z").await.code(), "malformed-header");
}

#[tokio::test]
async fn a_veto_may_name_a_mailbox() {
    let world = World::new().await;
    let (one, two) = (world.mailbox(1).await, world.mailbox(2).await);
    let (id, veto, auth) = hold(1);
    let fields = [auth];
    let named = format!("{veto}?mailbox={}", one.id);
    assert_eq!(world.call(&named, &fields, "").await.status, 204);
    assert_eq!(world.call(&one.post(), &held(&id, 9), "a").await.status, 409);
    assert_eq!(world.call(&two.post(), &held(&id, 9), "a").await.status, 202);
    assert_eq!(world.call(&format!("{veto}?mailbox=x"), &fields, "").await.code(), "malformed-id");
    assert_eq!(world.call(&format!("{veto}?box=x"), &fields, "").await.code(), "malformed-query");
}

fn unix_seconds() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_secs()
}

#[tokio::test]
async fn a_slot_is_compared_and_swapped() {
    let world = World::new().await;
    let (path, auth) = slot(1);
    let (put, get, delete) =
        (format!("PUT {path}"), format!("GET {path}"), format!("DELETE {path}"));
    let with = |field: &str| vec![auth.clone(), field.to_owned()];
    assert_eq!(world.call(&get, NONE, "").await.code(), "no-such-slot");
    let bare = world.call(&put, from_ref(&auth), "a").await;
    assert_eq!((bare.status.as_u16(), bare.code().as_str()), (428, "condition-required"));
    let made = world.call(&put, &with("If-None-Match: *"), "a").await;
    assert_eq!(made.status, 201);
    let first = made.headers["etag"].to_str().unwrap().to_owned();
    let again = world.call(&put, &with("If-None-Match: *"), "b").await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (412, "version-mismatch"));
    assert_eq!(again.headers["etag"], first);
    let swapped = world.call(&put, &with(&format!("If-Match: {first}")), "b").await;
    assert_eq!(swapped.status, 200);
    let second = swapped.headers["etag"].to_str().unwrap().to_owned();
    assert_ne!(first, second);
    for lost in
        [format!("If-Match: {first}"), format!("If-Match: W/{second}"), "If-Match: \"1\"".into()]
    {
        assert_eq!(world.call(&put, &with(&lost), "c").await.status, 412, "{lost}");
    }
    let read = world.call(&get, NONE, "").await;
    assert_eq!((read.status.as_u16(), read.body.as_slice()), (200, b"b".as_slice()));
    assert_eq!(read.headers["etag"], second);
    assert_eq!(read.headers["content-type"], "application/octet-stream");
    let known = [format!("If-None-Match: {second}")];
    let unchanged = world.call(&get, &known, "").await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
    let head = world.call(&format!("HEAD {path}"), NONE, "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.headers["etag"], second);
    for bad in [
        &[format!("If-None-Match: {second}")][..],
        &["If-Match: *".into(), "If-None-Match: *".into()],
    ] {
        let fields: Vec<_> = bad.iter().cloned().chain([auth.clone()]).collect();
        assert_eq!(world.call(&put, &fields, "c").await.code(), "malformed-header");
    }
    assert_eq!(world.call(&put, &with("If-Match: *"), "c").await.status, 200);
    assert_eq!(world.call(&delete, from_ref(&auth), "").await.status, 204);
    assert_eq!(world.call(&delete, from_ref(&auth), "").await.status, 204);
    assert_eq!(world.call(&get, NONE, "").await.status, 404);
    assert_eq!(world.call(&put, &with("If-Match: *"), "c").await.status, 412);
}

#[tokio::test]
async fn answers_not_yet_taken_count_against_memory() {
    let mut config = Config::new(StorePlace::Memory);
    config.limits.bodies = 600_000;
    let world = World::with(Relay::open(&config).await.unwrap());
    let (path, auth) = slot(1);
    let fields = [auth, "If-None-Match: *".into()];
    assert_eq!(world.call(&format!("PUT {path}"), &fields, vec![1; 500_000]).await.status, 201);
    let get = || world.app.clone().oneshot(Request::get(&path).body(Body::empty()).unwrap());
    let not_taken = get().await.unwrap();
    assert_eq!(not_taken.status(), 200);
    assert_eq!(get().await.unwrap().status(), 503);
    let octets = not_taken.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(get().await.unwrap().status(), 503, "taken, and still in memory");
    drop(octets);
    assert_eq!(get().await.unwrap().status(), 200);
}

#[tokio::test]
async fn methods_and_paths_that_are_not() {
    let world = World::new().await;
    let mailbox = world.mailbox(1).await;
    let (slot, _) = slot(1);
    for (path, allow) in [
        (mailbox.path.as_str(), "PUT,DELETE"),
        (&mailbox.messages, "GET,HEAD,POST"),
        (&slot, "GET,HEAD,PUT,DELETE"),
        ("/healthz", "GET,HEAD"),
        ("/i", "GET,HEAD"),
    ] {
        for method in ["PATCH", "TRACE", "BREW"] {
            let reply = world.call(&format!("{method} {path}"), NONE, "").await;
            assert_eq!((reply.status.as_u16(), reply.code().as_str()), (405, "method-not-allowed"));
            assert_eq!(reply.headers["allow"], allow, "{path}");
        }
        let reply = world.call(&format!("OPTIONS {path}"), NONE, "").await;
        assert_eq!(reply.status, 204);
        assert_eq!(reply.headers["allow"], allow);
        let for_all = reply.headers.contains_key("access-control-allow-methods");
        assert_eq!(for_all, path.starts_with("/v1/"), "{path}");
    }
    for path in [
        "/",
        "//",
        "/v1",
        "/v1/",
        "/v1/mailboxes",
        "/v2/slots/x",
        "/../etc/passwd",
        "/%2e%2e/x",
        "/%00",
        "/i/",
        "/healthz/",
        "/v1/slots/a/b",
        "/index.php",
    ] {
        let reply = world.call(&format!("GET {path}"), NONE, "").await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (404, "no-such-path"), "{path}");
    }
    let long = world.call(&format!("GET /{}", "a".repeat(8_192)), NONE, "").await;
    assert_eq!((long.status.as_u16(), long.code().as_str()), (414, "target-too-long"));
    let big = [format!("X-Big: {}", "a".repeat(16_384))];
    let reply = world.call("GET /healthz", &big, "").await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (431, "headers-too-large"));
}

#[tokio::test]
async fn every_answer_says_the_same_about_itself() {
    let world = World::new().await;
    let mailbox = world.mailbox(1).await;
    let epoch = world.call("GET /healthz", NONE, "").await.headers["recovery-epoch"].clone();
    assert_eq!(epoch.len(), 22);
    let long = format!("GET /{}", "a".repeat(9_000));
    for call in [
        "GET /healthz",
        "GET /readyz",
        "GET /nothing",
        "PATCH /i",
        "OPTIONS /i",
        &mailbox.get(""),
        &mailbox.post(),
        &long,
    ] {
        let reply = world.call(call, NONE, "").await;
        assert_eq!(reply.headers["recovery-epoch"], epoch, "{call}");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
        assert_eq!(reply.headers["cache-control"], "no-store");
    }
    let other = World::new().await;
    assert_ne!(other.call("GET /healthz", NONE, "").await.headers["recovery-epoch"], epoch);
}

#[tokio::test]
async fn without_the_page_a_link_opened_in_a_browser_explains_itself() {
    let config = Config { page: false, ..Config::new(StorePlace::Memory) };
    let world = World::with(Relay::open(&config).await.unwrap());
    let none = world.call("GET /page/app.js", NONE, "").await;
    assert_eq!((none.status.as_u16(), none.code().as_str()), (404, "no-such-path"));
    for (path, command) in [("/i", "recovery accept"), ("/r", "recovery approve")] {
        let page = world.call(&format!("GET {path}"), NONE, "").await;
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
        let text = String::from_utf8(page.body.clone()).unwrap();
        for part in
            ["<html lang=\"en\">", "<title>", "name=\"viewport\"", command, "changed nothing"]
        {
            assert!(text.contains(part), "{path} lacks {part}");
        }
        let lower = text.to_lowercase();
        for word in [
            "<script",
            "http:",
            "https:",
            "src=",
            "href=",
            "{style}",
            "shard",
            "guardian",
            "custodian",
            "quorum",
            "nonce",
            "fingerprint",
        ] {
            assert!(!lower.contains(word), "{path} has {word}");
        }
        // The one style is the one that the policy names.
        let style = text.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        use base64ct::Encoding;
        use sha2::Digest;
        let hash = base64ct::Base64::encode_string(&sha2::Sha256::digest(style));
        assert_eq!(page.headers["referrer-policy"], "no-referrer");
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(policy.contains(&format!("style-src 'sha256-{hash}'")));
        assert_eq!(world.call(&format!("HEAD {path}"), NONE, "").await.status, 200);
        let query = world.call(&format!("GET {path}?fbclid=1"), NONE, "").await;
        assert_eq!(query.body, page.body, "what others append does not matter");
    }
}

#[tokio::test]
async fn the_description_that_is_checked_in_is_the_one_that_is_served() {
    let served = World::new().await.call("GET /v1/openapi.json", NONE, "").await;
    assert_eq!(served.headers["content-type"], "application/json");
    let served = String::from_utf8(served.body).unwrap();
    assert_eq!(served, recovery_relay::description());
    let kept = kept("spec/openapi.json", |_| format!("{served}\n"));
    assert_eq!(kept.trim_end(), served);
    let described: serde_json::Value = serde_json::from_str(&served).unwrap();
    assert_eq!(described["openapi"], "3.1.0");
    assert_eq!(described["paths"].as_object().unwrap().len(), 10);
}
