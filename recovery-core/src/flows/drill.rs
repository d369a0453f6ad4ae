//! Rehearsing: the owner learns who can be reached, finds the screen, types a number, and whether the pieces
//! open. No share leaves anybody's device, and nothing of it is of any use in a recovery.

use super::{Context, Event, Step, approve::Tried, device::Device, request::TRIES};
use crate::{
    circle::{Circle, Contact, HeldBundle, drill_proof},
    ids::{CircleId, ContactId, DrillId},
    kdf::KdfCostError,
    number::Number,
    secret::Secret,
    wire::{
        V1,
        link::LinkSecret,
        messages::{CircleProof, Drill, DrillAnswer},
    },
};
use minicbor::Encode;
use recovery_derive::Decode;
use subtle::ConstantTimeEq;

/// Rehearsals that a device remembers, on either side.
const DRILLS_MAX: usize = 16;
/// How long a rehearsal can be answered: 14 days, as a request.
pub const DRILL_SECONDS: u64 = 14 * 86_400;

/// A rehearsal, as its owner keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OwnDrill {
    /// Its id.
    #[n(0)]
    pub id: DrillId,
    /// Its number comes from this.
    #[n(1)]
    pub secret: LinkSecret,
    /// Unix seconds.
    #[n(2)]
    pub made: u64,
    /// Who was asked, and what came of it.
    #[n(3)]
    pub contacts: Vec<Rehearsed>,
}

/// What one contact did in a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rehearsed {
    /// Who.
    #[n(0)]
    pub contact: ContactId,
    /// Unix seconds of the answer.
    #[n(1)]
    pub reached: Option<u64>,
    /// The pieces open.
    #[n(2)]
    pub opened: bool,
    /// The number was right.
    #[n(3)]
    pub number: bool,
}

/// A rehearsal, as a contact keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rehearsal {
    /// Its id.
    #[n(0)]
    pub id: DrillId,
    /// Who asks.
    #[n(1)]
    pub owner: ContactId,
    /// Its number comes from this.
    #[n(2)]
    pub secret: LinkSecret,
    /// Unix seconds.
    #[n(3)]
    pub made: u64,
    /// Wrong numbers that are left.
    #[n(4)]
    pub tries_left: u8,
    /// It was answered.
    #[n(5)]
    pub answered: bool,
}

/// Why a rehearsal can't begin or be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrillError {
    /// Nobody of those who were named holds a piece.
    #[error("nobody who holds a piece was asked to rehearse")]
    Nobody,
    /// It is not known on this device.
    #[error("this rehearsal is not known on this device")]
    Unknown,
    /// It was answered, or its number was wrong three times.
    #[error("this rehearsal is over")]
    Over,
    /// The number can't be made.
    #[error("the number could not be made")]
    Internal,
}

impl From<KdfCostError> for DrillError {
    fn from(_: KdfCostError) -> Self {
        Self::Internal
    }
}

impl OwnDrill {
    /// The number to read to contacts.
    ///
    /// # Errors
    /// [`DrillError::Internal`] never happens with the standard cost.
    pub fn number(&self, ctx: &Context<'_>) -> Result<Number, DrillError> {
        Ok(Number::of_drill(self.id, &self.secret, ctx.cost)?)
    }
}

impl Device {
    /// Owner: asks contacts to rehearse.
    ///
    /// # Errors
    /// [`DrillError::Nobody`]; nothing is sent then.
    pub fn drill(
        &mut self,
        wanted: impl Fn(&Contact) -> bool,
        ctx: &mut Context<'_>,
    ) -> Result<(DrillId, Step), DrillError> {
        let holds = |id| self.vault().circles.iter().any(|circle| circle.member(id).is_some());
        let able = |contact: &&Contact| !contact.left && holds(contact.card.id());
        let asked = self.contacts().iter().filter(able).filter(|contact| wanted(contact));
        let asked: Vec<ContactId> = asked.map(|contact| contact.card.id()).collect();
        if asked.is_empty() {
            return Err(DrillError::Nobody);
        }
        let (id, secret) = (DrillId::random(&mut ctx.rng), Secret::random(&mut ctx.rng));
        let mut step = Step::default();
        for contact in &asked {
            let drill = Drill { version: V1, id, secret: secret.clone(), made: ctx.now };
            step.then(self.tell(*contact, &drill, ctx));
        }
        let nothing = |contact| Rehearsed { contact, reached: None, opened: false, number: false };
        let contacts = asked.into_iter().map(nothing).collect();
        let surplus = (self.state.drills.len() + 1).saturating_sub(DRILLS_MAX);
        self.state.drills.drain(..surplus);
        self.state.drills.push(OwnDrill { id, secret, made: ctx.now, contacts });
        Ok((id, step))
    }

