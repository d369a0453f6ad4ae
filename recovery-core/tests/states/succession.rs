//! An owner on the device of a friend whose piece is theirs: which identity counts, before and after new devices
//! take over.

use super::rows;
use recovery_core::{
    circle::{OpenedState, Standing},
    flows::{pair::PairError, restore::Quorums},
    testkit::table::{Table, named},
};

/// How an owner can stand with a friend.
const STATES: [&str; 4] = ["current", "claimed", "contested", "succeeded"];

/// What can happen.
const ACTS: [&str; 8] = [
    "a new device that the friend approved takes over",
    "a new device that the friend did not approve takes over",
    "friend types the new device's number",
    "friend types another number",
    "the lost device deals a piece",
    "the lost device asks for a proof",
    "the lost device stops a recovery",
    "the new device deals a piece",
];

/// The friend in question; two others always approve.
const FRIEND: usize = 3;

/// Anna's key with 2 of 4, her lost device in somebody's hands, and her new devices.
struct Case {
    table: Table,
    new: Vec<usize>,
}

fn case(state: &str) -> Case {
    let mut table = Table::new(3, &["Anna", "Bob", "Carol", "Dora", "Emil"]);
    table.circle(0, 2, &[1, 2, 3, 4]);
    let mut case = Case { table, new: Vec::new() };
    match state {
        "current" => {}
        "claimed" => case.take_over(&[1, 2]),
        "contested" => (0..2).for_each(|_| case.take_over(&[1, 2])),
        _ => case.take_over(&[1, 2, FRIEND]),
    }
    assert_eq!(case.state(), state);
    case
}

impl Case {
    fn state(&self) -> &'static str {
        let held = self.table.people[FRIEND].held_named(&named("Anna")).unwrap();
        match held.standing() {
            Standing::Claimed => "claimed",
            Standing::Contested => "contested",
            Standing::Current if held.card.id() == self.table.id(0) => "current",
            Standing::Current => "succeeded",
        }
    }

    /// A new device comes back with the help of these friends, and takes over.
    fn take_over(&mut self, friends: &[usize]) {
        let table = &mut self.table;
        let mut new = table.ask("Anna");
        for friend in friends {
            let owner = table.people[*friend].held_named(&named("Anna")).unwrap().card.id();
            table.approve(*friend, &new, owner);
        }
        table.collect(&mut new);
        let assessment = new.assess();
        let owner = assessment.complete(None)[0].owner.id();
        let quorums = Quorums::of(&assessment, owner).unwrap();
        let found: Vec<_> = quorums.slots().iter().filter_map(|s| table.at(s).cloned()).collect();
        let mut device = quorums.restore(None, &found).unwrap().0.device;
        let taken = table.context(|ctx| device.take_over(&new, None, ctx));
        table.people.push(device);
        self.new.push(table.people.len() - 1);
        table.upload(table.people.len() - 1);
        table.put(taken.step);
        table.settle();
    }

    /// Types the number that Dora and the first new device would both see, or one that is nobody's.
    fn compare(&mut self, right: bool) -> Option<&'static str> {
        let table = &mut self.table;
        let shown = if right { *self.new.first()? } else { 0 };
        let friend = if right { "Dora" } else { "Emil" };
        let contact = table.people[shown].contact_named(&named(friend)).unwrap().clone();
        let number = table
            .with(shown, |device, ctx| device.number_with_contact(&contact, &contact.card, ctx))
            .unwrap();
        let done = table.with(FRIEND, |d, ctx| d.verify(&named("Anna"), &number, ctx));
        let refused = match done {
            Ok(step) => {
                table.put(step);
                None
            }
            Err(error) => {
                assert_eq!(error, PairError::WrongNumber);
                Some("*wrong number*")
            }
        };
        table.settle();
        refused
    }

    /// Whether a piece that this device deals is kept.
    fn deal(&mut self, owner: usize) -> &'static str {
        let made = self.table.with(owner, |device, ctx| device.renew(None, ctx)).unwrap();
        self.table.put(made.step);
        self.table.settle();
        let held = self.table.people[FRIEND].held_named(&named("Anna")).unwrap();
        if held.bundles.iter().any(|bundle| bundle.circle == made.circle) { "kept" } else { "·" }
    }

    /// Whether the friend answers the lost device.
    fn check(&mut self) -> &'static str {
        self.table.now += 1;
        let step = self.table.with(0, |device, ctx| device.check(ctx));
        self.table.put(step);
        self.table.settle();
        let circle = &self.table.people[0].vault().circles[0];
        let member = circle.member(self.table.id(FRIEND)).unwrap();
        if member.proved == Some(self.table.now) { "proved" } else { "·" }
    }

    /// Whether a request that the friend has open is closed by the lost device, which hears of it from a friend
    /// who knows nobody else.
    fn stop(&mut self) -> &'static str {
        let table = &mut self.table;
        let new = table.ask("Anna");
        for friend in [FRIEND, 4] {
            let owner = table.people[friend].held_named(&named("Anna")).unwrap().card.id();
            table.open(friend, &new.link(false), owner).unwrap();
        }
        table.settle();
        let step = table.with(0, |device, ctx| device.veto(new.id(), ctx)).unwrap();
        table.put(step);
        table.settle();
        let opened = table.people[FRIEND].opened().iter().find(|opened| opened.id == new.id());
        if opened.unwrap().state == OpenedState::Vetoed { "stopped" } else { "·" }
    }
}

fn outcome(before: &str, act: &str) -> String {
    let mut case = case(before);
    let done = match act {
        "a new device that the friend approved takes over" => {
            case.take_over(&[1, 2, FRIEND]);
            None
        }
        "a new device that the friend did not approve takes over" => {
            case.take_over(&[1, 2]);
            None
        }
        "friend types the new device's number" => case.compare(true),
        "friend types another number" => case.compare(false),
        "the lost device deals a piece" => Some(case.deal(0)),
        "the lost device asks for a proof" => Some(case.check()),
        "the lost device stops a recovery" => Some(case.stop()),
        _ => case.new.first().copied().map(|new| case.deal(new)),
    };
    match (done, case.state()) {
        (Some(done), after) if after == before => done.to_owned(),
        (_, after) if after == before => "·".to_owned(),
        (_, after) => format!("**{after}**"),
    }
}

pub(super) fn page() -> String {
    rows(&STATES, &ACTS, outcome)
}
