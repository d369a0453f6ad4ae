//! Recoveries that are not what they claim: the owner's stop, going against it, and friends who warn.

use recovery_tests::{Family, Person, SECRET, World, by_number, now, texts, wait_until};
use serde_json::{Value, json};

/// Whether this owner is warned of a recovery.
fn is_warned(owner: &Person, args: &[&str], request: &str) -> bool {
    let said = owner.run(args).done();
    said.stderr.contains(&format!("recovery veto {request}"))
}

#[test]
fn an_owner_stops_a_thief() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "6s", "relay");
    let (anna, bob, carol) = (&family.owner, family.friend(0), family.friend(1));
    let thief = world.person("Anna, says the thief");
    let (id, link, number) = thief.asks(&relay.url());
    let due = bob.approve(&link, "Anna", &number)["release_at"].as_u64().unwrap();
    assert!(!is_warned(anna, &["list"], &id), "nothing was fetched yet");
    assert_eq!(texts(&anna.json(["sync"]), "events", "alert"), ["opened", "approved"]);
    let request = anna.json(["requests"])["requests"][0].clone();
    assert_eq!((&request["request"], &request["state"]), (&json!(id), &json!("approved")));
    let stopped = anna.json(["veto", &id]);
    assert_eq!((&stopped["request"], &stopped["state"]), (&json!(id), &json!("vetoed")));
    assert!(now() < due, "this machine is too slow for this story");
    anna.json(["veto", &id]);
    assert_eq!(anna.json(["requests"])["requests"][0]["state"], "vetoed");

    let told = bob.json(["sync"]);
    assert_eq!(texts(&told, "events", "kind"), ["stopped"], "{told}");
    assert_eq!(told["events"][0]["withdrawn"], true);
    assert_eq!(bob.json(["requests"])["requests"][0]["state"], "vetoed");
    wait_until(due + 2);
    bob.ask(by_number(&link, &number)).error("vetoed");
    bob.ask(["decline", &link, "--owner", "Anna"]).error("vetoed");
    carol.run(["sync"]).done();
    carol.ask(by_number(&link, &number)).error("vetoed");
    let waiting = thief.looks();
    assert_eq!((&waiting["have"], &waiting["needed"]), (&json!(0), &Value::Null), "{waiting}");
    let states = texts(&waiting, "approvals", "state");
    assert!(!states.is_empty() && states.iter().all(|state| *state == "vetoed"), "{waiting}");
    let said = thief.run(["restore", "--no-wait"]).ended(75);
    assert!(said.stderr.contains("was stopped from another device"), "{said}");
    assert!(said.stderr.contains("meet your contacts in person"), "what is left to do: {said}");
}

/// One of two relays is away when the owner stops a recovery: what it holds is dropped when it is back.
#[test]
fn a_stop_reaches_a_relay_late() {
    let world = World::new();
    let (mut a, b) = (world.relay("a"), world.relay("b"));
    let urls = [a.url(), b.url()];
    let family = Family::paired(&world, &urls, &["Bob", "Carol"]);
    family.protect(&["--threshold", "1", "--contact", "Bob", "--delay", "8s"]);
    let anna = &family.owner;
    let thief = world.person("Anna, says the thief");
    let args = ["restore", "--name", "Anna", "--no-passphrase", "--no-wait", "--relay"];
    let waiting = thief.ask(args.into_iter().chain([&urls[0], "--relay", &urls[1]])).not_yet();
    let [id, link, number] = ["request", "link", "number"].map(|f| waiting[f].as_str().unwrap());
    let due = family.friend(0).approve(link, "Anna", number)["release_at"].as_u64().unwrap();
    anna.run(["sync"]).done();
    a.stop();
    let said = anna.ask(["veto", id]).done();
    assert_eq!(
        (&said.object()["state"], &said.object()["queued"]),
        (&json!("vetoed"), &json!(true))
    );
    assert!(said.stderr.contains("warning:"), "{said}");
    a.start_again();
    anna.run(["sync"]).done();
    assert!(now() < due, "this machine is too slow for this story");
    assert_eq!(anna.json(["status"])["queued"], 0);
    wait_until(due + 2);
    let waiting = thief.looks();
    assert!(texts(&waiting, "approvals", "state").iter().all(|s| *s == "vetoed"), "{waiting}");
}

