//! A friend decides: approves, perhaps after a delay, or declines.

use super::{
    asking::Asking,
    faults::Fault,
    holding::{Hold, Wait},
    host::Lasting,
    ledger::{Expected, Gift},
    lines::Line,
    newcomer::Kind,
    relay::hash,
    table::named,
    world::{Chapter, HOUR, Task, World},
};
use crate::{
    circle::{HeldBack, Opened, OpenedState},
    flows::{
        Delivery, Step,
        approve::{ApproveError, Consent, Sent},
        restore::Verdict,
    },
    ids::RequestId,
    wire::{
        link::Link,
        messages::{HoldBy, Newest},
    },
};

/// What a friend's approval must come to, known before it is given.
#[derive(Clone, Copy)]
struct Before {
    friend: usize,
    at: usize,
    held: Option<HeldBack>,
    /// It was released once.
    released: bool,
    hold: Option<Hold>,
    overrides: bool,
}

impl World {
    /// What a friend's device knows of a new device's request.
    pub(super) fn opened(&self, friend: usize, at: usize) -> Option<&Opened> {
        let id = self.request_of(friend, at);
        self.people[friend].state.opened().iter().find(|opened| opened.id == id)
    }

    /// The code on a new device's screen, as it is read.
    fn scan(&mut self, at: usize) -> Option<Link> {
        let code = self.newcomers[at].host.state.link(true).expose().parse::<Link>();
        if code.is_err() {
            self.ledger.fail("a code does not parse");
        }
        code.ok()
    }

    /// Without the right number and the code off the screen there is no approval.
    fn try_unchecked(&mut self, friend: usize, at: usize) {
        let (id, sent) = (self.request_of(friend, at), self.newcomers[at].host.state.link(false));
        for (code, overrides) in [(None, false), (Some(&sent), false), (Some(&sent), true)] {
            let before = self.people[friend].state.pack();
            let consent = Consent { scanned: code, overrides, ..Consent::default() };
            let approved = self.act(friend, |device, ctx| device.approve(id, consent, ctx));
            self.ledger.ensure(approved.is_err(), || "approved without a check".to_owned());
            self.unchanged(friend, &before, "approve");
        }
    }

    /// Why nothing can be done about a request on this device any more.
    pub(super) fn check_error(&mut self, friend: usize, at: usize, error: &ApproveError) {
        let state = self.opened(friend, at).map(|opened| opened.state);
        let unchecked = self.opened(friend, at).is_some_and(|opened| !opened.checked);
        let fine = match error {
            ApproveError::AlreadyApproved => state == Some(OpenedState::Approved),
            ApproveError::AlreadyDeclined => state == Some(OpenedState::Declined),
            ApproveError::Burnt => state == Some(OpenedState::Burnt),
            ApproveError::Cancelled => state == Some(OpenedState::Cancelled),
            ApproveError::Vetoed => state == Some(OpenedState::Vetoed),
            ApproveError::Impostor => state == Some(OpenedState::Impostor),
            ApproveError::Expired => self.chapter >= Chapter::Ask,
            ApproveError::Unchecked => unchecked,
            ApproveError::NotHeld => self.gifts(friend).is_empty(),
            ApproveError::NotScanned => self.newcomers[at].exchanged,
            _ => false,
        };
        self.ledger.ensure(fine, || format!("{friend}, {state:?}: {error}"));
    }

    pub(super) fn decide(&mut self, friend: usize, at: usize) {
        if self.opened(friend, at).is_none() {
            return;
        }
        self.heed(friend, at);
        let new = &self.newcomers[at];
        let believed = new.kind != Kind::Impostor && !new.cancelled;
        let last = new.kind == Kind::Last;
        let willing = self.plan.willing.contains(&friend) && believed;
        let vetoed = self.opened(friend, at).is_some_and(|o| o.state == OpenedState::Vetoed);
        if willing && self.dice.chance(if vetoed { 600 } else { 50 }) {
            // They meet: it was the owner's mistake.
            self.approve(friend, at, true);
        } else if willing && (last || !self.hit(Fault::Decline)) {
            self.approve(friend, at, false);
        } else {
            match self.dice.below(8) {
                0..=2 => self.decline(friend, at),
                3 | 4 => self.report(friend, at),
                _ => {}
            }
        }
    }

