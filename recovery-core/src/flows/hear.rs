//! What an owner hears from contacts: receipts, proofs, alerts, farewells.

use super::{
    Context, Event, Step,
    device::Device,
    pair::answer_proof,
    recovery::{Recovery, Report},
    request::request_id,
};
use crate::{
    circle::{Asked, Contact, Member, MemberState, challenge_proof, receipt_proof},
    ids::ContactId,
    sign::{Kind, Signed, Statement, StatementError},
    wire::{
        V1,
        messages::{Alert, Answer, Challenge, CircleProof, Leave, Proof, Receipt, Request},
    },
};
use std::collections::BTreeSet;
use subtle::ConstantTimeEq;

/// Recoveries an owner's device remembers.
const RECOVERIES_MAX: usize = 64;

impl Device {
    /// Owner: a message from a contact came.
    pub(crate) fn on_contact_message(
        &mut self,
        id: ContactId,
        message: &[u8],
        ctx: &mut Context<'_>,
    ) -> Step {
        let Some(contact) = self.contact(id).cloned() else {
            return Step::default();
        };
        let ignored = |why| Step::event(Event::Ignored { from: Some(contact.name.clone()), why });
        let Some((letter, me)) = self.open_as(contact.known.as_ref(), message) else {
            return ignored("it is not sealed to you, or was changed");
        };
        let signed = &letter.signed;
        if signed.kind == Kind::Successor && signed.sender == self.id() {
            return self.on_own_successor(signed);
        }
        if me != self.id() {
            // They do not know this identity yet; what they warn of, and that they have a new device as well,
            // is heard all the same.
            let (keys, me) = (contact.card.keys(), me.as_bytes());
            let heard = match signed.kind {
                Kind::Moved => {
                    signed.verify(keys, me).map(|said| self.on_moved(&contact, said, ctx.now))
                }
                _ => signed.verify(keys, me).map(|said| self.on_alert(&contact, said)),
            };
            return heard.unwrap_or_default();
        }
        let step = match signed.kind {
            Kind::Answer => self.answers(&contact, signed),
            Kind::Moved => {
                self.said(&contact, signed).map(|said| self.on_moved(&contact, said, ctx.now))
            }
            Kind::Receipt => {
                self.said(&contact, signed).map(|said| self.on_receipt(&contact, &said, ctx.now))
            }
            Kind::Proof => {
                self.said(&contact, signed).map(|said| self.on_proof(&contact, &said, ctx.now))
            }
            Kind::Alert => self.said(&contact, signed).map(|said| self.on_alert(&contact, said)),
            Kind::Forgotten => {
                self.said(&contact, signed).map(|said| self.on_forgotten(&contact, &said, ctx.now))
            }
            Kind::Leave => {
                self.said(&contact, signed).map(|said| self.on_leave(&contact, &said, ctx.now))
            }
            Kind::DrillAnswer => self
                .said(&contact, signed)
                .map(|said| self.on_drill_answer(&contact, &said, ctx.now)),
            _ => return ignored("a contact does not send such messages"),
        };
        let Ok(step) = step else {
            return ignored("its signature is wrong");
        };
        // Who speaks to this identity knows it.
        let mut known = self.is_known_to(id, ctx);
        known.then(step);
        let mut step = known;
        // Only news shows that the contact is there: a relay can repeat what it said before.
        let news = step.events.iter().any(|event| !matches!(event, Event::ProofFailed { .. }));
        if let Some(contact) = self.contact_mut(id).filter(|_| news) {
            contact.seen = contact.seen.max(ctx.now);
        }
        step.then(self.settle(ctx));
        step
    }

    /// What a contact signed for this owner.
    fn said<T: Statement>(&self, contact: &Contact, signed: &Signed) -> Result<T, StatementError> {
        signed.verify(contact.card.keys(), self.id().as_bytes())
    }

    /// A contact answers word of this identity: that it does says everything, if it knows the invite.
    fn answers(&self, contact: &Contact, signed: &Signed) -> Result<Step, StatementError> {
        let said: Answer = self.said(contact, signed)?;
        let right = answer_proof(&contact.secret, &said.card).ct_eq(&said.proof);
        bool::from(right).then(Step::default).ok_or(StatementError::Sender)
    }

    fn on_receipt(&mut self, contact: &Contact, receipt: &Receipt, now: u64) -> Step {
        let circle = self.state.vault.circles.iter_mut().find(|c| c.id == receipt.circle);
        let Some(circle) = circle else {
            return Step::default();
        };
        let generation = circle.generation;
        let Some(member) = circle.members.iter_mut().find(|m| m.id == contact.card.id()) else {
            return Step::default();
        };
        let right = receipt_proof(&member.audit, &member.bundle).ct_eq(&receipt.proof);
        if contact.left {
            return Step::default();
        }
        // A receipt says that the piece came; whether it is still there, later proofs say.
        let right = bool::from(right) || planted!(ReceiptNotChecked);
        let step = match (right, member.state) {
            (true, MemberState::Held) => return Step::default(),
            (true, _) if member.proved.is_some() => return Step::default(),
            (true, _) => held(member, contact, generation, now),
            (false, MemberState::Sent) => failed(member, contact, generation),
            (false, _) => return wrong(contact, generation),
        };
        self.state.vault.touch(now);
        step
    }

    /// Asks every contact of every generation to prove that it still holds its pieces.
    pub fn check(&mut self, ctx: &mut Context<'_>) -> Step {
        let members = self.vault().circles.iter().flat_map(|circle| &circle.members);
        let here = |id: &ContactId| {
            self.contact(*id).is_some_and(|contact| !contact.left && contact.known.is_none())
        };
        let asked: BTreeSet<ContactId> = members.map(|member| member.id).filter(here).collect();
        let mut step = Step::default();
        for id in asked {
            let challenge = self.question(id, ctx);
            step.then(self.tell(id, &challenge, ctx));
        }
        if !step.outbox.is_empty() {
            self.state.vault.touch(ctx.now);
        }
        step
    }

