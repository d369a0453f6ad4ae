//! New devices that wait: too few friends, friends who cheat, dead relays, strangers of the same name.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say"
)]

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use recovery_client::{
    Client, ClientError,
    core::{
        flows::{
            Context, Device,
            approve::{Consent, Tried},
        },
        kdf::KdfCost,
        number::Number,
        wire::{armor, link::Link, messages::Request},
    },
    relays::Relays,
};
use recovery_tests::{Family, Person, Relay, SECRET, World};
use serde_json::{Value, json};
use std::{
    future::Future,
    time::{Duration, SystemTime},
};

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}

/// What Bob's device would send if a bit of his piece had been changed on purpose.
fn forged(bob: &Person, link: &str, number: &str) -> Vec<u8> {
    let open = || Err(ClientError::Restoring);
    let client: Client = Client::open::<ClientError>(bob.home(), open, Duration::ZERO).unwrap();
    let held = &client.device().unwrap().held()[0];
    let (owner, share) = (held.card.id(), held.bundles[0].pieces.shares[0].expose().to_vec());
    let mut octets = client.device().unwrap().encode().to_vec();
    let at = octets.windows(share.len()).position(|window| window == share).unwrap();
    octets[at + share.len() / 2] ^= 1;
    let mut device = Device::decode(&octets).unwrap();
    let (link, number): (Link, Number) = (link.parse().unwrap(), number.parse().unwrap());
    let slot = &link.slots[0];
    let boxed = block(async { Relays::new().unwrap().get_slot(&slot.relay, slot.id).await });
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let mut rng = ChaCha20Rng::seed_from_u64(now);
    let mut ctx = Context { now, rng: &mut rng, cost: KdfCost::STANDARD };
    let boxed = boxed.unwrap().unwrap().1;
    let opened = device.open_request(&link, &boxed, owner, &mut ctx).unwrap();
    let (tried, _) = device.try_number(opened.id, &number, &mut ctx).unwrap();
    assert_eq!(tried, Tried::Right);
    device.approve(opened.id, Consent::default(), &mut ctx).unwrap().message.unwrap()
}

/// Fills the session's mailbox with what is no approval.
fn junk(friend: &Person, link: &str, count: u32) {
    let open = || Err(ClientError::Restoring);
    let client: Client = Client::open::<ClientError>(friend.home(), open, Duration::ZERO).unwrap();
    let link: Link = link.parse().unwrap();
    let opened = client.device().unwrap().opened_by(&link).unwrap();
    let session = opened.request.peek::<Request>().unwrap().card.mailboxes()[0].clone();
    block(async {
        let relays = Relays::new().unwrap();
        for n in 0..count {
            let body = [&n.to_be_bytes()[..], &[1; 4_092]].concat();
            relays.post(&session.relay, session.id, &body, None).await.unwrap();
        }
    });
}

#[test]
fn bad_approvals_are_named_and_the_key_comes_back() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol", "Dave", "Erin"], 3);
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    let bad = armor::encode(armor::Title::Approval, &forged(family.friend(0), &link, &number));
    let bad = world.file("from bob", bad.as_bytes());
    for friend in &family.friends[1..3] {
        friend.approve(&link, "Anna", &number);
    }
    // Two of three, and one that does not count: nothing is restored.
    let args = ["restore", "--no-wait", "--import", bad.to_str().unwrap()];
    let waiting = new.ask(args).not_yet();
    assert_eq!((&waiting["have"], &waiting["needed"]), (&json!(2), &json!(3)));
    let bob =
        waiting["approvals"].as_array().unwrap().iter().find(|a| a["contact"] == "Bob").unwrap();
    assert_eq!((&bob["state"], &bob["reason"]), (&json!("bad"), &json!("the piece is damaged")));
    new.ask(["show", "a secret"]).error("restoring");
    new.ask(["status"]).error("restoring");

    junk(family.friend(1), &link, 300);
    family.friend(3).approve(&link, "Anna", &number);
    let done = new.ask(["restore", "--no-wait"]).done();
    assert_eq!(
        done.stderr.matches("Bob sent an approval that does not count").count(),
        2,
        "{done}"
    );
    let done = done.object();
    assert_eq!(done["restored"], json!(["a secret"]));
    let named = |warning: &Value| warning.as_str().unwrap().contains("Bob");
    assert!(done["warnings"].as_array().unwrap().iter().any(named), "{done}");
    assert_eq!(new.run(["show", "a secret"]).done().stdout, SECRET);
}

