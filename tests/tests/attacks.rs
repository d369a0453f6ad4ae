//! The attacks of the threat model, one test each, named after its row there.

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
use recovery_tests::{
    Evil, Family, Middle, Person, SECRET, World, by_number, copy_folder, now, texts, wait_until,
};
use serde_json::{Value, json};
use std::{
    fs,
    future::Future,
    time::{Duration, SystemTime},
};

/// What a command that a relay lied to may end with: done, refused, not yet.
const ENDS: [i32; 3] = [0, 1, 75];

/// A relay that changes what passes, at each step of the whole story: nothing of it is taken, nobody is told that
/// something worked which did not, and once it stops the story goes on.
fn a_relay_changes_what_passes(writes: Evil) {
    let world = World::new();
    let relay = world.relay("relay");
    let middle = Middle::before(&relay);
    let (anna, url) = (world.person("Anna"), middle.url());
    anna.init(std::slice::from_ref(&url));
    anna.feed(["add", "a secret"], SECRET).done();
    let friends = ["Bob", "Carol", "Dave"].map(|name| world.person(name));
    for friend in &friends {
        let link = anna.invite(friend.name());
        middle.does(Evil::ChangesReads);
        friend.ask(["accept", &link, "--name", friend.name(), "--no-passphrase"]).error("bad-link");
        middle.does(writes);
        friend.accept(&link);
        assert_eq!(anna.json(["contacts"])["contacts"].as_array().unwrap().len(), joined(&anna));
        assert!(middle.does(Evil::None) > 0, "{writes:?}");
        // Nothing came of it, so it can be answered again.
        friend.accept(&link);
        anna.run(["sync"]).done();
    }
    assert_eq!(joined(&anna), 3);

    middle.does(writes);
    anna.json(["protect", "--threshold", "2"]);
    friends.iter().for_each(|friend| no_piece(&friend.json(["sync"])));
    assert!(middle.does(Evil::ChangesReads) > 0, "{writes:?}");
    anna.json(["protect", "--threshold", "2"]);
    friends.iter().for_each(|friend| no_piece(&friend.json(["sync"])));
    assert!(middle.does(Evil::None) > 0, "{writes:?}");
    assert_eq!(anna.json(["status"])["circle"]["active"], false);
    anna.json(["protect", "--threshold", "2"]);
    friends.iter().for_each(|friend| drop(friend.json(["sync"])));
    anna.run(["sync"]).done();
    assert_eq!(anna.json(["status"])["circle"]["active"], true);

    anna.lose();
    let (link, number) = anna.asks_for_help(&url);
    middle.does(Evil::ChangesReads);
    friends[0].ask(by_number(&link, &number)).ended(1);
    middle.does(writes);
    friends[0].approve(&link, "Anna", &number);
    assert!(middle.does(Evil::None) > 0, "{writes:?}");
    let waiting = anna.looks();
    assert_eq!((&waiting["have"], waiting["request"].is_string()), (&json!(0), true), "{waiting}");
    // They call again; what was sent once may be sent again.
    friends.iter().take(2).for_each(|friend| drop(friend.approve(&link, "Anna", &number)));
    middle.does(Evil::ChangesReads);
    let out = anna.ask(["restore", "--no-wait"]);
    assert!(ENDS.contains(&out.code), "{out}");
    middle.does(Evil::None);
    if out.code != 0 {
        friends.iter().for_each(|friend| drop(friend.approve(&link, "Anna", &number)));
        let done = anna.json(["restore", "--no-wait"]);
        assert_eq!(done["restored"], json!(["a secret"]), "{done}");
    }
    assert_eq!(anna.run(["show", "a secret"]).done().stdout, SECRET);
}

/// Contacts of an owner.
fn joined(anna: &Person) -> usize {
    texts(&anna.json(["contacts"]), "contacts", "name").len()
}

fn no_piece(synced: &Value) {
    assert!(!texts(synced, "events", "kind").contains(&"piece-stored"), "{synced}");
}

/// What somebody's devices say of themselves, without what changes by the minute and what they say of relays.
fn state(who: &Person) -> Value {
    let mut status = who.json(["status"]);
    if let Some(status) = status.as_object_mut() {
        status.remove("advice");
        status.remove("relays");
    }
    status
}

#[test]
fn t01_a_relay_exchanges_keys() {
    a_relay_changes_what_passes(Evil::ChangesWrites);
}