    /// What one contact is asked, and notes that it is.
    pub(crate) fn question(&mut self, id: ContactId, ctx: &mut Context<'_>) -> Challenge {
        let mut fresh = [0; 32];
        ctx.rng.fill_bytes(&mut fresh);
        let mut circles = Vec::new();
        let mut nonce = None;
        for circle in &mut self.state.vault.circles {
            let Some(member) = circle.members.iter_mut().find(|member| member.id == id) else {
                continue;
            };
            // The first question that was not answered tells since when a contact is silent.
            let first = Asked { nonce: nonce.unwrap_or(fresh), at: ctx.now };
            let asked = member.asked.get_or_insert(first);
            asked.nonce = *nonce.get_or_insert(asked.nonce);
            circles.push(circle.id);
        }
        Challenge { version: V1, circles, nonce: nonce.unwrap_or(fresh), made: ctx.now }
    }

    fn on_proof(&mut self, contact: &Contact, said: &Proof, now: u64) -> Step {
        let mut step = Step::default();
        for proof in &said.proofs {
            step.then(self.on_circle_proof(contact, said, proof, now));
        }
        if !step.events.is_empty() {
            self.state.vault.touch(now);
        }
        step
    }

    fn on_circle_proof(
        &mut self,
        contact: &Contact,
        said: &Proof,
        proof: &CircleProof,
        now: u64,
    ) -> Step {
        let circle = self.state.vault.circles.iter_mut().find(|c| c.id == proof.circle);
        let Some(circle) = circle else {
            return Step::default();
        };
        let generation = circle.generation;
        let Some(member) = circle.members.iter_mut().find(|m| m.id == contact.card.id()) else {
            return Step::default();
        };
        // Only the question that waits: an answer that a relay repeats proves nothing today.
        let waits = member.asked.as_ref().is_some_and(|asked| asked.nonce == said.nonce);
        if !waits && !planted!(ProofRepeated) {
            return Step::default();
        }
        let asked = member.asked.take().map(|asked| asked.at);
        // "No such piece", from before it came there: messages change places. The next question tells.
        if proof.proof.is_none() && member.state == MemberState::Held && asked < member.proved {
            return Step::default();
        }
        let right = challenge_proof(&member.audit, &said.nonce);
        match proof.proof.is_some_and(|proof| right.ct_eq(&proof).into()) {
            // A relay may have kept the answer back: it tells of the day when it was made.
            true => held(member, contact, generation, said.made.min(now)),
            false => failed(member, contact, generation),
        }
    }

    fn on_leave(&mut self, contact: &Contact, said: &Leave, now: u64) -> Step {
        let known = self.contact_mut(contact.card.id());
        let Some(known) = known.filter(|known| !known.left) else {
            return Step::default();
        };
        known.left = true;
        let members = self.state.vault.circles.iter_mut().flat_map(|circle| &mut circle.members);
        for member in members.filter(|member| member.id == contact.card.id()) {
            (member.state, member.asked) = (MemberState::Failed, None);
        }
        self.state.vault.touch(now);
        Step::event(Event::ContactLeft { contact: contact.name.clone(), made: said.made })
    }

    fn on_alert(&mut self, contact: &Contact, alert: Alert) -> Step {
        let Alert { request: signed, kind, made, reason, due, .. } = alert;
        // A contact can't put words into the mouth of a new device.
        let body =
            signed.verify_claim(|r: &Request| (r.card.keys(), r.card.id().as_bytes().to_vec()));
        let Ok(body) = body else {
            return Step::default();
        };
        let request = request_id(&signed);
        let before = self.vault().former.as_ref();
        let ours = before.is_some_and(|former| former.requests.contains(&request));
        if self.state.came_by == Some(request) || ours {
            return Step::default();
        }
        let (claims, device) = (body.card.name().clone(), body.device);
        let report = Report { contact: contact.card.id(), kind, reason, made, due };
        let recoveries = &mut self.state.recoveries;
        match recoveries.iter_mut().find(|known| known.request == request) {
            // Late and repeated alerts: this contact has said this, or more, already.
            Some(known) if known.reports.iter().any(|other| report.is_old_beside(other)) => {
                return Step::default();
            }
            Some(known) => {
                let contact = report.contact;
                known.reports.retain(|other| other.contact != contact);
                known.reports.push(report);
            }
            None => {
                let surplus = (recoveries.len() + 1).saturating_sub(RECOVERIES_MAX);
                recoveries.drain(..surplus);
                let (claims, reports) = (claims.clone(), vec![report]);
                let recovery = Recovery {
                    request,
                    claims,
                    device,
                    opened: made,
                    reports,
                    signed,
                    answer: None,
                };
                recoveries.push(recovery);
            }
        }
        Step::event(Event::Alert { contact: contact.name.clone(), request, kind, claims })
    }
}

fn held(member: &mut Member, contact: &Contact, generation: u64, now: u64) -> Step {
    member.state = MemberState::Held;
    member.proved = Some(now);
    Step::event(Event::PieceHeld { contact: contact.name.clone(), generation })
}

fn failed(member: &mut Member, contact: &Contact, generation: u64) -> Step {
    member.state = MemberState::Failed;
    wrong(contact, generation)
}

fn wrong(contact: &Contact, generation: u64) -> Step {
    Step::event(Event::ProofFailed { contact: contact.name.clone(), generation })
}
