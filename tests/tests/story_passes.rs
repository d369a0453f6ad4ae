//! A relay that is not open to everybody: its operator gives passes, and who lost everything needs none to come
//! back.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say"
)]

use recovery_tests::{Person, Relay, SECRET, World, binary};
use serde_json::{Value, json};
use std::process::Command;

/// What the operator does: a pass for a family, in a file.
fn pass(world: &World, relay: &Relay, name: &str) -> String {
    let store = format!("sqlite:{}", relay.folder().join("relay.db").display());
    let args = ["pass", "new", "--json", "--name", name, "--store", &store];
    let output = Command::new(binary("recovery-relay")).args(args).env_clear().output().unwrap();
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = format!("{}\n", made["pass"].as_str().unwrap());
    world.file(name, text.as_bytes()).to_str().unwrap().to_owned()
}

fn use_pass(person: &Person, relay: &Relay, file: &str) -> Value {
    person.json(["pass", &relay.url(), "--pass-file", file])
}

#[test]
fn a_family_at_a_closed_relay() {
    let world = World::new();
    let relay = Relay::start(&world.path("relay"), &["--closed"]);
    let file = pass(&world, &relay, "family");
    let anna = world.person("Anna");
    anna.init(&[relay.url()]);
    assert_eq!(anna.json(["pass"]), json!({ "passes": [] }));

    // Without a pass nothing is lost, and it says what is missing.
    let out = anna.feed(["--json", "add", "a secret"], SECRET).done();
    assert!(out.stderr.contains("pass-needed"), "{}", out.stderr);
    assert_eq!(anna.json(["status"])["synced"], false);
    let done = use_pass(&anna, &relay, &file);
    assert_eq!((&done["relay"], &done["queued"]), (&json!(relay.url()), &json!(0)), "{done}");
    assert_eq!(
        anna.json(["pass"]),
        json!({ "passes": [{ "relay": relay.url(), "guest": false }] })
    );
    assert_eq!(anna.json(["status"])["synced"], true);

    // Friends of the family have a pass of their own as well.
    let friends = ["Bob", "Carol"].map(|name| world.person(name));
    for friend in &friends {
        friend.accept(&anna.invite(friend.name()));
    }
    anna.json(["sync"]);
    for friend in &friends {
        assert_eq!(use_pass(friend, &relay, &file)["queued"], 0);
    }
    anna.json(["protect", "--threshold", "2"]);
    friends.iter().for_each(|friend| drop(friend.json(["sync"])));
    anna.json(["sync"]);
    assert_eq!(anna.json(["status"])["circle"]["active"], true);

    // A new device has no pass: it comes back, and takes over once it has one.
    anna.lose();
    let (link, number) = anna.asks_for_help(&relay.url());
    friends.iter().for_each(|friend| drop(friend.approve(&link, "Anna", &number)));
    let done = anna.json(["restore", "--no-wait"]);
    assert_eq!(done["restored"], json!(["a secret"]), "{done}");
    assert_eq!(anna.run(["show", "a secret"]).done().stdout, SECRET);
    assert_eq!(anna.json(["pass"]), json!({ "passes": [] }), "a pass is this device's alone");
    assert_eq!(use_pass(&anna, &relay, &file)["queued"], 0);
    friends.iter().for_each(|friend| drop(friend.json(["sync"])));
    anna.json(["sync"]);
    let status = anna.json(["status"]);
    assert_eq!((&status["synced"], &status["circle"]["active"]), (&json!(true), &json!(true)));
}

#[test]
fn a_pass_is_shown_to_its_relay_alone_and_can_be_forgotten() {
    let world = World::new();
    let relay = Relay::start(&world.path("relay"), &["--closed", "--log-level", "trace"]);
    let file = pass(&world, &relay, "family");
    let text = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    let anna = world.person("Anna");
    anna.init(&[relay.url()]);
    let fed =
        anna.feed(["--json", "pass", &relay.url(), "--pass-file", "-"], text.as_bytes()).done();
    assert!(!String::from_utf8_lossy(&fed.stdout).contains(&text));
    anna.feed(["add", "a secret"], SECRET).done();
    assert_eq!(anna.json(["status"])["synced"], true);
    let log = std::fs::read_to_string(relay.log()).unwrap();
    assert!(!log.contains(&text), "the relay does not log passes");

    let wrong = world.file("wrong", b"no pass at all");
    anna.ask(["pass", &relay.url(), "--pass-file", wrong.to_str().unwrap()]).error("bad-pass");
    anna.ask(["pass", "files", "--pass-file", &file]).error("usage");
    anna.ask(["pass", &relay.url()]).error("input-needed");
    let forgotten = anna.json(["pass", &relay.url(), "--forget"]);
    assert_eq!(forgotten, json!({ "relay": relay.url(), "forgotten": true }));
    anna.ask(["pass", &relay.url(), "--forget"]).error("no-such-pass");
}