/// The relay is away while somebody does something, and back afterwards.
fn without<T>(relay: &mut Relay, act: impl FnOnce() -> T) -> T {
    relay.stop();
    let done = act();
    relay.start_again();
    done
}

#[test]
fn one_of_two_relays_is_always_down() {
    let world = World::new();
    let (mut a, mut b) = (world.relay("a"), world.relay("b"));
    let anna = world.person("Anna");
    let friends = ["Bob", "Carol", "Dave"].map(|name| world.person(name));
    without(&mut a, || anna.init(&[]));
    let both = [a.url(), b.url()];
    anna.lose();
    anna.init(&both);
    let said = without(&mut b, || anna.feed(["add", "a secret"], SECRET).done());
    assert!(said.stderr.contains("warning:") && said.stderr.contains("not synced"), "{said}");
    let status = anna.json(["status"]);
    assert_eq!(status["synced"], false);
    let not_synced = |advice: &Value| advice.as_str().unwrap().contains("not synced");
    assert!(status["advice"].as_array().unwrap().iter().any(not_synced), "{status}");
    without(&mut a, || anna.run(["sync"]).done());
    assert_eq!(anna.json(["status"])["synced"], true);

    let links = without(&mut a, || friends.each_ref().map(|friend| anna.invite(friend.name())));
    without(&mut a, || friends[0].accept(&links[0]));
    anna.run(["sync"]).done();
    without(&mut a, || friends[1].accept(&links[1]));
    without(&mut b, || friends[2].accept(&links[2]));
    without(&mut a, || anna.run(["sync"]).done());
    without(&mut b, || anna.run(["sync"]).done());
    assert_eq!(anna.json(["contacts"])["contacts"].as_array().unwrap().len(), 3);
    without(&mut b, || anna.json(["protect", "--threshold", "2"]));
    // Bob has no mailbox at this relay yet: it is opened now, and filled next.
    without(&mut b, || friends[0].run(["sync"]).done());
    without(&mut b, || anna.run(["sync"]).done());
    without(&mut b, || friends[0].run(["sync"]).done());
    anna.run(["sync"]).done();
    without(&mut a, || friends[1].run(["sync"]).done());
    friends[2].run(["sync"]).done();
    without(&mut a, || anna.run(["sync"]).done());
    assert_eq!(anna.json(["status"])["circle"]["active"], true);
    anna.lose();

    let args = ["restore", "--name", "Anna", "--no-passphrase", "--no-wait", "--relay"];
    let args = args.into_iter().chain([&both[0], "--relay", &both[1]]);
    let waiting = without(&mut b, || anna.ask(args).not_yet());
    let (link, number) = (waiting["link"].as_str().unwrap(), waiting["number"].as_str().unwrap());
    without(&mut b, || friends[0].approve(link, "Anna", number));
    let waiting = without(&mut a, || anna.ask(["restore", "--no-wait"]).not_yet());
    assert_eq!(waiting["approvals"], json!([]), "it lies at the relay that is down");
    without(&mut a, || friends[2].approve(link, "Anna", number));
    without(&mut b, || anna.ask(["restore", "--no-wait"]).not_yet());
    let done = without(&mut a, || anna.json(["restore", "--no-wait"]));
    assert_eq!(done["restored"], json!(["a secret"]));
    assert_eq!(anna.run(["show", "a secret"]).done().stdout, SECRET);
}

/// With no relay at all a home still takes secrets, and says what is missing.
#[test]
fn nothing_is_reachable() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let anna = world.person("Anna");
    anna.init(&[relay.url()]);
    relay.stop();
    for (args, input) in
        [(["add", "a secret"], SECRET), (["add", "b"], b"b"), (["remove", "b"], b"")]
    {
        let said = anna.feed(args, input).done();
        assert!(said.stderr.contains("warning:"), "{said}");
    }
    let said = anna.run(["sync"]).done();
    assert!(said.stderr.contains("cannot reach"), "{said}");
    assert!(anna.run(["status"]).done().text().contains("not synced"));
    let link = anna.invite("Bob");
    let bob = world.person("Bob");
    bob.ask(["accept", &link, "--name", "Bob", "--no-passphrase"]).error("relay-unreachable");
    assert!(!bob.home().exists(), "nothing is made for a link that leads nowhere");
    relay.start_again();
    anna.run(["sync"]).done();
    assert_eq!(anna.json(["status"])["synced"], true);
    bob.accept(&link);
}

