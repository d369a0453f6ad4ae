//! The whole story without any relay: everything travels as files, and there is no network to connect to.

#![expect(clippy::unwrap_used, reason = "a test that panics has said what it has to say")]

use recovery_tests::{Person, SECRET, World};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

/// Writes what is for others into a file of this name.
fn export(world: &World, person: &Person, name: &str) -> String {
    let path = world.path(name);
    let path = path.to_str().unwrap().to_owned();
    person.run(["sync", "--output", &path, "--force"]).done();
    path
}

fn kinds(value: &Value) -> Vec<&str> {
    value["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect()
}

/// Whether a person is told to hand something to others.
fn is_told_to_hand_on(person: &Person, args: &[&str]) -> bool {
    person.run(args).done().stderr.contains("'recovery sync --output FILE' writes it")
}

struct Story {
    world: World,
    anna: Person,
    friends: Vec<Person>,
}

/// Anna with three friends who accepted, all by files.
fn paired() -> Story {
    let world = World::new();
    let anna = world.person("Anna").without_network();
    anna.init(&["files".to_owned()]);
    anna.feed(["add", "a secret"], SECRET).done();
    let friend = |name: &&str| world.person(name).without_network();
    let friends: Vec<Person> = ["Bob", "Carol", "Dora"].iter().map(friend).collect();
    for friend in &friends {
        let link = anna.invite(friend.name());
        assert!(link.starts_with("https://files.invalid/i#"), "{link}");
        let bag = export(&world, &anna, "invite");
        friend.ask(["accept", &link, "--name", friend.name()]).error("file-needed");
        let args = ["accept", &link, "--name", friend.name(), "--no-passphrase", "--import", &bag];
        friend.json(args);
        let answer = export(&world, friend, &format!("answer of {}", friend.name()));
        let came = anna.json(["sync", "--import", &answer]);
        assert_eq!(kinds(&came), ["contact-accepted"]);
    }
    Story { world, anna, friends }
}

impl Story {
    /// Everybody takes what the owner has for them, and the owner takes what they answer.
    fn exchange(&self, round: &str) -> Vec<Value> {
        let pieces = export(&self.world, &self.anna, &format!("pieces {round}"));
        let mut came = Vec::new();
        for friend in &self.friends {
            friend.json(["sync", "--import", &pieces]);
            let receipt =
                export(&self.world, friend, &format!("receipt {round} of {}", friend.name()));
            came.push(self.anna.json(["sync", "--import", &receipt]));
        }
        came
    }
}

#[test]
fn from_the_invitation_to_the_restored_secret() {
    let story = paired();
    assert!(is_told_to_hand_on(&story.anna, &["protect", "--threshold", "2"]));
    assert!(!is_told_to_hand_on(&story.anna, &["sync"]), "it is said once");
    assert_eq!(story.anna.json(["status"])["queued"], 0);
    let came = story.exchange("one");
    assert_eq!(kinds(&came[2]), ["piece-held", "circle-active"]);
    assert_eq!(story.anna.json(["status"])["circle"]["active"], true);

    let new = story.world.person("Anna, again");
    let request = story.world.path("request");
    let request = request.to_str().unwrap();
    let args = ["--relay", "files", "restore", "--name", "Anna", "--no-passphrase", "--no-wait"];
    let waiting = new.ask(args.iter().chain(&["--output", request])).not_yet();
    let (link, number) = (waiting["link"].as_str().unwrap(), waiting["number"].as_str().unwrap());
    let mut answers = Vec::new();
    for friend in &story.friends[..2] {
        let by = ["approve", link, "--owner", "Anna", "--number", number, "--import", request];
        friend.ask(&by[..6]).error("file-needed");
        assert_eq!(friend.json(by)["state"], "sent");
        answers.push(export(&story.world, friend, &format!("approval of {}", friend.name())));
    }
    let mut args = vec!["restore", "--no-wait", "--import"];
    args.extend(answers.iter().map(String::as_str));
    let done = new.json(args);
    assert_eq!((&done["restored"], &done["generation"]), (&json!(["a secret"]), &json!(1)));
    assert_eq!(new.run(["show", "a secret"]).done().stdout, SECRET);
}

#[test]
fn a_renewal_and_what_is_newer_travel_too() {
    let story = paired();
    story.anna.json(["protect", "--threshold", "2"]);
    story.exchange("one");
    story.anna.feed(["add", "another"], b"newer").done();
    story.anna.json(["renew"]);
    let came = story.exchange("two");
    assert!(kinds(&came[2]).contains(&"circle-retired"), "{came:?}");
    // The same files once more change nothing.
    let before = story.anna.json(["status"]);
    for name in ["receipt one of Bob", "receipt two of Carol", "pieces one"] {
        let path: PathBuf = story.world.path(name);
        let came = story.anna.json(["sync", "--import", path.to_str().unwrap()]);
        assert_eq!(kinds(&came), Vec::<&str>::new(), "{name}");
    }
    assert_eq!(story.anna.json(["status"])["circle"], before["circle"]);
    let asked = story.anna.json(["check"]);
    assert!(asked["contacts"][0]["asked_at"].is_number(), "{asked}");
    let came = story.exchange("three");
    assert_eq!(kinds(&came[0]), ["piece-forgotten", "piece-held"]);
}

#[test]
fn files_that_are_none_change_nothing() {
    let story = paired();
    let good = fs::read(export(&story.world, &story.anna, "good")).unwrap();
    let path = story.world.path("bad");
    let path = path.to_str().unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    let cases: [&[u8]; 5] = [b"", b"hello", &good[1..], &good[..good.len() - 40], &flipped];
    for bad in cases {
        fs::write(path, bad).unwrap();
        let bob = &story.friends[0];
        let before = bob.json(["contacts"]);
        bob.ask(["sync", "--import", path]).error("bad-approval");
        assert_eq!(bob.json(["contacts"]), before);
    }
    fs::write(path, b"").unwrap();
    story.friends[0].ask(["sync", "--output", path]).error("file-exists");
}
