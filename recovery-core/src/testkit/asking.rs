//! The second half of the story: new devices ask, friends look, call, type, and decide.

use super::{
    faults::Fault,
    host::{Host, Lasting},
    newcomer::{Kind, Newcomer},
    setup::Errand,
    table::named,
    world::{DAY, HOUR, Task, Who, World, person_name},
};
use crate::{
    address::RelayUrl,
    circle::OpenedState,
    flows::{
        Context,
        approve::Tried,
        request::{NewDevice, RequestError},
        slots::box_for_slot,
    },
    ids::RequestId,
    labels,
    number::{Number, NumberError},
    wire::{self, link::Link, messages::RequestSlot},
};

/// Something that is done about a recovery; `at` is the new device.
#[derive(Clone, Debug)]
pub(super) enum Asking {
    /// A new device asks.
    Start(Kind),
    /// A friend opens the request.
    Open { friend: usize, at: usize, tries: u8 },
    /// A friend types a number, after so many wrong ones.
    Call { friend: usize, at: usize, wrong: u8 },
    /// A friend approves or declines.
    Decide { friend: usize, at: usize },
    /// A friend whose approval is held back thinks again.
    Rethink { friend: usize, at: usize },
    /// A friend says that it is an impostor.
    Report { friend: usize, at: usize },
    /// The new device takes its request back.
    Cancel(usize),
    /// Somebody else puts another request where the link leads.
    Exchange(usize),
}

impl World {
    pub(super) fn asking(&mut self, from: u64, to: u64, asking: Asking) {
        self.errand(from, to, Errand::Asking(asking));
    }

    pub(super) fn run_asking(&mut self, asking: Asking) {
        match asking {
            Asking::Start(kind) => self.start(kind),
            Asking::Open { friend, at, tries } => self.open(friend, at, tries),
            Asking::Call { friend, at, wrong } => self.call(friend, at, wrong),
            Asking::Decide { friend, at } => self.decide(friend, at),
            Asking::Rethink { friend, at } => self.rethink(friend, at),
            Asking::Report { friend, at } => self.report(friend, at),
            Asking::Cancel(at) => self.cancel(at),
            Asking::Exchange(at) => self.exchange(at),
        }
    }

    fn start(&mut self, kind: Kind) {
        let mut relays = self.relays_of_new();
        self.dice.shuffle(&mut relays);
        let Some(at) = self.arrives(kind, &relays) else { return };
        let later = if kind == Kind::Last { DAY } else { 4 * DAY };
        for friend in 1..=self.plan.contacts {
            self.asking(HOUR, later, Asking::Open { friend, at, tries: 0 });
        }
        if kind == Kind::Real && self.hit(Fault::Cancel) {
            self.asking(DAY, 5 * DAY, Asking::Cancel(at));
        }
        if kind == Kind::Real && self.hit(Fault::Exchange) {
            self.asking(HOUR, 3 * DAY, Asking::Exchange(at));
        }
    }

    /// A new device makes a request.
    fn arrives(&mut self, kind: Kind, relays: &[RelayUrl]) -> Option<usize> {
        let skew = self.skew();
        let now = self.now.saturating_add_signed(skew);
        let mut ctx = Context { now, rng: &mut self.rng, cost: self.options.cost };
        let device = Some(named("laptop"));
        let started = NewDevice::start(person_name(0), device, relays, &mut ctx);
        let Ok((state, step)) = started else {
            self.ledger.fail("a new device can't start");
            return None;
        };
        let at = self.newcomers.len();
        let id = state.id();
        let fresh = self.newcomers.iter().all(|other| other.host.state.id() != id);
        self.ledger.ensure(fresh, || "a request's id came twice".to_owned());
        let mut host = Host::new(state, skew);
        host.outbox.extend(step.outbox);
        host.persist();
        self.newcomers.push(Newcomer::new(host, kind));
        self.wake(Who::New(at));
        self.soon(HOUR, 6 * HOUR, Task::Poll(Who::New(at)));
        Some(at)
    }

    /// A new device of somebody who is not the owner.
    pub(super) fn arrives_impostor(&mut self) -> Option<usize> {
        let relays = self.relays_of_new();
        self.arrives(Kind::Impostor, &relays)
    }

