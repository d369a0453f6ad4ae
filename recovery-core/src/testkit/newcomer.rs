//! New devices: they ask, listen, and come back as the owner's device or don't.

use super::{
    faults::Fault,
    host::{Host, Lasting},
    relay::{Body, Hash},
    world::{HOUR, Task, Who, World},
};
use crate::{
    address::MailboxAddress,
    flows::{Context, Device, Step, request::NewDevice, restore::Taken},
    ids::{CircleId, ContactId},
    number::Number,
};
use std::collections::BTreeSet;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The owner, in the storm.
    Real,
    /// Somebody else.
    Impostor,
    /// The owner, in the calm.
    Last,
}

/// A new device.
pub(super) struct Newcomer {
    pub(super) host: Host<NewDevice>,
    pub(super) kind: Kind,
    /// What stands on its screen, once somebody looked.
    number: Option<Number>,
    pub(super) cancelled: bool,
    pub(super) restored: bool,
    /// What came back, and the newest version of its vault that somebody knows of.
    pub(super) device: Option<(Device, u64)>,
    /// Somebody put another request where its link leads.
    pub(super) exchanged: bool,
    /// Enough approvals were there, but no vault.
    pub(super) no_vault: bool,
    /// The letters that were judged last.
    pub(super) judged: Vec<Hash>,
    /// Enough of them are good for one of the owner's identities, the newest first.
    pub(super) ready: Option<ContactId>,
    /// Sets that were combined: their circle, and how many gave to them.
    pub(super) combined: BTreeSet<(CircleId, usize)>,
}

impl Newcomer {
    pub(super) fn new(host: Host<NewDevice>, kind: Kind) -> Self {
        Self {
            host,
            kind,
            number: None,
            cancelled: false,
            restored: false,
            device: None,
            exchanged: false,
            no_vault: false,
            judged: Vec::new(),
            ready: None,
            combined: BTreeSet::new(),
        }
    }
}

impl World {
    /// Lets a new device do something.
    pub(super) fn act_new<R>(
        &mut self,
        at: usize,
        act: impl FnOnce(&mut NewDevice, &mut Context<'_>) -> R,
    ) -> R {
        let host = &mut self.newcomers[at].host;
        let now = self.now.saturating_add_signed(host.skew);
        let mut ctx = Context { now, rng: &mut self.rng, cost: self.options.cost };
        act(&mut host.state, &mut ctx)
    }

    /// The number on a new device's screen: it costs Argon2id once, however many friends it is read to.
    pub(super) fn number_of(&mut self, at: usize) -> Option<Number> {
        if self.newcomers[at].number.is_none() {
            self.newcomers[at].number = self.act_new(at, |new, ctx| new.number(ctx)).ok();
        }
        self.newcomers[at].number
    }

    /// As [`World::commit`].
    pub(super) fn commit_new(&mut self, at: usize, step: Step) -> bool {
        if self.hit(Fault::Crash) {
            self.restart_new(at);
            return false;
        }
        let host = &mut self.newcomers[at].host;
        host.outbox.extend(step.outbox);
        host.persist();
        if self.hit(Fault::Crash) {
            self.restart_new(at);
        }
        self.wake(Who::New(at));
        true
    }

    pub(super) fn restart_new(&mut self, at: usize) {
        let same = self.newcomers[at].host.crash();
        self.ledger.ensure(same, || format!("new device {at}: its disk is not what was written"));
        self.wake(Who::New(at));
    }

    /// A new device reads its session.
    pub(super) fn poll_new(&mut self, at: usize) {
        let new = &self.newcomers[at];
        if new.cancelled || new.restored {
            return;
        }
        self.soon(2 * HOUR, 6 * HOUR, Task::Poll(Who::New(at)));
        let session = self.newcomers[at].host.state.session().clone();
        for url in &session.relays {
            let relay = self.relay(url);
            let id = session.base.mailbox(url.as_str()).id();
            let cursors = &self.newcomers[at].host.notes.cursors;
            let after = cursors.get(&(relay, id)).copied().unwrap_or(0);
            let listed = self.read(relay, id, after);
            let Some(last) = listed.iter().map(|(seq, _)| *seq).max() else { continue };
            for (_, body) in listed {
                self.take(at, relay, &body);
            }
            self.newcomers[at].host.notes.cursors.insert((relay, id), last);
            self.commit_new(at, Step::default());
        }
        if self.newcomers[at].judged != self.letters(at) {
            self.judge(at);
        }
        if self.newcomers[at].ready.is_some() {
            self.try_restore(at);
        }
    }

    /// One message: it is kept if, and only if, somebody made it for this very request.
    fn take(&mut self, at: usize, relay: usize, body: &Body) {
        let id = self.newcomers[at].host.state.id();
        let letter = self.ledger.letters.get(&body.hash);
        let ours = letter.is_some_and(|l| l.request == id && l.assessed.is_some());
        let before = self.newcomers[at].host.state.pack();
        let host = &mut self.newcomers[at].host;
        let taken = host.state.take(&body.octets);
        if taken == Taken::Kept {
            host.notes.letters.push(body.hash);
        }
        if taken == Taken::Kept {
            let honest = !self.plan.dishonest;
            self.ledger.came_in_time(relay, honest, body, self.now);
        }
        let host = &self.newcomers[at].host;
        let letters = &host.state.state.letters;
        let twice = letters
            .iter()
            .rev()
            .skip(1)
            .any(|letter| letters.last().is_some_and(|last| last.signed == letter.signed));
        let same = host.state.pack() == before;
        let right = match taken {
            Taken::Kept => ours && !same && !twice,
            Taken::Known => ours && same,
            Taken::Useless => !ours && same,
        };
        self.ledger.ensure(right, || format!("new device {at} took a message as {taken:?}"));
    }

    /// Where all new devices listen.
    pub(super) fn sessions(&self) -> Vec<MailboxAddress> {
        self.newcomers.iter().flat_map(|new| new.host.state.session().addresses()).collect()
    }

    /// The letters a new device kept.
    pub(super) fn letters(&self, at: usize) -> Vec<Hash> {
        self.newcomers[at].host.notes.letters.clone()
    }
}