/// Until there is an answer, every command says it.
#[test]
fn an_owner_is_warned_until_there_is_an_answer() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "7d", "relay");
    let anna = &family.owner;
    let new = world.person("Anna, again");
    let (id, link, number) = new.asks(&relay.url());
    family.friend(0).approve(&link, "Anna", &number);
    anna.run(["sync"]).done();
    let commands: [&[&str]; 7] = [
        &["list"],
        &["show", "a secret"],
        &["contacts"],
        &["invite", "Erin"],
        &["sync"],
        &["check"],
        &["protect", "--threshold", "2", "--delay", "7d"],
    ];
    for command in commands {
        assert!(is_warned(anna, command, &id), "{command:?}");
    }
    let said = anna.run(["requests"]).done();
    assert!(
        String::from_utf8_lossy(&said.stdout).contains(&format!("recovery veto {id}")),
        "{said}"
    );
    let status = anna.json(["status"]);
    assert_eq!(status["requests"][0]["request"], id.as_str(), "{status}");
    let advice = status["advice"][0].as_str().unwrap();
    assert!(advice.contains("recovery veto") && advice.contains("--mine"), "worst first: {advice}");
    anna.ask(["veto", &"A".repeat(43)]).error("no-such-request");
    anna.ask(["requests", "--mine", &"A".repeat(43)]).error("no-such-request");
    anna.ask(["veto", "no id"]).error("usage");

    let mine = anna.json(["requests", "--mine", &id]);
    assert_eq!(mine["requests"][0]["state"], "mine");
    assert!(commands.iter().take(4).all(|command| !is_warned(anna, command, &id)));
    assert!(!anna.json(["status"])["advice"].to_string().contains("recovery veto"));
    // It does not make anything faster, and what contacts say later is no new alarm.
    family.friend(1).approve(&link, "Anna", &number);
    anna.run(["sync"]).done();
    assert!(!is_warned(anna, &["list"], &id));
    assert_eq!(texts(&new.looks(), "approvals", "state"), ["held", "held"]);
    // Who changes their mind can still stop it.
    assert_eq!(anna.json(["veto", &id])["state"], "vetoed");
    let waiting = new.looks();
    assert!(texts(&waiting, "approvals", "state").iter().all(|s| *s == "vetoed"), "{waiting}");
}

/// The old device is in the wrong hands and stops its owner: friends who meet her help all the same.
#[test]
fn a_stop_is_overridden_face_to_face() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "7d", "relay");
    let (stolen, bob, carol) = (&family.owner, family.friend(0), family.friend(1));
    let new = world.person("Anna, again");
    let (id, link, number) = new.asks(&relay.url());
    bob.approve(&link, "Anna", &number);
    stolen.run(["sync"]).done();
    stolen.json(["veto", &id]);
    let waiting = new.looks();
    assert!(texts(&waiting, "approvals", "state").iter().all(|s| *s == "vetoed"), "{waiting}");

    // What is said within one second has no order.
    wait_until(now() + 1);
    let code = format!("{link}.{id}");
    for friend in [bob, carol] {
        friend.run(["sync"]).done();
        let told = friend.ask(by_number(&link, &number)).error("vetoed");
        assert!(told["hint"].as_str().unwrap().contains("--scanned --override"), "{told}");
        friend.ask(["approve", &code, "--owner", "Anna", "--scanned"]).error("vetoed");
        let by_phone = friend.ask(by_number(&link, &number).iter().chain(&["--override"]));
        assert_ne!(by_phone.code, 0, "only who met her: {by_phone}");
        let meets = |link| ["approve", link, "--owner", "Anna", "--scanned", "--override"];
        friend.ask(meets(&link)).error("not-scanned");
        let said = friend.json(meets(&code));
        assert_eq!((&said["state"], &said["release_at"]), (&json!("sent"), &Value::Null));
    }
    let done = new.json(["restore", "--no-wait"]);
    assert_eq!(done["restored"], json!(["a secret"]));
    let overrides = |a: &&Value| a["override"] == true && a["state"] == "good";
    assert!(done["approvals"].as_array().unwrap().iter().filter(overrides).count() >= 2, "{done}");
    assert_eq!(new.run(["show", "a secret"]).done().stdout, SECRET);
    let told = stolen.json(["sync"]);
    let alerts = texts(&told, "events", "alert");
    assert_eq!(alerts.iter().filter(|kind| **kind == "overridden").count(), 2, "{told}");
    let request = stolen.json(["requests"])["requests"][0].clone();
    assert_eq!(texts(&request, "contacts", "state"), ["overridden", "overridden"]);
}