/// A friend whose own relay is down when they accept gets their piece later.
#[test]
fn a_friends_relay_comes_late() {
    let world = World::new();
    let (relay, mut slow) = (world.relay("relay"), world.relay("slow"));
    let (anna, bob) = (world.person("Anna"), world.person("Bob"));
    anna.init(&[relay.url()]);
    slow.stop();
    let link = anna.invite("Bob");
    let accept = ["accept", &link, "--name", "Bob", "--no-passphrase", "--relay", &slow.url()];
    let said = bob.run(accept).done();
    assert!(said.stderr.contains("warning:"), "{said}");
    anna.run(["sync"]).done();
    anna.json(["protect", "--threshold", "1"]);
    slow.start_again();
    // The mailbox is not there yet: the piece waits.
    anna.run(["sync"]).done();
    assert_eq!(anna.json(["status"])["queued"], 1);
    bob.run(["sync"]).done();
    anna.run(["sync"]).done();
    assert_eq!(bob.json(["sync"])["events"][0]["kind"], "piece-stored");
    anna.run(["sync"]).done();
    assert_eq!(anna.json(["status"])["circle"]["active"], true);
    assert!(bob.invite("Carol").starts_with(&slow.url()), "the relay is remembered");
}

/// The only relay is gone for good: friends have a copy of the vault, and another relay does.
#[test]
fn a_relay_dies_for_good() {
    let world = World::new();
    let (mut dead, relay) = (world.relay("dead"), world.relay("relay"));
    let family = Family::protected(&world, &[dead.url()], &["Bob", "Carol"], 2);
    let anna = &family.owner;
    anna.lose();
    dead.stop();
    let (link, number) = anna.asks_for_help(&relay.url());
    for friend in &family.friends {
        friend.approve(&link, "Anna", &number);
    }
    let done = anna.ask(["restore", "--no-wait"]).done();
    assert!(done.stderr.contains("cannot reach"), "{done}");
    assert_eq!(done.object()["restored"], json!(["a secret"]));
    assert_eq!(anna.run(["show", "a secret"]).done().stdout, SECRET);
    assert!(anna.invite("Dave").contains(&relay.url()), "the relay is remembered");
}

/// Somebody who calls herself Anna too sends approvals for a key of her own.
#[test]
fn whose_key_is_never_guessed() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol"], 2);
    let other = World::new();
    let false_family = Family::protected(&other, &[relay.url()], &["Mallory", "Eve"], 2);
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    for friend in family.friends.iter().chain(&false_family.friends) {
        friend.approve(&link, "Anna", &number);
    }
    let error = new.ask(["restore", "--no-wait"]).error("ambiguous-owner");
    assert_eq!(error["owners"].as_array().unwrap().len(), 2, "{error}");
    new.ask(["show", "a secret"]).error("restoring");
    let id = family.owner.json(["status"])["owner_id"].as_str().unwrap().to_owned();
    assert!(error["owners"].as_array().unwrap().iter().any(|o| o["owner_id"] == id.as_str()));
    new.ask(["restore", "--no-wait", "--owner-id", "AAAA"]).error("usage");
    let done = new.json(["restore", "--no-wait", "--owner-id", &id]);
    assert_eq!((&done["owner_id"], &done["restored"]), (&json!(id), &json!(["a secret"])));

    // One piece that is a whole key is never taken by itself either.
    let single = World::new();
    let alone = Family::protected(&single, &[relay.url()], &["Zoe"], 1);
    let new = single.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    alone.friend(0).approve(&link, "Anna", &number);
    new.ask(["restore", "--no-wait"]).error("ambiguous-owner");
}

#[test]
fn a_recovery_is_cancelled() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol"], 2);
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    let by_number = ["approve", &link, "--owner", "Anna", "--number", &number];
    let slipped = format!("{:015}", (number.parse::<u64>().unwrap() + 7) % 10_u64.pow(15));
    let opens = ["approve", &link, "--owner", "Anna", "--number", &slipped];
    let _ = family.friend(0).ask(opens);
    assert_eq!(new.json(["restore", "--cancel"]), json!({ "cancelled": true }));
    assert!(!new.home().exists());
    for friend in &family.friends {
        friend.ask(by_number).error("cancelled");
        assert_eq!(friend.json(["requests"])["requests"][0]["state"], "cancelled");
    }
    new.ask(["restore", "--cancel"]).error("no-home");
    // It can be started anew, and ended with no relay there.
    let (again, _) = new.asks_for_help(&relay.url());
    assert_ne!(again, link);
    relay.stop();
    let said = new.ask(["restore", "--cancel"]).done();
    assert!(said.stderr.contains("call those you sent the link to"), "{said}");
    assert!(!new.home().exists());
}
