//! Friends who are asked: right and wrong numbers, codes, files, a no.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say"
)]

use recovery_tests::{Family, Person, SECRET, World, by_number};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Another number with a right check digit.
fn wrong(number: &str) -> String {
    let last: u64 = number.parse().unwrap();
    // Changing two digits until the check digit is right again, as a stranger's number would have it.
    let fits = |candidate: &u64| {
        let text = format!("{candidate:015}");
        text != number && text.parse::<recovery_core::number::Number>().is_ok()
    };
    let text = (last.saturating_sub(99)..last + 99).find(fits).unwrap();
    format!("{text:015}")
}

/// One digit changed: a slip of the finger.
fn slip(number: &str) -> String {
    let last = if number.ends_with('0') { "1" } else { "0" };
    format!("{}{last}", &number[..14])
}

#[test]
fn three_wrong_numbers_burn_a_request() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol"], 2);
    let (bob, new) = (family.friend(0), world.person("Anna, again"));
    let (link, number) = new.asks_for_help(&relay.url());
    let other = wrong(&number);
    let first = bob.ask(by_number(&link, &other)).error("wrong-number");
    assert_eq!(first["tries_left"], 2);
    // The request was kept: what follows needs no relay.
    relay.stop();
    let slipped = bob.ask(by_number(&link, &slip(&number))).error("mistyped-number");
    assert!(slipped["hint"].as_str().unwrap().contains("no try"), "{slipped}");
    let again = bob.ask(by_number(&link, &other)).error("wrong-number");
    assert_eq!(again["tries_left"], 1, "the same wrong number costs a try too");
    assert_eq!(bob.json(["requests"])["requests"][0]["tries_left"], 1);
    bob.ask(by_number(&link, &other)).error("request-burnt");
    bob.ask(by_number(&link, &number)).error("request-burnt");
    bob.ask(["approve", &link, "--owner", "Anna", "--scanned"]).error("request-burnt");
    bob.ask(["decline", &link, "--owner", "Anna"]).error("request-burnt");
    assert_eq!(bob.json(["requests"])["requests"][0]["state"], "burnt");
    relay.start_again();
    bob.run(["sync"]).done();
    let told = family.owner.json(["sync"]);
    let alerts: Vec<&Value> =
        told["events"].as_array().unwrap().iter().map(|e| &e["alert"]).collect();
    assert_eq!(alerts, ["opened", "wrong-numbers"], "the owner hears of it: {told}");
    // The one who asked hears nothing, not even that Bob looked.
    assert_eq!(new.ask(["restore", "--no-wait"]).not_yet()["approvals"], json!([]));
}

#[test]
fn a_second_try_needs_no_relay() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol"], 2);
    let (bob, new) = (family.friend(0), world.person("Anna, again"));
    let (link, number) = new.asks_for_help(&relay.url());
    // A slip is told before anything is fetched, even by who holds nothing and has no relay.
    world.person("Nobody").ask(by_number(&link, &slip(&number))).error("mistyped-number");
    bob.ask(by_number(&link, &wrong(&number))).error("wrong-number");
    relay.stop();
    let said = bob.ask(by_number(&link, &number)).done();
    assert_eq!(said.object()["state"], "sent");
    assert!(
        said.stderr.contains("warning:") && said.stderr.contains("sent by a later command"),
        "{said}"
    );
    // What was right can be said again; it costs nothing and changes nothing.
    bob.ask(by_number(&link, &number)).done();
    bob.ask(by_number(&link, &wrong(&number))).error("already-approved");
    bob.ask(["decline", &link, "--owner", "Anna"]).error("already-approved");
    family.friend(1).ask(by_number(&link, &number)).error("relay-unreachable");
    relay.start_again();
    bob.run(["sync"]).done();
    family.friend(1).approve(&link, "Anna", &number);
    assert_eq!(new.json(["restore", "--no-wait"])["restored"], json!(["a secret"]));
}

