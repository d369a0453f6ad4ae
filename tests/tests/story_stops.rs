//! Stops that must hold, whatever came in which order.

use recovery_tests::{Family, World, by_number, now, texts, wait_until};
use serde_json::{Value, json};
use std::{process::Stdio, time::Duration};

/// A friend who had no time to look for messages hears of the stop all the same.
#[test]
fn a_stop_is_heard_without_a_sync() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol"], 2);
    let thief = world.person("Anna, says the thief");
    let (id, link, number) = thief.asks(&relay.url());
    family.friend(0).approve(&link, "Anna", &number);
    family.owner.run(["sync"]).done();
    family.owner.json(["veto", &id]);
    family.friend(1).ask(by_number(&link, &number)).error("vetoed");
    assert_eq!(thief.looks()["have"], 1);
}

/// The relay dropped what it held; approving once more sends nothing past it.
#[test]
fn a_stopped_approval_is_not_sent_again() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "4s", "relay");
    let thief = world.person("Anna, says the thief");
    let (id, link, number) = thief.asks(&relay.url());
    family.friend(0).approve(&link, "Anna", &number);
    let due = family.friend(1).approve(&link, "Anna", &number)["release_at"].as_u64().unwrap();
    family.owner.run(["sync"]).done();
    family.owner.json(["veto", &id]);
    assert!(now() < due, "this machine is too slow for this story");
    wait_until(due + 2);
    for friend in family.friends.iter().take(2) {
        friend.ask(by_number(&link, &number)).error("vetoed");
        friend.run(["sync"]).done();
        friend.ask(by_number(&link, &number)).error("vetoed");
    }
    assert_eq!(thief.looks()["have"], 0);
}

/// A stop that waits at the relay is read before anything that is due goes out.
#[test]
fn a_friend_reads_before_releasing() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "4s", "contacts");
    let bob = family.friend(0);
    let thief = world.person("Anna, says the thief");
    let (id, link, number) = thief.asks(&relay.url());
    let due = bob.approve(&link, "Anna", &number)["release_at"].as_u64().unwrap();
    family.owner.run(["sync"]).done();
    family.owner.json(["veto", &id]);
    assert!(now() < due, "this machine is too slow for this story");
    wait_until(due + 1);
    let told = bob.json(["sync"]);
    assert_eq!(texts(&told, "events", "kind"), ["stopped"], "{told}");
    assert_eq!(thief.looks()["have"], 0);
}

/// The owner hears the gravest word, also if it was said within the same second.
#[test]
fn a_warning_in_the_same_second() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "7d", "relay");
    let thief = world.person("Anna, says the thief");
    let (_, link, number) = thief.asks(&relay.url());
    family.friend(0).approve(&link, "Anna", &number);
    family.friend(0).json(["decline", &link, "--owner", "Anna", "--impostor"]);
    let told = family.owner.json(["sync"]);
    assert_eq!(texts(&told, "events", "alert"), ["opened", "approved", "impostor"], "{told}");
}

/// What a friend's own device still has can be taken back, although it is due.
#[test]
fn what_is_due_but_not_sent_can_be_taken_back() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "2s", "contacts");
    let bob = family.friend(0);
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    let due = bob.approve(&link, "Anna", &number)["release_at"].as_u64().unwrap();
    wait_until(due + 1);
    assert_eq!(bob.json(["decline", &link, "--owner", "Anna"])["state"], "declined");
    bob.run(["sync"]).done();
    assert_eq!(texts(&new.looks(), "approvals", "state"), ["declined"]);
}

/// Going against a stop once more is the same as once: no new wait, and nothing to take back.
#[test]
fn an_override_is_said_twice() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "7d", "relay");
    let bob = family.friend(0);
    let new = world.person("Anna, again");
    let (id, link, number) = new.asks(&relay.url());
    bob.approve(&link, "Anna", &number);
    family.owner.run(["sync"]).done();
    family.owner.json(["veto", &id]);
    bob.run(["sync"]).done();
    let code = format!("{link}.{id}");
    for _ in 0..2 {
        let said = bob.json(["approve", &code, "--owner", "Anna", "--scanned", "--override"]);
        assert_eq!((&said["state"], &said["release_at"]), (&json!("sent"), &Value::Null));
    }
    bob.ask(["decline", &link, "--owner", "Anna"]).error("already-approved");
}

/// A service goes on although another command needs the home for longer.
#[test]
fn a_watch_outlasts_a_long_command() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob"], 1);
    let bob = family.friend(0);
    let mut long = bob.command(["sync", "--wait", "25s"]).stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let mut watch = bob.command(["watch"]).stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(23));
    let ended = watch.try_wait().unwrap();
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert!(long.wait().unwrap().success());
    assert_eq!(ended, None);
}