    fn approve(&mut self, friend: usize, at: usize, overrides: bool) {
        let id = self.request_of(friend, at);
        let opened = self.opened(friend, at);
        let (checked, held) = opened.map_or((false, None), |o| (o.checked, o.held));
        let released = opened.is_some_and(|opened| opened.released);
        // Who went against a stop and approves again goes against it again.
        let vetoed = opened.is_some_and(|o| o.state == OpenedState::Vetoed || o.overrode);
        let before = self.people[friend].state.pack();
        let hold = self.hold_of(friend, at);
        // Without a stop there is nothing to override, and no way around the delay.
        let goes_against = overrides && vetoed;
        let expected = Before { friend, at, held, released, hold, overrides: goes_against };
        // Who did not type the number meets the owner and reads the code off the screen.
        let code = if checked && !overrides { None } else { self.scan(at) };
        if !checked {
            self.try_unchecked(friend, at);
        }
        let consent = Consent { scanned: code.as_ref(), overrides, ..Consent::default() };
        match self.act(friend, |device, ctx| device.approve(id, consent, ctx)) {
            Ok(sent) => {
                self.ledger.checked.insert((friend, id));
                self.ledger.approved.insert((self.ids[friend], id));
                if goes_against {
                    self.ledger.holding.overridden.insert((friend, id));
                    self.ledger.did("override");
                }
                if !released {
                    self.ledger.obeys(friend, id);
                }
                self.approved_now(expected, sent);
            }
            Err(error) => {
                self.unchanged(friend, &before, "approve");
                self.check_error(friend, at, &error);
            }
        }
    }

    /// An approval: at once, or after the delay that the owner set.
    fn approved_now(&mut self, expected: Before, sent: Sent) {
        let Before { friend, at, held, released, hold, overrides } = expected;
        let (now, request) = (self.clock_of(friend), self.request_of(friend, at));
        let waits = held.filter(|held| now < held.due);
        let hold = hold.filter(|hold| hold.delay > 0 && held.is_none() && !released && !overrides);
        let outside = &sent.to_requester.outbox;
        let (wanted, said) = match (waits, hold) {
            (Some(held), _) => (Some(held.due), outside.is_empty()),
            (None, Some(hold)) => (Some(now.saturating_add(hold.delay)), !outside.is_empty()),
            (None, None) => (None, !outside.is_empty()),
        };
        let fine = said && sent.release_at == wanted && sent.message.is_none() == wanted.is_some();
        let got = sent.release_at;
        self.ledger.ensure(fine, || format!("{friend}: released at {got:?}, not {wanted:?}"));
        if let (None, Some(hold), Some(due)) = (waits, hold, wanted) {
            self.held_back((friend, request), hold, due, &sent.to_requester);
        } else if let Some(message) = &sent.message {
            let approval = self.approval_of(friend, request, overrides);
            self.ledger.letters.insert(hash(message), approval);
        }
        let waits = sent.release_at.is_some();
        if self.sent(friend, at, sent) && waits && !self.faults.calm() && self.dice.chance(250) {
            self.asking(HOUR, 3 * 24 * HOUR, Asking::Rethink { friend, at });
        }
    }

