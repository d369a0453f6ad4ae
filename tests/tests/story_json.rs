//! What scripts rely on: one JSON object for each command, one line of JSON for each error.

#![expect(
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say"
)]

use recovery_tests::{Family, SECRET, World};
use serde_json::{Value, json};
use std::fs;

fn fields(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// All of `names` are there.
fn has(value: &Value, names: &[&str]) {
    for name in names {
        assert!(value.get(name).is_some(), "no {name} in {value}");
    }
}

#[test]
fn before_anything_is_lost() {
    let world = World::new();
    let relay = world.relay("relay");
    let (anna, bob) = (world.person("Anna Müller 👵"), world.person("Bob"));
    let made = anna.init(&[relay.url()]);
    assert_eq!(fields(&made), ["contact_id", "name", "relays"]);
    assert_eq!((&made["name"], &made["relays"]), (&json!("Anna Müller 👵"), &json!([relay.url()])));

    let file = world.file("secret.bin", SECRET);
    let added = anna.json(["add", "a secret", file.to_str().unwrap()]);
    assert_eq!((&added["label"], &added["size"]), (&json!("a secret"), &json!(SECRET.len())));
    let list = anna.json(["list"]);
    assert_eq!(fields(&list["entries"][0]), ["added", "label", "size"]);
    let shown = anna.json(["show", "a secret"]);
    assert_eq!(fields(&shown), ["base64", "label", "size"]);
    assert_eq!(shown["base64"], "AGNvcnJlY3QgaG9yc2UNCmJhdHRlcnkgc3RhcGxl/wo=");
    let path = world.path("out");
    let written = anna.json(["show", "a secret", "--output", path.to_str().unwrap()]);
    assert_eq!(written, json!({ "label": "a secret", "path": path, "size": SECRET.len() }));
    assert_eq!(fs::read(path).unwrap(), SECRET);
    anna.feed(["add", "old"], b"x").done();
    assert_eq!(anna.json(["remove", "old"])["removed"], true);

    let invited = anna.json(["invite", "Bob the builder"]);
    has(&invited, &["name", "link", "expires"]);
    let again = anna.json(["invite", "Bob the builder"]);
    assert_eq!(again["link"], invited["link"], "asking again gives the same link");
    let link = invited["link"].as_str().unwrap();
    let accepted = bob.json(["accept", link, "--name", "Bob", "--no-passphrase"]);
    assert_eq!(accepted["owner"], "Anna Müller 👵");
    let number = accepted["number"].as_str().unwrap();
    assert!(number.len() == 15 && number.bytes().all(|b| b.is_ascii_digit()), "{number}");
    let events = anna.json(["sync"]);
    let event = json!({ "kind": "contact-accepted", "contact": "Bob the builder" });
    assert_eq!(events, json!({ "events": [event] }));
    assert_eq!(anna.json(["sync"]), json!({ "events": [] }));

    let contacts = anna.json(["contacts"]);
    let contact = &contacts["contacts"][0];
    has(contact, &["name", "contact_id", "role", "verified", "state", "last_seen"]);
    assert_eq!((&contact["role"], &contact["verified"]), (&json!("contact"), &json!(false)));
    assert_eq!(bob.json(["contacts"])["contacts"][0]["role"], "owner");
    assert_eq!(bob.json(["contacts", "verify", "Anna Müller 👵", "--show"])["number"], number);
    anna.json(["contacts", "verify", "Bob the builder", "--number", number]);
    bob.json(["contacts", "verify", "Anna Müller 👵", "--number", number]);
    assert_eq!(anna.json(["contacts"])["contacts"][0]["verified"], true);

    let circle = anna.json(["protect", "--threshold", "1"]);
    has(&circle, &["circle", "generation", "threshold", "contacts", "active"]);
    assert_eq!(circle["contacts"], json!([{ "name": "Bob the builder", "state": "sent" }]));
    assert_eq!(bob.json(["sync"])["events"][0]["kind"], "piece-stored");
    let kinds: Vec<Value> = anna.json(["sync"])["events"].as_array().unwrap().clone();
    let kinds: Vec<&Value> = kinds.iter().map(|event| &event["kind"]).collect();
    assert_eq!(kinds, ["piece-held", "circle-active"]);
    let status = anna.json(["status"]);
    assert_eq!(
        status["circle"],
        json!({ "generation": 1, "threshold": 1, "active": true, "delay": 0, "older": 0 })
    );
    has(&status["contacts"][0], &["name", "state", "proved_at"]);
    assert_eq!(
        (&status["contacts"][0]["state"], &status["requests"]),
        (&json!("held"), &json!([]))
    );
    assert!(status["advice"].as_array().unwrap().iter().all(Value::is_string));
    has(&anna.json(["contacts", "remove", "Bob the builder"]), &["name", "removed", "left"]);
}

#[test]
fn on_a_terminal_nobody_waits_at() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol"], 2);
    // A wait that ends first is "not yet", and still one object.
    let waited = family.owner.ask(["protect", "--threshold", "2", "--wait", "1s"]).not_yet();
    assert_eq!((&waited["generation"], &waited["active"]), (&json!(2), &json!(false)));
    family.owner.json(["sync", "--wait", "1s"]);

    let new = world.person("Anna, again");
    let args = ["restore", "--name", "Anna", "--no-passphrase", "--no-wait", "--relay"];
    let waiting = new.ask(args.into_iter().chain([relay.url().as_str()])).ended(75);
    let object = waiting.object();
    has(&object, &["request", "link", "number", "approvals", "needed"]);
    let (link, number) = (object["link"].as_str().unwrap(), object["number"].as_str().unwrap());
    assert!(waiting.stderr.contains(link), "the link goes to stderr at once: {waiting}");
    assert_eq!(number.len(), 15);
    assert_eq!((&object["approvals"], &object["needed"]), (&json!([]), &Value::Null));
    let again = new.ask(["restore", "--wait", "1s"]).not_yet();
    assert_eq!((&again["link"], &again["number"]), (&object["link"], &object["number"]));

    let bob = family.friend(0);
    let approved = bob.json(["approve", link, "--owner", "Anna", "--number", number]);
    has(&approved, &["request", "state", "release_at"]);
    assert_eq!((&approved["request"], &approved["state"]), (&object["request"], &json!("sent")));
    let opened = &bob.json(["requests"])["requests"][0];
    has(opened, &["request", "claims", "opened", "state", "release_at"]);
    assert_eq!((&opened["state"], &opened["claims"]), (&json!("approved"), &json!("Anna")));
    let declined = family.friend(1).json(["decline", link, "--owner", "Anna", "--number", number]);
    assert_eq!(declined, json!({ "request": object["request"], "state": "declined" }));
    let waiting = new.ask(["restore", "--no-wait"]).not_yet();
    let approval = |name, state| json!({ "contact": name, "state": state, "reason": null });
    assert_eq!(
        waiting["approvals"],
        json!([approval("Bob", "good"), approval("Carol", "declined")])
    );
    assert_eq!(waiting["needed"], 2);

    let told = family.owner.json(["sync"]);
    // Friends hear what waits for them before they decide, so a new piece was taken too.
    let events = told["events"].as_array().unwrap().iter().filter(|e| e["kind"] == "alert");
    let alerts: Vec<&Value> = events.map(|e| &e["alert"]).collect();
    assert_eq!(alerts, ["opened", "approved", "opened", "declined"], "{told}");
    let asked = &family.owner.json(["requests"])["requests"][0];
    has(asked, &["request", "claims", "opened", "state", "release_at"]);
    assert_eq!((&asked["request"], &asked["role"]), (&object["request"], &json!("owner")));
    let said = family.owner.run(["list"]).done();
    assert!(said.stderr.contains("Somebody asks to recover your key"), "at every command: {said}");

    assert_eq!(new.json(["restore", "--cancel"]), json!({ "cancelled": true }));
    has(&new.json(["completions", "bash"]), &["script"]);
    has(&new.json(["man"]), &["page"]);
    let demo = new.json(["demo"]);
    assert_eq!(demo["identical"], true);
    demo["steps"].as_array().unwrap().iter().for_each(|step| has(step, &["name", "ms"]));
}

