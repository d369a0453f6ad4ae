//! Proofs of holding, and word of newer vaults.

use crate::{DAY, octets, spoilt};
use recovery_core::{
    circle::MemberState,
    flows::{Device, Event, Source},
    testkit::table::{Table, named},
};

fn table() -> Table {
    let mut table = Table::new(1, &["Anna", "Bob", "Carol"]);
    table.circle(0, 2, &[1, 2]);
    table.now += DAY;
    table
}

fn check(table: &mut Table) {
    let step = table.with(0, |device, ctx| device.check(ctx));
    table.put(step);
}

fn member(table: &Table, at: usize) -> (MemberState, Option<u64>, bool) {
    let member = &table.people[0].vault().circles[0].members[at];
    (member.state, member.proved, member.asked.is_some())
}

#[test]
fn each_contact_proves_what_it_holds_and_when() {
    let mut table = table();
    check(&mut table);
    assert_eq!(member(&table, 0), (MemberState::Held, Some(table.now - DAY), true));
    let made = table.now;
    table.settle();
    for at in 0..2 {
        assert_eq!(member(&table, at), (MemberState::Held, Some(made), false));
    }
}

#[test]
fn a_kept_back_answer_proves_the_day_it_was_made() {
    let mut table = table();
    check(&mut table);
    let (anna, bob) = (table.id(0), table.id(1));
    let question = table.mail()[0].1.clone();
    table.mail().clear();
    let made = table.now;
    let step = table.with(1, |device, ctx| device.handle(Source::Owner(anna), &question, ctx));
    table.put(step);
    let answer = table.mail()[0].1.clone();
    table.mail().clear();
    table.now += 100 * DAY;
    let step = table.with(0, |device, ctx| device.handle(Source::Contact(bob), &answer, ctx));
    assert_eq!(step.events.len(), 1);
    assert_eq!(member(&table, 0), (MemberState::Held, Some(made), false));
    // The same answer again, to the next question, proves nothing.
    check(&mut table);
    let before = octets(&table.people[0]);
    let step = table.with(0, |device, ctx| device.handle(Source::Contact(bob), &answer, ctx));
    assert_eq!((step.events, octets(&table.people[0])), (vec![], before));
    // And the same question again is not answered twice.
    let before = octets(&table.people[1]);
    let step = table.with(1, |device, ctx| device.handle(Source::Owner(anna), &question, ctx));
    assert_eq!((step.outbox, octets(&table.people[1])), (vec![], before));
}

#[test]
fn a_rotten_or_lost_piece_is_found_out() {
    let mut table = Table::new(1, &["Anna", "Bob", "Carol"]);
    (1..3).for_each(|friend| table.pair(0, friend));
    let backup = octets(&table.people[2]);
    table.circle(0, 2, &[1, 2]);
    table.now += DAY;
    table.people[1] = spoilt(&table.people[1], "Anna");
    // Carol's device came back from an old backup, without the piece.
    table.people[2] = Device::decode(&backup).unwrap();
    check(&mut table);
    let told = table.settle();
    for contact in ["Bob", "Carol"] {
        let failed = Event::ProofFailed { contact: named(contact), generation: 1 };
        assert!(told.contains(&(0, failed)), "{contact}");
    }
    assert!(told.contains(&(2, Event::Proved { owner: named("Anna"), holds: false })));
    assert_eq!([0, 1].map(|at| member(&table, at).0), [MemberState::Failed; 2]);
    let circle = table.people[0].vault().circles[0].clone();
    assert!(circle.active() && !circle.held_by_all());
}

/// Messages change places: "no such piece" from before it came says nothing against the receipt from after.
#[test]
fn an_answer_from_before_the_piece_came_is_no_failure() {
    let mut table = Table::new(1, &["Anna", "Bob", "Carol"]);
    (1..3).for_each(|friend| table.pair(0, friend));
    let (anna, bob) = (table.id(0), table.id(1));
    table.protect(0, 2, &[1, 2], None);
    let piece = table.mail()[0].1.clone();
    table.mail().clear();
    table.now += DAY;
    check(&mut table);
    let question = table.mail()[0].1.clone();
    table.mail().clear();
    for message in [question, piece] {
        table.now += 1;
        let step = table.with(1, |device, ctx| device.handle(Source::Owner(anna), &message, ctx));
        table.put(step);
    }
    let said: Vec<Vec<u8>> = table.mail().drain(..).map(|(_, body)| body).collect();
    assert_eq!(said.len(), 2, "an answer, and a receipt");
    table.now += 1;
    let (held, came) = (MemberState::Held, Some(table.now));
    for (message, asked) in said.iter().rev().zip([true, false]) {
        let step = table.with(0, |device, ctx| device.handle(Source::Contact(bob), message, ctx));
        assert!(!step.events.iter().any(|event| matches!(event, Event::ProofFailed { .. })));
        assert_eq!(member(&table, 0), (held, came, asked));
    }
    // What is gone since, the next question finds.
    table.people[1] = spoilt(&table.people[1], "Anna");
    check(&mut table);
    table.settle();
    assert_eq!(member(&table, 0).0, MemberState::Failed);
}

#[test]
fn contacts_hear_of_a_newer_vault_once_a_day_and_only_of_one_that_is_safe() {
    let mut table = table();
    let now = table.now;
    let told = |table: &mut Table| {
        let step = table.with(0, |device, ctx| device.tidy(ctx));
        let count = step.outbox.len();
        table.put(step);
        count
    };
    assert_eq!(told(&mut table), 2);
    table.settle();
    table.people[0].add(named("one"), b"1", now).unwrap();
    table.now += DAY;
    // No relay has it yet.
    assert_eq!(told(&mut table), 0);
    table.upload(0);
    assert_eq!(told(&mut table), 2);
    table.people[0].add(named("two"), b"2", now).unwrap();
    table.upload(0);
    table.now += DAY - 1;
    assert_eq!(told(&mut table), 0);
    table.now += 1;
    assert_eq!(told(&mut table), 2);
    table.settle();
    let version = table.people[0].vault().version;
    let anna = table.id(0);
    let mut new = table.ask("Anna");
    table.approve(1, &new, anna);
    table.collect(&mut new);
    let set = &new.assess().sets[0];
    assert_eq!((set.vault_version, set.known_by.as_slice()), (version, &[named("Bob")][..]));
}
