//! A closed relay: who has a pass may open what lasts, everybody else for a session.

use super::cluster::Database;
use super::*;
use base64ct::{Base64UrlUnpadded, Encoding};
use recovery_core::ids::{PassId, PassToken};
use recovery_relay::store::{PassQuota, Write};
use std::path::Path;
use tempfile::TempDir;

const DAY: u64 = 86_400;

async fn closed() -> World {
    closed_at(StorePlace::Memory).await
}

async fn closed_at(place: StorePlace) -> World {
    let config = Config { open: false, ..Config::new(place) };
    World::with(Relay::open(&config).await.unwrap())
}

/// Makes a pass as an operator does; the field that shows it.
async fn pass(world: &World, n: u8, quota: PassQuota) -> (PassId, String) {
    let token = PassToken::new([n; 32]);
    let (id, name) = (token.id(), "Anna's family".to_owned());
    let add = Write::AddPass { id, name, quota, ttl_millis: None, parent: None };
    world.relay.write(add).await.unwrap();
    (id, format!("Recovery-Pass: {}", token.expose()))
}

const QUOTA: PassQuota = PassQuota { mailboxes: 3, slots: 2, octets: 1 << 30 };

#[tokio::test]
async fn what_lasts_needs_a_pass_and_a_session_none() {
    let world = closed().await;
    let (_, good) = pass(&world, 1, QUOTA).await;
    let unknown = format!("Recovery-Pass: {}", PassToken::new([9; 32]).expose());
    let (slot_path, slot_auth) = slot(1);
    let new = "If-None-Match: *".to_owned();
    let mailbox = |n| Mailbox::new(n);
    for (n, ttl, fields, expected) in [
        (1, None, vec![], 403),
        (1, Some(14 * DAY + 1), vec![], 403),
        (1, None, vec![unknown.clone()], 403),
        (1, Some(DAY), vec![unknown.clone()], 403),
        (1, None, vec!["Recovery-Pass: x".into()], 403),
        (1, None, vec![good.clone(), good.clone()], 400),
        (1, None, vec![good.clone()], 201),
        (2, Some(14 * DAY), vec![], 201),
        (2, Some(14 * DAY), vec![], 200),
        (2, None, vec![], 403),
        (2, None, vec![good.clone()], 200),
        (3, Some(365 * DAY), vec![good.clone()], 201),
    ] {
        let query = ttl.map_or(String::new(), |ttl| format!("?ttl={ttl}"));
        let fields = [fields, mailbox(n).auth.to_vec()].concat();
        let reply = world.call(&format!("PUT {}{query}", mailbox(n).path), &fields, "").await;
        assert_eq!(reply.status, expected, "{n} {ttl:?} {fields:?}");
        if expected == 403 {
            assert_eq!(reply.code(), "pass-needed");
        }
    }
    let put = |query: &str| format!("PUT {slot_path}{query}");
    let session = [slot_auth.clone(), new.clone()];
    assert_eq!(world.call(&put(""), &session, "x").await.status, 403);
    let long = world.call(&put("?ttl=60"), &session, vec![0; 32_769]).await;
    assert_eq!((long.status.as_u16(), long.code().as_str()), (413, "body-too-large"));
    assert_eq!(world.call(&put("?ttl=60"), &session, vec![0; 32_768]).await.status, 201);
    let lasting = [slot_auth.clone(), "If-Match: *".into(), good];
    assert_eq!(world.call(&put(""), &lasting, vec![0; 40_000]).await.status, 200);
    // Who was let in is served like anybody: posting and reading need no pass.
    assert_eq!(world.call(&mailbox(2).post(), NONE, "hello").await.status, 201);
    assert_eq!(world.call(&mailbox(2).get(""), &mailbox(2).auth, "").await.messages().len(), 1);
}

