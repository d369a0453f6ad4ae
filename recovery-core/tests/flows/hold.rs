//! Delays, stops and warnings: nothing is released early, and what can be stopped is.

use crate::{DAY, octets};
use recovery_core::{
    address::RelayUrl,
    circle::OpenedState,
    flows::{
        Delivery, Event, Step,
        approve::{ApproveError, Consent, Sent},
        device::Device,
        protect::Plan,
        recovery::OwnerAnswer,
        request::{NewDevice, RequestError},
        restore::Verdict,
    },
    ids::RequestId,
    policy::Policy,
    testkit::table::{RELAY, Table, named},
    wire::messages::{AlertKind, HoldBy},
};

const HOUR: u64 = 3_600;

/// Anna's key, any two of Bob, Carol and Dora, with a day's delay.
fn table(by: HoldBy) -> Table {
    let mut table = Table::new(1, &["Anna", "Bob", "Carol", "Dora"]);
    (1..4).for_each(|friend| table.pair(0, friend));
    let policy = Policy::any(2, (1..4).map(|who| table.id(who)).collect()).unwrap();
    let plan = Plan { delay: DAY, hold_by: by, ..policy.into() };
    let made = table.with(0, |device, ctx| device.protect(plan, ctx)).unwrap();
    table.put(made.step);
    table.settle();
    table
}

/// A friend types the number and approves.
fn approve(table: &mut Table, friend: usize, new: &NewDevice) -> Sent {
    let anna = table.id(0);
    table.approve(friend, new, anna)
}

/// What a new device makes of all that came.
fn lines(table: &mut Table, new: &mut NewDevice) -> Vec<(String, Verdict)> {
    table.collect(new);
    let name = |name: Option<recovery_core::name::Name>| name.map_or("?".into(), |n| n.to_string());
    new.assess().approvals.into_iter().map(|line| (name(line.contact), line.verdict)).collect()
}

fn state(table: &Table, friend: usize, id: RequestId) -> OpenedState {
    let opened = table.people[friend].opened().iter().find(|opened| opened.id == id);
    opened.unwrap().state
}

fn tidy(table: &mut Table, who: usize) -> Vec<Event> {
    let step = table.with(who, |device, ctx| device.tidy(ctx));
    table.put(step)
}

#[test]
fn nothing_is_released_a_second_early() {
    for by in [HoldBy::Relay, HoldBy::Contacts] {
        let mut table = table(by);
        let mut new = table.ask("Anna");
        let due = table.now + DAY;
        for friend in [1, 2] {
            let sent = approve(&mut table, friend, &new);
            assert_eq!((sent.message, sent.release_at), (None, Some(due)));
        }
        for early in [0, 1, DAY / 2, DAY - 1] {
            table.now = due - DAY + early;
            (1..3).for_each(|friend| assert_eq!(tidy(&mut table, friend), []));
            let held = Verdict::Held { until: due };
            let wanted = [("Bob".to_owned(), held), ("Carol".to_owned(), held)];
            assert_eq!(lines(&mut table, &mut new), wanted, "{by:?} {early}");
            assert!(new.assess().sets.is_empty());
        }
        table.now = due;
        (1..3).for_each(|friend| drop(tidy(&mut table, friend)));
        let wanted = [("Bob".to_owned(), Verdict::Good), ("Carol".to_owned(), Verdict::Good)];
        assert_eq!(lines(&mut table, &mut new), wanted, "{by:?}");
        assert_eq!(new.assess().complete(None).len(), 1);
        // Once only.
        (1..3).for_each(|friend| assert_eq!(tidy(&mut table, friend), []));
    }
}

