//! Taking over: who came back is somebody else, and who has the lost device is nobody.

use crate::DAY;
use recovery_core::{
    circle::{HeldBundle, OpenedState, Reach, Stage, Standing},
    flows::{
        Device, Event,
        pair::PairError,
        protect::{Plan, ProtectError},
        request::NewDevice,
        restore::{Quorums, RestoreError, Verdict},
    },
    ids::ContactId,
    number::Number,
    policy::Policy,
    testkit::table::{Table, named},
    wire::messages::HoldBy,
};

const NAMES: [&str; 6] = ["Anna", "Bob", "Carol", "Dora", "Emil", "Fritz"];

/// Anna with an entry, protected by any three of five friends.
fn table() -> Table {
    let mut table = Table::new(1, &NAMES);
    let now = table.now;
    table.people[0].add(named("seed"), b"twelve words", now).unwrap();
    table.circle(0, 3, &[1, 2, 3, 4, 5]);
    table
}

/// A new device that these friends help, as one of the owner they know; what it gives has taken over, and what
/// it says is under way. It sits down last.
fn come_back(table: &mut Table, friends: &[usize]) -> (usize, Result<u64, ProtectError>) {
    let new = helped(table, friends);
    let device = restored(table, &new).unwrap();
    take_over(table, device, &new)
}

fn helped(table: &mut Table, friends: &[usize]) -> NewDevice {
    let mut new = table.ask("Anna");
    for friend in friends {
        let owner = table.people[*friend].held_named(&named("Anna")).unwrap().card.id();
        table.approve(*friend, &new, owner);
    }
    table.collect(&mut new);
    new
}

/// What the only candidate gives.
fn restored(table: &Table, new: &NewDevice) -> Result<Device, RestoreError> {
    let assessment = new.assess();
    let candidates = assessment.complete(None);
    let owner = candidates.first().map_or(table.id(0), |set| set.owner.id());
    assert!(candidates.len() <= 1, "nobody is asked whose key it is");
    restored_of(table, new, owner)
}

/// What the pieces of one owner give.
fn restored_of(table: &Table, new: &NewDevice, owner: ContactId) -> Result<Device, RestoreError> {
    let quorums = Quorums::of(&new.assess(), owner)?;
    let found: Vec<_> = quorums.slots().iter().filter_map(|s| table.at(s).cloned()).collect();
    quorums.restore(None, &found).map(|(restored, _)| restored.device)
}

fn take_over(
    table: &mut Table,
    mut device: Device,
    new: &NewDevice,
) -> (usize, Result<u64, ProtectError>) {
    let now = table.now;
    device.came_back(new, 0, now);
    let taken = table.context(|ctx| device.take_over(new, None, ctx));
    let device = Device::decode(&device.encode()).unwrap();
    table.people.push(device);
    table.upload(table.people.len() - 1);
    table.put(taken.step);
    (table.people.len() - 1, taken.generation)
}

/// Whom a friend takes to be Anna.
fn anna_of(table: &Table, friend: usize) -> ContactId {
    table.people[friend].held_named(&named("Anna")).unwrap().card.id()
}

fn standing(table: &Table, friend: usize) -> Standing {
    table.people[friend].held_named(&named("Anna")).unwrap().standing()
}

fn bundles(table: &Table, friend: usize) -> Vec<HeldBundle> {
    table.people[friend].held_named(&named("Anna")).unwrap().bundles.clone()
}

/// A friend compares the number that the owner's device shows.
fn verify(table: &mut Table, owner: usize, friend: usize) -> Result<(), PairError> {
    let number = number_of(table, owner, friend);
    let step = table.with(friend, |d, ctx| d.verify(&named("Anna"), &number, ctx))?;
    table.put(step);
    Ok(())
}

fn number_of(table: &mut Table, owner: usize, friend: usize) -> Number {
    let contact = table.people[owner].contact_named(&named(NAMES[friend])).unwrap().clone();
    table
        .with(owner, |device, ctx| device.number_with_contact(&contact, &contact.card, ctx))
        .unwrap()
}

