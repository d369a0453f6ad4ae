//! The main story, typed by six people into six homes, with one relay between them.

use recovery_tests::{Family, Relay, SECRET, World, after_hash, example, look_for};
use serde_json::{Value, json};
use std::{fs, process::Command};

/// As somebody would do it who reads the first page of the documentation, in words, not in JSON.
#[test]
fn a_key_comes_back_to_a_new_device() {
    let world = World::new();
    let relay = world.relay("relay");
    let key =
        world.file("id_ed25519", &[&b"-----BEGIN KEY-----\n\x00\xff"[..], &[7; 400]].concat());
    let anna = world.person("Anna");
    let said =
        anna.run(["init", "--name", "Anna", "--no-passphrase", "--relay", &relay.url()]).done();
    assert!(said.text().starts_with("Hello Anna."), "{said}");
    anna.run(["add", "ssh key", key.to_str().unwrap()]).done();
    let friends = ["Bob", "Carol", "Dave", "Erin", "Frank"].map(|name| world.person(name));
    for friend in &friends {
        // The link is all that stands on standard output, so that it can be piped on.
        let link = anna.run(["invite", friend.name()]).done().text().trim().to_owned();
        assert!(link.starts_with(&format!("{}/i#", relay.url())), "{link}");
        let accept = ["accept", "-", "--name", friend.name(), "--no-passphrase"];
        let said = friend.feed(accept, link.as_bytes()).done();
        assert!(said.stderr.contains("Compare this number with Anna"), "{said}");
    }
    let said = anna.run(["sync"]).done();
    assert_eq!(said.text().matches("accepted your invitation").count(), 5, "{said}");
    let said = anna.run(["protect", "--threshold", "3"]).done();
    assert!(said.stderr.contains("Any 3 of 5 contacts"), "{said}");
    for friend in &friends {
        friend.run(["sync"]).done();
    }
    anna.run(["sync"]).done();
    let said = anna.run(["status"]).done();
    assert!(said.text().contains("Your key is protected"), "{said}");

    anna.lose();
    let new = world.person("Anna");
    let restore = ["restore", "--name", "Anna", "--no-passphrase", "--no-wait", "--relay"];
    let said = new.run(restore.into_iter().chain([relay.url().as_str()])).ended(75);
    let line = |start: &str| {
        let found = said.stderr.lines().map(str::trim).find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    let link = line("http://");
    let is_number = |line: &&str| line.len() == 19 && line.split(' ').all(|g| g.len() == 3);
    let number = said.stderr.lines().map(str::trim).find(is_number).unwrap().to_owned();
    for friend in friends.iter().take(3) {
        let said = friend.run(["approve", &link, "--owner", "Anna", "--number", &number]).done();
        assert!(said.text().contains("approved"), "{said}");
    }
    let said = new.run(["restore", "--no-wait"]).done();
    assert!(said.text().contains("Welcome back, Anna"), "{said}");
    let back = world.path("back");
    new.run(["show", "ssh key", "--output", back.to_str().unwrap()]).done();
    assert_eq!(fs::read(&back).unwrap(), fs::read(&key).unwrap());
    assert_eq!(new.run(["show", "ssh key"]).done().stdout, fs::read(&key).unwrap());
}

/// After coming back, the device is the owner's in every way: it hears of its own recovery without
/// alarm, divides the key anew, holds what it held for others.
#[test]
fn the_new_device_is_the_owner() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol", "Dave"], 2);
    let anna = &family.owner;
    // Anna holds a piece of Bob's key too.
    let bob = family.friend(0);
    anna.accept(&bob.invite("Anna"));
    bob.feed(["add", "b"], b"Bob's").done();
    bob.run(["sync"]).done();
    bob.run(["protect", "--threshold", "1"]).done();
    anna.run(["sync"]).done();
    let former = anna.json(["status"])["owner_id"].clone();
    anna.lose();

    let (link, number) = anna.asks_for_help(&relay.url());
    for friend in family.friends.iter().take(2) {
        friend.approve(&link, "Anna", &number);
    }
    let done = anna.json(["restore", "--no-wait"]);
    assert_eq!((&done["restored"], &done["generation"]), (&json!(["a secret"]), &json!(1)));
    let status = anna.json(["status"]);
    let id = &done["successor_id"];
    assert_eq!((&status["owner_id"], &status["synced"]), (id, &json!(true)), "{status}");
    assert_eq!((&done["owner_id"], id == &former), (&former, false), "it took over");
    let events = anna.json(["sync"]);
    let kinds: Vec<&Value> =
        events["events"].as_array().unwrap().iter().map(|e| &e["kind"]).collect();
    assert!(!kinds.contains(&&json!("alert")), "its own recovery is no alarm: {events}");
    assert_eq!(anna.json(["requests"]), json!({ "requests": [] }));
    assert_eq!(anna.json(["contacts"])["contacts"].as_array().unwrap().len(), 4);
    let dave = family.friend(2);
    dave.run(["sync"]).done();
    dave.compare(anna);
    let again = family.protect(&["--threshold", "2"]);
    assert_eq!(again["generation"], 3, "taking over dealt the second");
    assert_eq!(anna.json(["status"])["circle"]["active"], true);
    assert_eq!(anna.run(["show", "a secret"]).done().stdout, SECRET);

    // And for Bob, Anna's new device is as good as the old one.
    let new = world.person("Bob's new phone").with("RECOVERY_RELAY", &relay.url());
    let (link, number) = new.asks_for_help(&relay.url());
    anna.approve(&link, "Bob", &number);
    let id = bob.json(["status"])["owner_id"].as_str().unwrap().to_owned();
    new.ask(["restore", "--no-wait", "--owner-id", &id]).done();
    assert_eq!(new.run(["show", "b"]).done().stdout, b"Bob's");
}

