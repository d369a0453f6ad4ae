//! Taking over: after a restore the device is the owner's, and whoever has the lost one is nobody.

#![expect(
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say; a story is told in one piece"
)]

use recovery_tests::{Family, Person, SECRET, World, copy_folder, texts};
use serde_json::{Value, json};

const FRIENDS: [&str; 5] = ["Bob", "Carol", "Dora", "Emil", "Fritz"];

/// A copy of somebody's home: a thief with the open device.
fn steal(world: &World, from: &Person) -> Person {
    let thief = world.person("A thief");
    copy_folder(from.home(), thief.home());
    thief
}

/// A new device comes back with these friends' help.
fn come_back(new: &Person, relay: &str, friends: &[&Person]) -> Value {
    let (link, number) = new.asks_for_help(relay);
    for friend in friends {
        friend.approve(&link, "Anna", &number);
    }
    new.json(["restore", "--wait", "60s"])
}

/// What a friend has of Anna: the card's id, where she stands, and its events since last time.
fn anna_of(friend: &Person) -> (String, String) {
    let contacts = friend.json(["contacts"]);
    let anna = contacts["contacts"].as_array().unwrap();
    let anna = anna.iter().find(|person| person["role"] == "owner").unwrap();
    let text = |field: &str| anna[field].as_str().unwrap().to_owned();
    (text("contact_id"), text("state"))
}

fn sync_all(people: &[&Person]) {
    for person in people {
        person.run(["sync"]).done();
    }
}

/// What friends sent to the lost device still lies in its mailboxes, and the new one can't read it.
#[test]
fn mail_for_the_lost_device_alarms_nobody() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol"], 2);
    family.owner.lose();
    let anna = world.person("Anna");
    let friends = [family.friend(0), family.friend(1)];
    come_back(&anna, &relay.url(), &friends);
    sync_all(&friends);
    let told = anna.run(["sync"]).done();
    for friend in friends {
        let about = format!("a message from {} was passed over", friend.name());
        assert_eq!(told.text().matches(&about).count(), 1, "it is said once: {told}");
    }
    assert!(told.stderr.contains("lost device can't be read"), "{told}");
    assert!(
        !anna.run(["sync"]).done().stderr.contains("can't be read"),
        "it is said when it is so"
    );
}

/// Six people. One loses a device to a thief, comes back, and the thief gets nowhere; then the new device is
/// lost too, and the new generation brings back the next.
#[test]
fn a_thief_with_the_lost_device_is_nobody() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &FRIENDS);
    family.protect(&["--threshold", "3"]);
    let friends: Vec<&Person> = (0..5).map(|at| family.friend(at)).collect();
    let former = family.owner.json(["status"])["owner_id"].as_str().unwrap().to_owned();
    let thief = steal(&world, &family.owner);
    family.owner.lose();

    let anna = world.person("Anna");
    let done = come_back(&anna, &relay.url(), &friends[..3]);
    assert_eq!((&done["restored"], &done["generation"]), (&json!(["a secret"]), &json!(1)));
    assert_eq!((&done["owner_id"], &done["dealt"]), (&json!(former), &json!(2)));
    assert_eq!(texts(&done, "taken_over", "contact"), FRIENDS);
    assert_eq!(texts(&done, "taken_over", "state"), ["told"; 5]);
    let next = done["successor_id"].as_str().unwrap().to_owned();
    assert_ne!(next, former);

    // Those who typed the number know the new device at once; the others are to call.
    for friend in &friends[..3] {
        let told = friend.json(["sync"]);
        assert_eq!(texts(&told, "events", "kind"), ["owner-moved", "piece-stored"], "{told}");
        assert_eq!(anna_of(friend), (next.clone(), "held".to_owned()));
    }
    for friend in &friends[3..] {
        let told = friend.json(["sync"]);
        assert_eq!(texts(&told, "events", "kind"), ["owner-claimed"], "{told}");
        assert_eq!(anna_of(friend), (former.clone(), "claimed".to_owned()));
        let advice = friend.run(["status"]).done().text().to_owned();
        assert!(advice.contains("Anna says to have a new device: call them"), "{advice}");
    }
    anna.run(["sync"]).done();
    let status = anna.json(["status"]);
    let first = status["advice"][0].as_str().unwrap();
    assert!(
        first.starts_with(
            "Your key came back. 3 of 5 friends know your new device; whoever of Emil, Fritz typed"
        ),
        "{first}"
    );
    assert_eq!(status["circle"]["active"], false);

    // A wrong number settles nothing, the right one does.
    let (emil, fritz) = (friends[3], friends[4]);
    let wrong = anna.json(["contacts", "verify", "Fritz", "--show"]);
    let wrong = wrong["number"].as_str().unwrap();
    emil.ask(["contacts", "verify", "Anna", "--number", wrong]).error("wrong-number");
    assert_eq!(anna_of(emil).1, "claimed");
    emil.compare(&anna);
    sync_all(&[&anna, emil, &anna]);
    assert_eq!(anna_of(emil), (next.clone(), "held".to_owned()));
    let status = anna.json(["status"]);
    assert_eq!(status["circle"]["active"], true, "four of five are one to spare");

    // The thief tries everything. Fritz, who has not called yet, keeps what he holds.
    let held: Vec<_> = friends.iter().map(|friend| anna_of(friend)).collect();
    let said = thief.run(["sync"]).done();
    assert!(said.text().contains("replaced"), "{said}");
    for args in [
        &["list"][..],
        &["protect", "--threshold", "2"],
        &["renew"],
        &["check"],
        &["contacts", "remove", "Bob"],
        &["invite", "A new friend"],
        &["drill"],
        &["sync"],
    ] {
        let said = thief.run(args);
        assert!(said.stderr.contains("this device has been replaced"), "{said}");
    }
    let bait = world.file("bait", b"something else");
    thief.run(["add", "bait", bait.to_str().unwrap()]).done();
    for friend in &friends {
        let told = friend.json(["sync"]);
        let kinds = texts(&told, "events", "kind");
        let fine = kinds.iter().all(|kind| ["ignored", "drill-asked", "proved"].contains(kind));
        assert!(fine, "{told}");
        assert!(kinds.is_empty() || friend.name() == "Fritz", "{told}");
    }
    assert_eq!(friends.iter().map(|friend| anna_of(friend)).collect::<Vec<_>>(), held);
    // Nobody is a contact of a thief's any more, and no stop of a thief's stops anything.
    let link = thief.json(["invite", "Zoe"])["link"].as_str().unwrap().to_owned();
    friends[0].ask(["accept", &link]).error("replaced-device");

    // The new device is lost too.
    sync_all(&[&anna, friends[0]]);
    anna.lose();
    let again = world.person("Anna, again");
    let (link, number) = again.asks_for_help(&relay.url());
    let request = again.looks()["request"].as_str().unwrap().to_owned();
    for friend in &friends[..3] {
        friend.approve(&link, "Anna", &number);
    }
    thief.run(["sync"]).done();
    thief.ask(["veto", &request]).error("no-such-request");
    let done = again.json(["restore", "--wait", "60s"]);
    assert_eq!((&done["restored"], &done["generation"]), (&json!(["a secret"]), &json!(2)));
    assert_eq!((&done["owner_id"], &done["dealt"]), (&json!(next), &json!(3)));
    sync_all(&friends);
    let third = done["successor_id"].as_str().unwrap();
    assert_eq!(anna_of(friends[1]), (third.to_owned(), "held".to_owned()));
    emil.compare(&again);
    fritz.compare(&again);
    sync_all(&[&again, emil, fritz, &again]);
    let status = again.json(["status"]);
    assert_eq!(
        (&status["circle"]["generation"], &status["circle"]["active"]),
        (&json!(3), &json!(true))
    );
    assert_eq!(again.run(["show", "a secret"]).done().stdout, SECRET);
}