/// Everything that a thief can do with the lost device, and say.
fn plunder(table: &mut Table, thief: usize) {
    let ids: Vec<ContactId> = (1..=5).map(|friend| table.id(friend)).collect();
    for k in [2, 3] {
        let plan = Policy::any(k, ids.clone()).unwrap().into();
        let dealt = table.with(thief, |device, ctx| device.protect(plan, ctx)).unwrap();
        table.put(dealt.step);
    }
    // What came of it counts as proved here: the thief says to everybody that it is live.
    let renewed = table.with(thief, |device, ctx| device.renew(None, ctx)).unwrap();
    table.put(renewed.step);
    let step = table.with(thief, |device, ctx| device.check(ctx));
    table.put(step);
    let known: Vec<_> = table.people[thief].recoveries().iter().map(|r| r.request).collect();
    for request in known {
        let step = table.with(thief, |device, ctx| device.veto(request, ctx)).unwrap();
        table.put(step);
    }
    let mut new = table.ask("Anna");
    let mut copy = Device::decode(&table.people[thief].encode()).unwrap();
    let taken = table.context(|ctx| copy.take_over(&new, None, ctx));
    table.put(taken.step);
    table.collect(&mut new);
}

#[test]
fn who_typed_the_number_knows_the_new_device_at_once() {
    let mut table = table();
    let former = table.id(0);
    let (anna, generation) = come_back(&mut table, &[1, 2, 3]);
    assert_eq!(generation, Ok(2));
    let told = table.settle();
    for friend in 1..=3 {
        assert_eq!(anna_of(&table, friend), table.id(anna));
        assert!(told.contains(&(friend, Event::OwnerMoved { owner: named("Anna") })));
        let held = table.people[friend].held_of(former).unwrap();
        assert!(held.was(former) && held.is(table.id(anna)), "it is remembered who was before");
        assert_eq!(bundles(&table, friend).len(), 2, "the former piece stays beside the new one");
    }
    for friend in 4..=5 {
        assert_eq!(anna_of(&table, friend), former);
        assert_eq!(standing(&table, friend), Standing::Claimed);
        assert!(told.contains(&(friend, Event::OwnerClaimed { owner: named("Anna") })));
        assert_eq!(bundles(&table, friend).len(), 1);
    }
    let known = |table: &Table| {
        let contacts = table.people[anna].contacts();
        contacts.iter().filter(|contact| contact.known.is_none()).count()
    };
    assert_eq!(known(&table), 3);
    let vault = table.people[anna].vault();
    assert_eq!(vault.circles.len(), 1);
    assert_eq!(vault.circles[0].stage, Stage::Pending, "three of three are not one to spare");
    assert_eq!(vault.entries[0].content.expose(), b"twelve words");
    // One more compares the number: it is live, and the former generation is gone.
    verify(&mut table, anna, 4).unwrap();
    let told = table.settle();
    assert!(told.contains(&(anna, Event::ContactKnows { contact: named("Emil") })));
    assert!(told.contains(&(anna, Event::CircleActive { generation: 2 })));
    assert!(told.contains(&(anna, Event::CircleRetired { generation: 1 })));
    assert_eq!((known(&table), anna_of(&table, 4)), (4, table.id(anna)));
    for friend in 1..=4 {
        let marked: Vec<bool> = bundles(&table, friend).iter().map(|b| b.until.is_some()).collect();
        assert_eq!(marked, [true, false], "{friend}");
    }
    assert_eq!(bundles(&table, 5)[0].until, None, "who knows nobody new lets go of nothing");
    verify(&mut table, anna, 5).unwrap();
    table.settle();
    assert!(table.people[anna].vault().live().unwrap().held_by_all());
    assert!(table.people[5].held_named(&named("Anna")).unwrap().verified);
}

