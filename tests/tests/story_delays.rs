//! Approvals that wait: held by the relay, held by friends' devices, and taken back in time.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say"
)]

use recovery_tests::{Family, Person, SECRET, World, now, texts, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::process::Stdio;

/// Approves and is told that it waits; gives until when.
fn held(friend: &Person, link: &str, number: &str) -> u64 {
    let said = friend.approve(link, "Anna", number);
    assert_eq!(said["state"], "held", "{said}");
    said["release_at"].as_u64().unwrap()
}

/// What happened at a friend's, as far as it is of this kind.
fn syncs(friend: &Person, kind: &str) -> usize {
    let told = friend.json(["sync"]);
    texts(&told, "events", "kind").iter().filter(|other| **other == kind).count()
}

#[test]
fn a_relay_holds_approvals_back() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "6s", "relay");
    let (bob, carol) = (family.friend(0), family.friend(1));
    assert_eq!(family.owner.json(["status"])["circle"]["delay"], 6);
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    let asked = now();
    let due = held(bob, &link, &number);
    assert!((asked + 6..=now() + 6).contains(&due), "{due}, asked at {asked}");
    let waiting = new.looks();
    let line = json!({ "contact": "Bob", "state": "held", "reason": null, "at": due });
    assert_eq!(waiting["approvals"], json!([line]));
    assert_eq!(waiting["have"], 0);
    assert_eq!(held(bob, &link, &number), due, "once more starts no new wait");
    let known = bob.json(["requests"])["requests"][0].clone();
    assert_eq!((&known["state"], &known["release_at"]), (&json!("held"), &json!(due)));
    let last = held(carol, &link, &number);

    // From here on no friend is needed, and the relay need not be there all the time.
    family.friends.iter().for_each(Person::lose);
    relay.stop();
    relay.start_again();
    let said = new.ask(["restore", "--wait", "2m"]).done();
    assert!(now() >= last, "not before both were due");
    assert!(said.stderr.contains("Bob approved; the piece goes out"), "{said}");
    assert_eq!(said.object()["restored"], json!(["a secret"]));
    assert_eq!(new.run(["show", "a secret"]).done().stdout, SECRET);
    assert_eq!(new.json(["sync"]), json!({ "events": [] }), "its own recovery is no alarm");
}

/// The owner hears of an approval when it is made, not when it is released.
#[test]
fn an_owner_hears_at_once() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "7d", "relay");
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    let due = held(family.friend(0), &link, &number);
    assert!(due > now() + 6 * 86_400, "{due}");
    let told = family.owner.json(["sync"]);
    assert_eq!(texts(&told, "events", "alert"), ["opened", "approved"]);
    family.owner.ask(["protect", "--threshold", "2", "--delay", "8d"]).error("usage");
    family.owner.ask(["protect", "--threshold", "2", "--delay", "2"]).error("usage");
    family.owner.ask(["protect", "--threshold", "2", "--hold-by", "nobody"]).error("usage");
}

#[test]
fn friends_hold_approvals_back() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "6s", "contacts");
    let (bob, carol) = (family.friend(0), family.friend(1));
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    let due = held(bob, &link, &number);
    assert_eq!(syncs(bob, "released"), usize::from(now() >= due), "nothing goes out before");
    let last = held(carol, &link, &number);
    relay.stop();
    relay.start_again();
    wait_until(last + 2);
    let waiting = new.looks();
    assert!(!texts(&waiting, "approvals", "state").contains(&"good"), "{waiting}");

    assert_eq!(syncs(bob, "released"), 1);
    assert_eq!(syncs(bob, "released"), 0);
    let waiting = new.looks();
    assert_eq!((&waiting["have"], &waiting["needed"]), (&json!(1), &json!(2)), "{waiting}");
    let mut states = texts(&waiting, "approvals", "state");
    states.sort_unstable();
    assert_eq!(states, ["good", "held"]);

    // Carol's device is always on.
    let mut watch = carol.command(["--json", "watch"]).stdout(Stdio::null()).spawn().unwrap();
    let done = new.ask(["restore", "--wait", "2m"]);
    kill_process(Pid::from_child(&watch), Signal::TERM).unwrap();
    assert!(watch.wait().unwrap().success());
    assert_eq!(done.json()["restored"], json!(["a secret"]));
}