/// The relay is gone when the key comes back: the device is the owner's all the same, and tells everybody later.
#[test]
fn a_takeover_without_a_relay_goes_on_later() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Bob", "Carol"]);
    family.protect(&["--threshold", "2"]);
    let anna = world.person("Anna, again");
    let (link, number) = anna.asks_for_help(&relay.url());
    let mut files = Vec::new();
    for at in 0..2 {
        let file = world.path(&format!("approval {at}"));
        let path = file.to_str().unwrap().to_owned();
        let args = ["approve", &link, "--owner", "Anna", "--number", &number, "--output", &path];
        family.friend(at).json(args);
        files.push(path);
    }
    relay.stop();
    let args = ["restore", "--wait", "5s", "--import", &files[0], "--import", &files[1]];
    let said = anna.ask(args).done();
    assert_eq!(said.object()["restored"], json!(["a secret"]));
    assert!(said.stderr.contains("warning:"), "{said}");
    assert_ne!(anna.json(["status"])["queued"], 0);
    relay.start_again();
    sync_all(&[&anna, family.friend(0), family.friend(1), &anna]);
    let status = anna.json(["status"]);
    assert_eq!((&status["queued"], &status["circle"]["active"]), (&json!(0), &json!(true)));
}

/// A friend loses a device, comes back, and still helps; the owner compares numbers before dealing anew.
#[test]
fn a_friend_comes_back_and_still_helps() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Bob", "Carol"]);
    family.protect(&["--threshold", "2"]);
    let (anna, bob) = (&family.owner, family.friend(0));
    // Bob's own key is with two others.
    for name in ["Dora", "Emil"] {
        let friend = world.person(name);
        friend.accept(&bob.invite(name));
    }
    bob.run(["sync"]).done();
    bob.json(["protect", "--threshold", "2", "--contact", "Dora", "--contact", "Emil"]);
    let others = [world.person("Dora"), world.person("Emil")];
    sync_all(&[&others[0], &others[1], bob]);
    bob.lose();
    let back = world.person("Bob, again");
    let (link, number) = back.asks_for_help(&relay.url());
    for friend in &others {
        friend.approve(&link, "Bob", &number);
    }
    back.json(["restore", "--wait", "60s"]);
    let told = anna.json(["sync"]);
    assert_eq!(texts(&told, "events", "kind"), ["contact-moved"], "{told}");
    let status = anna.json(["status"]);
    assert_eq!(texts(&status, "contacts", "state"), ["moved", "held"]);
    anna.ask(["renew"]).error("contact-moved");
    // His piece still opens.
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    for friend in [&back, family.friend(1)] {
        friend.approve(&link, "Anna", &number);
    }
    let enough =
        new.ask(["restore", "--no-wait", "--owner-id", "AAAAAAAAAAAAAAAAAAAAAA"]).not_yet();
    assert_eq!(texts(&enough, "approvals", "state"), ["good", "good"]);
    let shown = back.json(["contacts", "verify", "Anna", "--show"]);
    let number = shown["number"].as_str().unwrap();
    anna.json(["contacts", "verify", "Bob", "--number", number]);
    sync_all(&[&back, anna]);
    assert_eq!(texts(&anna.json(["status"]), "contacts", "state"), ["held", "held"]);
    assert_eq!(texts(&anna.json(["status"]), "contacts", "name"), ["Bob", "Carol"]);
}