#[test]
fn under_the_old_key_nothing_is_written_and_in_the_end_nothing_is_left() {
    let mut table = table();
    let place = |table: &Table, who: usize| {
        let device = &table.people[who];
        device.copies(&device.places()[0])[0].clone()
    };
    let old = place(&table, 0);
    let old = recovery_core::address::SlotAddress { relay: old.relay, id: old.slot };
    let before = table.at(&old).unwrap().clone();
    let (anna, _) = come_back(&mut table, &[1, 2, 3]);
    let now = table.now;
    table.people[anna].add(named("new"), b"secret", now).unwrap();
    table.settle();
    assert_eq!(table.at(&old), Some(&before), "as it was found");
    assert!(table.people[0].open_container(&before).is_ok());
    let new = place(&table, anna);
    let new = recovery_core::address::SlotAddress { relay: new.relay, id: new.slot };
    let container = table.at(&new).unwrap().clone();
    assert!(table.people[0].open_container(&container).is_err(), "a thief opens nothing new");
    verify(&mut table, anna, 4).unwrap();
    table.settle();
    assert_eq!(table.at(&old), None);
    assert!(table.at(&new).is_some());
}

#[test]
fn a_thief_with_the_lost_device_says_nothing_that_anyone_accepts() {
    let mut table = table();
    let (anna, _) = come_back(&mut table, &[1, 2, 3]);
    table.settle();
    verify(&mut table, anna, 4).unwrap();
    table.settle();
    let held = |table: &Table, friend: usize| {
        let held = table.people[friend].held_named(&named("Anna")).unwrap();
        (held.card.clone(), held.bundles.clone(), held.newest.clone(), held.stopped.clone())
    };
    let before: Vec<_> = (1..=5).map(|friend| held(&table, friend)).collect();
    let thief = 0;
    plunder(&mut table, thief);
    table.settle();
    for friend in 1..=4 {
        assert!(held(&table, friend) == before[friend - 1], "{friend}");
    }
    // With who has not compared the number yet, a stop still counts: it only delays.
    let (card, bundles, newest, _) = held(&table, 5);
    assert!(
        (card, bundles, newest) == (before[4].0.clone(), before[4].1.clone(), before[4].2.clone())
    );
    // The number of a device that the thief makes up is nobody's.
    let wrong = number_of(&mut table, thief, 1);
    assert_eq!(
        table.with(1, |d, ctx| d.verify(&named("Anna"), &wrong, ctx)).map(drop),
        Err(PairError::WrongNumber)
    );
    assert_eq!(anna_of(&table, 1), table.id(anna));
    // And a thief's invitation is refused.
    let invited = table.with(thief, |d, ctx| d.invite(named("New"), ctx)).unwrap();
    table.put(invited.step);
    let boxed = table.slot(&invited.link);
    let accepted = table.with(1, |d, ctx| d.accept(&invited.link, &boxed, Default::default(), ctx));
    assert_eq!(accepted.map(drop), Err(PairError::Replaced));
}

#[test]
fn as_long_as_a_claim_waits_the_former_identity_changes_nothing_but_may_stop() {
    let mut table = table();
    let (anna, _) = come_back(&mut table, &[1, 2, 3]);
    table.settle();
    let before = bundles(&table, 5);
    plunder(&mut table, 0);
    table.settle();
    assert_eq!(bundles(&table, 5), before);
    assert_eq!(standing(&table, 5), Standing::Contested, "the thief has a new device as well");
    // A request that waits with this friend can still be stopped: that only delays.
    let new = table.ask("Anna");
    let former = anna_of(&table, 5);
    table.open(5, &new.link(false), former).unwrap();
    table.settle();
    let step = table.with(0, |device, ctx| device.veto(new.id(), ctx)).unwrap();
    table.put(step);
    table.settle();
    assert_eq!(table.people[5].opened().last().unwrap().state, OpenedState::Vetoed);
    // A wrong number settles nothing; the right one picks the owner.
    let wrong = number_of(&mut table, anna, 1);
    let tried = table.with(5, |d, ctx| d.verify(&named("Anna"), &wrong, ctx)).map(drop);
    assert_eq!(tried, Err(PairError::WrongNumber));
    assert_eq!(standing(&table, 5), Standing::Contested);
    verify(&mut table, anna, 5).unwrap();
    table.settle();
    assert_eq!((standing(&table, 5), anna_of(&table, 5)), (Standing::Current, table.id(anna)));
    // What the thief said before is not heard again.
    plunder(&mut table, 0);
    table.settle();
    assert_eq!(anna_of(&table, 5), table.id(anna));
}