#[test]
fn t02_a_relay_repeats_what_was_said() {
    let world = World::new();
    let relay = world.relay("relay");
    let middle = Middle::before(&relay);
    let family = Family::protected(&world, &[middle.url()], &["Bob", "Carol", "Dave"], 2);
    let anna = &family.owner;
    let repeated = |step: &str, everybody: &[&Person]| {
        let before: Vec<Value> = everybody.iter().map(|who| state(who)).collect();
        assert!(middle.posts_everything_again() > 0, "{step}");
        middle.does(Evil::Repeats);
        for who in everybody {
            let events = who.json(["sync"]);
            let news =
                texts(&events, "events", "kind").iter().filter(|kind| **kind != "ignored").count();
            assert_eq!(news, 0, "{step}: {} {events}", who.name());
        }
        assert!(middle.does(Evil::None) > 0, "{step}");
        for (who, before) in everybody.iter().zip(before) {
            assert_eq!(state(who), before, "{step}: {}", who.name());
        }
    };
    let friends = || family.friends.iter();
    let everybody: Vec<&Person> = friends().chain([anna]).collect();
    repeated("protected", &everybody);
    family.owner.json(["renew"]);
    friends().for_each(|friend| drop(friend.json(["sync"])));
    anna.run(["sync"]).done();
    friends().for_each(|friend| drop(friend.json(["sync"])));
    anna.run(["sync"]).done();
    repeated("renewed", &everybody);

    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&middle.url());
    family.friend(0).approve(&link, "Anna", &number);
    anna.run(["sync"]).done();
    repeated("approved once", &everybody);
    middle.does(Evil::Repeats);
    assert_eq!(new.looks()["have"], 1, "one approval, however often it is shown");
    middle.does(Evil::None);
    family.friend(1).approve(&link, "Anna", &number);
    assert_eq!(new.json(["restore", "--no-wait"])["restored"], json!(["a secret"]));

    // What was approved for that device is of no use for another one.
    let other = world.person("somebody else");
    let (_, _) = other.asks_for_help(&middle.url());
    assert!(middle.posts_everything_again() > 0);
    let waiting = other.looks();
    assert_eq!(waiting["have"], 0, "{waiting}");
}

#[test]
fn t03_a_relay_shows_what_it_had_before() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol", "Dave"], 2);
    let anna = &family.owner;
    relay.stop();
    let before = world.path("the relay before");
    copy_folder(relay.folder(), &before);
    relay.start_again();
    anna.feed(["add", "newest"], b"of all").done();
    anna.json(["renew"]);
    for _ in 0..2 {
        family.friends.iter().for_each(|friend| drop(friend.json(["sync"])));
        anna.run(["sync"]).done();
    }
    assert_eq!(anna.json(["status"])["circle"]["generation"], 2);
    relay.stop();
    for name in ["relay.db", "relay.db-wal", "relay.db-shm"] {
        let (old, now) = (before.join(name), relay.folder().join(name));
        let _ = fs::remove_file(&now);
        if old.exists() {
            fs::copy(old, now).unwrap();
        }
    }
    relay.start_again();
    anna.lose();

    // The old vault is not called current: either contacts have the newest, or the person is asked.
    let (link, number) = anna.asks_for_help(&relay.url());
    family.friends.iter().take(2).for_each(|friend| drop(friend.approve(&link, "Anna", &number)));
    let out = anna.ask(["restore", "--no-wait"]);
    match out.code {
        0 => {
            let done = out.json();
            assert_eq!(
                (&done["restored"], &done["generation"]),
                (&json!(["a secret", "newest"]), &json!(2))
            );
        }
        _ => drop(out.error("vault-rollback")),
    }
}

#[test]
fn t04_a_relay_swaps_what_it_has() {
    a_relay_changes_what_passes(Evil::Swaps);
}

#[test]
fn t10_as_many_contacts_as_are_needed_collude() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Bob", "Carol"]);
    let phrase = world.file("phrase", b"only Anna knows this one\n");
    let phrase = phrase.to_str().unwrap();
    let args = ["--threshold", "2", "--circle-passphrase", "--circle-passphrase-file", phrase];
    family.protect(&args);
    // They make a request themselves, and both approve it.
    let thief = world.person("Anna");
    thief.lose();
    let (link, number) = thief.asks_for_help(&relay.url());
    family.friends.iter().for_each(|friend| drop(friend.approve(&link, "Anna", &number)));
    let guess = world.file("guess", b"a guess\n");
    let restore = ["restore", "--no-wait", "--no-input", "--circle-passphrase-file"];
    let with = |file: &str| thief.ask(restore.iter().copied().chain([file]));
    thief.ask(["restore", "--no-wait", "--no-input"]).ended(1);
    with(guess.to_str().unwrap()).error("wrong-passphrase");
    thief.ask(["show", "a secret"]).error("restoring");
    // The approvals are kept: who knows it has lost nothing by the guesses.
    assert_eq!(with(phrase).json()["restored"], json!(["a secret"]));
}

