//! Pairing: invites, answers, numbers.

use crate::{DAY, octets};
use recovery_core::{
    address::RelayUrl,
    circle::Reach,
    flows::{
        Device, Event,
        pair::{Accepted, PairError},
    },
    ids::PassToken,
    name::NameError,
    testkit::table::{RELAY, START, Table, named},
    wire::{
        link::{Link, LinkKind},
        messages::GuestPass,
    },
};

/// An invite by person 0, published.
fn invite(table: &mut Table, name: &str) -> Link {
    let invited = table.with(0, |device, ctx| device.invite(named(name), ctx)).unwrap();
    table.put(invited.step);
    invited.link
}

/// Person `who` accepts; the answer is under way. An error must not change anything.
fn accept(table: &mut Table, who: usize, link: &Link) -> Result<Accepted, PairError> {
    let boxed = table.slot(link);
    accept_boxed(table, who, link, &boxed)
}

fn accept_boxed(
    table: &mut Table,
    who: usize,
    link: &Link,
    boxed: &[u8],
) -> Result<Accepted, PairError> {
    let before = octets(&table.people[who]);
    let accepted = table.with(who, |device, ctx| device.accept(link, boxed, Reach::default(), ctx));
    if accepted.is_err() {
        assert_eq!(octets(&table.people[who]), before);
    }
    let mut accepted = accepted?;
    table.put(std::mem::take(&mut accepted.step));
    Ok(accepted)
}

#[test]
fn an_invite_is_taken_for_seven_days() {
    for (later, taken) in [(0, true), (7 * DAY - 1, true), (7 * DAY, false), (30 * DAY, false)] {
        let mut table = Table::new(1, &["Anna", "Bob"]);
        let link = invite(&mut table, "Bob");
        table.now += later;
        let accepted = accept(&mut table, 1, &link).map(drop);
        assert_eq!(accepted, if taken { Ok(()) } else { Err(PairError::Expired) }, "{later}");
        table.settle();
        assert_eq!(table.people[0].contacts().len(), usize::from(taken), "{later}");
    }
}

/// Nobody can know whose clock is wrong: an invite by a clock that runs ahead just lasts longer.
#[test]
fn an_invite_from_the_future_is_taken() {
    let mut table = Table::new(1, &["Anna", "Bob"]);
    table.now = START + 400 * DAY;
    let link = invite(&mut table, "Bob");
    table.now = START;
    assert!(accept(&mut table, 1, &link).is_ok());
}

/// A pass of the table's first relay, or of another, drawn as relays do.
fn pass(relay: &RelayUrl, octet: u8) -> GuestPass {
    GuestPass::new(relay.clone(), &PassToken::new([octet; 32]))
}

#[test]
fn passes_travel_with_an_invite_and_its_link_stays_as_it_is() {
    let mut table = Table::new(1, &["Anna", "Bob", "Carol"]);
    let relays = [RELAY, "https://second.example"].map(|relay| relay.parse().unwrap());
    table.people[0].use_relays(relays.to_vec());
    let link = invite(&mut table, "Bob");
    let (before, text) = (table.slot(&link), link.expose().to_string());
    let other: RelayUrl = "https://elsewhere.example".parse().unwrap();
    let add = |table: &mut Table, passes| {
        let slot = link.slots[0].id;
        let step = table.with(0, |device, ctx| device.add_passes(slot, passes, ctx));
        step.map(|step| table.put(step)).is_some()
    };
    assert!(!add(&mut table, vec![]) && !add(&mut table, vec![pass(&other, 1)]), "no news");
    assert!(add(&mut table, vec![pass(&relays[1], 1), pass(&relays[1], 2), pass(&other, 3)]));
    assert!(!add(&mut table, vec![pass(&relays[1], 4)]), "one for each relay");
    assert!(add(&mut table, vec![pass(&relays[0], 5)]));
    let kept = &table.people[0].invites()[0];
    assert_eq!(kept.without_pass().count(), 0);
    assert_eq!(kept.link().expose().as_str(), text, "a picture of the link is not larger");
    assert_eq!(
        octets(&table.people[0]),
        octets(&Device::decode(&octets(&table.people[0])).unwrap())
    );
    let after = table.slot(&link);
    assert!(after.len() == before.len() && after != before);
    let accepted = accept(&mut table, 1, &link).unwrap();
    assert_eq!(accepted.passes, [pass(&relays[1], 1), pass(&relays[0], 5)]);
    table.settle();
    assert!(!add(&mut table, vec![pass(&relays[0], 6)]), "it was answered");
    // An invite speaks for no relays but its own: here somebody cut one out of the link.
    let shorter = Link { slots: link.slots[..1].to_vec(), ..link.clone() };
    let cut = accept_boxed(&mut table, 2, &shorter, &after).unwrap();
    assert_eq!(cut.passes, [pass(&relays[0], 5)]);
    assert!(!format!("{:?}", pass(&relays[0], 5)).contains("5, 5"), "no pass is shown");
}