#[test]
fn the_owner_who_lost_nothing_can_refuse_a_claim() {
    let mut table = table();
    plunder(&mut table, 0);
    table.settle();
    assert_eq!(standing(&table, 1), Standing::Claimed);
    let held = bundles(&table, 1);
    verify(&mut table, 0, 1).unwrap();
    assert_eq!((standing(&table, 1), anna_of(&table, 1)), (Standing::Current, table.id(0)));
    assert_eq!(bundles(&table, 1), held);
}

#[test]
fn the_new_generation_brings_the_successor_back() {
    let mut table = table();
    let former = table.id(0);
    let (anna, _) = come_back(&mut table, &[1, 2, 3]);
    table.settle();
    verify(&mut table, anna, 4).unwrap();
    table.settle();
    let now = table.now;
    table.people[anna].add(named("new"), b"secret", now).unwrap();
    table.upload(anna);
    let second = table.id(anna);
    let new = helped(&mut table, &[2, 3, 4]);
    // A sheet that was printed before still says whose key it is.
    for pin in [None, Some(former), Some(second)] {
        let assessment = new.assess();
        let ids: Vec<_> = assessment.complete(pin).iter().map(|set| set.owner.id()).collect();
        assert_eq!(ids, [second], "{pin:?}");
    }
    let device = restored(&table, &new).unwrap();
    assert_eq!((device.id(), device.vault().entries.len()), (second, 2));
    let (third, generation) = take_over(&mut table, device, &new);
    assert_eq!(generation, Ok(3));
    table.settle();
    for friend in 2..=4 {
        assert_eq!(anna_of(&table, friend), table.id(third));
    }
    assert_eq!(anna_of(&table, 1), second);
    assert_eq!(standing(&table, 1), Standing::Claimed);
    // Who never heard of the second one hears of the third by the first.
    assert_eq!(anna_of(&table, 5), former);
    assert_eq!(standing(&table, 5), Standing::Contested);
    for friend in [1, 5] {
        verify(&mut table, third, friend).unwrap();
    }
    table.settle();
    assert!(table.people[third].vault().live().unwrap().held_by_all());
}

#[test]
fn what_the_lost_device_writes_later_never_comes_back_as_the_owners() {
    let mut table = table();
    let (anna, _) = come_back(&mut table, &[1, 2, 3]);
    table.settle();
    table.upload(anna);
    // Whoever has the lost device makes its vault the newest there is, where its pieces say that it lies.
    let now = table.now;
    for entry in 0..40 {
        table.people[0].add(named(&format!("forged {entry}")), b"a trap", now).unwrap();
    }
    table.upload(0);
    let forged = table.people[0].vault().version;
    assert!(forged > table.people[anna].vault().version);
    let new = helped(&mut table, &[1, 2, 3]);
    let device = restored(&table, &new).unwrap();
    assert_eq!((device.id(), device.vault().entries.len()), (table.id(anna), 1));
}

