//! Fresh pieces for the same people: at each point in between the key comes back with the newest secrets.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say"
)]

use recovery_tests::{Family, Relay, SECRET, World, texts};
use serde_json::{Value, json};

/// How far a renewal is.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Renewal {
    Sent,
    OneHolds,
    AllHold,
    Retired,
}

/// Any 2 of Bob, Carol and Dave, and of Erin, who is left out now; a secret is added before and after.
fn renewed(world: &World, relay: &Relay, until: Renewal) -> Family {
    let names = ["Bob", "Carol", "Dave", "Erin"];
    let family = Family::protected(world, &[relay.url()], &names, 2);
    let anna = &family.owner;
    anna.feed(["add", "before"], b"1").done();
    assert_eq!(anna.json(["contacts", "remove", "Erin"])["left"], 3);
    let advice = anna.json(["status"])["advice"].to_string();
    assert!(advice.contains("Erin: They still hold a piece: 'recovery renew'"), "{advice}");
    let made = anna.json(["renew"]);
    assert_eq!((&made["generation"], &made["active"]), (&json!(2), &json!(false)), "{made}");
    assert_eq!((&made["threshold"], &made["queued"]), (&json!(2), &json!(0)));
    assert_eq!(texts(&made, "contacts", "name"), ["Bob", "Carol", "Dave"]);
    assert_eq!(texts(&made, "contacts", "state"), ["sent", "sent", "sent"]);
    if until >= Renewal::OneHolds {
        let told = family.friend(0).json(["sync"]);
        assert_eq!(told["events"][0]["generation"], 2, "{told}");
        assert_eq!(texts(&anna.json(["sync"]), "events", "kind"), ["piece-held"]);
        assert_eq!(anna.json(["status"])["circle"]["active"], false);
    }
    if until >= Renewal::AllHold {
        for friend in &family.friends[1..3] {
            assert_eq!(texts(&friend.json(["sync"]), "events", "kind"), ["piece-stored"]);
        }
        let told = anna.json(["sync"]);
        let kinds = texts(&told, "events", "kind");
        let news = ["piece-held", "piece-held", "circle-active", "circle-retired"];
        assert!(kinds.len() == 4 && news.iter().all(|kind| kinds.contains(kind)), "{told}");
        let status = anna.json(["status"]);
        let circle = (&status["circle"]["active"], &status["circle"]["older"]);
        assert_eq!(circle, (&json!(true), &json!(0)));
    }
    if until >= Renewal::Retired {
        family.friends.iter().for_each(|friend| drop(friend.run(["sync"]).done()));
        let told = anna.json(["sync"]);
        assert_eq!(texts(&told, "events", "kind"), ["piece-forgotten"; 4], "{told}");
        let kept = |event: &Value| {
            event["generation"] == 1 && event["at"].as_u64() > Some(recovery_tests::now() + 86_400)
        };
        assert!(told["events"].as_array().unwrap().iter().all(kept), "not at once: {told}");
    }
    anna.feed(["add", "after"], b"2").done();
    family
}

/// Anna loses her device, and these friends help.
fn comes_back(family: &Family, relay: &Relay, helpers: [usize; 2], generation: u64) {
    let anna = &family.owner;
    anna.lose();
    let (link, number) = anna.asks_for_help(&relay.url());
    for at in helpers {
        family.friend(at).approve(&link, "Anna", &number);
    }
    let done = anna.json(["restore", "--no-wait"]);
    assert_eq!(done["restored"], json!(["a secret", "before", "after"]));
    assert_eq!(done["generation"], generation);
    let warned = |warning: &Value| warning.as_str().unwrap().contains("something newer is missing");
    assert!(!done["warnings"].as_array().unwrap().iter().any(warned), "{done}");
    assert_eq!(anna.run(["show", "a secret"]).done().stdout, SECRET);
    // Who did not help hears of the new device, and asks whether it is hers.
    let others = (0..3).filter(|at| !helpers.contains(at)).map(|at| family.friend(at));
    for friend in others {
        friend.run(["sync"]).done();
        friend.compare(anna);
    }
    // What was under way can be ended on the new device.
    let made = anna.json(["renew"]);
    assert_eq!(made["active"], false, "{made}");
    family.friends.iter().for_each(|friend| drop(friend.run(["sync"]).done()));
    anna.run(["sync"]).done();
    let status = anna.json(["status"]);
    assert_eq!(
        (&status["circle"]["active"], &status["circle"]["older"]),
        (&json!(true), &json!(0)),
        "{status}"
    );
    assert_eq!(status["circle"]["generation"], made["generation"]);
}

#[test]
fn a_key_comes_back_when_new_pieces_are_on_their_way() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = renewed(&world, &relay, Renewal::Sent);
    comes_back(&family, &relay, [1, 3], 1);
}

#[test]
fn a_key_comes_back_when_one_friend_has_a_new_piece() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = renewed(&world, &relay, Renewal::OneHolds);
    // Who helps hears of new pieces first; the one who was left out has the old one alone.
    comes_back(&family, &relay, [0, 3], 1);
}

#[test]
fn a_key_comes_back_when_the_new_pieces_count() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = renewed(&world, &relay, Renewal::AllHold);
    comes_back(&family, &relay, [1, 2], 2);
}

#[test]
fn a_key_comes_back_when_the_old_pieces_are_retired() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = renewed(&world, &relay, Renewal::Retired);
    comes_back(&family, &relay, [0, 2], 2);
}