/// A relay of the requester's own choice is not trusted to hold anything.
#[test]
fn a_relay_nobody_knows_holds_nothing() {
    let world = World::new();
    let (relay, own) = (world.relay("relay"), world.relay("own"));
    let family = Family::delayed(&world, &relay.url(), "2s", "relay");
    let (bob, carol) = (family.friend(0), family.friend(1));
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&own.url());
    held(bob, &link, &number);
    wait_until(held(carol, &link, &number) + 2);
    let waiting = new.looks();
    assert_eq!(texts(&waiting, "approvals", "state"), ["held", "held"], "{waiting}");
    assert_eq!((syncs(bob, "released"), syncs(carol, "released")), (1, 1));
    assert_eq!(new.json(["restore", "--no-wait"])["restored"], json!(["a secret"]));
}

/// Takes an approval back while it waits; once it is out, nothing does.
fn taken_back(hold_by: &str) {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "5s", hold_by);
    let [bob, carol, dave] = [0, 1, 2].map(|at| family.friend(at));
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    let decline = ["decline", &link, "--owner", "Anna"];
    let by_number = ["approve", &link, "--owner", "Anna", "--number", &number];
    let due = held(bob, &link, &number);
    // What is said within one second has no order.
    wait_until(now() + 1);
    assert_eq!(bob.json(decline)["state"], "declined");
    assert!(now() < due, "this machine is too slow for this story");
    let known = bob.json(["requests"])["requests"][0].clone();
    assert_eq!((&known["state"], &known["release_at"]), (&json!("declined"), &Value::Null));
    bob.ask(by_number).error("already-declined");
    let last = held(carol, &link, &number);
    wait_until(last + 2);
    for friend in [bob, carol] {
        friend.run(["sync"]).done();
    }
    carol.ask(decline).error("already-approved");
    let waiting = new.looks();
    assert_eq!((&waiting["have"], &waiting["needed"]), (&json!(1), &json!(2)), "{waiting}");
    let mut states = texts(&waiting, "approvals", "state");
    states.sort_unstable();
    assert_eq!(states, ["declined", "good"], "{waiting}");
    let told = family.owner.json(["sync"]);
    assert!(texts(&told, "events", "alert").contains(&"declined"), "{told}");

    wait_until(held(dave, &link, &number) + 2);
    dave.run(["sync"]).done();
    assert_eq!(new.json(["restore", "--no-wait"])["restored"], json!(["a secret"]));
}

#[test]
fn an_approval_is_taken_back_from_a_relay() {
    taken_back("relay");
}

#[test]
fn an_approval_is_taken_back_before_a_friend_sent_it() {
    taken_back("contacts");
}

/// What is out is out: approving once more starts no new wait, and nothing can be taken back.
fn stays_released(hold_by: &str) {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "2s", hold_by);
    let bob = family.friend(0);
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    wait_until(held(bob, &link, &number) + 2);
    bob.run(["sync"]).done();
    assert_eq!(texts(&new.looks(), "approvals", "state"), ["good"]);
    let known = bob.json(["requests"])["requests"][0].clone();
    assert_eq!((&known["state"], &known["release_at"]), (&json!("approved"), &Value::Null));
    let again = bob.approve(&link, "Anna", &number);
    assert_eq!((&again["state"], &again["release_at"]), (&json!("sent"), &Value::Null));
    bob.ask(["decline", &link, "--owner", "Anna"]).error("already-approved");
    assert_eq!(new.looks()["have"], 1);
}

#[test]
fn what_a_relay_released_is_out() {
    stays_released("relay");
}

#[test]
fn what_a_friend_released_is_out() {
    stays_released("contacts");
}

#[test]
fn held_approvals_travel_by_file() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "2s", "contacts");
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    let mut import = vec!["restore".to_owned(), "--no-wait".to_owned(), "--import".to_owned()];
    for friend in family.friends.iter().take(2) {
        let path = world.path(&format!("from {}", friend.name())).display().to_string();
        let by_file = ["approve", &link, "--owner", "Anna", "--number", &number, "--output", &path];
        let said = friend.json(by_file);
        assert_eq!((&said["state"], &said["path"]), (&json!("held"), &Value::Null));
        assert!(!std::path::Path::new(&path).exists());
        wait_until(said["release_at"].as_u64().unwrap() + 1);
        let said = friend.json(by_file);
        assert_eq!((&said["state"], &said["path"]), (&json!("sent"), &json!(path)));
        import.push(path);
    }
    let waiting = new.looks();
    assert!(!texts(&waiting, "approvals", "state").contains(&"good"), "by file only: {waiting}");
    assert_eq!(new.json(&import)["restored"], json!(["a secret"]));
}
