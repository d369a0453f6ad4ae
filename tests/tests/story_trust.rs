//! Is the key safe today: proofs, friends who lost their piece or leave, what would be if, old vaults.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say"
)]

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use recovery_client::{
    Client, ClientError,
    core::{
        flows::{Context, Delivery, Device},
        kdf::KdfCost,
    },
    relays::Relays,
};
use recovery_tests::{Family, Person, World, copy_folder, now, texts, wait_until};
use serde_json::{Value, json};
use std::{fs, thread, time::Duration};

/// What is advised, as one text.
fn advice(owner: &Person) -> String {
    let status = owner.json(["status"]);
    let lines = status["advice"].as_array().unwrap();
    lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

fn proved(list: &Value, at: usize) -> Option<u64> {
    list["contacts"][at]["proved_at"].as_u64()
}

#[test]
fn contacts_prove_what_they_hold() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol"], 2);
    let anna = &family.owner;
    let first = proved(&anna.json(["status"]), 0).unwrap();
    wait_until(first.max(proved(&anna.json(["status"]), 1).unwrap()) + 1);
    let asked = anna.json(["check"]);
    assert_eq!(texts(&asked, "contacts", "name"), ["Bob", "Carol"]);
    assert_eq!(texts(&asked, "contacts", "state"), ["held", "held"]);
    assert_eq!(proved(&asked, 0), Some(first), "nobody has answered yet");
    // One more question changes nothing; a wait that ends first is "not yet".
    let late = anna.ask(["check", "--wait", "1s"]).not_yet();
    assert_eq!(texts(&late, "contacts", "state"), ["held", "held"]);
    relay.stop();
    relay.start_again();
    let proofs = thread::scope(|scope| {
        for friend in &family.friends {
            scope.spawn(|| {
                let told = friend.json(["sync", "--wait", "3s"]);
                let holds = |event: &Value| event["kind"] == "proved" && event["holds"] == true;
                assert!(told["events"].as_array().unwrap().iter().any(holds), "{told}");
            });
        }
        anna.json(["check", "--wait", "60s"])
    });
    for at in [0, 1] {
        assert!(proved(&proofs, at) > Some(first), "{proofs}");
        assert_eq!(proofs["contacts"][at]["state"], "held");
    }
    assert_eq!(anna.json(["status"])["contacts"][0]["proved_at"], proved(&proofs, 0).unwrap());
    // With the relay away the question waits too.
    relay.stop();
    let said = anna.ask(["check"]).done();
    assert!(said.stderr.contains("warning:"), "{said}");
    assert!(anna.json(["status"])["queued"].as_u64() > Some(0));
}

/// Dave's machine broke and he has an old copy; the relay lost what it had too.
#[test]
fn a_friend_no_longer_has_the_piece() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Bob", "Carol", "Dave"]);
    let (anna, dave) = (&family.owner, family.friend(2));
    let store = relay.folder().join("relay.db");
    relay.stop();
    let old = fs::read(&store).unwrap();
    relay.start_again();
    let copy = world.path("an old copy");
    copy_folder(dave.home(), &copy);
    family.protect(&["--threshold", "2"]);
    relay.stop();
    fs::write(&store, old).unwrap();
    relay.start_again();
    dave.lose();
    copy_folder(&copy, dave.home());
    // A relay's store that was put back has fewer messages than were read of it: the first answer is
    // passed by, the second is not.
    for _ in 0..2 {
        assert!(!texts(&anna.json(["sync"]), "events", "kind").contains(&"proof-failed"));
        anna.run(["check"]).done();
        let told = dave.json(["sync"]);
        let proved = (&told["events"][0]["kind"], &told["events"][0]["holds"]);
        assert_eq!(proved, (&json!("proved"), &json!(false)), "{told}");
        wait_until(now() + 1);
    }
    let told = anna.json(["sync"]);
    assert_eq!(texts(&told, "events", "kind"), ["proof-failed"], "{told}");
    let status = anna.json(["status"]);
    assert_eq!(status["contacts"][2]["state"], "failed");
    assert!(advice(anna).contains("Dave: They no longer have their piece"), "{status}");
    let answer = anna.json(["status", "--what-if", "Bob"]);
    assert_eq!(answer["recoverable"], false, "Dave is not counted on: {answer}");
    assert!(advice(anna).contains("'recovery renew'"));
    // He gets a new one like everybody else.
    anna.run(["renew"]).done();
    dave.run(["sync"]).done();
    assert!(texts(&anna.json(["sync"]), "events", "contact").contains(&"Dave"));
}

/// A friend whose old copy is only a little old gets the piece from the relay once more.
#[test]
fn a_friend_puts_an_old_copy_back() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Bob", "Carol"]);
    let (anna, bob) = (&family.owner, family.friend(0));
    let copy = world.path("an old copy");
    copy_folder(bob.home(), &copy);
    family.protect(&["--threshold", "2"]);
    bob.lose();
    copy_folder(&copy, bob.home());
    anna.run(["check"]).done();
    bob.run(["sync"]).done();
    anna.run(["sync"]).done();
    assert_eq!(anna.json(["status"])["contacts"][0]["state"], "held");
}

