//! Asking and answering: requests, numbers, codes, approvals, declines.

use crate::{DAY, octets};
use recovery_core::{
    circle::OpenedState,
    flows::{
        Event,
        approve::{ApproveError, Consent, Sent, Tried},
        request::{NewDevice, RequestError, TRIES},
        restore::{Taken, Verdict},
    },
    ids::{ContactId, RequestId},
    number::Number,
    testkit::table::{START, Table, named},
    wire::{
        link::{Link, LinkKind},
        messages::AlertKind,
    },
};

/// Anna, protected by Bob and Carol; and Dora, whom nobody knows.
fn table() -> (Table, ContactId) {
    let mut table = Table::new(1, &["Anna", "Bob", "Carol", "Dora"]);
    table.circle(0, 2, &[1, 2]);
    let anna = table.id(0);
    (table, anna)
}

fn number(table: &mut Table, new: &NewDevice) -> Number {
    table.context(|ctx| new.number(ctx)).unwrap()
}

fn type_number(table: &mut Table, id: RequestId, number: &Number) -> Result<Tried, ApproveError> {
    let (tried, step) = table.with(1, |device, ctx| device.try_number(id, number, ctx))?;
    table.put(step);
    Ok(tried)
}

fn approve(table: &mut Table, id: RequestId, code: Option<&Link>) -> Result<Sent, ApproveError> {
    let before = octets(&table.people[1]);
    let consent = Consent { scanned: code, overrides: false, ..Consent::default() };
    let sent = table.with(1, |device, ctx| device.approve(id, consent, ctx));
    assert!(sent.is_ok() || octets(&table.people[1]) == before);
    sent
}

fn decline(table: &mut Table, id: RequestId) -> Result<Sent, ApproveError> {
    table.with(1, |device, ctx| device.decline(id, Some(named("it is not her")), ctx))
}

fn state(table: &Table) -> OpenedState {
    table.people[1].opened()[0].state
}

/// What the owner hears of a request from Bob.
fn alerts(table: &mut Table) -> Vec<AlertKind> {
    let kind = |(who, event)| match event {
        Event::Alert { kind, .. } if who == 0 => Some(kind),
        _ => None,
    };
    table.settle().into_iter().filter_map(kind).collect()
}

/// The number of messages to a new device.
fn mail(table: &mut Table, new: &NewDevice) -> usize {
    let session = new.session().addresses();
    table.mail().iter().filter(|(to, _)| session.contains(to)).count()
}

#[test]
fn requests_live_for_two_weeks_by_any_clock_within_a_day() {
    for (theirs, mine, outcome) in [
        (START, START, Ok(())),
        (START, START + 14 * DAY - 1, Ok(())),
        (START, START + 14 * DAY, Err(RequestError::Expired)),
        (START + DAY, START, Ok(())),
        (START + DAY + 1, START, Err(RequestError::Ahead)),
        (0, START, Err(RequestError::Expired)), // 1970
        (START, 0, Err(RequestError::Ahead)),   // the friend's clock stands at 1970
        (2_147_483_648, START, Err(RequestError::Ahead)), // 2038
        (4_294_967_296, START, Err(RequestError::Ahead)), // 2106
        (u64::MAX, START, Err(RequestError::Ahead)),
        (0, 0, Ok(())),
        (4_294_967_296, 4_294_967_296, Ok(())),
        (u64::MAX, u64::MAX, Err(RequestError::Expired)), // the end of time
    ] {
        let (mut table, anna) = table();
        table.now = theirs;
        let new = table.ask("Anna");
        table.now = mine;
        let before = octets(&table.people[1]);
        let opened = table.open(1, &new.link(false), anna);
        assert_eq!(opened.map(drop), outcome, "{theirs} {mine}");
        assert_eq!(octets(&table.people[1]) == before, outcome.is_err());
    }
}

#[test]
fn what_expires_after_it_was_opened_is_not_approved() {
    let (mut table, anna) = table();
    let new = table.ask("Anna");
    let id = table.open(1, &new.link(false), anna).unwrap();
    let right = number(&mut table, &new);
    assert_eq!(type_number(&mut table, id, &right), Ok(Tried::Right));
    table.now += 14 * DAY;
    assert_eq!(approve(&mut table, id, None).unwrap_err(), ApproveError::Expired);
    assert_eq!(decline(&mut table, id).unwrap_err(), ApproveError::Expired);
}