#[test]
fn t11_a_thief_of_the_old_device_stops_a_recovery() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "1h", "contacts");
    let (thief, new) = (&family.owner, world.person("Anna, again"));
    let (request, link, number) = new.asks(&relay.url());
    family.friend(0).approve(&link, "Anna", &number);
    thief.run(["sync"]).done();
    assert_eq!(thief.json(["veto", &request])["state"], "vetoed");
    family.friend(0).run(["sync"]).done();
    family.friend(1).run(["sync"]).done();
    family.friend(1).ask(by_number(&link, &number)).error("vetoed");
    // The stop does not lock Anna out: she meets her friends.
    let code = format!("{link}.{request}");
    // What is said within one second has no order.
    wait_until(now() + 1);
    for friend in family.friends.iter().take(2) {
        friend.json(["approve", &code, "--owner", "Anna", "--scanned", "--override"]);
    }
    assert_eq!(new.json(["restore", "--no-wait"])["restored"], json!(["a secret"]));
}

#[test]
fn t12_somebody_claims_to_be_the_owner() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol", "Dave"], 2);
    let (anna, thief) = (&family.owner, world.person("a thief"));
    let (request, link, number) = thief.asks(&relay.url());
    let bob = family.friend(0);
    // A link alone approves nothing, nor does asking without a person: there is no yes to fall back on.
    bob.ask(["--no-input", "approve", &link, "--owner", "Anna"]).ended(1);
    bob.ask(["approve", &link, "--owner", "Anna", "--scanned"]).ended(1);
    // A right number of another request is wrong here, three times, and the owner is told.
    let other = world.person("another new device").asks_for_help(&relay.url()).1;
    assert_ne!(other, number);
    for left in [2, 1] {
        let error = bob.ask(by_number(&link, &other)).error("wrong-number");
        assert_eq!(error["tries_left"], left);
    }
    bob.ask(by_number(&link, &other)).error("request-burnt");
    bob.ask(by_number(&link, &number)).error("request-burnt");
    let waiting = thief.looks();
    assert_eq!((&waiting["have"], &waiting["approvals"]), (&json!(0), &json!([])), "{waiting}");
    let told = anna.json(["sync"]);
    assert!(texts(&told, "events", "kind").contains(&"alert"), "{told}");
    let known = anna.json(["requests"]);
    assert_eq!(texts(&known, "requests", "request"), [request.as_str()], "{known}");
    assert!(anna.run(["list"]).done().stderr.contains("Somebody asks to recover your key"));
}

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
fn t13_a_contact_sends_what_counts_for_nothing() {
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

#[test]
fn t16_somebody_else_answers_an_invitation() {
    let world = World::new();
    let relay = world.relay("relay");
    let (anna, bob, eve) = (world.person("Anna"), world.person("Bob"), world.person("Eve"));
    anna.init(&[relay.url()]);
    let link = anna.invite("Bob");
    let wrong = eve.accept(&link);
    let right = bob.accept(&link);
    anna.run(["sync"]).done();
    // Until the numbers were compared, nothing is sealed to either.
    anna.ask(["protect", "--threshold", "1", "--contact", "Bob"]).error("contested");
    assert_ne!(wrong, right);
    anna.json(["contacts", "verify", "Bob", "--number", &right]);
    anna.json(["protect", "--threshold", "1"]);
    assert_eq!(texts(&bob.json(["sync"]), "events", "kind"), ["piece-stored"]);
    assert_eq!(eve.json(["sync"]), json!({ "events": [] }));
    anna.ask(["contacts", "verify", "Bob", "--number", &wrong]).ended(1);
}

#[test]
fn t17_an_old_copy_of_a_home_goes_on() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol", "Dave"], 2);
    let anna = &family.owner;
    let copy = world.path("an old copy");
    copy_folder(anna.home(), &copy);
    let synced = || family.friends.iter().map(|friend| friend.json(["sync"])).collect::<Vec<_>>();
    assert_eq!(anna.json(["renew"])["generation"], 2);
    synced();
    anna.run(["sync"]).done();

    // The copy deals a second generation 2: contacts keep the one that came first, and say so.
    fs::remove_dir_all(anna.home()).unwrap();
    copy_folder(&copy, anna.home());
    assert_eq!(anna.json(["renew"])["generation"], 2);
    for events in synced() {
        let kinds = texts(&events, "events", "kind");
        assert!(kinds.contains(&"piece-refused") && !kinds.contains(&"piece-stored"), "{events}");
    }
    anna.run(["sync"]).done();
    let status = anna.json(["status"]);
    assert_eq!(status["circle"]["active"], false, "{status}");
    // What everybody holds still opens.
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    family.friends.iter().take(2).for_each(|friend| drop(friend.approve(&link, "Anna", &number)));
    assert_eq!(new.json(["restore", "--no-wait"])["restored"], json!(["a secret"]));
    assert_eq!(new.run(["show", "a secret"]).done().stdout, SECRET);
}