/// Everybody starts again at every look, and the new device's clock jumps a year ahead and two back.
#[test]
fn no_restart_and_no_clock_of_the_new_device_releases_anything() {
    for by in [HoldBy::Relay, HoldBy::Contacts] {
        let mut table = table(by);
        let mut new = table.ask("Anna");
        let due = table.now + DAY;
        for friend in [1, 2] {
            approve(&mut table, friend, &new);
        }
        for (at, jump) in [(0, 365), (1, -365), (DAY / 2, 365), (DAY - 1, -365), (DAY, 365)] {
            table.now = due - DAY + at;
            for device in &mut table.people {
                *device = Device::decode(&device.encode()).unwrap();
            }
            new = NewDevice::decode(&new.encode()).unwrap();
            // What the new device does with time: it shows a number, and tells its link again.
            let now = table.now;
            table.now = now.saturating_add_signed(jump * DAY as i64);
            let shown = table.context(|ctx| new.number(ctx)).unwrap();
            table.now = now;
            assert!(shown.matches(&table.context(|ctx| new.number(ctx)).unwrap()));
            (1..3).for_each(|friend| drop(tidy(&mut table, friend)));
            let good =
                lines(&mut table, &mut new).iter().filter(|(_, v)| *v == Verdict::Good).count();
            let wanted = if now < due { 0 } else { 2 };
            assert_eq!(good, wanted, "{by:?}, {at} seconds after the approvals");
            assert_eq!(new.assess().complete(None).len(), wanted / 2);
        }
    }
}

#[test]
fn a_relay_that_only_the_requester_chose_does_not_hold() {
    let mut table = table(HoldBy::Relay);
    let anna = table.id(0);
    let relays: [RelayUrl; 1] = ["https://mallory.example".parse().unwrap()];
    let started = table.context(|ctx| NewDevice::start(named("Anna"), None, &relays, ctx));
    let (new, step) = started.unwrap();
    table.put(step);
    let id = table.open(1, &new.link(false), anna).unwrap();
    let code = new.link(true);
    let consent = Consent { scanned: Some(&code), overrides: false, ..Consent::default() };
    let sent = table.with(1, |device, ctx| device.approve(id, consent, ctx)).unwrap();
    let held = |delivery: &Delivery| matches!(delivery, Delivery::PostHeld { .. });
    assert!(!sent.to_requester.outbox.iter().any(held));
    assert_eq!(sent.release_at, Some(table.now + DAY));
    table.now += DAY;
    let released = Event::Released { owner: named("Anna"), request: id };
    assert_eq!(tidy(&mut table, 1), [released]);
}

#[test]
fn a_stop_drops_what_is_held_and_closes_the_request() {
    for by in [HoldBy::Relay, HoldBy::Contacts] {
        let mut table = table(by);
        let mut new = table.ask("Anna");
        let (id, anna) = (new.id(), table.id(0));
        approve(&mut table, 1, &new);
        table.settle();
        table.now += HOUR;
        let step = table.with(0, |device, ctx| device.veto(id, ctx)).unwrap();
        table.put(step);
        let stopped = |withdrawn| Event::Stopped { owner: named("Anna"), request: id, withdrawn };
        let told = table.settle();
        assert!(told.contains(&(1, stopped(true))) && told.contains(&(2, stopped(false))));
        assert_eq!(state(&table, 1, id), OpenedState::Vetoed);
        let stop = Verdict::Vetoed { at: table.now };
        let wanted = [("Bob".to_owned(), stop), ("Anna".to_owned(), stop)];
        assert_eq!(lines(&mut table, &mut new), wanted, "{by:?}");
        // Who opens it only now is told at once.
        table.open(2, &new.link(false), anna).unwrap();
        assert_eq!(state(&table, 2, id), OpenedState::Vetoed);
        let refused = table.with(2, |d, ctx| d.approve(id, Consent::default(), ctx).map(drop));
        assert_eq!(refused, Err(ApproveError::Vetoed));
        // Whatever the relay and the friends' devices do later, nothing comes.
        table.now += 2 * DAY;
        (1..3).for_each(|friend| assert_eq!(tidy(&mut table, friend), []));
        lines(&mut table, &mut new);
        assert!(new.assess().sets.is_empty());
        let answer = table.people[0].recoveries()[0].answer;
        assert_eq!(answer, Some(OwnerAnswer::Stopped { at: table.now - 2 * DAY }));
    }
}