#[test]
fn what_is_no_request_is_refused() {
    let (mut table, anna) = table();
    let (new, other) = (table.ask("Anna"), table.ask("Anna"));
    let (link, boxed) = (new.link(false), table.slot(&new.link(false)));
    let invite = Link { kind: LinkKind::Invite, ..link.clone() };
    let swapped = table.slot(&other.link(false));
    let code = Link { request: Some(other.id()), ..link.clone() };
    let mut changed = boxed.clone();
    changed[4_000] ^= 1;
    let (dora, bob) = (table.id(3), table.id(1));
    for (link, boxed, owner, error) in [
        (&invite, &boxed, anna, RequestError::WrongLink(LinkKind::Invite)),
        (&link, &swapped, anna, RequestError::Damaged),
        (&link, &changed, anna, RequestError::Damaged),
        (&link, &vec![], anna, RequestError::Damaged),
        (&code, &boxed, anna, RequestError::Changed),
        (&link, &boxed, dora, RequestError::NotHeld),
        (&link, &boxed, bob, RequestError::NotHeld),
    ] {
        let before = octets(&table.people[1]);
        let opened = table.with(1, |d, ctx| d.open_request(link, boxed, owner, ctx));
        assert_eq!(opened.unwrap_err(), error);
        assert_eq!(octets(&table.people[1]), before);
    }
    // Somebody who holds no piece at all.
    assert_eq!(table.open(3, &link, anna), Err(RequestError::NotHeld));
    assert_eq!(approve(&mut table, new.id(), None).unwrap_err(), RequestError::Unknown.into());
}

#[test]
fn three_wrong_numbers_burn_a_request_and_only_the_owner_hears() {
    let (mut table, anna) = table();
    let (new, other) = (table.ask("Anna"), table.ask("Anna"));
    let id = table.open(1, &new.link(false), anna).unwrap();
    assert_eq!(alerts(&mut table), [AlertKind::Opened]);
    let (right, wrong) = (number(&mut table, &new), number(&mut table, &other));
    for tries_left in (1..TRIES).rev() {
        assert_eq!(type_number(&mut table, id, &wrong), Ok(Tried::Wrong { tries_left }));
    }
    assert_eq!(type_number(&mut table, id, &wrong), Ok(Tried::Burnt));
    assert_eq!(alerts(&mut table), [AlertKind::WrongNumbers]);
    // For good: neither the right number nor the code nor looking again helps.
    assert_eq!(type_number(&mut table, id, &right), Err(ApproveError::Burnt));
    let code = new.link(true);
    for refused in [
        approve(&mut table, id, None),
        approve(&mut table, id, Some(&code)),
        decline(&mut table, id),
    ] {
        assert_eq!(refused.unwrap_err(), ApproveError::Burnt);
    }
    table.open(1, &code, anna).unwrap();
    assert_eq!((state(&table), mail(&mut table, &new)), (OpenedState::Burnt, 0));
}

#[test]
fn two_wrong_numbers_then_the_right_one() {
    let (mut table, anna) = table();
    let (new, other) = (table.ask("Anna"), table.ask("Anna"));
    let id = table.open(1, &new.link(false), anna).unwrap();
    let (right, wrong) = (number(&mut table, &new), number(&mut table, &other));
    for number in [&wrong, &wrong] {
        assert!(matches!(type_number(&mut table, id, number), Ok(Tried::Wrong { .. })));
        assert_eq!(approve(&mut table, id, None).unwrap_err(), ApproveError::Unchecked);
    }
    assert_eq!(type_number(&mut table, id, &right), Ok(Tried::Right));
    assert!(approve(&mut table, id, None).is_ok());
}

#[test]
fn a_decline_reaches_the_requester_only_after_the_number() {
    for checked in [false, true] {
        let (mut table, anna) = table();
        let mut new = table.ask("Anna");
        let id = table.open(1, &new.link(false), anna).unwrap();
        if checked {
            let right = number(&mut table, &new);
            assert_eq!(type_number(&mut table, id, &right), Ok(Tried::Right));
        }
        let sent = decline(&mut table, id).unwrap();
        assert_eq!(sent.to_requester.outbox.len(), usize::from(checked));
        table.put(sent.to_owner);
        assert_eq!(alerts(&mut table), [AlertKind::Opened, AlertKind::Declined]);
        table.put(sent.to_requester);
        table.collect(&mut new);
        let seen: Vec<_> =
            new.assess().approvals.into_iter().map(|a| (a.contact, a.verdict)).collect();
        let wanted = checked.then(|| (Some(named("Bob")), Verdict::Declined));
        assert_eq!(seen, Vec::from_iter(wanted));
        // No is final, but can be said again.
        assert_eq!(approve(&mut table, id, None).unwrap_err(), ApproveError::AlreadyDeclined);
        assert!(decline(&mut table, id).is_ok());
        assert_eq!(state(&table), OpenedState::Declined);
    }
}

#[test]
fn only_the_code_on_the_screen_stands_in_for_the_number() {
    let (mut table, anna) = table();
    let (new, other) = (table.ask("Anna"), table.ask("Anna"));
    let id = table.open(1, &new.link(false), anna).unwrap();
    for code in [new.link(false), other.link(true), other.link(false)] {
        assert_eq!(approve(&mut table, id, Some(&code)).unwrap_err(), ApproveError::NotScanned);
    }
    let code = new.link(true).expose().parse().unwrap();
    assert!(approve(&mut table, id, Some(&code)).is_ok());
    // It may be sent again, and is the same approval to the new device.
    let mut new = new;
    assert_eq!(approve(&mut table, id, None).unwrap_err(), ApproveError::Unchecked);
    let first = approve(&mut table, id, Some(&code)).unwrap().message.unwrap();
    let second = approve(&mut table, id, Some(&code)).unwrap().message.unwrap();
    assert_ne!(first, second);
    assert_eq!((new.take(&first), new.take(&second)), (Taken::Kept, Taken::Known));
}

