//! Nothing is released a second early, whoever holds it back, while everybody restarts and the new device's clock
//! jumps a year either way.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say"
)]

use recovery_tests::{Family, Person, Relay, SECRET, World, binary, now, texts};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::Command, time::Duration};

/// How long approvals are held back here, in seconds: long enough for a few tries of everybody.
const DELAY: u64 = 12;

/// The library that shows a program another time; on CI it has to be there.
fn other_clocks() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let library = |folder: PathBuf| folder.join("faketime/libfaketime.so.1");
    let found = folders.map(library).find(|path| path.exists());
    assert!(found.is_some() || std::env::var_os("CI").is_none(), "libfaketime is missing");
    found
}

/// The same person, whose device shows another time.
fn with_clock(person: &Person, library: &str, offset: &str) -> Person {
    let person = person.clone().with("LD_PRELOAD", library).with("FAKETIME", offset);
    person.with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

fn nothing_is_early(hold_by: &str) {
    let Some(library) = other_clocks() else {
        return eprintln!("SKIPPED: needs libfaketime (the package faketime)");
    };
    let library = library.to_str().expect("a path in UTF-8");
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), &format!("{DELAY}s"), hold_by);
    // The page to print tells the day: this shows that the other clocks are seen.
    let days = ["-1y", "+1y"].map(|offset| {
        let owner = with_clock(&family.owner, library, offset);
        owner.run(["sheet"]).done().stdout
    });
    assert_ne!(days[0], days[1]);
    let new = world.person("Anna, again");
    let clocks = ["-1y", "+0", "+1y"].map(|offset| with_clock(&new, library, offset));
    let (link, number) = new.asks_for_help(&relay.url());
    let friends = [family.friend(0), family.friend(1)];
    let dues = friends.map(|friend| {
        let said = friend.approve(&link, "Anna", &number);
        assert_eq!(said["state"], "held", "{said}");
        said["release_at"].as_u64().unwrap()
    });
    // With one piece too few it is too early for both.
    let last = dues.into_iter().max().unwrap();

    // Every command is a device that starts anew; the relay is killed and started in between.
    let (mut tries, mut restored) = (0, false);
    while !restored {
        for clock in &clocks {
            let looked = clock.ask(["restore", "--no-wait"]);
            if looked.code == 0 {
                assert!(now() >= last, "{} seconds early: {looked}", last - now());
                assert_eq!(looked.json()["restored"], json!(["a secret"]));
                restored = true;
                break;
            }
            let waiting = looked.not_yet();
            let good =
                texts(&waiting, "approvals", "state").iter().filter(|s| **s == "good").count();
            let due = dues.iter().filter(|due| **due <= now()).count();
            assert!(good <= due, "{good} pieces are there, {due} are due: {waiting}");
            tries += 1;
        }
        relay.kill();
        relay.start_again();
        friends.iter().for_each(|friend| drop(friend.run(["sync"]).done()));
        assert!(now() < last + 60, "nothing comes after {tries} tries");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(tries >= 3, "each clock was tried before it was time");
    assert_eq!(new.run(["show", "a secret"]).done().stdout, SECRET);
}

#[test]
fn nothing_is_early_at_a_relay() {
    nothing_is_early("relay");
}

#[test]
fn nothing_is_early_with_contacts() {
    nothing_is_early("contacts");
}

/// How many messages lie at a relay.
fn messages_at(relay: &Relay) -> u64 {
    let store = format!("sqlite:{}", relay.folder().join("relay.db").display());
    let mut stats = Command::new(binary("recovery-relay"));
    let stats = stats.args(["stats", "--json", "--store", &store]).output().unwrap();
    let stats: Value = serde_json::from_slice(&stats.stdout).expect("what is at the relay");
    stats["messages"].as_u64().unwrap()
}

#[test]
fn mail_is_deleted_a_month_after_it_was_acted_on() {
    let Some(library) = other_clocks() else {
        return eprintln!("SKIPPED: needs libfaketime (the package faketime)");
    };
    let library = library.to_str().expect("a path in UTF-8");
    let world = World::new();
    let relay = world.relay("relay");
    let names = ["Bob", "Carol", "Dora"];
    let family = Family::protected(&world, &[relay.url()], &names, 2);
    let all_sync = |offset: &str| {
        let everybody = family.friends.iter().chain([&family.owner]);
        everybody.for_each(|who| drop(with_clock(who, library, offset).run(["sync"]).done()));
        messages_at(&relay)
    };
    let before = all_sync("+0");
    assert!(before > 6, "{before}");
    assert!(all_sync("+29d") >= before);
    all_sync("+32d");
    // What was read a month later is gone as well by now, but for the pieces.
    assert_eq!(all_sync("+70d"), 3);
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    [0, 1].iter().for_each(|at| drop(family.friend(*at).approve(&link, "Anna", &number)));
    let restored = new.json(["restore", "--no-wait"]);
    assert_eq!(restored["restored"], json!(["a secret"]));
}

#[test]
fn who_did_not_look_for_a_week_is_told() {
    let Some(library) = other_clocks() else {
        return eprintln!("SKIPPED: needs libfaketime (the package faketime)");
    };
    let library = library.to_str().expect("a path in UTF-8");
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob"], 1);
    let looks = |who: &Person, offset: &str| {
        let status = with_clock(who, library, offset).json(["status"]);
        assert_eq!(status["relays"][0]["relay"], relay.url(), "{status}");
        status["advice"].to_string().contains("last looked at")
    };
    for who in [&family.owner, family.friend(0)] {
        assert!(!looks(who, "+6d"), "{}", who.name());
        assert!(looks(who, "+8d"), "{}", who.name());
    }
    family.protect(&["--threshold", "1", "--delay", "24h"]);
    assert!(!looks(&family.owner, "+20h"));
    assert!(looks(&family.owner, "+25h"), "then what is held back is out");
    assert!(!looks(family.friend(0), "+25h"));
}
