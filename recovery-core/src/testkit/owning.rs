//! What an owner's working device does beside the main story: renews, checks, answers alarms.

use super::{
    faults::Fault,
    holding::Wait,
    host::Lasting,
    ledger::{Expected, Truth},
    lines::Line,
    newcomer::Kind,
    relay::hash,
    setup::{Errand, GUARDED},
    world::{DAY, HOUR, World},
};
use crate::{
    flows::{
        Context, Delivery, Step,
        protect::{Plan, ProtectError, Protected},
        recovery::OwnerAnswer,
        restore::Verdict,
    },
    ids::{CircleId, RequestId},
    wire::messages::HoldBy,
};

impl World {
    /// Puts a few of the things an owner does between two moments from now on.
    pub(super) fn owner_is_busy(&mut self, most: u64, to: u64) {
        for _ in 0..self.dice.below(most) {
            let errand = match self.dice.below(4) {
                0 | 1 => Errand::Check,
                2 => Errand::Renew,
                _ => Errand::Finish,
            };
            self.errand(HOUR, to, errand);
        }
    }

    /// The owner divides the key, as planned or, seldom, with another delay.
    pub(super) fn protect(&mut self) {
        let device = &self.people[0].state;
        let contacts = device.contacts().iter();
        let good = contacts.filter(|c| !c.removed && !c.left && !c.contested());
        let ids: Vec<_> = good.map(|contact| contact.card.id()).collect();
        let Ok(policy) = self.plan.policy(&ids) else { return };
        let (mut delay, hold_by, passphrase) =
            (self.plan.delay, self.plan.hold_by, self.plan.passphrase);
        if self.dice.chance(100) {
            delay = self.dice.pick(&[0, 6 * HOUR, 2 * DAY]);
        }
        self.dealt("protect", |device, ctx| {
            let cost = if passphrase.is_some() { GUARDED } else { ctx.cost };
            let mut ctx = Context { now: ctx.now, rng: &mut *ctx.rng, cost };
            device.protect(Plan { policy, passphrase, delay, hold_by }, &mut ctx)
        });
    }

    /// The owner deals fresh pieces to the same people.
    pub(super) fn renew(&mut self) {
        let passphrase = self.plan.passphrase;
        self.dealt("renew", |device, ctx| {
            let cost = if passphrase.is_some() { GUARDED } else { ctx.cost };
            let mut ctx = Context { now: ctx.now, rng: &mut *ctx.rng, cost };
            device.renew(passphrase, &mut ctx)
        });
    }

    fn dealt(
        &mut self,
        deed: &'static str,
        deal: impl FnOnce(
            &mut crate::flows::Device,
            &mut Context<'_>,
        ) -> Result<Protected, ProtectError>,
    ) {
        let before = self.people[0].state.pack();
        let dealt = self.act(0, deal);
        let dealt = match dealt {
            Ok(dealt) => dealt,
            Err(error) => {
                self.unchanged(0, &before, deed);
                let fine = deed == "renew"
                    && matches!(
                        error,
                        ProtectError::NothingToRenew
                            | ProtectError::Policy(_)
                            | ProtectError::Contested(_)
                    );
                return self.ledger.ensure(fine, || format!("{deed}: {error}"));
            }
        };
        self.ledger.did(deed);
        let truth = Truth::of(&self.people[0].state, dealt.circle, self.plan.passphrase);
        self.ledger.circles.insert(dealt.circle, truth);
        if !self.commit(0, dealt.step) {
            self.ledger.circles.remove(&dealt.circle);
        }
    }

    /// The owner does not wait for those who have not confirmed the newest pieces.
    pub(super) fn finish_renewal(&mut self) {
        let before = self.people[0].state.pack();
        match self.act(0, |device, ctx| device.finish_renewal(ctx)) {
            Ok(step) => {
                let did = !step.events.is_empty();
                self.finishing = true;
                if self.commit(0, step) && did {
                    self.ledger.did("finish");
                }
                self.finishing = false;
            }
            Err(_) => self.unchanged(0, &before, "finish_renewal"),
        }
    }

    /// The owner asks everybody to prove that they hold their pieces.
    pub(super) fn check(&mut self) {
        let step = self.act(0, |device, ctx| device.check(ctx));
        self.ledger.did("check");
        self.commit(0, step);
    }