#[test]
fn what_is_no_invite_for_this_person_is_refused() {
    let mut table = Table::new(1, &["Anna", "Bob"]);
    let link = invite(&mut table, "Bob");
    let boxed = table.slot(&link);
    assert_eq!(accept(&mut table, 0, &link).unwrap_err(), PairError::Own);
    let request = Link { kind: LinkKind::Request, ..link.clone() };
    let wrong = accept_boxed(&mut table, 1, &request, &boxed).unwrap_err();
    assert_eq!(wrong, PairError::WrongLink(LinkKind::Request));
    let other = table.context(|ctx| Link::secret(&mut ctx.rng));
    let other = Link { secret: other, ..link.clone() };
    assert_eq!(accept_boxed(&mut table, 1, &other, &boxed).unwrap_err(), PairError::Damaged);
    let asked = table.ask("Anna");
    let theirs = table.slot(&asked.link(false));
    let same_secret = Link { kind: LinkKind::Invite, ..asked.link(false) };
    for (link, boxed) in [(&link, theirs.as_slice()), (&same_secret, &theirs), (&link, &[])] {
        assert_eq!(accept_boxed(&mut table, 1, link, boxed).unwrap_err(), PairError::Damaged);
    }
    for at in (0..boxed.len()).step_by(501) {
        let mut changed = boxed.clone();
        changed[at] ^= 1;
        assert_eq!(accept_boxed(&mut table, 1, &link, &changed).unwrap_err(), PairError::Damaged);
        let cut = accept_boxed(&mut table, 1, &link, &boxed[..at]).unwrap_err();
        assert_eq!(cut, PairError::Damaged);
    }
}

#[test]
fn names_are_unique_among_contacts_and_open_invites() {
    let mut table = Table::new(1, &["Anna", "Bob"]);
    let invite_again =
        |table: &mut Table| table.with(0, |device, ctx| device.invite(named("Bob"), ctx)).map(drop);
    let link = invite(&mut table, "Bob");
    assert_eq!(invite_again(&mut table), Err(PairError::NameTaken));
    accept(&mut table, 1, &link).unwrap();
    table.settle();
    assert_eq!(invite_again(&mut table), Err(PairError::NameTaken));
}

#[test]
fn no_relay_no_invite() {
    let mut table = Table::new(1, &[]);
    let device = table.context(|ctx| recovery_core::flows::Device::new(named("A"), vec![], ctx));
    table.people.push(device);
    let invited = table.with(0, |device, ctx| device.invite(named("Bob"), ctx));
    assert_eq!(invited.unwrap_err(), PairError::NoRelay);
}

#[test]
fn a_taken_invite_is_gone_and_an_old_one_is_tidied_away() {
    let mut table = Table::new(1, &["Anna", "Bob"]);
    let link = invite(&mut table, "Bob");
    accept(&mut table, 1, &link).unwrap();
    assert!(table.holds(&link));
    table.settle();
    assert!(!table.holds(&link));
    let link = invite(&mut table, "Carol");
    for (later, left) in [(7 * DAY - 1, 2), (1, 0)] {
        table.now += later;
        let tidied = table.with(0, |device, ctx| device.tidy(ctx));
        table.put(tidied);
        assert_eq!(table.people[0].invites().len(), left);
    }
    assert!(!table.holds(&link));
    // What Bob and Anna need goes on.
    table.circle(0, 1, &[1]);
    assert!(table.people[0].vault().circles[0].active());
}