#[test]
fn yes_is_final() {
    let (mut table, anna) = table();
    let new = table.ask("Anna");
    table.approve(1, &new, anna);
    let right = number(&mut table, &new);
    let refused = type_number(&mut table, new.id(), &right).unwrap_err();
    assert_eq!(refused, ApproveError::AlreadyApproved);
    let refused = decline(&mut table, new.id()).unwrap_err();
    assert_eq!((refused, state(&table)), (ApproveError::AlreadyApproved, OpenedState::Approved));
}

#[test]
fn another_request_under_the_same_link_is_refused() {
    let (mut table, anna) = table();
    let new = table.ask("Anna");
    let link = new.link(false);
    table.open(1, &link, anna).unwrap();
    // The link's secret is known to whoever reads it on its way: another request, boxed under it.
    let other = table.ask("Anna");
    let boxed = table.rebox(&other, &link);
    let before = octets(&table.people[1]);
    let opened = table.with(1, |device, ctx| device.open_request(&link, &boxed, anna, ctx));
    assert_eq!(opened.unwrap_err(), RequestError::Changed);
    assert_eq!(octets(&table.people[1]), before);
    // Who sees it first opens it, but the number on the screen is another one.
    let opened = table.with(2, |device, ctx| device.open_request(&link, &boxed, anna, ctx));
    let id = opened.unwrap().id;
    let right = number(&mut table, &new);
    let (tried, _) = table.with(2, |device, ctx| device.try_number(id, &right, ctx)).unwrap();
    assert_eq!(tried, Tried::Wrong { tries_left: 2 });
    let code = table.with(3, |device, ctx| device.open_request(&new.link(true), &boxed, anna, ctx));
    assert!(code.is_err());
}

#[test]
fn a_cancelled_request_is_closed_where_it_is_seen() {
    let (mut table, anna) = table();
    let mut new = table.ask("Anna");
    let id = table.open(1, &new.link(false), anna).unwrap();
    table.approve(2, &new, anna);
    let step = table.context(|ctx| new.cancel(ctx)).unwrap();
    table.put(step);
    table.open(1, &new.link(false), anna).unwrap();
    table.open(2, &new.link(false), anna).unwrap();
    let states = [1, 2].map(|who: usize| table.people[who].opened()[0].state);
    assert_eq!(states, [OpenedState::Cancelled, OpenedState::Approved]);
    let right = number(&mut table, &new);
    assert_eq!(type_number(&mut table, id, &right), Err(ApproveError::Cancelled));
    assert_eq!(
        approve(&mut table, id, Some(&new.link(true))).unwrap_err(),
        ApproveError::Cancelled
    );
    // Nobody but the request's own key can cancel it.
    let other = table.ask("Anna");
    let id = table.open(1, &other.link(false), anna).unwrap();
    let forged = table.cancelled_by(&new, &other);
    let link = other.link(false);
    table.with(1, |device, ctx| device.open_request(&link, &forged, anna, ctx)).unwrap();
    let opened = table.people[1].opened().iter().find(|opened| opened.id == id).unwrap();
    assert_eq!(opened.state, OpenedState::Open);
}

#[test]
fn two_requests_do_not_mix() {
    let (mut table, anna) = table();
    let (mut one, mut other) = (table.ask("Anna"), table.ask("Anna"));
    table.approve(1, &one, anna);
    table.approve(2, &other, anna);
    let mail = table.mail().clone();
    for (_, body) in &mail {
        for new in [&mut one, &mut other] {
            let _ = new.take(body);
        }
    }
    for new in [&one, &other] {
        let assessment = new.assess();
        assert_eq!(assessment.approvals.len(), 1);
        assert!(assessment.complete(None).is_empty());
    }
}

#[test]
fn hostile_claims_do_no_harm() {
    let (mut table, anna) = table();
    for name in ["Anna<img src=x onerror=alert(1)>", "\u{202e}annA", "../Anna", &"A".repeat(200)] {
        let new = table.ask(name);
        let id = table.open(1, &new.link(false), anna).unwrap();
        let told = table.settle();
        let right = |event: &Event| matches!(event, Event::Alert { request, claims, .. } if *request == id && claims.as_str() == name);
        assert!(told.iter().any(|(_, event)| right(event)), "{name}");
    }
}

#[test]
fn the_longest_request_can_be_opened() {
    let (mut table, anna) = table();
    let relays: Vec<_> = (0..8)
        .map(|at| format!("https://{}{at}.example", "a".repeat(238)).parse().unwrap())
        .collect();
    let name = named(&"x".repeat(200));
    let started =
        table.context(|ctx| NewDevice::start(name.clone(), Some(name.clone()), &relays, ctx));
    let (new, step) = started.unwrap();
    table.put(step);
    assert_eq!(table.open(1, &new.link(false), anna), Ok(new.id()));
}