#[test]
fn a_contested_contact_hears_once_the_number_says_who_they_are() {
    let mut table = Table::new(4, &["Anna", "Bob", "Carol", "Dora", "Emil", "Mallory"]);
    table.circle(0, 2, &[1, 2, 3]);
    let invited = table.with(0, |device, ctx| device.invite(named("Emil"), ctx)).unwrap();
    table.put(invited.step);
    let link = invited.link;
    for who in [5, 4] {
        let boxed = table.slot(&link);
        let reach = Reach::default();
        let accepted = table.with(who, |d, ctx| d.accept(&link, &boxed, reach, ctx)).unwrap();
        table.put(accepted.step);
    }
    table.settle();
    table.upload(0);
    let (anna, _) = come_back(&mut table, &[1, 2]);
    table.settle();
    let emil = |table: &Table| table.people[anna].contact_named(&named("Emil")).unwrap().clone();
    assert!(emil(&table).contested());
    for who in [4, 5] {
        assert_eq!((anna_of(&table, who), standing(&table, who)), (table.id(0), Standing::Current));
    }
    // Emil has not heard of this device: he reads out the number of the former one.
    let number = table.with(4, |device, ctx| {
        let held = device.held_named(&named("Anna")).unwrap();
        device.number_with_owner(held, ctx).unwrap()
    });
    let step = table.with(anna, |d, ctx| d.verify(&named("Emil"), &number, ctx)).unwrap();
    table.put(step);
    assert_eq!((emil(&table).card.id(), emil(&table).contested()), (table.id(4), false));
    table.now += DAY;
    let step = table.with(anna, |device, ctx| device.tidy(ctx));
    table.put(step);
    table.settle();
    assert_eq!(standing(&table, 4), Standing::Claimed);
    assert_eq!(anna_of(&table, 5), table.id(0), "nobody told the other one");
    verify(&mut table, anna, 4).unwrap();
    assert_eq!(anna_of(&table, 4), table.id(anna));
}

#[test]
fn lost_again_before_anything_is_live_the_old_generation_helps_again() {
    let mut table = table();
    let former = table.id(0);
    assert_eq!(come_back(&mut table, &[1, 2, 3]).1, Ok(2));
    // Only word of it arrives, no piece.
    table.mail().retain(|(_, body)| body.len() < 16_384);
    let lost = table.people.pop().unwrap();
    table.settle();
    assert_eq!(anna_of(&table, 1), lost.id());
    assert_eq!(bundles(&table, 1).len(), 1);
    let new = helped(&mut table, &[1, 3, 4]);
    let device = restored(&table, &new).unwrap();
    assert_eq!(device.id(), former, "the vault of before");
    table.now += 60;
    let (third, generation) = take_over(&mut table, device, &new);
    assert_eq!(generation, Ok(2));
    table.settle();
    for friend in [1, 3, 4] {
        assert_eq!(anna_of(&table, friend), table.id(third), "{friend}");
    }
    // The second device turns up: it is a former one by now.
    table.people.push(lost);
    let ids = (1..=5).map(|friend| table.id(friend)).collect();
    let plan: Plan<'_> = Policy::any(3, ids).unwrap().into();
    let dealt = table.with(third + 1, |device, ctx| device.protect(plan, ctx)).unwrap();
    table.put(dealt.step);
    table.settle();
    let theirs = |b: &HeldBundle| b.signed.sender == table.id(third + 1);
    assert!(!bundles(&table, 1).iter().any(theirs));
    verify(&mut table, third, 2).unwrap();
    table.settle();
    assert!(table.people[third].vault().live().is_some());
}

/// A friend who has a piece that opens the key, and whom the word that it counts never reached.
fn unheard(friend: usize) -> Table {
    let mut table = Table::new(1, &NAMES);
    (1..=5).for_each(|other| table.pair(0, other));
    table.protect(0, 3, &[1, 2, 3, 4, 5], None);
    let (before, sent) = (table.people[friend].encode(), table.mail().clone());
    table.settle();
    table.people[friend] = Device::decode(&before).unwrap();
    table.mail().extend(sent);
    table.settle();
    assert!(table.people[0].vault().live().is_some());
    let held = bundles(&table, friend);
    assert_eq!((held.len(), held[0].counted), (1, false));
    table
}

#[test]
fn until_another_counts_the_former_piece_stays_also_with_who_never_heard_that_it_counts() {
    let mut table = unheard(1);
    let former = table.id(0);
    let (anna, _) = come_back(&mut table, &[1, 2, 3]);
    table.settle();
    for generation in 3..=6 {
        let renewed = table.with(anna, |device, ctx| device.renew(None, ctx)).unwrap();
        assert_eq!(renewed.generation, generation);
        table.put(renewed.step);
        table.settle();
        assert!(table.people[anna].vault().live().is_none(), "three of three are not one to spare");
    }
    for friend in 1..=3 {
        let theirs = |b: &HeldBundle| b.signed.sender == former;
        assert!(bundles(&table, friend).iter().any(theirs), "{friend}");
    }
}