#[test]
fn both_sides_see_one_number_and_a_stranger_another() {
    let mut table = Table::new(1, &["Anna", "Bob", "Mallory"]);
    let link = invite(&mut table, "Bob");
    let (bob, mallory) = (accept(&mut table, 1, &link), accept(&mut table, 2, &link));
    let (bob, mallory) = (bob.unwrap().number, mallory.unwrap().number);
    table.settle();
    let contact = table.people[0].contact_named(&named("Bob")).unwrap().clone();
    let anna = table.with(0, |d, ctx| d.number_with_contact(&contact, &contact.card, ctx)).unwrap();
    assert!(anna.matches(&bob) && !anna.matches(&mallory));
    let again = table.with(1, |device, ctx| {
        let held = device.held_named(&named("Anna")).unwrap().clone();
        device.number_with_owner(&held, ctx).unwrap()
    });
    assert!(again.matches(&bob));
}

#[test]
fn a_second_answer_contests_and_the_number_settles_it() {
    for right in [1, 2] {
        let mut table = Table::new(1, &["Anna", "Bob", "Mallory"]);
        let link = invite(&mut table, "Bob");
        let numbers = [1, 2].map(|who| accept(&mut table, who, &link).unwrap().number);
        let told = table.settle();
        let name = named("Bob");
        let accepted = (0, Event::ContactAccepted { name: name.clone() });
        let contested = (0, Event::ContactContested { name: name.clone() });
        assert_eq!(told, [accepted, contested]);
        assert!(table.people[0].contact_named(&name).unwrap().contested());
        let stray = "000 000 000 000 000".parse().unwrap();
        let verify = |table: &mut Table, number| {
            table.with(0, |device, ctx| device.verify(&name, &number, ctx)).map(drop)
        };
        let before = octets(&table.people[0]);
        assert_eq!(verify(&mut table, stray), Err(PairError::WrongNumber));
        assert_eq!(octets(&table.people[0]), before);
        assert_eq!(verify(&mut table, numbers[right - 1]), Ok(()));
        let contact = table.people[0].contact_named(&name).unwrap();
        assert!(contact.verified && !contact.contested());
        assert_eq!(contact.card.id(), table.id(right));
        // The other one got nothing, gets nothing, and can't read what is sent.
        table.circle(0, 1, &[right]);
        assert_eq!(table.people[right].held()[0].bundles.len(), 1);
        assert!(table.people[3 - right].held()[0].bundles.is_empty());
        assert_eq!(verify(&mut table, numbers[2 - right]), Err(PairError::WrongNumber));
    }
}

#[test]
fn a_stranger_in_two_invites_contests_both() {
    let mut table = Table::new(1, &["Anna", "Bob", "Carol", "Mallory"]);
    let links = ["Bob", "Carol"].map(|name| {
        let link = invite(&mut table, name);
        (table.slot(&link), link)
    });
    // The stranger is the second to answer one of them, and the first to answer the other.
    for (who, at) in [(1, 0), (3, 0), (3, 1), (2, 1)] {
        let (boxed, link) = &links[at];
        accept_boxed(&mut table, who, link, boxed).unwrap();
        table.settle();
    }
    for name in ["Bob", "Carol"] {
        let contact = table.people[0].contact_named(&named(name)).unwrap();
        assert_eq!(contact.rivals.len(), 1, "{name}");
    }
}

#[test]
fn one_person_is_one_contact() {
    let mut table = Table::new(1, &["Anna", "Bob"]);
    let links = ["Bob", "Robert"].map(|name| invite(&mut table, name));
    accept(&mut table, 1, &links[0]).unwrap();
    table.settle();
    accept(&mut table, 1, &links[1]).unwrap();
    let same = Event::SamePerson { name: named("Robert"), contact: named("Bob") };
    assert_eq!(table.settle(), [(0, same)]);
    assert_eq!((table.people[0].contacts().len(), table.people[1].held().len()), (1, 1));
}

