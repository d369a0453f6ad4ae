//! Succession: how others take it that a person came back on a new device.
//!
//! An owner's new device is accepted at once by a contact whose person typed the number of its request and
//! approved it. Everybody else compares the number with the person; until then the former identity can
//! change nothing here. A contact's new device always waits for the number.

use super::{Context, Event, Step, device::Device, pair::answer_proof};
use crate::{
    circle::{Claim, Contact, Held, Known, OpenedState, Succeeded},
    ids::ContactId,
    keys::{Card, Identity},
    sign::{Signed, StatementError},
    wire::{
        V1,
        messages::{Answer, Moved, Request, Succession, Successor},
    },
};

/// Identities of one owner that a contact remembers as replaced.
const FORMER_MAX: usize = 16;
/// New devices that can wait for one number.
const CLAIMS_MAX: usize = 8;

impl Device {
    /// An identity that this person had before a restore, as long as it is needed.
    pub(crate) fn former_identity(&self, id: ContactId) -> Option<Identity> {
        let seeds = self.vault().former.iter().flat_map(|former| &former.seeds);
        seeds.map(Identity::from_seed).find(|identity| identity.id() == id)
    }

    /// The card by which somebody knows this person who has not heard of the new device yet.
    pub(crate) fn former_card(&self, known: &Known) -> Option<Signed> {
        let identity = self.former_identity(known.id)?;
        Some(identity.card(self.name().clone(), known.inbox.addresses()))
    }

    /// Friend: an owner's identity, the one that is known or a former one, says who takes its place. The
    /// statement is for `me`.
    pub(crate) fn on_successor(
        &mut self,
        owner: ContactId,
        (signed, me): (&Signed, ContactId),
        ctx: &mut Context<'_>,
    ) -> Result<Step, StatementError> {
        let audience = me.as_bytes().to_vec();
        let said = signed.verify_claim(|said: &Successor| (&said.former, audience))?;
        let next: Succession = said.succession.peek()?;
        let Some(held) = self.held_of(owner) else { return Ok(Step::default()) };
        if !held.is(signed.sender) || next.former != signed.sender {
            let why = "it names a successor of somebody else";
            return Ok(Step::event(Event::Ignored { from: Some(held.name.clone()), why }));
        }
        if held.card.id() == next.card.id() {
            // It has not heard that it is accepted.
            return Ok(self.acknowledge(owner, ctx));
        }
        if self.knows(next.card.id()) {
            return Ok(Step::default());
        }
        let claim = Claim { by: signed.sender, card: next.card, signed: said.succession };
        Ok(match self.is_vouched(held, &claim, ctx.now) {
            true => self.succeed(owner, &claim, ctx),
            false => self.claim(owner, claim, ctx.now),
        })
    }

    /// Whether an identity is known here: this person's own, an owner's, or one that waits.
    fn knows(&self, id: ContactId) -> bool {
        let claims = |held: &Held| held.claims().iter().any(|claim| claim.card.id() == id);
        let own = self.id() == id || self.former_identity(id).is_some();
        own || self.held().iter().any(|held| held.is(id) || claims(held))
    }

    /// Whether the device that a claim is about is the one whose number this person typed, or whose code they
    /// scanned, and whose approval is out. A former identity is heard only for what is newer than what was
    /// accepted last.
    fn is_vouched(&self, held: &Held, claim: &Claim, now: u64) -> bool {
        if planted!(AnySuccessor) {
            return true;
        }
        let Ok(next) = claim.signed.peek::<Succession>() else { return false };
        let opened = self.opened().iter().find(|opened| opened.id == next.request);
        let approved = opened.filter(|opened| {
            let theirs = opened.owner.is_some_and(|owner| held.is(owner));
            let approved = opened.state == OpenedState::Approved && opened.is_out(now);
            theirs && approved && !opened.succeeded
        });
        let Some(Ok(request)) = approved.map(|opened| opened.request.peek::<Request>()) else {
            return false;
        };
        let known = held.known.as_ref().map(|known| known.id);
        let mut selves = known.into_iter().chain([self.id()]);
        let right = planted!(SuccessorBySomebody)
            || selves.any(|me| {
                claim.signed.verify::<Succession>(request.card.keys(), me.as_bytes()).is_ok()
            });
        let last = held.succession.as_ref().map_or(0, |known| known.made);
        right && (claim.by == held.card.id() || next.made > last)
    }

    /// Puts a new device in the place of the one that is known. The former one's pieces stay: they open the
    /// vault as it was.
    fn succeed(&mut self, owner: ContactId, claim: &Claim, ctx: &mut Context<'_>) -> Step {
        let Ok(next) = claim.signed.peek::<Succession>() else { return Step::default() };
        let Some(held) = self.held_mut(owner) else { return Step::default() };
        let former = std::mem::replace(&mut held.card, claim.card.clone()).id();
        held.asked = 0;
        let known = held.succession.get_or_insert_default();
        known.made = next.made;
        known.former.push(former);
        refuse_others(known, claim.card.id());
        let (name, id) = (held.name.clone(), held.card.id());
        for opened in &mut self.state.opened {
            opened.succeeded |= opened.id == next.request;
            opened.owner = opened.owner.map(|owner| if owner == former { id } else { owner });
        }
        for drill in self.state.rehearsals.iter_mut().filter(|drill| drill.owner == former) {
            drill.owner = id;
        }
        self.state.vault.touch(ctx.now);
        let mut step = Step::event(Event::OwnerMoved { owner: name });
        step.then(self.acknowledge(id, ctx));
        step
    }