#[test]
fn an_approval_that_is_held_back_makes_no_successor_yet() {
    let mut table = Table::new(1, &NAMES);
    (1..=3).for_each(|friend| table.pair(0, friend));
    let ids = (1..=3).map(|friend| table.id(friend)).collect();
    let policy = Policy::any(2, ids).unwrap();
    let plan = Plan { delay: DAY, hold_by: HoldBy::Contacts, ..policy.into() };
    let dealt = table.with(0, |device, ctx| device.protect(plan, ctx)).unwrap();
    table.put(dealt.step);
    table.settle();
    let mut new = helped(&mut table, &[1, 2]);
    table.now += DAY;
    for friend in [1, 2] {
        let step = table.with(friend, |device, ctx| device.tidy(ctx));
        table.put(step);
    }
    table.collect(&mut new);
    // A third one approves when it is all over; theirs waits.
    let owner = anna_of(&table, 3);
    table.approve(3, &new, owner);
    let device = restored(&table, &new).unwrap();
    let (anna, _) = take_over(&mut table, device, &new);
    table.settle();
    assert_eq!(anna_of(&table, 1), table.id(anna));
    assert_eq!(standing(&table, 3), Standing::Claimed);
    table.now += DAY;
    let step = table.with(3, |device, ctx| device.tidy(ctx));
    let events = table.put(step);
    assert!(events.contains(&Event::OwnerMoved { owner: named("Anna") }));
    table.settle();
    assert_eq!(anna_of(&table, 3), table.id(anna));
    assert!(table.people[anna].vault().live().unwrap().held_by_all());
}

#[test]
fn what_is_lost_on_its_way_is_said_again() {
    let mut table = table();
    let (anna, _) = come_back(&mut table, &[1, 2, 3]);
    table.mail().clear();
    table.settle();
    assert_eq!(anna_of(&table, 1), table.id(0));
    let tidy = |table: &mut Table| {
        let step = table.with(anna, |device, ctx| device.tidy(ctx));
        table.put(step).len() + table.settle().len()
    };
    assert_eq!(tidy(&mut table), 0, "not every time");
    table.now += DAY;
    assert!(tidy(&mut table) > 0);
    for friend in 1..=3 {
        assert_eq!(anna_of(&table, friend), table.id(anna));
        assert_eq!(bundles(&table, friend).len(), 2);
    }
    verify(&mut table, anna, 4).unwrap();
    // The piece that is sent once more gets lost as well.
    table.mail().clear();
    table.settle();
    assert!(table.people[anna].vault().live().is_none());
    table.now += DAY;
    tidy(&mut table);
    assert!(table.people[anna].vault().live().is_some());
}

#[test]
fn the_former_device_hears_that_it_was_replaced() {
    let mut table = table();
    assert_eq!(table.people[0].replaced(), None);
    let made = table.now;
    assert_eq!(come_back(&mut table, &[1, 2, 3]).1, Ok(2));
    let told = table.settle();
    assert_eq!(
        told.iter().filter(|(who, event)| *who == 0 && *event == Event::Replaced).count(),
        1
    );
    assert_eq!(table.people[0].replaced(), Some(made));
}

#[test]
fn the_owners_own_recoveries_are_no_alarm_for_any_successor() {
    let mut table = table();
    let (anna, _) = come_back(&mut table, &[1, 2, 3]);
    let told = table.settle();
    let alarm =
        |(who, event): &&(usize, Event)| *who == anna && matches!(event, Event::Alert { .. });
    assert_eq!(told.iter().filter(alarm).count(), 0);
    // Of another one they warn, also those who do not know the new device.
    let new = table.ask("Anna");
    table.mail().clear();
    let lost = table.people.remove(0);
    for friend in [0, 3] {
        let owner = anna_of(&table, friend);
        table.open(friend, &new.link(false), owner).unwrap();
        let told = table.settle();
        let alarm = |(who, event): &&(usize, Event)| {
            *who == anna - 1 && matches!(event, Event::Alert { .. })
        };
        assert_eq!(told.iter().filter(alarm).count(), 1, "{friend}");
    }
    // Its stop reaches both.
    let step = table.with(anna - 1, |device, ctx| device.veto(new.id(), ctx)).unwrap();
    table.put(step);
    table.settle();
    for friend in [0, 3] {
        let opened = table.people[friend].opened().iter().find(|o| o.id == new.id()).unwrap();
        assert_eq!(opened.state, OpenedState::Vetoed, "{friend}");
    }
    drop(lost);
}