#[test]
fn an_answer_that_was_lost_can_be_given_again() {
    let mut table = Table::new(1, &["Anna", "Bob"]);
    let first = invite(&mut table, "Bob");
    accept(&mut table, 1, &first).unwrap();
    table.mail().clear();
    table.now += 8 * DAY;
    let tidied = table.with(0, |device, ctx| device.tidy(ctx));
    assert!(!tidied.outbox.is_empty());
    table.put(tidied);
    assert!(table.people[0].invites().is_empty());
    let second = invite(&mut table, "Bob");
    accept(&mut table, 1, &second).unwrap();
    table.settle();
    table.circle(0, 1, &[1]);
    assert!(table.people[0].vault().circles[0].active());
    let third = invite(&mut table, "Robert");
    assert_eq!(accept(&mut table, 1, &third).unwrap_err(), PairError::Known);
}

#[test]
fn who_was_removed_comes_back_by_a_new_invite() {
    let mut table = Table::new(1, &["Anna", "Bob"]);
    table.pair(0, 1);
    let now = table.now;
    table.people[0].remove_contact(&named("Bob"), now).unwrap();
    let link = invite(&mut table, "Robert");
    accept(&mut table, 1, &link).unwrap();
    table.settle();
    let names: Vec<_> =
        table.people[0].contacts().iter().map(|c| (c.name.as_str(), c.removed)).collect();
    assert_eq!(names, [("Robert", false)]);
}

#[test]
fn two_people_can_hold_for_each_other_and_verify_both_ways() {
    let mut table = Table::new(1, &["Anna", "Bob"]);
    table.pair(0, 1);
    table.pair(1, 0);
    for (who, other) in [(0, 1), (1, 0)] {
        let (mine, theirs) = (table.people[who].name().clone(), table.people[other].name().clone());
        let numbers = table.with(other, |device, ctx| {
            let held = device.held_named(&mine).unwrap();
            let contact = device.contact_named(&mine).unwrap();
            let as_owner = device.number_with_contact(contact, &contact.card, ctx).unwrap();
            [device.number_with_owner(held, ctx).unwrap(), as_owner]
        });
        for number in numbers {
            let verified = table.with(who, |device, ctx| device.verify(&theirs, &number, ctx));
            assert_eq!(verified.map(drop), Ok(()));
        }
        assert!(table.people[who].held()[0].verified && table.people[who].contacts()[0].verified);
    }
}

#[test]
fn hostile_names_go_through_unchanged_or_not_at_all() {
    let long = "x".repeat(200);
    for name in [
        "<script>alert(1)</script>",
        "../../etc/passwd",
        "$(rm -rf /)",
        "a\u{202e}b",
        "👵 ' \" \\",
        &long,
    ] {
        let mut table = Table::new(1, &[name, name]);
        table.circle(0, 1, &[1]);
        assert_eq!(table.people[1].held()[0].name.as_str(), name);
        assert_eq!(table.people[0].contacts()[0].card.name().as_str(), name);
    }
    for refused in ["", "\u{1b}]0;owned\u{7}", "two\nlines", "\t"] {
        assert!(refused.parse::<recovery_core::name::Name>().is_err());
    }
    let too_long = "x".repeat(201).parse::<recovery_core::name::Name>();
    assert_eq!(too_long, Err(NameError::TooLong { limit: 200 }));
}

#[test]
fn two_owners_of_one_name_are_told_apart() {
    let mut table = Table::new(1, &["Anna", "Bob", "Anna"]);
    table.circle(0, 1, &[1]);
    table.circle(2, 1, &[1]);
    let names: Vec<_> = table.people[1].held().iter().map(|held| held.name.to_string()).collect();
    assert_eq!(names, ["Anna", "Anna (2)"]);
}

#[test]
fn an_open_invite_is_taken_back() {
    let mut table = Table::new(1, &["Anna", "Bob"]);
    let link = invite(&mut table, "Bob");
    let step = table.with(0, |device, _| device.withdraw_invite(&named("Bob"))).unwrap();
    assert!(step.outbox.len() >= 3, "slot and mailboxes are given up");
    table.put(step);
    assert!(table.people[0].invites().is_empty());
    assert!(table.with(0, |device, _| device.withdraw_invite(&named("Bob"))).is_none());
    assert_ne!(invite(&mut table, "Bob"), link, "the name is free again");
    // What was answered is a contact, no open invite.
    let link = table.people[0].invites()[0].link();
    accept(&mut table, 1, &link).unwrap();
    table.settle();
    assert!(table.with(0, |device, _| device.withdraw_invite(&named("Bob"))).is_none());
    assert_eq!(table.people[0].contacts().len(), 1);
}
