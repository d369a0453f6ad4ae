//! Rehearsing: who can be reached and what opens, without a share leaving a device.

use crate::{DAY, octets, spoilt};
use recovery_core::{
    flows::{
        Event,
        approve::Tried,
        drill::{DrillError, Rehearsed},
        restore::Taken,
    },
    ids::DrillId,
    number::Number,
    testkit::table::{Table, named},
};

fn table() -> Table {
    let mut table = Table::new(1, &["Anna", "Bob", "Carol", "Dora"]);
    table.circle(0, 2, &[1, 2, 3]);
    table
}

fn begin(table: &mut Table) -> (DrillId, Number) {
    let (id, step) = table.with(0, |device, ctx| device.drill(|_| true, ctx)).unwrap();
    table.put(step);
    let told = table.settle();
    assert!(told.contains(&(1, Event::DrillAsked { owner: named("Anna"), drill: id })));
    let drill = table.people[0].drills().last().unwrap().clone();
    (id, table.context(|ctx| drill.number(ctx)).unwrap())
}

fn answer(
    table: &mut Table,
    who: usize,
    id: DrillId,
    number: &Number,
) -> Result<Tried, DrillError> {
    let (tried, step) = table.with(who, |device, ctx| device.answer_drill(id, number, ctx))?;
    table.put(step);
    Ok(tried)
}

/// Another number with a right check digit.
fn other(number: &Number) -> Number {
    let digits: u64 = number.digits().parse().unwrap();
    let near = (digits.saturating_sub(99)..digits + 99).filter(|other| *other != digits);
    near.filter_map(|other| format!("{other:015}").parse().ok()).next().unwrap()
}

#[test]
fn the_owner_learns_who_was_reached_and_what_opens() {
    let mut table = table();
    table.people[2] = spoilt(&table.people[2], "Anna");
    let (id, number) = begin(&mut table);
    assert_eq!(answer(&mut table, 1, id, &number), Ok(Tried::Right));
    assert_eq!(answer(&mut table, 2, id, &number), Ok(Tried::Right));
    for left in [2, 1] {
        let tried = answer(&mut table, 3, id, &other(&number));
        assert_eq!(tried, Ok(Tried::Wrong { tries_left: left }));
    }
    assert_eq!(answer(&mut table, 3, id, &other(&number)), Ok(Tried::Burnt));
    assert_eq!(answer(&mut table, 3, id, &number), Err(DrillError::Over));
    table.settle();
    let wanted = [(1, true, true), (2, false, true), (3, true, false)];
    let wanted = wanted.map(|(who, opened, number)| Rehearsed {
        contact: table.id(who),
        reached: Some(table.now),
        opened,
        number,
    });
    assert_eq!(table.people[0].drills()[0].contacts, wanted);
}

#[test]
fn a_rehearsal_is_of_no_use_in_a_recovery() {
    let mut table = table();
    let (id, number) = begin(&mut table);
    let mut new = table.ask("Anna");
    let mut letters = Vec::new();
    for who in 1..4 {
        answer(&mut table, who, id, &number).unwrap();
        letters.extend(table.mail().iter().map(|(_, body)| body.clone()));
    }
    // Neither as it is, nor if the relay hands it to a new device, nor sealed to that by the owner.
    for letter in &letters {
        assert_eq!(new.take(letter), Taken::Useless);
        let resealed = table.open_and_reseal(0, letter, &new);
        assert_eq!(new.take(&resealed), Taken::Useless);
        for who in 1..4 {
            let shares = &table.people[who].held()[0].bundles[0].pieces.shares;
            let opened = table.opened(0, letter);
            assert!(shares.iter().all(|share| {
                !opened.windows(share.expose().len()).any(|window| window == share.expose())
            }));
        }
    }
    assert!(new.assess().approvals.is_empty());
    // And its number is not the request's.
    assert_ne!(table.context(|ctx| new.number(ctx)).unwrap().digits(), number.digits());
}

#[test]
fn only_who_was_asked_in_time_can_answer_and_once() {
    let mut table = table();
    let nobody = table.with(0, |device, ctx| device.drill(|_| false, ctx).map(drop));
    assert_eq!(nobody, Err(DrillError::Nobody));
    let only_bob = table.with(0, |d, ctx| d.drill(|contact| contact.name == named("Bob"), ctx));
    let (id, step) = only_bob.unwrap();
    table.put(step);
    let question = table.mail()[0].clone();
    table.settle();
    let drill = table.people[0].drills()[0].clone();
    let number = table.context(|ctx| drill.number(ctx)).unwrap();
    assert_eq!(answer(&mut table, 2, id, &number), Err(DrillError::Unknown));
    answer(&mut table, 1, id, &number).unwrap();
    table.settle();
    // The question once more is no new one.
    let before = octets(&table.people[1]);
    table.mail().push(question);
    assert_eq!(table.settle(), []);
    assert_eq!(octets(&table.people[1]), before);
    let (late, number) = begin(&mut table);
    table.now += 14 * DAY;
    assert_eq!(answer(&mut table, 1, late, &number), Err(DrillError::Over));
}