    /// Somebody who read the link, and has the relays, makes a request under the link's secret and puts it
    /// where the link leads.
    fn exchange(&mut self, at: usize) {
        let relays = self.newcomers[at].host.state.session().relays.clone();
        let Some(other) = self.arrives(Kind::Impostor, &relays) else { return };
        let secret = self.newcomers[at].host.state.state.secret.clone();
        let boxed = self.act_new(other, |new, ctx| {
            new.state.secret = secret;
            let content = wire::encode(&RequestSlot::new(new.state.request.clone(), None));
            box_for_slot(new.state.secret.expose(), labels::BOX_REQUEST, &content, ctx)
        });
        self.newcomers[other].host.persist();
        let Some(boxed) = boxed else { return self.ledger.fail("a request does not fit") };
        for slot in self.newcomers[at].host.state.link(false).slots {
            let relay = self.relay(&slot.relay);
            let found = self.relays[relay].version(slot.id);
            let _ = self.relays[relay].put(slot.id, boxed.as_slice().into(), found, None);
        }
        self.newcomers[at].exchanged = true;
    }

    /// What a friend's device takes the request to be that a new device's link leads to.
    pub(super) fn request_of(&self, friend: usize, at: usize) -> RequestId {
        let new = &self.newcomers[at].host.state;
        let known = self.people[friend].state.opened_by(&new.link(false));
        // Who exchanged it has the same secret, and so the same link.
        known.map_or(new.id(), |known| known.id)
    }

    /// The relays that a new device uses: the owner's, another one, or both.
    fn relays_of_new(&mut self) -> Vec<RelayUrl> {
        let all: Vec<_> = self.relays.iter().map(|relay| relay.url.clone()).collect();
        let (known, foreign) = all.split_at(self.plan.relays);
        match self.dice.below(2) {
            _ if !self.plan.foreign => known.to_vec(),
            0 => foreign.to_vec(),
            _ => all,
        }
    }

    fn cancel(&mut self, at: usize) {
        let new = &self.newcomers[at];
        if new.restored {
            return;
        }
        let Ok(step) = self.act_new(at, |new, ctx| new.cancel(ctx)) else {
            return self.ledger.fail("a request can't be cancelled");
        };
        if !self.commit_new(at, step) {
            return self.asking(HOUR, HOUR, Asking::Cancel(at));
        }
        self.newcomers[at].cancelled = true;
        for friend in 1..=self.plan.contacts {
            self.asking(HOUR, DAY, Asking::Open { friend, at, tries: 6 });
        }
    }

    /// A friend opens the link that came, as one of the owner.
    fn open(&mut self, friend: usize, at: usize, tries: u8) {
        if self.plan.byzantine.contains(&friend) && tries == 0 {
            self.lie(friend, at);
        }
        // Links travel as text.
        let link = self.newcomers[at].host.state.link(false).expose().parse::<Link>();
        let Ok(link) = link else { return self.ledger.fail("a link does not parse") };
        for slot in &link.slots {
            let Some(boxed) = self.look(Who::Person(friend), slot) else { continue };
            let before = self.people[friend].state.pack();
            let owner = self.known_as(friend);
            let opened =
                self.act(friend, |device, ctx| device.open_request(&link, &boxed, owner, ctx));
            match opened {
                Ok(opened) => {
                    let new = &self.newcomers[at];
                    let right = opened.id == new.host.state.id() || new.exchanged;
                    self.ledger.ensure(right, || "another request was opened".to_owned());
                    if self.commit(friend, opened.step) {
                        self.heed(friend, at);
                        return self.after_opening(friend, at, tries);
                    }
                    break;
                }
                Err(error) => {
                    self.unchanged(friend, &before, "open_request");
                    // A relay can spoil the box, but not put another request into it without the link.
                    let fine = match error {
                        RequestError::Damaged | RequestError::NotHeld => true,
                        RequestError::Changed => self.newcomers[at].exchanged,
                        RequestError::Ahead => {
                            let new = &self.newcomers[at];
                            new.exchanged || self.clock_of_new(at) > self.clock_of(friend) + DAY
                        }
                        _ => false,
                    };
                    self.ledger.ensure(fine, || format!("{friend} can't open: {error}"));
                    if error == RequestError::Ahead {
                        return self.asking(HOUR, 12 * HOUR, Asking::Open { friend, at, tries });
                    }
                }
            }
        }
        if tries < 8 {
            self.asking(HOUR, 12 * HOUR, Asking::Open { friend, at, tries: tries + 1 });
        }
    }