#[test]
fn a_friend_who_met_the_person_can_go_against_a_stop() {
    let mut table = table(HoldBy::Relay);
    let mut new = table.ask("Anna");
    let (id, anna) = (new.id(), table.id(0));
    for friend in [1, 2] {
        table.open(friend, &new.link(false), anna).unwrap();
    }
    table.settle();
    let step = table.with(0, |device, ctx| device.veto(id, ctx)).unwrap();
    table.put(step);
    table.settle();
    let (sent_link, code) = (new.link(false), new.link(true));
    for (scanned, wanted) in
        [(None, ApproveError::MeetFirst), (Some(&sent_link), ApproveError::NotScanned)]
    {
        let consent = Consent { scanned, overrides: true, ..Consent::default() };
        let refused = table.with(1, |device, ctx| device.approve(id, consent, ctx).map(drop));
        assert_eq!(refused, Err(wanted));
    }
    for friend in [1, 2] {
        let consent = Consent { scanned: Some(&code), overrides: true, ..Consent::default() };
        let sent = table.with(friend, |device, ctx| device.approve(id, consent, ctx)).unwrap();
        table.put(sent.to_requester);
        table.put(sent.to_owner);
    }
    let told = table.settle();
    let overridden =
        |event: &Event| matches!(event, Event::Alert { kind: AlertKind::Overridden, .. });
    assert_eq!(told.iter().filter(|(who, event)| *who == 0 && overridden(event)).count(), 2);
    lines(&mut table, &mut new);
    let assessment = new.assess();
    assert_eq!(assessment.complete(None).len(), 1);
    let overrides = assessment.approvals.iter().filter(|line| line.overrides).count();
    assert_eq!(overrides, 2);
}

#[test]
fn a_stop_of_somebody_else_stops_nothing() {
    let mut table = table(HoldBy::Relay);
    let mut new = table.ask("Anna");
    approve(&mut table, 1, &new);
    // Bob, who is a friend, is an owner too, and says to stop it.
    let id = new.id();
    assert_eq!(
        table.with(1, |device, ctx| device.veto(id, ctx).map(drop)),
        Err(RequestError::Unknown)
    );
    let forged = table.stop_by(1, &new);
    assert!(matches!(new.take(&forged), recovery_core::flows::restore::Taken::Kept));
    let told = lines(&mut table, &mut new);
    let held = Verdict::Held { until: table.now + DAY };
    assert!(told.contains(&("Bob".to_owned(), held)));
    let unknown = told.iter().any(|(name, verdict)| {
        name == "?" && matches!(verdict, Verdict::Bad(why) if why.contains("stop"))
    });
    assert!(unknown, "{told:?}");
}

#[test]
fn a_friend_can_take_an_approval_back_until_it_is_out() {
    for by in [HoldBy::Relay, HoldBy::Contacts] {
        let mut table = table(by);
        let mut new = table.ask("Anna");
        let id = new.id();
        for friend in [1, 2] {
            approve(&mut table, friend, &new);
        }
        table.now += DAY - 1;
        let sent = table.with(1, |device, ctx| device.decline(id, None, ctx)).unwrap();
        table.put(sent.to_requester);
        table.put(sent.to_owner);
        table.now += 1;
        (1..3).for_each(|friend| drop(tidy(&mut table, friend)));
        let told = lines(&mut table, &mut new);
        let mut verdicts: Vec<_> = told.iter().map(|(name, v)| (name.as_str(), *v)).collect();
        verdicts.sort_by_key(|(name, _)| *name);
        assert_eq!(verdicts, [("Bob", Verdict::Declined), ("Carol", Verdict::Good)], "{by:?}");
        let late = table.with(2, |device, ctx| device.decline(id, None, ctx).map(drop));
        assert_eq!(late, Err(ApproveError::AlreadyApproved));
    }
}

