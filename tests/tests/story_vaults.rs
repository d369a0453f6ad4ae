//! Large vaults, relays that forget, and a new device that waits for its friends.

use recovery_tests::{Family, SECRET, World};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::{Child, Stdio},
};

/// What contacts' copies are too small for comes from the relay, or not at all, and never half.
#[test]
fn as_much_as_fits() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Bob", "Carol"]);
    let anna = &family.owner;
    let entry = |n: u8| -> Vec<u8> { (0..65_536_u32).map(|at| (at / 7) as u8 ^ n).collect() };
    for n in 0..5 {
        anna.feed(["add", &format!("large {n}")], &entry(n)).done();
    }
    let rest = 393_216 - 5 * 65_536 - SECRET.len();
    anna.feed(["add", "one too long"], &vec![1; rest + 1]).ended(1);
    anna.feed(["--json", "add", "one too long"], &vec![1; rest + 1]).error("vault-full");
    anna.feed(["add", "the rest"], &vec![1; rest]).done();
    family.protect(&["--threshold", "2"]);
    assert_eq!(anna.json(["status"])["synced"], true);
    anna.lose();
    let (link, number) = anna.asks_for_help(&relay.url());
    for friend in &family.friends {
        friend.approve(&link, "Anna", &number);
    }
    let other = family.friend(0).json(["status"])["owner_id"].as_str().unwrap().to_owned();
    anna.ask(["restore", "--no-wait", "--owner-id", &other]).not_yet();
    relay.stop();
    anna.ask(["restore", "--no-wait"]).error("no-vault");
    relay.start_again();
    assert_eq!(anna.json(["restore", "--no-wait"])["restored"].as_array().unwrap().len(), 7);
    for n in 0..5 {
        assert_eq!(anna.run(["show", &format!("large {n}")]).done().stdout, entry(n));
    }
}

/// A relay that serves an older vault than a contact knows of is not simply believed.
#[test]
fn a_relay_forgets_what_was_newest() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Bob", "Carol"]);
    let anna = &family.owner;
    anna.feed(["add", "large"], &[7; 40_000]).done();
    family.protect(&["--threshold", "2"]);
    relay.stop();
    let old = fs::read(relay.folder().join("relay.db")).unwrap();
    relay.start_again();
    anna.feed(["add", "newest"], b"of all").done();
    family.protect(&["--threshold", "2"]);
    anna.lose();
    relay.stop();
    fs::write(relay.folder().join("relay.db"), old).unwrap();
    relay.start_again();

    let (link, number) = anna.asks_for_help(&relay.url());
    for friend in &family.friends {
        friend.approve(&link, "Anna", &number);
    }
    let error = anna.ask(["restore", "--no-wait"]).error("vault-rollback");
    assert!(error["hint"].as_str().unwrap().contains("--accept-older-vault"), "{error}");
    anna.ask(["show", "large"]).error("restoring");
    let done = anna.json(["restore", "--no-wait", "--accept-older-vault"]);
    assert_eq!(done["restored"], json!(["a secret", "large"]));
    let told = |warning: &Value| warning.as_str().unwrap().contains("something newer is missing");
    assert!(done["warnings"].as_array().unwrap().iter().any(told), "{done}");
}

/// Without `--no-wait` the command waits, tells of each approval, and ends by itself.
#[test]
fn a_new_device_waits() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol", "Dave"], 2);
    let new = world.person("Anna, again").with("RECOVERY_RELAY", &relay.url());
    let mut command = new.command(["--json", "restore", "--name", "Anna", "--no-passphrase"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut waiting = Waiting(child);
    let child = &mut waiting.0;
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let link = lines.find(|line| line.trim().starts_with("http://")).unwrap();
    let number = lines.find(|line| line.trim().len() == 19 && !line.contains('-')).unwrap();
    family.friend(0).approve(link.trim(), "Anna", number.trim());
    assert!(lines.any(|line| line == "Bob approved"), "one line an event");
    family.friend(1).json(["decline", link.trim(), "--owner", "Anna", "--number", number.trim()]);
    assert!(lines.any(|line| line == "Carol declined"));
    family.friend(2).approve(link.trim(), "Anna", number.trim());
    assert!(lines.any(|line| line == "Dave approved"));
    assert!(child.wait().unwrap().success());
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    let done: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(done["restored"], json!(["a secret"]));
}

/// A command that would wait for days if the test failed.
struct Waiting(Child);

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}