    /// Notes what is held back, and the word of it that goes at once.
    fn held_back(
        &mut self,
        (friend, request): (usize, RequestId),
        hold: Hold,
        due: u64,
        step: &Step,
    ) {
        let until = self.now.saturating_add(hold.delay);
        let Hold { by, circle, .. } = hold;
        let approval = self.approval_of(friend, request, false);
        let wait = Some(Wait { until, by, friend, circle });
        let held = Expected { wait, ..approval.clone() };
        let line =
            approval.assessed.map(|line| Line { verdict: Verdict::Held { until: due }, ..line });
        let word = Expected { request, assessed: line, gifts: Vec::new(), told: None, wait: None };
        let mut relays = 0;
        for delivery in &step.outbox {
            match delivery {
                Delivery::Post { body, .. } => {
                    self.ledger.letters.insert(hash(body), word.clone());
                }
                Delivery::PostHeld { body, delay, .. } => {
                    relays += 1;
                    let fine = *delay == hold.delay;
                    self.ledger.ensure(fine, || format!("{friend}: held for {delay}"));
                    self.ledger.letters.insert(hash(body), held.clone());
                }
                _ => {}
            }
        }
        if by == HoldBy::Contacts {
            // Not a second early, and no later than it is due if the device is on.
            self.at(until - 1, Task::Look(friend));
            self.at(until, Task::Look(friend));
        }
        let fine = (relays > 0) == (by == HoldBy::Relay);
        self.ledger.ensure(fine, || format!("{friend}: {relays} relays hold it, {by:?}"));
        self.ledger.did("hold");
    }

    /// What an approval of a friend's must be taken for.
    pub(super) fn approval_of(
        &self,
        friend: usize,
        request: RequestId,
        overrides: bool,
    ) -> Expected {
        let gifts = self.gifts(friend);
        let name = Some(self.people[friend].state.name().clone());
        let (from, owner) = (Some(self.ids[friend]), gifts.last().map(|(owner, ..)| *owner));
        let line = match gifts.is_empty() {
            // All of it was deleted meanwhile.
            true => Line::unknown(Verdict::Bad("it holds no piece")),
            false => Line { name, verdict: Verdict::Good, from, owner, overrides: false },
        };
        let assessed = Some(Line { overrides, ..line });
        let newest = self.held(friend).and_then(|held| held.newest.as_ref());
        let told = newest
            .and_then(|newest| Some((newest.sender, newest.peek::<Newest>().ok()?.vault_version)));
        Expected { request, assessed, gifts, told, wait: None }
    }

    pub(super) fn decline(&mut self, friend: usize, at: usize) {
        let id = self.request_of(friend, at);
        let before = self.people[friend].state.pack();
        let waited = self.opened(friend, at).is_some_and(|opened| opened.held.is_some());
        let reason = Some(named("I don't think so"));
        match self.act(friend, |device, ctx| device.decline(id, reason, ctx)) {
            Ok(sent) => {
                if waited {
                    self.ledger.did("withdraw");
                }
                let (heard, typed) = (sent.message.is_some(), (friend, id));
                let fine = heard == self.ledger.typed.contains(&typed);
                self.ledger.ensure(fine, || "the wrong people heard of an answer".to_owned());
                if let Some(message) = &sent.message {
                    let mut no = self.approval_of(friend, id, false);
                    no.told = None;
                    let bundles = !std::mem::take(&mut no.gifts).is_empty();
                    let verdict = Verdict::Declined;
                    let line = no.assessed.filter(|_| bundles);
                    let line = line.map_or(Line::unknown(verdict), |line| Line { verdict, ..line });
                    no.assessed = Some(line);
                    self.ledger.letters.insert(hash(message), no);
                }
                self.sent(friend, at, sent);
            }
            Err(error) => {
                self.unchanged(friend, &before, "decline");
                self.check_error(friend, at, &error);
            }
        }
    }

    /// Sends a friend's answer. True if it was written.
    fn sent(&mut self, friend: usize, at: usize, sent: Sent) -> bool {
        let mut step = sent.to_requester;
        step.then(sent.to_owner);
        let lasts = self.commit(friend, step);
        if !lasts || self.dice.chance(200) {
            // Once more, or on second thoughts.
            self.asking(60, HOUR, Asking::Decide { friend, at });
        }
        lasts
    }

    /// The shares of the owner's circles that a contact has now.
    pub(super) fn gifts(&self, friend: usize) -> Vec<Gift> {
        let (owner, me) = (self.owner(), self.ids[friend]);
        let bundles = self.held(friend).into_iter().flat_map(|held| &held.bundles);
        let of = |circle| self.ledger.circles.get(&circle).map_or(owner, |truth| truth.owner);
        bundles.map(|bundle| (of(bundle.circle), bundle.circle, me)).collect()
    }
}
