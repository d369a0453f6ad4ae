//! What is held back, by whom, until when, and what stops it: the invariants of delays and stops.

use super::{
    ledger::Ledger,
    relay::{Body, Hash},
    world::World,
};
use crate::{
    circle::{Opened, OpenedState},
    ids::{Base, CircleId, MailboxId, RequestId},
    wire::messages::HoldBy,
};
use std::collections::{BTreeMap, BTreeSet};

/// An honest contact's approval that must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// Nobody may see it before.
    pub(super) until: u64,
    pub(super) by: HoldBy,
    pub(super) friend: usize,
    /// The circle whose hold it is under.
    pub(super) circle: CircleId,
}

/// What a contact's newest word says of holding back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    pub(super) delay: u64,
    pub(super) by: HoldBy,
    pub(super) circle: CircleId,
}

/// Who heard of stops, and which messages wait.
#[derive(Default)]
pub(super) struct Holding {
    /// Until when a relay said to hold a message.
    dues: BTreeMap<(usize, Hash), u64>,
    /// When a relay heard the owner's stop of a request, for the holds of a circle.
    stopped: BTreeMap<(usize, RequestId, CircleId), u64>,
    /// When a relay heard that a friend takes an approval back.
    withdrawn: BTreeMap<(usize, RequestId, usize), u64>,
    states: BTreeMap<(usize, RequestId), Opened>,
    /// Stops that a friend who met the person went against.
    pub(super) overridden: BTreeSet<(usize, RequestId)>,
    /// Friends whose devices heard the owner's stop of a request before an approval was out.
    pub(super) heard: BTreeSet<(usize, RequestId)>,
    /// Who said which request is an impostor's.
    pub(super) reported: BTreeSet<(usize, RequestId)>,
}

impl Ledger {
    /// Where a request stands on a friend's device, whose clock shows `now`: what is final stays.
    pub(super) fn stands(&mut self, who: usize, opened: &Opened, now: u64) {
        let key = (who, opened.id);
        let Some(known) = self.holding.states.insert(key, opened.clone()) else { return };
        let (before, held) = (known.state, known.held);
        // What a relay held was dropped there, however late the friend's device hears of it.
        let dropped = held.is_some_and(|held| held.by == HoldBy::Relay);
        let fine = match (before, opened.state) {
            (one, other) if one == other => true,
            (OpenedState::Open, _) => true,
            (OpenedState::Approved, OpenedState::Vetoed) => dropped || !known.is_out(now),
            (
                OpenedState::Approved,
                OpenedState::Declined | OpenedState::Cancelled | OpenedState::Impostor,
            ) => !known.is_out(now),
            (OpenedState::Vetoed, OpenedState::Approved) => self.holding.overridden.contains(&key),
            _ => false,
        };
        let state = opened.state;
        self.ensure(fine, || format!("{who}: {before:?} became {state:?}, held {held:?}"));
    }

    /// A friend's device, whose clock shows `now`, heard the owner's stop of a request.
    pub(super) fn heard_stop(&mut self, who: usize, request: RequestId, now: u64) {
        let known = self.holding.states.get(&(who, request));
        if !known.is_some_and(|opened| opened.is_out(now)) {
            self.holding.heard.insert((who, request));
        }
    }

    /// Once a stop was heard in time, only who meets the person approves.
    pub(super) fn obeys(&mut self, who: usize, request: RequestId) {
        let key = (who, request);
        let holding = &self.holding;
        let fine = !holding.heard.contains(&key) || holding.overridden.contains(&key);
        self.ensure(fine, || format!("{who} approves in spite of a stop"));
    }

    /// A relay was asked to hold a message.
    pub(super) fn is_held_until(&mut self, relay: usize, body: &Body, due: u64) {
        self.holding.dues.entry((relay, body.hash)).or_insert(due);
    }

    /// An approval that had to wait is there.
    pub(super) fn came_in_time(&mut self, relay: usize, honest: bool, body: &Body, now: u64) {
        let Some(letter) = self.letters.get(&body.hash) else { return };
        let (request, Some(wait)) = (letter.request, letter.wait) else { return };
        let Wait { until, by, friend, circle } = wait;
        let held = by == HoldBy::Relay;
        if held && !honest {
            return;
        }
        self.ensure(now >= until, || format!("{friend}'s approval came {} early", until - now));
        let Some(due) = self.holding.dues.get(&(relay, body.hash)).copied() else { return };
        let stopped = self.holding.stopped.get(&(relay, request, circle));
        let withdrawn = self.holding.withdrawn.get(&(relay, request, friend));
        let before = |when: Option<&u64>| when.is_some_and(|when| *when < due);
        let fine = !before(stopped) && !before(withdrawn);
        self.ensure(!held || fine, || format!("{friend}'s approval came in spite of a stop"));
    }
}

impl World {
    /// A relay heard a stop, from the owner or from a friend.
    pub(super) fn relay_heard(&mut self, who: usize, relay: usize, hold: &Base, at: MailboxId) {
        let here = |new: &super::newcomer::Newcomer| {
            let mut addresses = new.host.state.session().addresses().into_iter();
            addresses.any(|address| address.id == at)
        };
        let Some(new) = self.newcomers.iter().find(|new| here(new)) else { return };
        let (request, now) = (new.host.state.id(), self.now);
        let holding = &mut self.ledger.holding;
        if who != 0 {
            holding.withdrawn.entry((relay, request, who)).or_insert(now);
            return;
        }
        let circle = self.ledger.circles.iter().find(|(_, truth)| truth.holds == *hold);
        if let Some((circle, _)) = circle {
            holding.stopped.entry((relay, request, *circle)).or_insert(now);
        }
    }

    /// How a contact's approval must be held back for a new device: as the newest pieces say that were
    /// not superseded.
    pub(super) fn hold_of(&self, friend: usize, at: usize) -> Option<Hold> {
        let held = self.held(friend)?;
        let current = held.bundles.iter().rev().find(|bundle| bundle.until.is_none());
        let circle = current.or(held.bundles.last())?.circle;
        let truth = self.ledger.circles.get(&circle)?;
        let session = &self.newcomers[at].host.state.session().relays;
        let counts = truth.hold_relays.iter().any(|relay| session.contains(relay));
        let by = if counts { truth.hold_by } else { HoldBy::Contacts };
        Some(Hold { delay: truth.delay, by, circle })
    }

    /// What a new device shows as the time.
    pub(super) fn clock_of_new(&self, at: usize) -> u64 {
        self.now.saturating_add_signed(self.newcomers[at].host.skew)
    }

    /// What a friend's device shows as the time.
    pub(super) fn clock_of(&self, who: usize) -> u64 {
        self.now.saturating_add_signed(self.people[who].skew)
    }

    /// An approval that a contact held back itself is released: it must still be one.
    pub(super) fn is_released(&mut self, friend: usize, request: RequestId) {
        self.ledger.obeys(friend, request);
        let known = self.ledger.holding.states.get(&(friend, request));
        let known = known.map(|opened| (opened.state, opened.held));
        let now = self.clock_of(friend);
        let fine = known.is_some_and(|(state, held)| {
            let due = held.is_some_and(|held| held.by == HoldBy::Contacts && held.due <= now);
            state == OpenedState::Approved && due
        });
        self.ledger.ensure(fine, || format!("{friend} released what stood at {known:?}"));
    }
}
