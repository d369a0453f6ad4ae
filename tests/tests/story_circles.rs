//! Groups, heavy contacts, passphrases of circles; invitations that two people answer.

#![expect(clippy::unwrap_used, reason = "a test that panics has said what it has to say")]

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use recovery_client::{
    core::{
        circle::Reach,
        flows::{Context, Delivery, Device},
        kdf::KdfCost,
        wire::link::Link,
    },
    relays::Relays,
};
use recovery_tests::{Family, Person, SECRET, World};
use serde_json::{Value, json};
use std::time::SystemTime;

fn states(value: &Value) -> Vec<String> {
    let contacts = value["contacts"].as_array().unwrap();
    contacts.iter().map(|c| format!("{} {}", c["name"], c["state"]).replace('"', "")).collect()
}

/// The page to print says all of this.
fn on_the_sheet(owner: &Person, said: &[&str]) {
    let sheet = owner.run(["sheet"]).done();
    let sheet = sheet.text();
    said.iter().for_each(|text| assert!(sheet.contains(text), "{text:?} is not in:\n{sheet}"));
}

#[test]
fn groups_and_people_who_count_twice() {
    let world = World::new();
    let relay = world.relay("relay");
    let names = ["Mum", "Dad", "Sis", "Bob", "Carol"];
    let family = Family::paired(&world, &[relay.url()], &names);
    let circle =
        family.protect(&["--group", "family:2=Mum,Dad,Sis", "--group", "friends:2=Bob,Carol"]);
    assert_eq!((&circle["threshold"], &circle["generation"]), (&json!(4), &json!(1)));
    let anna = &family.owner;
    assert_eq!(anna.json(["status"])["circle"]["active"], true);
    on_the_sheet(
        anna,
        &["in each group as many", "Whom to call: 2 or more in family", "[ ] Mum\n", "[ ] Carol\n"],
    );
    anna.lose();
    let (link, number) = anna.asks_for_help(&relay.url());
    for at in [0, 1, 2, 3] {
        family.friend(at).approve(&link, "Anna", &number);
    }
    anna.ask(["restore", "--no-wait"]).not_yet();
    family.friend(4).approve(&link, "Anna", &number);
    assert_eq!(anna.json(["restore", "--no-wait"])["restored"], json!(["a secret"]));

    // Any one of two groups; then Mum's two pieces and one other.
    let either = ["--groups-needed", "1", "--group", "a:2=Mum,Dad", "--group", "b:3=Sis,Bob,Carol"];
    assert_eq!(family.protect(&either)["threshold"], 2);
    on_the_sheet(anna, &["Choose 1 of the groups below", "Whom to call: 3 or more in b"]);
    let twice = ["--threshold", "3", "--contact", "Mum*2", "--contact", "Dad", "--contact", "Sis"];
    // The first, what taking over dealt, and these two.
    assert_eq!(family.protect(&twice)["generation"], 4);
    on_the_sheet(anna, &["Call 3 or more", "[ ] Mum (counts 2 times)\n", "[ ] Dad\n"]);
    anna.lose();
    let (link, number) = anna.asks_for_help(&relay.url());
    for at in [0, 2] {
        family.friend(at).approve(&link, "Anna", &number);
    }
    let done = anna.json(["restore", "--no-wait"]);
    assert_eq!((&done["restored"], &done["generation"]), (&json!(["a secret"]), &json!(4)));
}