    /// Owner: rehearsals, the newest last.
    #[must_use]
    pub fn drills(&self) -> &[OwnDrill] {
        &self.state.drills
    }

    /// Friend: rehearsals that owners asked for, the newest last.
    #[must_use]
    pub fn rehearsals(&self) -> &[Rehearsal] {
        &self.state.rehearsals
    }

    /// Friend: an owner asks to rehearse.
    pub(crate) fn on_drill(&mut self, owner: ContactId, said: Drill) -> Step {
        let name = self.held_of(owner).map(|held| held.name.clone());
        let rehearsals = &mut self.state.rehearsals;
        let known = rehearsals.iter().any(|known| known.id == said.id);
        let (Some(name), false) = (name, known) else {
            return Step::default();
        };
        let Drill { id, secret, made, .. } = said;
        let surplus = (rehearsals.len() + 1).saturating_sub(DRILLS_MAX);
        rehearsals.drain(..surplus);
        let fresh = Rehearsal { id, owner, secret, made, tries_left: TRIES, answered: false };
        rehearsals.push(fresh);
        Step::event(Event::DrillAsked { owner: name, drill: id })
    }

    /// Friend: types the number of a rehearsal. A right one, or the third wrong one, is the answer.
    ///
    /// # Errors
    /// [`DrillError`]; nothing is sent then.
    pub fn answer_drill(
        &mut self,
        id: DrillId,
        number: &Number,
        ctx: &mut Context<'_>,
    ) -> Result<(Tried, Step), DrillError> {
        let known = self.state.rehearsals.iter_mut().find(|known| known.id == id);
        let known = known.ok_or(DrillError::Unknown)?;
        if known.answered || known.made.saturating_add(DRILL_SECONDS) <= ctx.now {
            return Err(DrillError::Over);
        }
        let right = Number::of_drill(id, &known.secret, ctx.cost)?.matches(number);
        if !right {
            known.tries_left = known.tries_left.saturating_sub(1);
        }
        let (owner, tries_left) = (known.owner, known.tries_left);
        if !right && tries_left > 0 {
            return Ok((Tried::Wrong { tries_left }, Step::default()));
        }
        known.answered = true;
        let proofs = self.rehearse(owner, id);
        let answer = DrillAnswer { version: V1, id, number: right, proofs, made: ctx.now };
        let step = self.tell_owner(owner, &answer, ctx);
        Ok((if right { Tried::Right } else { Tried::Burnt }, step))
    }

    /// Friend: proofs that the pieces open, which tell nothing of the pieces.
    fn rehearse(&self, owner: ContactId, id: DrillId) -> Vec<CircleProof> {
        let bundles = self.held_of(owner).into_iter().flat_map(|held| &held.bundles);
        let prove = |bundle: &HeldBundle| {
            let proof = Some(drill_proof(&bundle.audit()?, id));
            Some(CircleProof { circle: bundle.circle, proof })
        };
        bundles.filter_map(prove).collect()
    }

    /// Owner: a contact rehearsed.
    pub(crate) fn on_drill_answer(
        &mut self,
        contact: &Contact,
        said: &DrillAnswer,
        now: u64,
    ) -> Step {
        let id = contact.card.id();
        let opened = self.vault().live().is_some_and(|live| opens(live, id, said));
        let drill = self.state.drills.iter_mut().find(|drill| drill.id == said.id);
        let asked = drill.and_then(|drill| drill.contacts.iter_mut().find(|c| c.contact == id));
        let Some(asked) = asked.filter(|asked| asked.reached.is_none()) else {
            return Step::default();
        };
        *asked = Rehearsed { contact: id, reached: Some(now), opened, number: said.number };
        Step::event(Event::DrillAnswered {
            contact: contact.name.clone(),
            drill: said.id,
            number: said.number,
            opened,
        })
    }
}

/// Whether a rehearsal proves the contact's pieces of a circle.
fn opens(circle: &Circle, contact: ContactId, said: &DrillAnswer) -> bool {
    let Some(member) = circle.member(contact) else { return false };
    let right = drill_proof(&member.audit, said.id);
    let of = |id: CircleId| said.proofs.iter().find(|proof| proof.circle == id);
    of(circle.id).and_then(|proof| proof.proof).is_some_and(|proof| right.ct_eq(&proof).into())
}