/// Bob, who holds a piece of Anna's, comes back himself.
fn bob_comes_back() -> (Table, usize) {
    let mut table = Table::new(1, &NAMES);
    table.circle(0, 2, &[1, 2, 3]);
    table.circle(1, 2, &[4, 5]);
    bob_takes_over(&mut table);
    table.settle();
    (table, 1)
}

/// Two of Bob's friends help him; what his new device says is under way.
fn bob_takes_over(table: &mut Table) {
    let bob = table.id(1);
    let mut new = table.ask("Bob");
    [4, 5].iter().for_each(|friend| drop(table.approve(*friend, &new, bob)));
    table.collect(&mut new);
    let quorums = Quorums::of(&new.assess(), bob).unwrap();
    let found: Vec<_> = quorums.slots().iter().filter_map(|s| table.at(s).cloned()).collect();
    let (restored, _) = quorums.restore(None, &found).unwrap();
    let (at, _) = take_over(table, restored.device, &new);
    // The lost device is gone.
    table.people[1] = table.people.remove(at);
}

#[test]
fn a_contact_who_came_back_still_helps() {
    let (mut table, bob) = bob_comes_back();
    let contact = table.people[0].contact_named(&named("Bob")).unwrap().clone();
    assert_eq!((contact.verified, contact.moves().len()), (false, 1));
    // The piece still proves, and still opens.
    let step = table.with(0, |device, ctx| device.check(ctx));
    table.put(step);
    let told = table.settle();
    assert!(told.contains(&(0, Event::PieceHeld { contact: named("Bob"), generation: 1 })));
    let new = helped(&mut table, &[bob, 2]);
    assert!(new.assess().approvals.iter().all(|line| line.verdict == Verdict::Good));
    assert!(restored(&table, &new).is_ok());
    // Nothing new is dealt as long as it is not clear who he is.
    let refused = table.with(0, |device, ctx| device.renew(None, ctx)).map(drop);
    assert_eq!(refused, Err(ProtectError::Moved(named("Bob"))));
}

#[test]
fn a_contact_whose_number_was_compared_takes_part_as_who_he_is_now() {
    let (mut table, bob) = bob_comes_back();
    let before = table.people[0].contact_named(&named("Bob")).unwrap().card.id();
    let held = table.people[bob].held_named(&named("Anna")).unwrap().clone();
    let number = table.with(bob, |device, ctx| device.number_with_owner(&held, ctx)).unwrap();
    let step = table.with(0, |d, ctx| d.verify(&named("Bob"), &number, ctx)).unwrap();
    table.put(step);
    let told = table.settle();
    let piece = Event::PieceHeld { contact: named("Bob"), generation: 1 };
    assert!(told.contains(&(0, piece)), "he is asked at once");
    let contact = table.people[0].contact_named(&named("Bob")).unwrap();
    assert_eq!((contact.verified, contact.card.id()), (true, table.id(bob)));
    let circle = table.people[0].vault().live().unwrap();
    assert!(circle.member(before).is_none() && circle.member(table.id(bob)).is_some());
    assert!(circle.policy.members().contains(&table.id(bob)));
    assert_eq!(table.people[bob].held()[0].known, None);
    let renewed = table.with(0, |device, ctx| device.renew(None, ctx)).unwrap();
    table.put(renewed.step);
    table.settle();
    // He holds pieces as two people, and gives both.
    let contacts: Vec<_> =
        table.people[bob].held()[0].bundles.iter().map(|b| b.contact()).collect();
    assert_eq!(contacts, [Some(before), Some(table.id(bob))]);
    let new = helped(&mut table, &[bob, 2]);
    assert_eq!(new.assess().approvals.len(), 3);
    assert!(new.assess().approvals.iter().all(|line| line.verdict == Verdict::Good));
    assert!(restored(&table, &new).is_ok());
    // What the thief of his old device says counts for nothing.
    table.now += 31 * DAY;
    let step = table.with(bob, |device, ctx| device.tidy(ctx));
    table.put(step);
    assert_eq!(table.people[bob].held()[0].bundles.len(), 1);
    let seeds = table.people[bob].vault().former.as_ref().unwrap().seeds.len();
    assert_eq!(seeds, 1, "two of his own contacts do not know him yet, or the seed would be gone");
}