#[test]
fn a_friend_leaves() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol", "Dave"], 2);
    let (anna, bob) = (&family.owner, family.friend(0));
    assert_eq!(bob.json(["leave", "Anna"])["state"], "left");
    bob.ask(["leave", "Anna"]).error("not-held");
    assert_eq!(bob.json(["contacts"]), json!({ "contacts": [], "invites": [] }));
    let told = anna.json(["sync"]);
    assert_eq!(texts(&told, "events", "kind"), ["contact-left"], "{told}");
    assert_eq!(texts(&told, "events", "contact"), ["Bob"]);
    let status = anna.json(["status"]);
    assert_eq!(texts(&status, "contacts", "state"), ["left", "held", "held"]);
    assert!(advice(anna).contains("Bob: They hold no piece any more"), "{status}");
    assert!(advice(anna).contains("'recovery renew'"), "{status}");
    assert_eq!(anna.json(["status", "--what-if", "Carol"])["recoverable"], false);
    assert_eq!(anna.json(["status", "--what-if", "Bob"])["recoverable"], true);
    anna.ask(["protect", "--threshold", "2", "--contact", "Bob", "--contact", "Carol"])
        .error("contact-left");
    assert!(advice(anna).contains("2 contacts are not verified"), "{}", advice(anna));
    let made = anna.ask(["renew"]);
    let said = "All 2 contacts are needed to open your key.\nCareful: if a single one is lost, so is the key.";
    assert!(made.stderr.contains(said), "fewer people are in it now: {made}");
    assert_eq!(texts(&made.json(), "contacts", "name"), ["Carol", "Dave"]);
    for friend in &family.friends[1..] {
        friend.run(["sync"]).done();
    }
    assert!(texts(&anna.json(["sync"]), "events", "kind").contains(&"circle-retired"));
    assert!(!advice(anna).contains("Bob: They hold no piece"), "{}", advice(anna));

    anna.lose();
    let (link, number) = anna.asks_for_help(&relay.url());
    bob.ask(["approve", &link, "--owner", "Anna", "--number", &number]).error("not-held");
    for friend in &family.friends[1..] {
        friend.approve(&link, "Anna", &number);
    }
    assert_eq!(anna.json(["restore", "--no-wait"])["generation"], 2);
}

/// Whether the key is called protected, and the first line of what is said.
fn protected(owner: &Person) -> (bool, String) {
    let status = owner.json(["status"]);
    let said = String::from_utf8(owner.run(["status"]).done().stdout).unwrap();
    (status["protected"].as_bool().unwrap(), said.lines().next().unwrap().to_owned())
}

#[test]
fn a_key_that_too_few_still_hold_is_not_called_protected() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Bob", "Carol", "Dave"]);
    let anna = &family.owner;
    let is = |fine, said: &str| {
        assert_eq!(protected(anna), (fine, format!("Your key is {said}.")));
    };
    is(false, "not protected: it is on this device only");
    anna.json(["protect", "--threshold", "2", "--contact", "Bob", "--contact", "Carol"]);
    is(false, "not protected yet: too few contacts confirmed their piece");
    for friend in &family.friends {
        friend.run(["sync"]).done();
    }
    anna.run(["sync"]).done();
    is(true, "protected: 2 of 2 contacts bring it back");
    anna.run(["renew"]).done();
    let before = "protected by the pieces from before: of the new ones, too few are confirmed yet";
    is(true, before);
    family.friend(0).json(["leave", "Anna"]);
    anna.run(["sync"]).done();
    is(false, "not protected yet: too few contacts confirmed their piece");
    anna.json(["protect", "--threshold", "2", "--contact", "Carol", "--contact", "Dave"]);
    for friend in &family.friends[1..] {
        friend.run(["sync"]).done();
    }
    anna.run(["sync"]).done();
    is(true, "protected: 2 of 2 contacts bring it back");
    family.friend(2).json(["leave", "Anna"]);
    anna.run(["sync"]).done();
    is(false, "not protected any more: too few contacts still hold a piece");
    let status = anna.json(["status"]);
    assert!(status["advice"][0].as_str().unwrap().contains("lost with this device"), "{status}");
    assert_eq!(status["circle"]["active"], true, "it went live once");
    let refused = anna.ask(["renew"]).error("too-few-contacts");
    assert!(refused["hint"].as_str().unwrap().contains("protect --threshold"));
}