#[tokio::test]
async fn a_pass_gives_as_much_as_it_says() {
    let world = closed().await;
    let (id, good) = pass(&world, 1, QUOTA).await;
    let open = async |n: u8, pass: &str| {
        let mailbox = Mailbox::new(n);
        let fields = [mailbox.auth[0].clone(), pass.to_owned()];
        world.call(&format!("PUT {}", mailbox.path), &fields, "").await
    };
    assert_eq!(world.call("POST /v1/passes", NONE, "").await.code(), "pass-needed");
    let guest = world.call("POST /v1/passes", std::slice::from_ref(&good), "").await;
    assert_eq!(guest.status, 201);
    let guest = format!("Recovery-Pass: {}", guest.json()["pass"].as_str().unwrap());
    assert_eq!(open(1, &guest).await.status, 201);
    assert_eq!(open(2, &guest).await.status, 201);
    assert_eq!(open(3, &guest).await.code(), "pass-used-up");
    assert_eq!(open(4, &good).await.status, 201);
    assert_eq!(open(5, &good).await.code(), "pass-used-up", "the guest's mailboxes count");
    let close = format!("DELETE {}", Mailbox::new(4).path);
    assert_eq!(world.call(&close, &Mailbox::new(4).auth, "").await.status, 204);
    assert_eq!(open(5, &good).await.status, 201);
    world.relay.write(Write::RevokePass { id }).await.unwrap();
    assert_eq!(open(6, &good).await.code(), "pass-needed");
    assert_eq!(open(6, &guest).await.code(), "pass-needed", "it ends with the pass it came from");
    assert_eq!(
        world.call(&Mailbox::new(1).post(), NONE, "hello").await.status,
        201,
        "what is open stays"
    );
}

#[tokio::test]
async fn an_open_relay_asks_nobody() {
    let world = World::new().await;
    let mailbox = Mailbox::new(1);
    let fields = [mailbox.auth[0].clone(), "Recovery-Pass: x".into()];
    assert_eq!(world.call(&format!("PUT {}", mailbox.path), &fields, "").await.status, 201);
}

/// A guest at closed relays that share a store: what one of them allowed, the others count. Gives the guest's pass.
async fn guests(relays: &[&World]) -> String {
    let any = |n: usize| relays[n % relays.len()];
    let quota = PassQuota { mailboxes: 4, slots: 4, octets: 1 << 30 };
    let (id, good) = pass(any(0), 1, quota).await;
    let make = async |n, by: &str| any(n).call("POST /v1/passes", &[by.to_owned()], "").await;
    let field = |made: &Reply| format!("Recovery-Pass: {}", made.json()["pass"].as_str().unwrap());
    let guest = field(&make(0, &good).await);
    assert_eq!(make(1, &guest).await.code(), "pass-needed", "a guest makes no guests");
    let open = async |n: u8| {
        let mailbox = Mailbox::new(n);
        let fields = [mailbox.auth[0].clone(), guest.clone()];
        any(n.into()).call(&format!("PUT {}", mailbox.path), &fields, "").await
    };
    let put = async |n: u8| {
        let (path, auth) = slot(n);
        let fields = [auth, guest.clone(), "If-None-Match: *".into()];
        any(n.into()).call(&format!("PUT {path}"), &fields, "box").await
    };
    // All at once, at every relay.
    let (a, b, c, d, e) = tokio::join!(open(1), open(2), open(3), open(4), open(5));
    let (f, g, h) = tokio::join!(put(1), put(2), put(3));
    for (all, refused) in [(vec![a, b, c, d, e], 3), (vec![f, g, h], 1)] {
        let (good, bad): (Vec<_>, Vec<_>) = all.iter().partition(|reply| reply.status == 201);
        assert_eq!((good.len(), bad.len()), (2, refused), "{all:?}");
        assert!(bad.iter().all(|reply| reply.code() == "pass-used-up"));
    }
    let second = field(&make(1, &good).await);
    assert_eq!(make(0, &good).await.code(), "pass-used-up", "each takes from the pass");
    any(1).relay.write(Write::RevokePass { id }).await.unwrap();
    let mailbox = Mailbox::new(9);
    let fields = [mailbox.auth[0].clone(), second];
    let refused = any(0).call(&format!("PUT {}", mailbox.path), &fields, "").await;
    assert_eq!(refused.code(), "pass-needed", "it ends with the pass it came from");
    guest.rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_guest_opens_a_little_and_makes_no_guests() {
    guests(&[&closed().await]).await;
    let folder = TempDir::new().unwrap();
    let world = closed_at(StorePlace::Sqlite(folder.path().join("relay.db"))).await;
    let guest = guests(&[&world]).await;
    hold_no_token(folder.path(), &guest);
    let Some(database) = Database::fresh() else { return };
    let place: StorePlace = database.url().parse().unwrap();
    let relays = [closed_at(place.clone()).await, closed_at(place).await];
    guests(&[&relays[0], &relays[1]]).await;
}

/// No file of a store has the pass, as text or as octets.
fn hold_no_token(folder: &Path, pass: &str) {
    let octets = Base64UrlUnpadded::decode_vec(pass).unwrap();
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    assert!(!files.is_empty());
    for file in files {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        let has = |part: &[u8]| content.windows(part.len()).any(|window| window == part);
        assert!(!has(&octets) && !has(pass.as_bytes()), "only its hash is kept");
        assert!(!has(&[1; 32]), "nor the pass that it came from");
    }
}
