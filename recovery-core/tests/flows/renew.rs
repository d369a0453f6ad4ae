//! Renewing: at each point one whole generation opens the newest vault, and old and new never mix.

use crate::{DAY, octets};
use recovery_core::{
    circle::Stage,
    flows::{
        Event,
        protect::{Plan, ProtectError},
        request::NewDevice,
        restore::{Quorums, RestoreError, Restored},
    },
    policy::Policy,
    testkit::table::{Table, named},
    vault::Vault,
};

const NAMES: [&str; 5] = ["Anna", "Bob", "Carol", "Dora", "Emil"];

/// A new device that these friends help; it finds what the relay has.
fn help(table: &mut Table, friends: &[usize]) -> (NewDevice, Result<Restored, RestoreError>) {
    let anna = table.id(0);
    let mut new = table.ask("Anna");
    for friend in friends {
        table.approve(*friend, &new, anna);
    }
    table.collect(&mut new);
    let restored = Quorums::of(&new.assess(), anna).and_then(|quorums| {
        let found: Vec<_> =
            quorums.slots().iter().filter_map(|slot| table.at(slot).cloned()).collect();
        quorums.restore(None, &found).map(|(restored, _)| restored)
    });
    (new, restored)
}

fn stages(table: &Table) -> Vec<(u64, Stage)> {
    table.people[0].vault().circles.iter().map(|c| (c.generation, c.stage)).collect()
}

/// Starts a renewal whose pieces wait to be delivered.
fn renew(table: &mut Table) {
    let made = table.with(0, |device, ctx| device.renew(None, ctx)).unwrap();
    table.put(made.step);
    table.upload(0);
}

/// Delivers the first message that waits.
fn deliver_one(table: &mut Table) -> Vec<(usize, Event)> {
    let later: Vec<_> = table.mail().drain(1..).collect();
    // What answers it is delivered at once too; the rest waits.
    let told = table.settle();
    table.mail().extend(later);
    told
}

#[test]
fn one_whole_generation_opens_the_newest_vault_at_every_point() {
    let mut table = Table::new(1, &NAMES);
    table.circle(0, 2, &[1, 2, 3, 4]);
    renew(&mut table);
    assert_eq!(stages(&table), [(1, Stage::Live), (2, Stage::Pending)]);
    assert_eq!(table.people[0].places().len(), 2);
    let mut retired = false;
    for delivered in 0..=4 {
        let now = table.now;
        let label = named(&format!("entry {delivered}"));
        table.people[0].add(label.clone(), b"new", now).unwrap();
        table.upload(0);
        let mail = std::mem::take(table.mail());
        for friends in [[1, 2], [1, 4], [3, 4]] {
            let (_, restored) = help(&mut table, &friends);
            let restored = restored.unwrap();
            assert!(restored.device.vault().entry(&label).is_ok(), "{delivered}");
            assert_eq!(restored.rollback, None, "{delivered}");
        }
        *table.mail() = mail;
        let wanted = match delivered {
            0..=2 => vec![(1, Stage::Live), (2, Stage::Pending)],
            3 => vec![(1, Stage::Superseded), (2, Stage::Live)],
            _ => vec![(2, Stage::Live)],
        };
        assert_eq!(stages(&table), wanted, "{delivered}");
        if delivered < 4 {
            let told = deliver_one(&mut table);
            retired |= told.contains(&(0, Event::CircleRetired { generation: 1 }));
        }
    }
    assert!(retired);
    assert_eq!(table.people[0].places().len(), 1);
}

#[test]
fn the_old_key_opens_nothing_of_the_new() {
    let mut table = Table::new(2, &NAMES);
    table.circle(0, 2, &[1, 2, 3]);
    let old = table.people[0].places().remove(0);
    let under_old =
        |table: &mut Table| table.with(0, |device, ctx| device.container(&old, ctx)).unwrap();
    let before = under_old(&mut table);
    renew(&mut table);
    let device = &table.people[0];
    let root = device.vault().circles[1].root.clone().unwrap();
    let current = device.open_container(&before).unwrap();
    assert_eq!(current.circles.len(), 1);
    // What goes to the old place knows nothing of the new key; what goes to the new one knows both.
    let place = device.places()[1].clone();
    let new = table.with(0, |device, ctx| device.container(&place, ctx)).unwrap();
    let seen = Vault::open(&root.key, &new).unwrap();
    let stage: Vec<_> = seen.circles.iter().map(|c| (c.stage, c.root.is_some())).collect();
    assert_eq!(stage, [(Stage::Superseded, true), (Stage::Live, false)]);
    assert!(Vault::open(&root.key, &before).is_err());
    let while_pending = under_old(&mut table);
    let seen = table.people[0].open_container(&while_pending).unwrap();
    assert_eq!((seen.circles.len(), seen.generation), (1, 2));
    // Afterwards there is nothing left at the old place.
    table.settle();
    assert_eq!(stages(&table), [(2, Stage::Live)]);
    let relay = &table.people[0].relays()[0].clone();
    let slot = recovery_core::address::SlotAddress {
        relay: relay.clone(),
        id: old.slot.slot(relay.as_str()).id(),
    };
    assert_eq!(table.at(&slot), None);
}