#[test]
fn who_may_be_asked_for() {
    let world = World::new();
    let relay = world.relay("relay");
    let names: Vec<String> = (0..17).map(|n| format!("F{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let family = Family::paired(&world, &[relay.url()], &names);
    let anna = &family.owner;
    let many = anna.ask(["protect", "--threshold", "3"]).error("too-many-contacts");
    assert!(many["message"].as_str().unwrap().contains("16"), "it names the limit: {many}");
    let one = anna.ask(["protect", "--threshold", "1", "--contact", "F1", "--contact", "F2"]);
    one.error("bad-threshold");
    let all = names.join(",");
    anna.ask(["protect", "--group", &format!("all:3={all}")]).error("too-many-contacts");
    anna.ask(["protect", "--group", "a:1=F1,F2", "--group", "b:2=F3,F4"]).error("bad-threshold");
    assert_eq!(anna.json(["status"])["circle"], Value::Null, "nothing was sent");
    let (first, second) = (names[..9].join(","), names[9..].join(","));
    let (first, second) = (format!("a:2={first}"), format!("b:2={second}"));
    anna.json(["protect", "--group", &first, "--group", &second]);

    // Who is removed is left out of the next circle, unless they are named.
    anna.json(["contacts", "remove", "F0"]);
    anna.json(["contacts", "remove", "F1"]);
    assert_eq!(
        anna.json(["protect", "--threshold", "3"])["contacts"].as_array().unwrap().len(),
        15
    );
    let back = ["protect", "--threshold", "2", "--contact", "F0", "--contact", "F2"];
    assert_eq!(states(&anna.json(back)), ["F0 sent", "F2 sent"]);
    assert!(states(&anna.json(["contacts"])).contains(&"F1 removed".to_owned()));
}

#[test]
fn a_circle_has_a_passphrase() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Bob", "Carol"]);
    let (anna, file) = (&family.owner, world.file("passphrase", b"open sesame\n"));
    let needed = anna.ask(["protect", "--threshold", "2", "--circle-passphrase"]);
    assert!(
        needed.error("input-needed")["hint"].as_str().unwrap().contains("--circle-passphrase-file")
    );
    family.protect(&["--threshold", "2", "--circle-passphrase-file", file.to_str().unwrap()]);
    on_the_sheet(anna, &["asks for the passphrase that you chose"]);
    anna.lose();
    let (link, number) = anna.asks_for_help(&relay.url());
    for friend in &family.friends {
        friend.approve(&link, "Anna", &number);
    }
    let needed = anna.ask(["restore", "--no-wait"]).error("input-needed");
    assert!(needed["message"].as_str().unwrap().contains("--circle-passphrase-file"), "{needed}");
    let wrong = anna.clone().with("RECOVERY_CIRCLE_PASSPHRASE", "open barley");
    wrong.ask(["restore", "--no-wait"]).error("wrong-passphrase");
    anna.ask(["show", "a secret"]).error("restoring");
    let done =
        anna.json(["restore", "--no-wait", "--circle-passphrase-file", file.to_str().unwrap()]);
    assert_eq!(done["restored"], json!(["a secret"]));
    assert_eq!(anna.run(["show", "a secret"]).done().stdout, SECRET);
}

#[test]
fn an_invitation_works_once() {
    let world = World::new();
    let relay = world.relay("relay");
    let (anna, bob, eve) = (world.person("Anna"), world.person("Bob"), world.person("Eve"));
    anna.init(&[relay.url()]);
    let link = anna.invite("Bob");
    let number = bob.accept(&link);
    assert_eq!(bob.accept(&link), number, "once more, as after a cut connection");
    anna.run(["sync"]).done();
    let used = ["accept", &link, "--name", "Eve", "--no-passphrase"];
    eve.ask(used).error("link-used");
    assert!(!eve.home().exists());
    bob.ask(used).error("link-used");
    assert_eq!(bob.json(["contacts", "verify", "Anna", "--show"])["number"], number);
    anna.ask(["invite", "Bob"]).error("name-taken");

    // An invitation that nobody answered is taken back.
    let open = anna.invite("Carol");
    assert_eq!(anna.json(["contacts"])["invites"][0]["name"], "Carol");
    anna.json(["contacts", "remove", "Carol"]);
    eve.ask(["accept", &open, "--name", "Eve", "--no-passphrase"]).error("link-used");
    assert_ne!(anna.invite("Carol"), open);
    // Asked for at another relay, it moves there.
    let other = world.relay("other");
    let moved = anna.json(["invite", "Carol", "--relay", &other.url()]);
    assert!(moved["link"].as_str().unwrap().starts_with(&other.url()), "{moved}");
    assert_eq!(anna.json(["contacts"])["invites"].as_array().unwrap().len(), 1);
}

#[test]
fn two_people_answer_one_invitation() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Carol"]);
    let (anna, bob, eve) = (&family.owner, world.person("Bob"), world.person("Eve"));
    let link = anna.invite("Bob");
    eve.accept(&link);
    let number = bob.accept(&link);
    let events = anna.json(["sync"]);
    let kinds: Vec<&Value> =
        events["events"].as_array().unwrap().iter().map(|e| &e["kind"]).collect();
    assert_eq!(kinds, ["contact-accepted", "contact-contested"]);
    assert!(states(&anna.json(["contacts"])).contains(&"Bob contested".to_owned()));
    let advice = anna.json(["status"])["advice"].to_string();
    assert!(advice.contains("contacts verify"), "{advice}");
    anna.ask(["protect", "--threshold", "2", "--contact", "Bob", "--contact", "Carol"])
        .error("contested");
    let alone = anna.run(["protect", "--threshold", "1"]).done();
    assert!(alone.stderr.contains("Bob is left out"), "{alone}");
    assert_eq!(anna.json(["status"])["contacts"].as_array().unwrap().len(), 2);

    anna.json(["contacts", "verify", "Bob", "--number", &number]);
    let sent = anna.json(["protect", "--threshold", "2"]);
    assert_eq!(states(&sent), ["Carol sent", "Bob sent"]);
    assert_eq!(eve.json(["sync"]), json!({ "events": [] }), "nothing goes to the other one");
    assert_eq!(bob.json(["sync"])["events"][0]["kind"], "piece-stored");
}