/// What the relay says of its passes.
fn listed(relay: &Relay) -> Vec<Value> {
    let store = format!("sqlite:{}", relay.folder().join("relay.db").display());
    let args = ["pass", "list", "--json", "--store", &store];
    let output = Command::new(binary("recovery-relay")).args(args).env_clear().output().unwrap();
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    list["passes"].as_array().unwrap().clone()
}

#[test]
fn only_the_owner_has_a_pass_and_the_links_bring_the_rest() {
    let world = World::new();
    let relay = Relay::start(&world.path("relay"), &["--closed", "--log-level", "trace"]);
    let anna = world.person("Anna");
    anna.init(&[relay.url()]);
    // One is invited before there is a pass: the link that is out already serves as well.
    let bobs = anna.invite("Bob");
    use_pass(&anna, &relay, &pass(&world, &relay, "Anna"));
    assert_eq!(anna.invite("Bob"), bobs);
    let links = [bobs, anna.invite("Carol"), anna.invite("Dave")];
    assert_eq!(links.iter().map(String::len).max(), links.iter().map(String::len).min());
    anna.feed(["add", "a secret"], SECRET).done();
    let friends = ["Bob", "Carol", "Dave"].map(|name| world.person(name));
    for (friend, link) in friends.iter().zip(&links) {
        let out = friend.ask(["accept", link, "--name", friend.name(), "--no-passphrase"]).done();
        assert!(!out.stderr.contains("pass-"), "{}", out.stderr);
        let known = json!({ "passes": [{ "relay": relay.url(), "guest": true }] });
        assert_eq!(friend.json(["pass"]), known);
    }
    anna.json(["sync"]);
    anna.json(["protect", "--threshold", "2"]);
    friends.iter().for_each(|friend| drop(friend.json(["sync"])));
    anna.json(["sync"]);
    let status = anna.json(["status"]);
    assert_eq!((&status["circle"]["active"], &status["queued"]), (&json!(true), &json!(0)));
    let guests: Vec<_> =
        listed(&relay).into_iter().filter(|pass| !pass["guest_of"].is_null()).collect();
    assert_eq!(guests.len(), 3, "one for each, however often it was asked: {guests:?}");
    assert!(guests.iter().all(|guest| guest["used"]["mailboxes"] == 1), "{guests:?}");

    anna.lose();
    let (link, number) = anna.asks_for_help(&relay.url());
    for friend in &friends[1..] {
        friend.approve(&link, "Anna", &number);
    }
    assert_eq!(anna.json(["restore", "--no-wait"])["restored"], json!(["a secret"]));
    assert_eq!(anna.run(["show", "a secret"]).done().stdout, SECRET);

    // Who came by a link brings nobody along.
    let erin = world.person("Erin");
    erin.accept(&friends[0].invite("Erin"));
    assert_eq!(erin.json(["pass"]), json!({ "passes": [] }));
    let log = std::fs::read_to_string(relay.log()).unwrap();
    for pass in guests {
        let id = pass["id"].as_str().unwrap().to_owned();
        assert!(!log.contains(&id[..12]), "the relay does not log passes");
    }
}

#[test]
fn without_a_guest_pass_an_invitation_says_what_is_missing() {
    let world = World::new();
    let relay = Relay::start(&world.path("relay"), &["--closed"]);
    let store = format!("sqlite:{}", relay.folder().join("relay.db").display());
    // Enough for the owner and for one guest.
    let args = ["pass", "new", "--mailboxes", "8", "--slots", "4", "--store", &store];
    let output = Command::new(binary("recovery-relay")).args(args).env_clear().output().unwrap();
    let file = world.file("small", &output.stdout).to_str().unwrap().to_owned();
    let anna = world.person("Anna");
    anna.init(&[relay.url()]);
    use_pass(&anna, &relay, &file);
    assert!(!anna.ask(["invite", "Bob"]).done().stderr.contains("pass"));
    let out = anna.ask(["invite", "Carol"]).done();
    assert!(out.stderr.contains("brings no pass"), "{}", out.stderr);
    let carol = world.person("Carol");
    carol.accept(&anna.invite("Carol"));
    assert_eq!(carol.json(["pass"]), json!({ "passes": [] }));
    assert_eq!(carol.json(["status"])["queued"], 1, "what lasts waits for a pass, as ever");
}