#[test]
fn owner_and_contact_who_came_back_before_either_heard_find_each_other() {
    for bob_is_first in [true, false] {
        let mut table = Table::new(1, &NAMES);
        table.circle(0, 2, &[1, 2, 3]);
        table.circle(1, 2, &[4, 5]);
        if bob_is_first {
            bob_takes_over(&mut table);
        }
        let (anna, _) = come_back(&mut table, &[2, 3]);
        // The lost device is gone.
        table.people[0] = table.people.remove(anna);
        if !bob_is_first {
            bob_takes_over(&mut table);
        }
        table.settle();
        assert_eq!(standing(&table, 1), Standing::Claimed);
        let contact = table.people[0].contact_named(&named("Bob")).unwrap().clone();
        assert_eq!((contact.verified, contact.moves().len()), (false, 1));
        let anna_is_first = bob_is_first;
        if anna_is_first {
            anna_compares(&mut table);
        }
        verify(&mut table, 0, 1).unwrap();
        table.settle();
        if !anna_is_first {
            anna_compares(&mut table);
        }
        assert_eq!(anna_of(&table, 1), table.id(0));
        let contact = table.people[0].contact_named(&named("Bob")).unwrap();
        assert_eq!((contact.verified, contact.card.id()), (true, table.id(1)));
        // Bob's piece of the next generation counts as anybody's.
        let renewed = table.with(0, |device, ctx| device.renew(None, ctx)).unwrap();
        table.put(renewed.step);
        table.settle();
        assert!(table.people[0].vault().live().unwrap().held_by_all());
        let new = helped(&mut table, &[1, 2]);
        // As whom Bob held the former piece he holds none of the successor's, if Anna typed first: then it is
        // asked which of her two it is to be, for the 30 days that the former piece stays.
        let owner = table.id(0);
        assert_eq!(new.assess().complete(None).len(), if anna_is_first { 2 } else { 1 });
        assert_eq!(restored_of(&table, &new, owner).unwrap().id(), owner);
    }
}

/// Anna types Bob's number, and they know each other as who they are now.
fn anna_compares(table: &mut Table) {
    let held = table.people[1].held_named(&named("Anna")).unwrap().clone();
    let number = table.with(1, |device, ctx| device.number_with_owner(&held, ctx)).unwrap();
    let step = table.with(0, |d, ctx| d.verify(&named("Bob"), &number, ctx)).unwrap();
    table.put(step);
    table.settle();
}

#[test]
fn that_a_contact_moved_is_said_again_to_who_does_not_know() {
    let mut table = Table::new(1, &NAMES);
    table.circle(0, 2, &[1, 2, 3]);
    table.circle(1, 2, &[4, 5]);
    bob_takes_over(&mut table);
    // No word of it arrives.
    table.mail().clear();
    table.settle();
    let moves = |table: &Table| table.people[0].contact_named(&named("Bob")).unwrap().moves().len();
    assert_eq!(moves(&table), 0);
    for _ in 0..2 {
        let step = table.with(0, |device, ctx| device.check(ctx));
        table.put(step);
        table.settle();
        assert_eq!(moves(&table), 1);
    }
}
