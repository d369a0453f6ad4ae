//! New devices that wait: too few friends, dead relays, strangers of the same name.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say"
)]

use recovery_tests::{Family, Person, Relay, SECRET, World, now};
use serde_json::{Value, json};

/// The relay is away while somebody does something, and back afterwards.
fn without<T>(relay: &mut Relay, act: impl FnOnce() -> T) -> T {
    relay.stop();
    let done = act();
    relay.start_again();
    done
}

/// The relays that did not answer when they were last looked at; each is named in the advice.
fn away(person: &Person) -> Vec<String> {
    let status = person.json(["status"]);
    let relays = status["relays"].as_array().unwrap().iter();
    let away = relays.filter(|relay| relay["away_since"].is_u64());
    let away: Vec<String> = away.map(|r| r["relay"].as_str().unwrap().to_owned()).collect();
    let advice = status["advice"].to_string();
    assert_eq!(advice.matches("does not answer").count(), away.len(), "{advice}");
    assert!(away.iter().all(|relay| advice.contains(relay)), "{advice}");
    away
}

#[test]
fn one_of_two_relays_is_always_down() {
    let world = World::new();
    let (mut a, mut b) = (world.relay("a"), world.relay("b"));
    let anna = world.person("Anna");
    let friends = ["Bob", "Carol", "Dave"].map(|name| world.person(name));
    without(&mut a, || anna.init(&[]));
    let both = [a.url(), b.url()];
    anna.lose();
    anna.init(&both);
    let said = without(&mut b, || anna.feed(["add", "a secret"], SECRET).done());
    assert!(said.stderr.contains("warning:") && said.stderr.contains("not synced"), "{said}");
    let status = anna.json(["status"]);
    assert_eq!(status["synced"], false);
    let not_synced = |advice: &Value| advice.as_str().unwrap().contains("not synced");
    assert!(status["advice"].as_array().unwrap().iter().any(not_synced), "{status}");
    without(&mut a, || anna.run(["sync"]).done());
    assert_eq!(anna.json(["status"])["synced"], true);

    let links = without(&mut a, || friends.each_ref().map(|friend| anna.invite(friend.name())));
    without(&mut a, || friends[0].accept(&links[0]));
    anna.run(["sync"]).done();
    without(&mut a, || friends[1].accept(&links[1]));
    without(&mut b, || friends[2].accept(&links[2]));
    without(&mut a, || anna.run(["sync"]).done());
    without(&mut b, || anna.run(["sync"]).done());
    assert_eq!(away(&anna), [b.url()]);
    assert_eq!(anna.json(["contacts"])["contacts"].as_array().unwrap().len(), 3);
    without(&mut b, || anna.json(["protect", "--threshold", "2"]));
    // Bob has no mailbox at this relay yet: it is opened now, and filled next.
    without(&mut b, || friends[0].run(["sync"]).done());
    without(&mut b, || anna.run(["sync"]).done());
    without(&mut b, || friends[0].run(["sync"]).done());
    anna.run(["sync"]).done();
    without(&mut a, || friends[1].run(["sync"]).done());
    friends[2].run(["sync"]).done();
    without(&mut a, || anna.run(["sync"]).done());
    assert_eq!(away(&anna), [a.url()]);
    assert_eq!(anna.json(["status"])["circle"]["active"], true);
    anna.lose();

    let args = ["restore", "--name", "Anna", "--no-passphrase", "--no-wait", "--relay"];
    let args = args.into_iter().chain([&both[0], "--relay", &both[1]]);
    let waiting = without(&mut b, || anna.ask(args).not_yet());
    let (link, number) = (waiting["link"].as_str().unwrap(), waiting["number"].as_str().unwrap());
    without(&mut b, || friends[0].approve(link, "Anna", number));
    let waiting = without(&mut a, || anna.ask(["restore", "--no-wait"]).not_yet());
    assert_eq!(waiting["approvals"], json!([]), "it lies at the relay that is down");
    without(&mut a, || friends[2].approve(link, "Anna", number));
    without(&mut b, || anna.ask(["restore", "--no-wait"]).not_yet());
    let done = without(&mut a, || anna.json(["restore", "--no-wait"]));
    assert_eq!(done["restored"], json!(["a secret"]));
    assert_eq!(anna.run(["show", "a secret"]).done().stdout, SECRET);
}