    /// The owner answers what contacts told of.
    pub(super) fn answer_alarms(&mut self) {
        let recoveries = self.people[0].state.recoveries();
        let known: Vec<_> = recoveries.iter().map(|r| (r.request, r.answer)).collect();
        for (request, answer) in known {
            match answer {
                None if self.dice.chance(500) => self.answer_alarm(request),
                // Twice does not hurt.
                Some(OwnerAnswer::Stopped { .. }) if self.dice.chance(15) => self.veto(request),
                _ => {}
            }
        }
    }

    fn answer_alarm(&mut self, request: RequestId) {
        let new = self.newcomers.iter().find(|new| new.host.state.id() == request);
        let Some(kind) = new.map(|new| new.kind) else {
            return self.ledger.fail("an alarm about nothing");
        };
        let mistaken = kind != Kind::Impostor && self.hit(Fault::Mistake);
        if mistaken || kind == Kind::Impostor && self.dice.chance(700) {
            return self.veto(request);
        }
        if kind != Kind::Impostor {
            let said = self.act(0, |device, _| device.was_me(request));
            self.ledger.ensure(said.is_ok(), || "nobody asked who it was".to_owned());
            self.ledger.did("was me");
            self.commit(0, Step::default());
        }
    }

    fn veto(&mut self, request: RequestId) {
        let Ok(step) = self.act(0, |device, ctx| device.veto(request, ctx)) else {
            return self.ledger.fail("a recovery can't be stopped");
        };
        let session = self.newcomers.iter().find(|new| new.host.state.id() == request);
        let session = session.map(|new| new.host.state.session().addresses()).unwrap_or_default();
        let line = Line {
            name: Some(self.people[0].state.name().clone()),
            owner: Some(self.owner()),
            ..Line::unknown(Verdict::Vetoed { at: self.clock_of(0) })
        };
        for delivery in &step.outbox {
            if let Delivery::Post { to, body } = delivery
                && session.contains(to)
            {
                let assessed = Some(line.clone());
                let stop =
                    Expected { request, assessed, gifts: Vec::new(), told: None, wait: None };
                self.ledger.letters.insert(hash(body), stop);
            }
        }
        self.stops_everywhere(request, &step);
        self.ledger.did("veto");
        self.commit(0, step);
    }

    /// A stop names every hold, at each relay of the owner's that the new device uses.
    fn stops_everywhere(&mut self, request: RequestId, step: &Step) {
        let device = &self.people[0].state;
        let new = self.newcomers.iter().find(|new| new.host.state.id() == request);
        let Some(new) = new else { return };
        let mut wanted = 0;
        for circle in &device.vault().circles {
            let holds = circle.hold.holds.iter();
            let session = &new.host.state.session().relays;
            wanted += holds.filter(|hold| session.contains(&hold.relay)).count();
        }
        let vetoes = step.outbox.iter().filter(|d| matches!(d, Delivery::Veto { .. })).count();
        let fine = vetoes == wanted;
        self.ledger.ensure(fine, || format!("a stop at {vetoes} places, not {wanted}"));
    }

    /// Approvals that a contact held back and that its device now sends.
    pub(super) fn note_released(&mut self, friend: usize, expected: &[Expected], step: &Step) {
        for expected in expected {
            let request = expected.request;
            let new = self.newcomers.iter().find(|new| new.host.state.id() == request);
            let Some(new) = new else { continue };
            let session = new.host.state.session().addresses();
            let ours = |delivery: &&Delivery| matches!(delivery, Delivery::Post { to, .. } if session.contains(to));
            let posts: Vec<_> = step.outbox.iter().filter(ours).cloned().collect();
            if posts.is_empty() {
                continue;
            }
            self.is_released(friend, request);
            self.ledger.did("release");
            for post in posts {
                if let Delivery::Post { body, .. } = post {
                    self.ledger.letters.insert(hash(&body), expected.clone());
                }
            }
        }
    }

    /// What a contact's device holds back, and what that must be taken for once it is released.
    pub(super) fn to_release(&self, friend: usize) -> Vec<Expected> {
        if friend == 0 {
            return Vec::new();
        }
        let (now, local) = (self.now, self.clock_of(friend));
        let ours = self.people[friend].state.opened().iter().filter_map(|opened| {
            let held = opened.held.filter(|held| held.by == HoldBy::Contacts)?;
            // No relay holds it, so it is under nobody's hold.
            let circle = CircleId::new([0; 16]);
            // By its own clock; the world's goes as fast.
            let until = (now + held.due).saturating_sub(local);
            let wait = Some(Wait { until, by: HoldBy::Contacts, friend, circle });
            Some(Expected { wait, ..self.approval_of(friend, opened.id, false) })
        });
        ours.collect()
    }
}