/// Who was left out has an old piece for a while; it is worth nothing beside a new one.
#[test]
fn an_old_piece_does_not_help_a_new_one() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = renewed(&world, &relay, Renewal::Retired);
    let thief = world.person("Anna, says the thief");
    let (link, number) = thief.asks_for_help(&relay.url());
    for at in [3, 0] {
        family.friend(at).approve(&link, "Anna", &number);
    }
    let tried = thief.ask(["restore", "--no-wait"]);
    assert_ne!(tried.code, 0, "{tried}");
    thief.ask(["show", "a secret"]).error("restoring");
    family.friend(1).approve(&link, "Anna", &number);
    assert_eq!(thief.json(["restore", "--no-wait"])["generation"], 2);
}

#[test]
fn a_renewal_is_finished_by_choice() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Bob", "Carol", "Dave"]);
    let anna = &family.owner;
    anna.ask(["renew"]).error("nothing-to-renew");
    anna.ask(["renew", "--finish"]).error("nothing-to-renew");
    family.protect(&["--threshold", "2"]);
    anna.ask(["renew", "--finish", "--wait", "1s"]).error("usage");
    let waited = anna.ask(["renew", "--wait", "1s"]).not_yet();
    assert_eq!((&waited["generation"], &waited["active"]), (&json!(2), &json!(false)));
    for (at, code) in [(0, 1), (1, 0)] {
        family.friend(at).run(["sync"]).done();
        let finish = anna.ask(["renew", "--finish"]).ended(code);
        if code == 1 {
            finish.error("too-few-proofs");
            continue;
        }
        let done = finish.object();
        assert_eq!((&done["generation"], &done["active"]), (&json!(2), &json!(true)), "{done}");
        assert!(texts(&done, "events", "kind").contains(&"circle-retired"), "{done}");
    }
    assert_eq!(anna.json(["status"])["circle"]["older"], 0);
    anna.json(["renew", "--finish"]);
    anna.lose();
    let (link, number) = anna.asks_for_help(&relay.url());
    for at in [0, 1] {
        family.friend(at).approve(&link, "Anna", &number);
    }
    assert_eq!(anna.json(["restore", "--no-wait"])["generation"], 2);
}

/// Enough for the new pieces to count, but not everybody: both are good, and the advice says so.
#[test]
fn a_renewal_waits_for_the_last() {
    let world = World::new();
    let relay = world.relay("relay");
    let names = ["Bob", "Carol", "Dave", "Erin"];
    let family = Family::protected(&world, &[relay.url()], &names, 2);
    let anna = &family.owner;
    anna.run(["renew"]).done();
    family.friends[..3].iter().for_each(|friend| drop(friend.run(["sync"]).done()));
    let told = anna.json(["sync"]);
    assert!(texts(&told, "events", "kind").contains(&"circle-active"), "{told}");
    let status = anna.json(["status"]);
    assert_eq!(
        (&status["circle"]["active"], &status["circle"]["older"]),
        (&json!(true), &json!(1))
    );
    assert!(status["advice"].to_string().contains("'recovery renew --finish'"), "{status}");
    let who = std::thread::scope(|scope| {
        let last = scope.spawn(|| family.friend(3).json(["sync", "--wait", "3s"]));
        let told = anna.json(["sync", "--wait", "3s"]);
        last.join().unwrap();
        told
    });
    assert!(texts(&who, "events", "kind").contains(&"circle-retired"), "{who}");
    assert_eq!(anna.json(["status"])["circle"]["older"], 0);
}

#[test]
fn a_renewal_asks_for_the_passphrase() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Bob", "Carol"]);
    let anna = &family.owner;
    let knows = anna.clone().with("RECOVERY_CIRCLE_PASSPHRASE", "open sesame");
    knows.json(["protect", "--threshold", "2", "--circle-passphrase"]);
    let confirm = || {
        family.friends.iter().for_each(|friend| drop(friend.run(["sync"]).done()));
        anna.run(["sync"]).done();
    };
    confirm();
    let needed = anna.ask(["renew"]).error("input-needed");
    assert!(needed["message"].as_str().unwrap().contains("--circle-passphrase-file"), "{needed}");
    assert_eq!(anna.json(["status"])["circle"]["generation"], 1, "nothing was sent");
    assert_eq!(knows.json(["renew"])["generation"], 2);
    confirm();
    assert_eq!(anna.json(["status"])["circle"]["older"], 0);
    anna.lose();
    let (link, number) = anna.asks_for_help(&relay.url());
    family.friends.iter().for_each(|friend| drop(friend.approve(&link, "Anna", &number)));
    anna.ask(["restore", "--no-wait"]).error("input-needed");
    let wrong = anna.clone().with("RECOVERY_CIRCLE_PASSPHRASE", "open barley");
    wrong.ask(["restore", "--no-wait"]).error("wrong-passphrase");
    let done = knows.json(["restore", "--no-wait"]);
    assert_eq!((&done["generation"], &done["restored"]), (&json!(2), &json!(["a secret"])));
}

/// Who left by mistake can come back by a new invitation, as the hint of `contact-left` says.
#[test]
fn who_left_is_invited_again() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol"], 2);
    let (anna, bob) = (&family.owner, family.friend(0));
    bob.json(["leave", "Anna"]);
    anna.run(["sync"]).done();
    let link = anna.invite("Bob, again");
    bob.accept(&link);
    anna.run(["sync"]).done();
    let made = anna.json(["protect", "--threshold", "2"]);
    assert_eq!(made["contacts"].as_array().unwrap().len(), 2, "{made}");
}