#[test]
fn a_removed_contact_helps_nobody_after_renewal() {
    let mut table = Table::new(3, &NAMES);
    table.circle(0, 2, &[1, 2, 3]);
    let now = table.now;
    table.people[0].remove_contact(&named("Dora"), now).unwrap();
    renew(&mut table);
    let told = table.settle();
    let forgotten = |who: &str| Event::PieceForgotten {
        contact: named(who),
        generation: 1,
        at: table.now + 30 * DAY,
    };
    for who in ["Bob", "Carol", "Dora"] {
        assert!(told.contains(&(0, forgotten(who))), "{who}");
    }
    table.people[0].add(named("later"), b"secret", now).unwrap();
    table.settle();
    // With one of the others, the old pieces still fit together, but nothing that is newer opens.
    let (new, restored) = help(&mut table, &[3, 1]);
    assert_eq!(new.assess().complete(None)[0].generation, 1);
    let restored = restored.unwrap();
    assert!(restored.rollback.is_some());
    assert!(restored.device.vault().entry(&named("later")).is_err());
    // A piece of each generation is one piece of each.
    table.now += 31 * DAY;
    for who in 1..4 {
        let step = table.with(who, |device, ctx| device.tidy(ctx));
        table.put(step);
    }
    assert_eq!(table.people[3].held()[0].bundles.len(), 0);
    let anna = table.id(0);
    let new = table.ask("Anna");
    let link = new.link(true);
    assert!(table.open(3, &link, anna).is_err());
    let (_, restored) = help(&mut table, &[1, 2]);
    assert!(restored.unwrap().device.vault().entry(&named("later")).is_ok());
}

#[test]
fn the_owner_can_end_a_renewal_by_choice() {
    let mut table = Table::new(4, &NAMES);
    table.circle(0, 2, &[1, 2, 3, 4]);
    let nothing = table.with(0, |device, ctx| device.finish_renewal(ctx).map(drop));
    assert_eq!(nothing, Ok(()));
    renew(&mut table);
    deliver_one(&mut table);
    let before = octets(&table.people[0]);
    let few = table.with(0, |device, ctx| device.finish_renewal(ctx).map(drop));
    assert_eq!(few, Err(ProtectError::TooFewProofs));
    assert_eq!(octets(&table.people[0]), before);
    deliver_one(&mut table);
    let step = table.with(0, |device, ctx| device.finish_renewal(ctx)).unwrap();
    assert!(table.put(step).contains(&Event::CircleRetired { generation: 1 }));
    assert_eq!(stages(&table), [(2, Stage::Live)]);
}

#[test]
fn a_renewal_that_never_counted_is_replaced() {
    let mut table = Table::new(5, &NAMES);
    table.circle(0, 2, &[1, 2, 3]);
    for generation in 2..5 {
        renew(&mut table);
        table.mail().clear();
        let wanted = [(1, Stage::Live), (generation, Stage::Pending)];
        assert_eq!(stages(&table), wanted);
        assert_eq!(help(&mut table, &[1, 2]).1.unwrap().generation, 1);
        table.mail().clear();
    }
    renew(&mut table);
    table.settle();
    assert_eq!(stages(&table), [(5, Stage::Live)]);
}

#[test]
fn a_passphrase_does_not_get_lost_in_a_renewal() {
    let mut table = Table::new(6, &NAMES[..3]);
    (1..3).for_each(|friend| table.pair(0, friend));
    let nothing = table.with(0, |device, ctx| device.renew(None, ctx).map(drop));
    assert_eq!(nothing, Err(ProtectError::NothingToRenew));
    table.protect(0, 2, &[1, 2], Some("open sesame"));
    table.settle();
    let refused = table.with(0, |device, ctx| device.renew(None, ctx).map(drop));
    assert_eq!(refused, Err(ProtectError::PassphraseNeeded));
    assert!(table.with(0, |device, ctx| device.renew(Some("other"), ctx)).is_ok());
}

#[test]
fn who_left_is_not_dealt_to() {
    let mut table = Table::new(7, &NAMES[..4]);
    table.circle(0, 2, &[1, 2, 3]);
    let anna = table.id(0);
    let step = table.with(3, |device, ctx| device.leave(anna, ctx)).unwrap();
    table.put(step);
    let told = table.settle();
    let left = Event::ContactLeft { contact: named("Dora"), made: table.now };
    assert!(told.contains(&(0, left)));
    assert!(table.people[3].held().is_empty());
    let everybody = Policy::any(2, (1..4).map(|who| table.id(who)).collect()).unwrap();
    let refused = table.with(0, |device, ctx| device.protect(Plan::from(everybody), ctx).map(drop));
    assert_eq!(refused, Err(ProtectError::Left(named("Dora"))));
    renew(&mut table);
    assert_eq!(table.people[0].vault().circles[1].members.len(), 2);
    // Without one more of them, nobody could follow the plan.
    let step = table.with(2, |device, ctx| device.leave(anna, ctx)).unwrap();
    table.put(step);
    table.settle();
    let refused = table.with(0, |device, ctx| device.renew(None, ctx).map(drop));
    assert!(matches!(refused, Err(ProtectError::Policy(_))));
}