#[test]
fn what_if_some_are_gone() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Bob", "Carol", "Dave"]);
    let anna = &family.owner;
    let what_if = |gone: &str| {
        let answer = anna.json(["status", "--what-if", gone]);
        assert!(answer["why"].as_str().is_some_and(|why| !why.is_empty()), "{answer}");
        answer["recoverable"].as_bool().unwrap()
    };
    assert!(!what_if("relay") && !what_if("Bob"), "nothing is divided yet");
    anna.json(["protect", "--threshold", "2"]);
    assert!(!what_if("Bob"), "nobody has confirmed");
    family.friends.iter().for_each(|friend| drop(friend.run(["sync"]).done()));
    anna.run(["sync"]).done();
    for (gone, answer) in [
        ("Bob", true),
        ("Dave", true),
        ("relay", true),
        ("Bob, relay", true),
        ("Bob,Carol", false),
        ("Carol,Dave,relay", false),
        ("Bob,Bob", true),
    ] {
        assert_eq!(what_if(gone), answer, "without {gone}");
    }
    let none = anna.ask(["status", "--what-if", "Bob,Zoe"]).error("no-such-contact");
    assert!(none["hint"].as_str().unwrap().contains("recovery contacts"), "{none}");
    let said = anna.run(["status", "--what-if", "Bob,Carol"]).done();
    assert!(said.text().starts_with("No, the key would be lost"), "{said}");
    // A vault that is larger than contacts' copies is at relays only.
    anna.feed(["add", "large"], &[7; 60_000]).done();
    assert!(what_if("Bob") && !what_if("relay"));
}

/// Each state of things names the command that helps.
#[test]
fn advice_names_the_command() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let anna = world.person("Anna");
    anna.init(&[relay.url()]);
    let says = |text: &str| assert!(advice(&anna).contains(text), "{text}: {}", advice(&anna));
    says("'recovery add LABEL FILE'");
    says("'recovery invite NAME'");
    relay.stop();
    anna.feed(["add", "a secret"], b"x").done();
    says("Run 'recovery sync'");
    relay.start_again();
    let friends = ["Bob", "Carol"].map(|name| world.person(name));
    friends.iter().for_each(|friend| drop(friend.accept(&anna.invite(friend.name()))));
    anna.run(["sync"]).done();
    says("'recovery protect --threshold K'");
    says("'recovery contacts verify NAME'");
    anna.run(["protect", "--threshold", "2"]).done();
    says("Ask your contacts to run 'recovery sync'");
    says("--delay 24h");
    friends.iter().for_each(|friend| drop(friend.run(["sync"]).done()));
    anna.run(["sync"]).done();
    says("Not one more contact may be lost");
    anna.json(["protect", "--threshold", "2", "--delay", "2s"]);
    assert!(!advice(&anna).contains("--delay 24h"), "{}", advice(&anna));
}

/// A day later the owner's device tells contacts how new the vault is; posts what it would send.
fn a_day_later(owner: &Person) -> usize {
    let open = || Err(ClientError::Restoring);
    let client: Client = Client::open::<ClientError>(owner.home(), open, Duration::ZERO).unwrap();
    let mut device = Device::decode(&client.device().unwrap().encode()).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(now());
    let mut ctx = Context { now: now() + 2 * 86_400, rng: &mut rng, cost: KdfCost::STANDARD };
    let outbox = device.tidy(&mut ctx).outbox;
    let posts = outbox.iter().filter_map(|delivery| match delivery {
        Delivery::Post { to, body } => Some((to, body)),
        _ => None,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let relays = Relays::new().unwrap();
        for (to, body) in posts {
            relays.post(&to.relay, to.id, body, None).await.unwrap();
        }
    });
    outbox.len()
}

/// What was added after the key was divided is known to contacts, so no relay can leave it out.
#[test]
fn contacts_know_how_new_the_vault_is() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol", "Dave"], 2);
    let (anna, store) = (&family.owner, relay.folder().join("relay.db"));
    relay.stop();
    let old = fs::read(&store).unwrap();
    relay.start_again();
    anna.feed(["add", "newest"], b"of all").done();
    assert_eq!(anna.json(["status"])["synced"], true);
    assert_eq!(a_day_later(anna), 3);
    // Bob and Carol hear of it.
    for friend in &family.friends[..2] {
        friend.run(["sync"]).done();
    }
    anna.lose();
    relay.stop();
    fs::write(&store, old).unwrap();
    relay.start_again();

    let (link, number) = anna.asks_for_help(&relay.url());
    for at in [1, 2] {
        family.friend(at).approve(&link, "Anna", &number);
    }
    let error = anna.ask(["restore", "--no-wait"]).error("vault-rollback");
    assert!(error["hint"].as_str().unwrap().contains("--accept-older-vault"), "{error}");
    let done = anna.json(["restore", "--no-wait", "--accept-older-vault"]);
    assert_eq!(done["restored"], json!(["a secret"]));
    let told = |warning: &Value| warning.as_str().unwrap().contains("Carol knows of version");
    assert!(done["warnings"].as_array().unwrap().iter().any(told), "{done}");
}
