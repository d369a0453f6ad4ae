//! What friends do besides: they warn each other, think again, and leave.

use super::{
    asking::Asking,
    faults::Fault,
    host::Lasting,
    newcomer::Kind,
    table::named,
    world::{HOUR, Who, World},
};
use crate::{circle::OpenedState, flows::Delivery};

impl World {
    /// A friend looks whether others warn of a request. What it hears is what somebody else said.
    pub(super) fn heed(&mut self, friend: usize, at: usize) {
        let id = self.request_of(friend, at);
        let slots = self.people[friend].state.alarm_slots(id);
        let me = Who::Person(friend);
        let found: Vec<Vec<u8>> = slots.iter().filter_map(|slot| self.look(me, slot)).collect();
        let before = self.opened(friend, at).map_or(0, |opened| opened.alarms.len());
        self.act(friend, |device, _| device.hear_alarms(id, &found));
        let Some(opened) = self.opened(friend, at) else { return };
        let (state, warnings) = (opened.state, opened.alarms.len());
        // A relay can show a friend their own warning, but it can't make up any.
        let others = self.ledger.holding.reported.iter();
        let others = others.filter(|(_, request)| *request == id).count();
        let fine = warnings <= others;
        self.ledger.ensure(fine, || format!("{friend} hears {warnings} warnings of {others}"));
        if warnings > before {
            let known = self.commit(friend, crate::flows::Step::default());
            let after = self.opened(friend, at).map(|opened| opened.state);
            self.ledger.ensure(!known || after == Some(state), || "a warning decides".to_owned());
            self.ledger.did("warned");
        }
    }

    /// A friend whose approval is held back takes it back, or says that it was an impostor.
    pub(super) fn rethink(&mut self, friend: usize, at: usize) {
        let now = self.clock_of(friend);
        let opened = self.opened(friend, at);
        let waits = opened.and_then(|opened| opened.held).is_some_and(|held| now < held.due);
        if !waits {
            return;
        }
        match self.dice.chance(600) {
            true => self.decline(friend, at),
            false => self.report(friend, at),
        }
    }

    /// A friend says that somebody is not who they say: the requester hears nothing of it.
    pub(super) fn report(&mut self, friend: usize, at: usize) {
        let Some(opened) = self.opened(friend, at) else { return };
        let (id, state, out) = (opened.id, opened.state, opened.is_out(self.clock_of(friend)));
        if self.newcomers[at].kind == Kind::Last {
            return;
        }
        let before = self.people[friend].state.pack();
        let reason = Some(named("another voice"));
        let reported = self.act(friend, |device, ctx| device.report_impostor(id, reason, ctx));
        match reported {
            Ok(step) => {
                let fine = state != OpenedState::Approved || !out;
                self.ledger.ensure(fine, || "what is out was taken back".to_owned());
                let session = self.sessions();
                let silent = step.outbox.iter().all(|delivery| match delivery {
                    Delivery::Post { to, .. } | Delivery::PostHeld { to, .. } => {
                        !session.contains(to)
                    }
                    _ => true,
                });
                self.ledger.ensure(silent, || "an impostor hears of a report".to_owned());
                self.ledger.holding.reported.insert((friend, id));
                self.ledger.did("report");
                if !self.commit(friend, step) || self.dice.chance(100) {
                    self.asking(HOUR, 6 * HOUR, Asking::Report { friend, at });
                }
            }
            Err(error) => {
                self.unchanged(friend, &before, "report_impostor");
                self.check_error(friend, at, &error);
            }
        }
    }

    /// A contact lets go of what it holds for the owner.
    pub(super) fn leave(&mut self, friend: usize) {
        let owner = self.known_as(friend);
        let held = self.held(friend).is_some();
        let before = self.people[friend].state.pack();
        match self.act(friend, |device, ctx| device.leave(owner, ctx)) {
            Ok(step) => {
                self.ledger.ensure(held, || "left what was not held".to_owned());
                self.ledger.left.insert(friend);
                match self.commit(friend, step) {
                    true => self.ledger.did("leave"),
                    false => drop(self.ledger.left.remove(&friend)),
                }
            }
            Err(_) => {
                self.unchanged(friend, &before, "leave");
                self.ledger.ensure(!held, || format!("{friend} can't leave"));
            }
        }
    }

    /// Whether a contact wants to leave some day.
    pub(super) fn wants_to_leave(&mut self) -> bool {
        self.hit(Fault::Leave)
    }
}