/// A link that was sent can't stand in for meeting; the code on the screen can.
#[test]
fn a_code_is_scanned_beside_the_new_device() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol"], 2);
    let (bob, new) = (family.friend(0), world.person("Anna, again"));
    let (link, number) = new.asks_for_help(&relay.url());
    bob.ask(["approve", &link, "--owner", "Anna", "--scanned"]).error("not-scanned");
    bob.ask(["approve", &link, "--owner", "Anna"]).error("input-needed");
    // What the code holds: the link with the request's hash behind it.
    let waiting = new.ask(["restore", "--no-wait"]).not_yet();
    let code = format!("{link}.{}", waiting["request"].as_str().unwrap());
    let shown = new.run(["restore", "--no-wait", "--qr"]).ended(75);
    assert!(
        shown.stderr.contains('█') && !shown.stderr.contains(&code),
        "only as a picture: {shown}"
    );
    let mut changed = code.clone();
    changed.replace_range(
        code.len() - 5..code.len() - 4,
        if code.ends_with("AAAAA") { "B" } else { "A" },
    );
    if changed != code {
        bob.ask(["approve", &changed, "--owner", "Anna", "--scanned"]).error("request-changed");
    }
    bob.json(["approve", &code, "--owner", "Anna", "--scanned"]);
    family.friend(1).approve(&link, "Anna", &number);
    assert_eq!(new.json(["restore", "--no-wait"])["restored"], json!(["a secret"]));
}

#[test]
fn a_friend_declines() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol", "Dave"], 2);
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    // Without the number the one who asks hears nothing; the owner does.
    let quiet = ["decline", &link, "--owner", "Anna", "--reason", "that was not her voice"];
    family.friend(0).json(quiet);
    family.friend(0).json(quiet);
    assert_eq!(new.ask(["restore", "--no-wait"]).not_yet()["approvals"], json!([]));
    let told = family.owner.json(["sync"]);
    assert_eq!(told["events"][1]["alert"], "declined", "{told}");
    let asked = family.owner.json(["requests"]);
    assert_eq!(asked["requests"][0]["contacts"][0]["reason"], "that was not her voice");
    assert_eq!(asked["requests"][0]["state"], "declined");
    family.friend(0).ask(by_number(&link, &number)).error("already-declined");
    let by_wrong = ["decline", &link, "--owner", "Anna", "--number"];
    let slipped = slip(&number);
    family.friend(1).ask(by_wrong.into_iter().chain([slipped.as_str()])).error("mistyped-number");
    family
        .friend(1)
        .ask(by_wrong.into_iter().chain([wrong(&number).as_str()]))
        .error("wrong-number");
    family.friend(2).approve(&link, "Anna", &number);
    family.friend(1).approve(&link, "Anna", &number);
    assert_eq!(new.json(["restore", "--no-wait"])["restored"], json!(["a secret"]));
}

/// Two recoveries at once are two: what is approved for one does not count for the other.
#[test]
fn two_requests_at_once() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol"], 2);
    let (anna, thief) = (world.person("Anna, again"), world.person("Anna, says the thief"));
    let (link, number) = anna.asks_for_help(&relay.url());
    let (other_link, other_number) = thief.asks_for_help(&relay.url());
    let bob = family.friend(0);
    bob.ask(by_number(&other_link, &number)).error("wrong-number");
    bob.approve(&link, "Anna", &number);
    family.friend(1).approve(&other_link, "Anna", &other_number);
    for new in [&anna, &thief] {
        let waiting = new.ask(["restore", "--no-wait"]).not_yet();
        assert_eq!((&waiting["have"], &waiting["needed"]), (&json!(1), &json!(2)), "{waiting}");
    }
    assert_eq!(bob.json(["requests"])["requests"].as_array().unwrap().len(), 2);
    family.owner.run(["sync"]).done();
    let asked = family.owner.json(["requests"]);
    assert_eq!(asked["requests"].as_array().unwrap().len(), 2, "{asked}");
}

fn by_file(friend: &Person, path: &Path, link: &str, number: &str) {
    let out = path.to_str().unwrap();
    let said = friend.json(by_number(link, number).into_iter().chain(["--output", out]));
    assert_eq!(said["path"], out);
}

