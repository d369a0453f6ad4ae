//! Delays by real clocks, and clocks that jump.

use super::*;
use recovery_relay::clock::TimeSource;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

#[tokio::test]
async fn a_held_message_becomes_visible_on_time() {
    let world = World::new().await;
    let mailbox = world.mailbox(1).await;
    for seconds in [0, 1, 2] {
        let begun = Instant::now();
        let body = format!("for {seconds}");
        let held = held(&hold(1).0, seconds);
        assert_eq!(world.call(&mailbox.post(), &held, body).await.status, 202);
        let answered = Instant::now();
        let query = mailbox.get(&format!("?after={seconds}&wait=10"));
        assert_eq!(world.call(&query, &mailbox.auth, "").await.messages().len(), 1);
        let delay = Duration::from_secs(seconds);
        assert!(answered.elapsed() >= delay, "too early");
        assert!(
            begun.elapsed() <= delay + Duration::from_secs(1),
            "too late: {:?}",
            begun.elapsed()
        );
    }
}

/// Two clocks turned by hand, in milliseconds.
#[derive(Default)]
struct Hands {
    wall: AtomicI64,
    steady: AtomicI64,
}

impl TimeSource for Hands {
    fn wall(&self) -> i64 {
        self.wall.load(Ordering::SeqCst)
    }
    fn steady(&self) -> i64 {
        self.steady.load(Ordering::SeqCst)
    }
}

impl Hands {
    fn pass(&self, seconds: i64) {
        self.wall.fetch_add(seconds * 1_000, Ordering::SeqCst);
        self.steady.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    fn set(&self, seconds: i64) {
        self.wall.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

const HOUR: i64 = 3_600;
const YEAR: i64 = 365 * 24 * HOUR;

/// Long enough for the time keeper to look twice.
async fn two_rounds() {
    tokio::time::sleep(Duration::from_millis(2_200)).await;
}

#[tokio::test]
async fn a_clock_that_is_set_releases_nothing_early_and_holds_nothing_up() {
    let folder = TempDir::new().unwrap();
    let place = StorePlace::Sqlite(folder.path().join("relay.db"));
    let hands = Arc::new(Hands::default());
    hands.wall.store(1_700_000_000_000, Ordering::SeqCst);
    let config = Config::new(place);
    let world = World::with(Relay::open_at(&config, hands.clone()).await.unwrap());
    let mailbox = world.mailbox(1).await;
    let with_ttl = Mailbox::new(2);
    let put = format!("PUT {}?ttl={}", with_ttl.path, 2 * HOUR);
    assert_eq!(world.call(&put, &with_ttl.auth, "").await.status, 201);
    let posted = world.call(&mailbox.post(), &held(&hold(1).0, HOUR as u64), "x").await;
    let release_at = posted.json()["release_at"].as_i64().unwrap();
    assert_eq!(release_at, 1_700_000_000 + HOUR + 1);
    let count = async || world.call(&mailbox.get(""), &mailbox.auth, "").await.messages().len();
    hands.set(YEAR);
    assert_eq!(count().await, 0, "at once");
    two_rounds().await;
    assert_eq!(count().await, 0, "a year ahead");
    let told = world.call(&mailbox.post(), NONE, "x").await.json()["release_at"].as_i64().unwrap();
    assert_eq!(told, release_at + YEAR, "told in the new time");
    hands.set(-2 * YEAR);
    two_rounds().await;
    assert_eq!(world.call(&with_ttl.get(""), &with_ttl.auth, "").await.status, 200);
    hands.pass(HOUR - 1);
    two_rounds().await;
    assert_eq!(count().await, 0, "a second too early");
    hands.pass(2);
    two_rounds().await;
    assert_eq!(count().await, 1, "an hour passed");
    hands.pass(HOUR);
    assert_eq!(world.call(&with_ttl.get(""), &with_ttl.auth, "").await.status, 404);
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn what_fell_due_while_it_was_down_is_visible_from_the_start() {
    let folder = TempDir::new().unwrap();
    let config = Config::new(StorePlace::Sqlite(folder.path().join("relay.db")));
    let hands = Arc::new(Hands::default());
    let world = World::with(Relay::open_at(&config, hands.clone()).await.unwrap());
    let mailbox = world.mailbox(1).await;
    world.call(&mailbox.post(), &held(&hold(1).0, HOUR as u64), "due").await;
    world.call(&mailbox.post(), &held(&hold(1).0, 3 * HOUR as u64), "not due").await;
    let epoch = world.call("GET /healthz", NONE, "").await.headers["recovery-epoch"].clone();
    world.relay.stop().await.unwrap();
    drop(world);
    hands.pass(2 * HOUR);
    let world = World::with(Relay::open_at(&config, hands).await.unwrap());
    let reply = world.call(&mailbox.get(""), &mailbox.auth, "").await;
    assert_eq!(reply.headers["recovery-epoch"], epoch, "the same store");
    assert_eq!(reply.messages().len(), 1);
    world.relay.stop().await.unwrap();
}