#[test]
fn approving_again_while_it_is_held_sends_nothing() {
    let mut table = table(HoldBy::Relay);
    let new = table.ask("Anna");
    let sent = approve(&mut table, 1, &new);
    let before = octets(&table.people[1]);
    table.now += HOUR;
    let id = new.id();
    let again = table.with(1, |d, ctx| d.approve(id, Consent::default(), ctx)).unwrap();
    assert_eq!(again.release_at, sent.release_at);
    assert!(again.to_requester.outbox.is_empty() && again.to_owner.outbox.is_empty());
    assert_eq!(octets(&table.people[1]), before);
}

#[test]
fn an_impostor_is_told_to_everybody_but_the_impostor() {
    let mut table = table(HoldBy::Relay);
    let mut new = table.ask("Anna");
    let (id, anna) = (new.id(), table.id(0));
    table.open(1, &new.link(false), anna).unwrap();
    table.open(2, &new.link(false), anna).unwrap();
    table.settle();
    let reason = Some(named("it was a man's voice"));
    let step: Step = table.with(1, |device, ctx| device.report_impostor(id, reason, ctx)).unwrap();
    table.put(step);
    let told = table.settle();
    let alert = |event: &Event| matches!(event, Event::Alert { kind: AlertKind::Impostor, .. });
    assert!(told.iter().any(|(who, event)| *who == 0 && alert(event)));
    assert_eq!(lines(&mut table, &mut new), []);
    assert_eq!(state(&table, 1, id), OpenedState::Impostor);
    // The others read it before they decide; it stops nothing by itself.
    let slots = table.people[2].alarm_slots(id);
    assert_eq!(slots.len(), 2);
    let found: Vec<_> = slots.iter().filter_map(|slot| table.at(slot).cloned()).collect();
    assert_eq!(found.len(), 1);
    table.people[2].hear_alarms(id, &found);
    table.people[2].hear_alarms(id, &found);
    let opened = &table.people[2].opened()[0];
    assert_eq!((opened.alarms.as_slice(), opened.state), (&[table.now][..], OpenedState::Open));
    // Not of another request, and not of who can't open the slots.
    let other = table.ask("Anna");
    let other = table.open(2, &other.link(false), anna).unwrap();
    table.people[2].hear_alarms(other, &found);
    table.people[2].hear_alarms(other, &[vec![], vec![0; 8_192]]);
    let opened = table.people[2].opened().iter().find(|opened| opened.id == other).unwrap();
    assert!(opened.alarms.is_empty());
    // It is final: nothing is released any more.
    let refused = table.with(1, |d, ctx| d.approve(id, Consent::default(), ctx).map(drop));
    assert_eq!(refused, Err(ApproveError::Impostor));
    assert_eq!(table.people[0].vault().circles[0].hold.holds[0].relay.as_str(), RELAY);
}

#[test]
fn a_warning_after_the_request_is_closed_reaches_the_others_too() {
    let mut table = table(HoldBy::Relay);
    let new = table.ask("Anna");
    let (id, anna) = (new.id(), table.id(0));
    for friend in [1, 2] {
        table.open(friend, &new.link(false), anna).unwrap();
    }
    table.with(1, |device, ctx| device.decline(id, None, ctx)).unwrap();
    let step = table.with(1, |device, ctx| device.report_impostor(id, None, ctx)).unwrap();
    table.put(step);
    assert_eq!(state(&table, 1, id), OpenedState::Declined);
    let slots = table.people[2].alarm_slots(id);
    let found: Vec<_> = slots.iter().filter_map(|slot| table.at(slot).cloned()).collect();
    table.people[2].hear_alarms(id, &found);
    assert_eq!(table.people[2].opened()[0].alarms, [table.now]);
}