/// Wherever in the story one of the relays is killed for good, the other one carries it to its end.
#[test]
fn one_of_two_relays_is_killed_at_some_step() {
    let seed = std::env::var("RECOVERY_SEED").map_or_else(|_| now(), |seed| seed.parse().unwrap());
    println!("RECOVERY_SEED={seed}");
    let world = World::new();
    let mut relays = [world.relay("a"), world.relay("b")];
    let urls = relays.each_ref().map(Relay::url);
    let (victim, mut left) = ((seed % 2) as usize, (seed / 2) % STEPS);
    let mut step = |what: &str| {
        if left == 0 {
            println!("relay {victim} is killed before: {what}");
            relays[victim].kill();
        }
        left = left.wrapping_sub(1);
    };
    let (anna, names) = (world.person("Anna"), ["Bob", "Carol", "Dave"]);
    let friends = names.map(|name| world.person(name));
    step("init");
    anna.init(&urls);
    step("add");
    anna.feed(["add", "a secret"], SECRET).done();
    for friend in &friends {
        step("invite");
        let link = anna.invite(friend.name());
        step("accept");
        friend.accept(&link);
        step("take the answer");
        anna.run(["sync"]).done();
    }
    step("protect");
    anna.json(["protect", "--threshold", "2"]);
    for friend in &friends {
        step("take the piece");
        friend.run(["sync"]).done();
    }
    step("take the receipts");
    anna.run(["sync"]).done();
    assert_eq!(anna.json(["status"])["circle"]["active"], true);
    anna.lose();
    step("ask");
    let args = ["restore", "--name", "Anna", "--no-passphrase", "--no-wait", "--relay"];
    let waiting = anna.ask(args.into_iter().chain([&*urls[0], "--relay", &urls[1]])).not_yet();
    let (link, number) = (waiting["link"].as_str().unwrap(), waiting["number"].as_str().unwrap());
    for friend in friends.iter().take(2) {
        step("approve");
        friend.approve(link, "Anna", number);
    }
    step("restore");
    assert_eq!(anna.json(["restore", "--no-wait"])["restored"], json!(["a secret"]));
    assert_eq!(anna.run(["show", "a secret"]).done().stdout, SECRET);
}

/// Steps of that story before which a relay can be killed.
const STEPS: u64 = 20;

/// With no relay at all a home still takes secrets, and says what is missing.
#[test]
fn nothing_is_reachable() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let anna = world.person("Anna");
    anna.init(&[relay.url()]);
    relay.stop();
    for (args, input) in
        [(["add", "a secret"], SECRET), (["add", "b"], b"b"), (["remove", "b"], b"")]
    {
        let said = anna.feed(args, input).done();
        assert!(said.stderr.contains("warning:"), "{said}");
    }
    let said = anna.run(["sync"]).done();
    assert!(said.stderr.contains("cannot reach"), "{said}");
    assert!(anna.run(["status"]).done().text().contains("not synced"));
    let link = anna.invite("Bob");
    let bob = world.person("Bob");
    bob.ask(["accept", &link, "--name", "Bob", "--no-passphrase"]).error("relay-unreachable");
    assert!(!bob.home().exists(), "nothing is made for a link that leads nowhere");
    relay.start_again();
    anna.run(["sync"]).done();
    assert_eq!(anna.json(["status"])["synced"], true);
    bob.accept(&link);
}

/// A friend whose own relay is down when they accept gets their piece later.
#[test]
fn a_friends_relay_comes_late() {
    let world = World::new();
    let (relay, mut slow) = (world.relay("relay"), world.relay("slow"));
    let (anna, bob) = (world.person("Anna"), world.person("Bob"));
    anna.init(&[relay.url()]);
    slow.stop();
    let link = anna.invite("Bob");
    let accept = ["accept", &link, "--name", "Bob", "--no-passphrase", "--relay", &slow.url()];
    let said = bob.run(accept).done();
    assert!(said.stderr.contains("warning:"), "{said}");
    anna.run(["sync"]).done();
    anna.json(["protect", "--threshold", "1"]);
    slow.start_again();
    // The mailbox is not there yet: the piece waits.
    anna.run(["sync"]).done();
    assert_eq!(anna.json(["status"])["queued"], 1);
    bob.run(["sync"]).done();
    anna.run(["sync"]).done();
    assert_eq!(bob.json(["sync"])["events"][0]["kind"], "piece-stored");
    anna.run(["sync"]).done();
    assert_eq!(anna.json(["status"])["circle"]["active"], true);
    assert!(bob.invite("Carol").starts_with(&slow.url()), "the relay is remembered");
}