    fn after_opening(&mut self, friend: usize, at: usize, tries: u8) {
        if self.newcomers[at].cancelled && tries >= 6 {
            return;
        }
        let kind = self.newcomers[at].kind;
        let wrong = match kind {
            Kind::Impostor => self.dice.between(0, 3) as u8,
            _ if self.hit(Fault::WrongNumber) => self.dice.between(1, 3) as u8,
            _ => 0,
        };
        let next = if self.dice.chance(150) {
            // They meet and scan, or the friend says no before any number.
            Asking::Decide { friend, at }
        } else {
            Asking::Call { friend, at, wrong }
        };
        let later = if self.faults.calm() { 2 * HOUR } else { DAY };
        self.asking(60, later, next);
    }

    /// The friend calls the owner and types the number they read; an impostor's is another one.
    fn call(&mut self, friend: usize, at: usize, wrong: u8) {
        let Some(right) = self.number_of(at) else {
            return self.ledger.fail("no number");
        };
        self.slip(&right);
        let (own, id) = (self.newcomers[at].host.state.id(), self.request_of(friend, at));
        let impostor = self.newcomers[at].kind == Kind::Impostor;
        let number = if wrong > 0 || impostor { self.another_number(at, &right) } else { right };
        let tried = self.act(friend, |device, ctx| device.try_number(id, &number, ctx));
        let (tried, step) = match tried {
            Ok(tried) => tried,
            Err(error) => return self.check_error(friend, at, &error),
        };
        // The number that was read is of the request that was made, not of one that was exchanged for it.
        let typed_right = number.matches(&right) && id == own;
        let before = self.ledger.wrong.get(&(friend, id)).copied().unwrap_or(0);
        let wanted = match before {
            _ if typed_right => Tried::Right,
            0 | 1 => Tried::Wrong { tries_left: 2 - before },
            _ => Tried::Burnt,
        };
        self.ledger.ensure(tried == wanted, || format!("a number was {tried:?}, not {wanted:?}"));
        if !self.commit(friend, step) {
            return self.asking(60, HOUR, Asking::Call { friend, at, wrong });
        }
        if !typed_right {
            self.ledger.wrong.insert((friend, id), before + 1);
        }
        match tried {
            Tried::Right => {
                self.ledger.checked.insert((friend, id));
                self.ledger.typed.insert((friend, id));
                self.asking(60, 2 * HOUR, Asking::Decide { friend, at });
            }
            Tried::Wrong { .. } if wrong > 0 => {
                self.asking(60, HOUR, Asking::Call { friend, at, wrong: wrong - 1 });
            }
            Tried::Wrong { .. } => self.asking(60, HOUR, Asking::Decide { friend, at }),
            Tried::Burnt => {
                let state = self.opened(friend, at).map(|opened| opened.state);
                let fine = state.is_none_or(|state| state == OpenedState::Burnt);
                self.ledger.ensure(fine, || format!("burnt, but {state:?}"));
            }
        }
    }

    /// A slip of the finger is caught before it costs a try.
    fn slip(&mut self, right: &Number) {
        let mut digits = right.digits().into_bytes();
        let at = self.dice.index(digits.len());
        digits[at] = b'0' + (digits[at] - b'0' + self.dice.between(1, 9) as u8) % 10;
        let typed = String::from_utf8_lossy(&digits).parse::<Number>();
        self.ledger.ensure(typed == Err(NumberError::Mistyped), || "a slip went by".to_owned());
    }

    /// The number of another new device of the owner's, or any other.
    fn another_number(&mut self, at: usize, right: &Number) -> Number {
        let others = (0..self.newcomers.len())
            .find(|other| *other != at && self.newcomers[*other].kind != Kind::Impostor);
        let other = others.and_then(|other| self.number_of(other));
        if let Some(other) = other.filter(|other| !other.matches(right)) {
            return other;
        }
        let front = format!("{:014}", self.dice.below(100_000_000_000_000));
        let mut numbers =
            (0..10).filter_map(|last| format!("{front}{last}").parse::<Number>().ok());
        numbers.next().expect("one of ten check digits is right")
    }
}