    /// Keeps a claim until its number is compared.
    fn claim(&mut self, owner: ContactId, claim: Claim, now: u64) -> Step {
        let Some(held) = self.held_mut(owner) else { return Step::default() };
        let current = held.card.id();
        let claims = &mut held.succession.get_or_insert_default().claims;
        if claims.len() >= CLAIMS_MAX {
            // What a replaced device says gives way, so that it can't fill the place.
            let Some(at) = claims.iter().position(|other| other.by != current) else {
                return Step::default();
            };
            claims.remove(at);
        }
        claims.push(claim);
        let event = Event::OwnerClaimed { owner: held.name.clone() };
        self.state.vault.touch(now);
        Step::event(event)
    }

    /// Friend: the number was that of this card: of the identity that is known, or of one that waits.
    pub(crate) fn owner_is(&mut self, held: &Held, card: &Card, ctx: &mut Context<'_>) -> Step {
        let id = held.card.id();
        let claim = held.claims().iter().find(|claim| claim.card == *card);
        let step = claim.map(|claim| self.succeed(id, claim, ctx)).unwrap_or_default();
        if let Some(held) = self.held_mut(card.id()) {
            held.verified = true;
            let right = held.card.id();
            held.succession.iter_mut().for_each(|known| refuse_others(known, right));
        }
        step
    }

    /// Friend: accepts what waited for an approval to be out.
    pub(crate) fn accept_vouched(&mut self, ctx: &mut Context<'_>) -> Step {
        let vouched = |held: &Held| {
            let vouched =
                held.claims().iter().filter(|claim| self.is_vouched(held, claim, ctx.now));
            let made = |claim: &&Claim| claim.signed.peek().map_or(0, |next: Succession| next.made);
            Some((held.card.id(), vouched.max_by_key(made)?.clone()))
        };
        let ready: Vec<(ContactId, Claim)> = self.held().iter().filter_map(vouched).collect();
        let mut step = Step::default();
        for (owner, claim) in ready {
            step.then(self.succeed(owner, &claim, ctx));
        }
        step
    }

    /// Friend: tells an owner's new device that it is accepted, as one answers an invite.
    fn acknowledge(&self, owner: ContactId, ctx: &mut Context<'_>) -> Step {
        let Some(held) = self.held_of(owner) else { return Step::default() };
        let card = match &held.known {
            Some(known) => self.former_card(known).and_then(|card| Card::verify(&card).ok()),
            None => self.card_for(&held.inbox),
        };
        let Some(card) = card else { return Step::default() };
        let proof = answer_proof(&held.secret, &card);
        self.tell_owner(owner, &Answer { version: V1, card, proof }, ctx)
    }
}

/// Claims are over; of those that were not the right one nothing is heard again.
fn refuse_others(known: &mut Succeeded, right: ContactId) {
    let others = known.claims.drain(..).map(|claim| claim.card.id());
    known.former.extend(others.filter(|id| *id != right));
    let surplus = known.former.len().saturating_sub(FORMER_MAX);
    known.former.drain(..surplus);
}

impl Device {
    /// Owner: a contact's former identity says that it has a new device. Whoever has the old one can say so.
    pub(crate) fn on_moved(&mut self, contact: &Contact, said: Moved, now: u64) -> Step {
        let id = said.card.id();
        let ours = self.id() == id || self.contact(id).is_some();
        let known = contact.moves().iter().any(|card| card.id() == id);
        let Some(contact) = self.contact_mut(contact.card.id()) else { return Step::default() };
        if ours || known || contact.moves().len() >= CLAIMS_MAX {
            return Step::default();
        }
        contact.moved.get_or_insert_default().push(said.card);
        contact.verified = false;
        let event = Event::ContactMoved { contact: contact.name.clone() };
        self.state.vault.touch(now);
        Step::event(event)
    }

    /// Owner: a contact's number was that of its new device. From now on it is who holds the pieces; it is
    /// asked for a proof at once.
    pub(crate) fn now_is(
        &mut self,
        former: ContactId,
        id: ContactId,
        ctx: &mut Context<'_>,
    ) -> Step {
        let change = |known: &mut ContactId| *known = if *known == former { id } else { *known };
        let vault = &mut self.state.vault;
        for circle in &mut vault.circles {
            circle.policy = circle.policy.with(former, id);
            circle.members.iter_mut().for_each(|member| change(&mut member.id));
        }
        let before = vault.former.iter_mut().flat_map(|former| &mut former.circles);
        for retired in vault.retired.iter_mut().chain(before) {
            retired.members.iter_mut().for_each(|member| change(&mut member.contact));
        }
        for recovery in &mut self.state.recoveries {
            recovery.reports.iter_mut().for_each(|report| change(&mut report.contact));
        }
        self.state.kept.retain(|kept| kept.contact != former);
        if self.vault().circles.iter().all(|circle| circle.member(id).is_none()) {
            return Step::default();
        }
        let challenge = self.question(id, ctx);
        self.tell(id, &challenge, ctx)
    }
}