#[test]
fn approvals_travel_by_file() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol", "Dave"], 2);
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    let files: Vec<PathBuf> = ["bob", "carol"].map(|name| world.path(name)).to_vec();
    for (friend, path) in family.friends.iter().zip(&files) {
        by_file(friend, path, &link, &number);
        let there =
            by_number(&link, &number).into_iter().chain(["--output", path.to_str().unwrap()]);
        friend.ask(there.clone()).error("file-exists");
        friend.ask(there.chain(["--force"])).done();
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }
    // Only the owner's alert was sent: the approval itself went to the file alone.
    assert_eq!(new.ask(["restore", "--no-wait"]).not_yet()["approvals"], json!([]));
    let told = family.owner.json(["sync"]);
    assert!(told["events"].as_array().unwrap().iter().any(|e| e["alert"] == "approved"), "{told}");

    refused_files(&world, &new, &files);
    // Somebody else's home can't use them.
    let other = world.person("Eve");
    other.asks_for_help(&relay.url());
    let failed = other.ask(["restore", "--no-wait", "--import", files[0].to_str().unwrap()]);
    assert!(failed.error("bad-approval")["message"].as_str().unwrap().contains("bob"));

    relay.stop();
    let import = ["restore", "--no-wait", "--import"].map(str::to_owned).into_iter();
    let import: Vec<String> = import.chain(files.iter().map(|f| f.display().to_string())).collect();
    let said = new.ask(&import).done();
    assert!(said.stderr.contains("warning: cannot reach"), "{said}");
    assert_eq!(said.object()["restored"], json!(["a secret"]));
    assert_eq!(new.run(["show", "a secret"]).done().stdout, SECRET);
}

/// One octet changed or missing anywhere, or something that can't be read: named, and nothing changes.
fn refused_files(world: &World, new: &Person, files: &[PathBuf]) {
    let text = fs::read(&files[0]).unwrap();
    let refused = |name: &str, octets: &[u8], code: &str| {
        let bad = world.file(name, octets);
        let args =
            ["restore", "--no-wait", "--import", files[1].to_str().unwrap(), bad.to_str().unwrap()];
        let error = new.ask(args).error(code);
        assert!(error["message"].as_str().unwrap().contains(name), "it names the file: {error}");
    };
    for at in
        [0, 5, 30, 40, 1_000, text.len() / 2, text.len() - 40, text.len() - 33, text.len() - 3]
    {
        let mut octets = text.clone();
        octets[at] ^= 1;
        refused("changed octet", &octets, "bad-approval");
        octets.remove(at);
        refused("missing octet", &octets, "bad-approval");
    }
    refused("lower case", &text.to_ascii_lowercase(), "bad-approval");
    refused("nothing at all", b"", "bad-approval");
    refused("two in one", &[text.clone(), text.clone()].concat(), "bad-approval");
    refused("far too long", &vec![b'A'; 200_000], "file-too-large");
    let missing = new.ask(["restore", "--no-wait", "--import", "/no/such/file"]);
    assert!(missing.error("file-missing")["message"].as_str().unwrap().contains("/no/such/file"));
    assert_eq!(
        new.ask(["restore", "--no-wait"]).not_yet()["approvals"],
        json!([]),
        "nothing was kept"
    );
    // In a fresh folder not even a home is made.
    let fresh = world.person("Fresh");
    let bad = world.file("bad", b"no armor");
    let args =
        ["restore", "--name", "F", "--no-passphrase", "--relay", "http://127.0.0.1:1", "--import"];
    fresh.ask(args.into_iter().chain([bad.to_str().unwrap()])).error("bad-approval");
    assert!(!fresh.home().exists());
    // Line ends may change on their way.
    let windows = String::from_utf8(text).unwrap().replace('\n', "\r\n");
    let windows = world.file("windows", windows.as_bytes());
    let args = ["restore", "--no-wait", "--import", windows.to_str().unwrap()];
    assert_eq!(new.ask(args).not_yet()["approvals"][0]["state"], "good");
    new.ask(args).not_yet();
    assert_eq!(
        new.ask(["restore", "--no-wait"]).not_yet()["approvals"].as_array().unwrap().len(),
        1
    );
}