/// Each error has its code, says what happened and what to do, and leaves nothing behind.
#[test]
fn errors() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol"], 2);
    let (anna, bob, nobody) = (&family.owner, family.friend(0), world.person("Nobody"));
    let link = anna.invite("Dave");
    let request = format!("{}/r#{}", relay.url(), link.split_once('#').unwrap().1);
    let cases: &[(&_, &[&str], &str)] = &[
        (&nobody, &["list"], "no-home"),
        (&nobody, &["init", "--no-passphrase"], "input-needed"),
        (&nobody, &["init", "--name", "N"], "input-needed"),
        (&nobody, &["accept", "--name", "N"], "input-needed"),
        (&nobody, &["accept", "no link", "--name", "N", "--no-passphrase"], "bad-link"),
        (&nobody, &["accept", &request, "--name", "N", "--no-passphrase"], "wrong-link"),
        (&nobody, &["restore", "--name", "N", "--no-passphrase"], "no-relay"),
        (&nobody, &["restore", "--cancel"], "no-home"),
        (anna, &["init", "--name", "Anna", "--no-passphrase"], "home-exists"),
        (anna, &["add", "x", "/nowhere"], "file-missing"),
        (anna, &["add", "x", "/"], "file-failed"),
        (anna, &["add", "x"], "empty"),
        (anna, &["show", "y"], "no-such-label"),
        (anna, &["remove", "y"], "no-such-label"),
        (anna, &["invite", "Bob"], "name-taken"),
        (anna, &["accept", &link], "own-link"),
        (bob, &["accept", &link], "already-accepted"),
        (anna, &["contacts", "verify", "X", "--number", "000000000000000"], "no-such-contact"),
        (anna, &["contacts", "verify", "Bob", "--number", "000000000000000"], "wrong-number"),
        (anna, &["contacts", "verify", "Bob", "--number", "000000000000001"], "mistyped-number"),
        (anna, &["contacts", "verify", "Bob"], "input-needed"),
        (anna, &["contacts", "remove", "X"], "no-such-contact"),
        (anna, &["protect"], "input-needed"),
        (anna, &["protect", "--threshold", "1"], "bad-threshold"),
        (anna, &["protect", "--threshold", "0"], "bad-threshold"),
        (anna, &["protect", "--threshold", "3"], "too-few-contacts"),
        (anna, &["protect", "--threshold", "2", "--contact", "X"], "no-such-contact"),
        (anna, &["protect", "--group", "family"], "usage"),
        (anna, &["approve", &request, "--owner", "X", "--number", "000000000000000"], "not-held"),
        (bob, &["approve", &request, "--owner", "Anna", "--number", "123"], "mistyped-number"),
        (bob, &["approve", &link, "--owner", "Anna", "--scanned"], "wrong-link"),
        (bob, &["approve", &request, "--scanned"], "input-needed"),
        (bob, &["restore", "--no-wait"], "home-exists"),
        (bob, &["restore", "--cancel"], "not-restoring"),
        (bob, &["decline", &request, "--owner", "X"], "not-held"),
        (bob, &["frobnicate"], "usage"),
        (bob, &["show"], "usage"),
        (bob, &[], "usage"),
        (bob, &["list", "--relay", "http://example.org"], "usage"),
        (bob, &["sync", "--wait", "5"], "usage"),
        (bob, &["add", "a\u{1b}[31mb\nc"], "usage"),
        (bob, &["add", ""], "usage"),
        (bob, &["approve", "x", "--number", "1", "--scanned"], "usage"),
    ];
    for (who, args, code) in cases {
        let failed = who.ask(*args);
        let error = failed.error(code);
        let exit = if *code == "usage" { 2 } else { 1 };
        for text in [&error["message"], &error["hint"]].map(|text| text.as_str().unwrap()) {
            assert!(!text.chars().any(char::is_control), "{failed}");
            assert!(text.ends_with(['.', '?', ')', ':', '>', ']', '\'']), "{text:?}: {failed}");
            assert!(text.starts_with(|c: char| !c.is_lowercase()), "{text:?}: {failed}");
        }
        if !args.is_empty() {
            let told = who.run(*args).ended(exit);
            assert!(told.stdout.is_empty(), "{told}");
            assert!(told.told().contains(error["message"].as_str().unwrap()), "{told}");
        }
    }
    assert!(!nobody.home().exists(), "none of these makes a home");
    let usage = bob.ask(["show"]).error("usage");
    assert!(usage["message"].as_str().unwrap().contains("<LABEL>"), "it names what is missing");
    assert_eq!(anna.json(["list"])["entries"].as_array().unwrap().len(), 1);
}