/// Nothing of the people gets into the relay's files or logs, however much it logs.
#[test]
fn the_relay_learns_nothing() {
    let world = World::new();
    let mut relay = Relay::start(&world.path("relay"), &["--log-level", "trace"]);
    let anna = world.person("Annamaria Musterfrau");
    anna.init(&[relay.url()]);
    let secret: Vec<u8> = (0..=255).collect();
    anna.feed(["add", "wallet of the family"], &secret).done();
    let names = ["Bobby Tables", "Carolina Reaper", "Davidson Harley"];
    let friends = names.map(|name| world.person(name));
    let mut hidden: Vec<String> = names.map(str::to_owned).to_vec();
    for friend in &friends {
        let link = anna.invite(friend.name());
        hidden.push(friend.accept(&link));
        hidden.push(after_hash(&link));
    }
    anna.run(["sync"]).done();
    anna.run(["protect", "--threshold", "2"]).done();
    friends.iter().for_each(|friend| drop(friend.run(["sync"]).done()));
    anna.run(["sync"]).done();
    anna.lose();
    let (link, number) = anna.asks_for_help(&relay.url());
    friends[0].approve(&link, anna.name(), &number);
    friends[1].json(["decline", &link, "--owner", anna.name(), "--reason", "I am not so sure"]);
    friends[2].approve(&link, anna.name(), &number);
    assert_eq!(anna.json(["restore", "--no-wait"])["restored"], json!(["wallet of the family"]));
    relay.stop();

    hidden.extend(
        [anna.name(), "wallet of the family", "I am not so sure", &number].map(str::to_owned),
    );
    hidden.push(after_hash(&link));
    let mut needles: Vec<Vec<u8>> = hidden.into_iter().map(String::into_bytes).collect();
    needles.extend(secret.chunks(24).map(<[u8]>::to_vec));
    let looked = look_for(relay.folder(), &needles);
    assert!(looked > 200_000, "store and log were read: {looked} octets");
}

/// An application that protects its own key needs no command line.
#[test]
fn an_application_does_the_same() {
    let world = World::new();
    let relay = world.relay("relay");
    let out = Command::new(example("embed")).arg(relay.url()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    assert!(said.contains("the key is back"), "{said}");
}