/// The only relay is gone for good: friends have a copy of the vault, and another relay does.
#[test]
fn a_relay_dies_for_good() {
    let world = World::new();
    let (mut dead, relay) = (world.relay("dead"), world.relay("relay"));
    let family = Family::protected(&world, &[dead.url()], &["Bob", "Carol"], 2);
    let anna = &family.owner;
    anna.lose();
    dead.stop();
    let (link, number) = anna.asks_for_help(&relay.url());
    for friend in &family.friends {
        friend.approve(&link, "Anna", &number);
    }
    let done = anna.ask(["restore", "--no-wait"]).done();
    assert!(done.stderr.contains("cannot reach"), "{done}");
    assert_eq!(done.object()["restored"], json!(["a secret"]));
    assert_eq!(anna.run(["show", "a secret"]).done().stdout, SECRET);
    assert!(anna.invite("Dave").contains(&relay.url()), "the relay is remembered");
}

/// Somebody who calls herself Anna too sends approvals for a key of her own.
#[test]
fn whose_key_is_never_guessed() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol"], 2);
    let other = World::new();
    let false_family = Family::protected(&other, &[relay.url()], &["Mallory", "Eve"], 2);
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    for friend in family.friends.iter().chain(&false_family.friends) {
        friend.approve(&link, "Anna", &number);
    }
    let error = new.ask(["restore", "--no-wait"]).error("ambiguous-owner");
    assert_eq!(error["owners"].as_array().unwrap().len(), 2, "{error}");
    new.ask(["show", "a secret"]).error("restoring");
    let id = family.owner.json(["status"])["owner_id"].as_str().unwrap().to_owned();
    assert!(error["owners"].as_array().unwrap().iter().any(|o| o["owner_id"] == id.as_str()));
    new.ask(["restore", "--no-wait", "--owner-id", "AAAA"]).error("usage");
    let done = new.json(["restore", "--no-wait", "--owner-id", &id]);
    assert_eq!((&done["owner_id"], &done["restored"]), (&json!(id), &json!(["a secret"])));

    // One piece that is a whole key is never taken by itself either.
    let single = World::new();
    let alone = Family::protected(&single, &[relay.url()], &["Zoe"], 1);
    let new = single.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    alone.friend(0).approve(&link, "Anna", &number);
    new.ask(["restore", "--no-wait"]).error("ambiguous-owner");
}

#[test]
fn a_recovery_is_cancelled() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol"], 2);
    let new = world.person("Anna, again");
    let (link, number) = new.asks_for_help(&relay.url());
    let by_number = ["approve", &link, "--owner", "Anna", "--number", &number];
    let slipped = format!("{:015}", (number.parse::<u64>().unwrap() + 7) % 10_u64.pow(15));
    let opens = ["approve", &link, "--owner", "Anna", "--number", &slipped];
    let _ = family.friend(0).ask(opens);
    assert_eq!(new.json(["restore", "--cancel"]), json!({ "cancelled": true }));
    assert!(!new.home().exists());
    for friend in &family.friends {
        friend.ask(by_number).error("cancelled");
        assert_eq!(friend.json(["requests"])["requests"][0]["state"], "cancelled");
    }
    new.ask(["restore", "--cancel"]).error("no-home");
    // It can be started anew, and ended with no relay there.
    let (again, _) = new.asks_for_help(&relay.url());
    assert_ne!(again, link);
    relay.stop();
    let said = new.ask(["restore", "--cancel"]).done();
    assert!(said.stderr.contains("call those you sent the link to"), "{said}");
    assert!(!new.home().exists());
}