/// Somebody read the invitation in time and answers after the piece was sent.
#[test]
fn a_late_answer() {
    let world = World::new();
    let relay = world.relay("relay");
    let (anna, bob) = (world.person("Anna"), world.person("Bob"));
    anna.init(&[relay.url()]);
    let text = anna.invite("Bob");
    let (link, relays): (Link, _) = (text.parse().unwrap(), Relays::new().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let slot = &link.slots[0];
    let boxed = runtime.block_on(relays.get_slot(&slot.relay, slot.id)).unwrap().unwrap().1;
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let mut rng = ChaCha20Rng::seed_from_u64(now);
    let mut ctx = Context { now, rng: &mut rng, cost: KdfCost::STANDARD };
    let mut eve = Device::new("Eve".parse().unwrap(), vec![slot.relay.clone()], &mut ctx);
    let late = eve.accept(&link, &boxed, Reach::default(), &mut ctx).unwrap();

    let number = bob.accept(&text);
    anna.run(["sync"]).done();
    anna.json(["protect", "--threshold", "1"]);
    bob.run(["sync"]).done();
    for delivery in late.step.outbox {
        if let Delivery::Post { to, body } = delivery {
            runtime.block_on(relays.post(&to.relay, to.id, &body, None)).unwrap();
        }
    }
    let events = anna.json(["sync"]);
    assert!(events.to_string().contains("contact-contested"), "{events}");
    assert_eq!(states(&anna.json(["status"])), ["Bob contested"]);
    anna.ask(["protect", "--threshold", "1", "--contact", "Bob"]).error("contested");
    anna.json(["contacts", "verify", "Bob", "--number", &number]);
    assert_eq!(states(&anna.json(["status"])), ["Bob held"]);
}

#[test]
fn who_only_helps_is_told_whom_and_of_no_danger_to_a_key_of_their_own() {
    let world = World::new();
    let relay = world.relay("relay");
    let (anna, bob) = (world.person("Anna"), world.person("Bob"));
    anna.init(&[relay.url()]);
    bob.accept(&anna.invite("Bob"));
    let status = || bob.run(["status"]).done().text().to_owned();
    assert_eq!(status(), "You help Anna; your piece of their key has not come yet.\n");
    anna.run(["sync"]).done();
    anna.run(["protect", "--threshold", "1"]).done();
    bob.run(["sync"]).done();
    anna.run(["sync"]).done();
    assert!(status().starts_with("You hold a piece of Anna's key; it came "), "{}", status());
    anna.run(["check"]).done();
    bob.run(["sync"]).done();
    assert!(status().starts_with("You hold a piece of Anna's key; last proved "), "{}", status());
    let held = &bob.json(["status"])["held"][0];
    assert_eq!(held["name"], "Anna");
    assert!(held["stored_at"].is_u64() && held["proved_at"].is_u64(), "{held}");
    bob.feed(["add", "a secret"], SECRET).done();
    let both = status();
    assert!(both.starts_with("Your key is not protected: it is on this device only.\n"), "{both}");
    assert!(
        both.contains("\nYou hold a piece of Anna's key; ") && both.contains("\n- Invite"),
        "{both}"
    );
}