#[test]
fn a_friend_says_that_it_is_somebody_else() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol", "Dave"], 2);
    let [bob, carol, dave] = [0, 1, 2].map(|at| family.friend(at));
    let thief = world.person("Anna, says the thief");
    let (id, link, number) = thief.asks(&relay.url());
    dave.approve(&link, "Anna", &number);
    let report =
        ["decline", &link, "--owner", "Anna", "--impostor", "--reason", "a stranger's voice"];
    let said = bob.json(report);
    assert_eq!((&said["request"], &said["state"]), (&json!(id), &json!("impostor")));
    bob.json(report);
    assert_eq!(bob.json(["requests"])["requests"][0]["state"], "impostor");
    bob.ask(by_number(&link, &number)).error("reported");
    bob.ask(report.iter().chain(&["--number", number.as_str()])).error("usage");

    let told = family.owner.json(["sync"]);
    assert!(texts(&told, "events", "alert").contains(&"impostor"), "{told}");
    let request = family.owner.json(["requests"])["requests"][0].clone();
    assert_eq!((&request["state"], &request["request"]), (&json!("impostor"), &json!(id)));
    assert!(texts(&request, "contacts", "reason").contains(&"a stranger's voice"), "{request}");
    assert!(is_warned(&family.owner, &["list"], &id));

    // The requester hears nothing of it.
    let waiting = thief.looks();
    assert_eq!(texts(&waiting, "approvals", "contact"), ["Dave"], "{waiting}");
    // Another contact is warned, and decides: one word freezes nothing.
    assert_eq!(carol.json(["requests"]), json!({ "requests": [] }));
    let said = carol.ask(by_number(&link, &number)).done();
    assert!(said.stderr.contains("another contact says"), "{said}");
    assert_eq!(said.object()["state"], "sent");
    let known = carol.json(["requests"])["requests"][0].clone();
    assert_eq!(known["alarms"].as_array().unwrap().len(), 1, "{known}");
    // Who approved before hears of it too, when they look again; the piece is out.
    let said = dave.ask(by_number(&link, &number)).done();
    assert!(said.stderr.contains("another contact says"), "{said}");
    dave.ask(report).error("already-approved");
}

/// A friend who approved first and understands then: nothing goes out.
#[test]
fn a_friend_understands_in_time() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::delayed(&world, &relay.url(), "5s", "relay");
    let bob = family.friend(0);
    let thief = world.person("Anna, says the thief");
    let (_, link, number) = thief.asks(&relay.url());
    let due = bob.approve(&link, "Anna", &number)["release_at"].as_u64().unwrap();
    // What is said within one second has no order.
    wait_until(now() + 1);
    bob.json(["decline", &link, "--owner", "Anna", "--impostor"]);
    assert!(now() < due, "this machine is too slow for this story");
    wait_until(due + 2);
    bob.run(["sync"]).done();
    assert_eq!(bob.json(["requests"])["requests"][0]["state"], "impostor");
    let waiting = thief.looks();
    assert_eq!(texts(&waiting, "approvals", "state"), ["held"], "nothing is said of it: {waiting}");
    let told = family.owner.json(["sync"]);
    assert_eq!(texts(&told, "events", "alert"), ["opened", "approved", "impostor"], "{told}");
}
