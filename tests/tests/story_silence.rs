//! What the relay has after delays, stops, warnings, renewals and farewells: nothing of the people.

#![expect(clippy::unwrap_used, reason = "a test that panics has said what it has to say")]

use base64ct::{Base64UrlUnpadded, Encoding};
use recovery_client::{Client, ClientError};
use recovery_tests::{Person, Relay, World, after_hash, look_for};
use std::time::Duration;

/// The tokens of mailboxes, slots and holds that a home has for a relay.
fn tokens(person: &Person, relay: &str) -> Vec<Vec<u8>> {
    let open = || Err(ClientError::Restoring);
    let client: Client = Client::open::<ClientError>(person.home(), open, Duration::ZERO).unwrap();
    let device = client.device().unwrap();
    let bundles = device.held().iter().flat_map(|held| &held.bundles);
    let mailboxes = device.watches().into_iter().map(|watch| watch.base.mailbox(relay).expose());
    let vault = device.places().into_iter().map(|place| place.slot.slot(relay).expose());
    let alarms = bundles.map(|bundle| bundle.pieces.alarm.own.slot(relay).expose());
    let circles = &device.vault().circles;
    let vetoes = circles.iter().map(|circle| circle.holds.hold(relay).expose());
    let opened = device.opened().iter().map(|opened| opened.withdraw.hold(relay).expose());
    let all = mailboxes.chain(vault).chain(alarms).chain(vetoes).chain(opened);
    all.map(|text| Base64UrlUnpadded::decode_vec(&text).unwrap()).collect()
}

/// The shares that a friend holds.
fn shares(person: &Person) -> Vec<Vec<u8>> {
    let open = || Err(ClientError::Restoring);
    let client: Client = Client::open::<ClientError>(person.home(), open, Duration::ZERO).unwrap();
    let held = client.device().unwrap().held().iter();
    let pieces = held.flat_map(|held| &held.bundles).map(|bundle| &bundle.pieces);
    pieces.flat_map(|pieces| &pieces.shares).map(|share| share.expose().to_vec()).collect()
}

/// Somebody whose key is divided with a delay, in a world where the relay writes down all it can.
fn everybody(world: &World, relay: &Relay, hidden: &mut Vec<String>) -> (Person, Vec<Person>) {
    let anna = world.person("Annamaria Musterfrau");
    anna.init(&[relay.url()]);
    anna.feed(["add", "wallet of the family"], b"twenty-four words or more").done();
    let names = ["Bobby Tables", "Carolina Reaper", "Davidson Harley", "Erinyes Alecto"];
    let friends = names.map(|name| world.person(name));
    for friend in &friends {
        let link = anna.invite(friend.name());
        hidden.push(friend.accept(&link));
        hidden.push(after_hash(&link));
    }
    let names = names.iter().chain(&["wallet of the family", "twenty-four words or more"]);
    hidden.extend(names.chain(&[anna.name()]).map(|text| (*text).to_owned()));
    anna.run(["sync"]).done();
    anna.run(["protect", "--threshold", "2", "--delay", "7d"]).done();
    confirmed(&anna, &friends);
    (anna, friends.to_vec())
}

fn confirmed(anna: &Person, friends: &[Person]) {
    friends.iter().for_each(|friend| drop(friend.run(["sync"]).done()));
    anna.run(["sync"]).done();
}

#[test]
fn a_relay_learns_nothing_of_stops_and_warnings() {
    let world = World::new();
    let mut relay = Relay::start(&world.path("relay"), &["--log-level", "trace"]);
    let url = relay.url();
    let mut hidden = Vec::new();
    let (anna, friends) = everybody(&world, &relay, &mut hidden);
    let mut secret: Vec<Vec<u8>> = friends.iter().flat_map(shares).collect();
    secret.extend(friends.iter().chain([&anna]).flat_map(|person| tokens(person, &url)));

    let thief = world.person("Annamaria, says the thief");
    let (link, number) = thief.asks_for_help(&url);
    hidden.extend([after_hash(&link), number.clone(), thief.name().to_owned()]);
    let by_number = ["approve", &link, "--owner", anna.name(), "--number", &number];
    let decline = ["decline", &link, "--owner", anna.name()];
    friends[0].json(by_number);
    secret.extend(tokens(&friends[0], &url));
    let waiting = thief.ask(["restore", "--no-wait"]).not_yet();
    let request = waiting["request"].as_str().unwrap();
    let doubt = "not the voice that I know";
    friends[1].json(decline.iter().chain(&["--impostor", "--reason", doubt]));
    friends[2].json(by_number);
    friends[2].json(decline);
    anna.run(["sync"]).done();
    anna.json(["veto", request]);
    let code = format!("{link}.{request}");
    friends[0].json(["approve", &code, "--owner", anna.name(), "--scanned", "--override"]);
    friends[3].json(["leave", anna.name()]);
    anna.run(["sync"]).done();
    anna.run(["renew"]).done();
    confirmed(&anna, &friends[..3]);
    anna.run(["check"]).done();
    confirmed(&anna, &friends[..3]);
    assert_eq!(anna.json(["status"])["circle"]["generation"], 2);
    secret.extend(friends[..3].iter().flat_map(shares));
    secret.extend(friends[..3].iter().chain([&anna]).flat_map(|person| tokens(person, &url)));
    hidden.push(doubt.to_owned());
    relay.stop();

    assert!(secret.len() > 50, "{} shares and tokens", secret.len());
    // Half of one would be too much.
    let halves = secret.iter().map(|one| one[one.len() / 2..].to_vec()).collect::<Vec<_>>();
    let texts = hidden.into_iter().map(String::into_bytes);
    let needles: Vec<Vec<u8>> = secret.into_iter().chain(halves).chain(texts).collect();
    let looked = look_for(relay.folder(), &needles);
    assert!(looked > 400_000, "store and log were read: {looked} octets");
}
