//! Pairing: an invite link, an answer, and a number to compare.
//!
//! The owner puts a card into a slot, boxed under the link's secret, and listens at a mailbox made for
//! this invite alone. The friend answers with a card, sealed to the owner and bound to the secret. The
//! first answer makes a contact and deletes the slot; a second one makes the contact contested.

use super::{
    Context, Delivery, Event, Step,
    device::Device,
    invitation::Invitation,
    slots::{SlotFlaw, box_for_slot, open_slot},
};
use crate::{
    circle::{Contact, Held, Inbox, Reach, Told},
    ids::{Base, ContactId, SlotId},
    kdf::hkdf,
    keys::Card,
    labels,
    name::Name,
    number::Number,
    seal::{self, Letter},
    secret::Secret,
    sign::Signed,
    wire::{
        self, V1,
        link::{Link, LinkKind, LinkSecret},
        messages::{Answer, GuestPass, Invite},
    },
};
use subtle::ConstantTimeEq;

/// How long an invite can be answered: 7 days.
pub const INVITE_SECONDS: u64 = 7 * 86_400;
/// How long the mailbox for answers stays, so that a second answer is seen: 14 days.
const ANSWERS_SECONDS: u64 = 2 * INVITE_SECONDS;

/// Why a pairing can't be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PairError {
    /// No relay is set.
    #[error("no relay is set, so there is no place to leave an invitation")]
    NoRelay,
    /// A contact or an open invite has that name.
    #[error("there is a contact or an open invitation of that name already")]
    NameTaken,
    /// The link is not an invitation.
    #[error("this link is {0}, not an invitation")]
    WrongLink(LinkKind),
    /// The box does not open with the link's secret, or holds no invite.
    #[error("the invitation was changed on its way, or the link is not whole")]
    Damaged,
    /// Made by a newer version of the program.
    #[error("the invitation was made by a newer version of this program")]
    Newer,
    /// Too late.
    #[error("the invitation has expired")]
    Expired,
    /// The invite is this person's own.
    #[error("this invitation is your own")]
    Own,
    /// A piece of this owner's key is here already.
    #[error("you have accepted an invitation of this person already")]
    Known,
    /// The invite is from a device that another one took the place of.
    #[error("this invitation is from a device that was replaced")]
    Replaced,
    /// The invite's device says to be that of somebody who is known, and waits for its number.
    #[error("you know this person already, and have not compared the number of their new device")]
    Claimed,
    /// No contact or owner of that name.
    #[error("there is nobody of that name")]
    NoSuchPerson,
    /// The number is not theirs.
    #[error("the number does not match")]
    WrongNumber,
}

/// A new invite.
#[derive(Debug)]
pub struct Invited {
    /// To be sent to the friend.
    pub link: Link,
    /// Unix seconds.
    pub expires: u64,
    /// What to do.
    pub step: Step,
}

/// An invite was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The owner's name, as their card says.
    pub owner: Name,
    /// The owner's id.
    pub id: ContactId,
    /// To be compared with the owner.
    pub number: Number,
    /// Leave to open things at closed relays; each is for its relay alone.
    pub passes: Vec<GuestPass>,
    /// What to do.
    pub step: Step,
}

impl Device {
    /// Owner: invites one contact, who will be called `name`.
    ///
    /// # Errors
    /// [`PairError::NoRelay`], [`PairError::NameTaken`].
    pub fn invite(&mut self, name: Name, ctx: &mut Context<'_>) -> Result<Invited, PairError> {
        let relays = self.relays().to_vec();
        if relays.is_empty() {
            return Err(PairError::NoRelay);
        }
        let open = |invite: &Invitation| invite.answered.is_none() && invite.name == name;
        if self.state.invites.iter().any(open) || self.contact_named(&name).is_some() {
            return Err(PairError::NameTaken);
        }
        let invite = Invitation {
            name,
            secret: Link::secret(&mut ctx.rng),
            slot: Base::random(&mut ctx.rng),
            answers: Inbox::new(&relays, &mut ctx.rng),
            inbox: Inbox::new(&relays, &mut ctx.rng),
            expires: ctx.now.saturating_add(INVITE_SECONDS),
            answered: None,
            passes: None,
        };
        let step = self.publish(&invite, ctx).ok_or(PairError::Damaged)?;
        let link = invite.link();
        let expires = invite.expires;
        self.state.invites.push(invite);
        Ok(Invited { link, expires, step })
    }

    /// Owner: puts passes into an open invite, for relays of it that have none; its link stays as it is. `None` if
    /// nothing came of it.
    pub fn add_passes(
        &mut self,
        slot: SlotId,
        passes: Vec<GuestPass>,
        ctx: &mut Context<'_>,
    ) -> Option<Step> {
        let open = |invite: &Invitation| invite.answered.is_none() && invite.key() == Some(slot);
        let at = self.state.invites.iter().position(open)?;
        let mut invite = self.state.invites.get(at)?.clone();
        for pass in passes {
            if invite.without_pass().any(|relay| *relay == pass.relay) {
                invite.passes.get_or_insert_default().push(pass);
            }
        }
        let body = self.boxed(&invite, ctx)?;
        let put = |relay| invite.put(relay, &body);
        let step =
            Step { outbox: invite.inbox.relays.iter().map(put).collect(), ..Step::default() };
        let kept = self.state.invites.get_mut(at)?;
        let news = kept.passes != invite.passes;
        *kept = invite;
        news.then_some(step)
    }

    /// Opens the invite's mailboxes and fills its slots.
    fn publish(&self, invite: &Invitation, ctx: &mut Context<'_>) -> Option<Step> {
        let body = self.boxed(invite, ctx)?;
        let mut step = Step::default();
        for relay in &invite.inbox.relays {
            let open = |base: &Base, ttl| Delivery::OpenMailbox {
                base: base.clone(),
                relay: relay.clone(),
                ttl,
            };
            step.outbox.push(open(&invite.answers.base, Some(ANSWERS_SECONDS)));
            step.outbox.push(open(&invite.inbox.base, None));
            step.outbox.push(invite.put(relay, &body));
        }
        Some(step)
    }

    /// What lies in the invite's slots.
    fn boxed(&self, invite: &Invitation, ctx: &mut Context<'_>) -> Option<Vec<u8>> {
        let content = Invite {
            version: V1,
            card: self.card_for(&invite.inbox)?,
            answers: invite.answers.addresses(),
            expires: invite.expires,
            passes: invite.passes.clone(),
        };
        box_for_slot(invite.secret.expose(), labels::BOX_INVITE, &wire::encode(&content), ctx)
    }

    /// Friend: accepts an invite whose slot held `boxed`.
    ///
    /// # Errors
    /// [`PairError`]; nothing is kept then.
    pub fn accept(
        &mut self,
        link: &Link,
        boxed: &[u8],
        reach: Reach,
        ctx: &mut Context<'_>,
    ) -> Result<Accepted, PairError> {
        let invite = read_invite(link, boxed, ctx.now)?;
        let owner = invite.card.id();
        if owner == self.id() {
            return Err(PairError::Own);
        }
        // As long as nothing came of it, an invite can be answered again: the answer may be lost.
        let before = self.held_of(owner).cloned();
        if before.as_ref().is_some_and(|held| held.was(owner)) {
            return Err(PairError::Replaced);
        }
        let claims = |held: &Held| held.claims().iter().any(|claim| claim.card.id() == owner);
        if self.held().iter().any(claims) {
            return Err(PairError::Claimed);
        }
        if before.as_ref().is_some_and(|held| !held.bundles.is_empty()) {
            return Err(PairError::Known);
        }
        let mut relays = self.relays().to_vec();
        if relays.is_empty() {
            relays = link.slots.iter().map(|slot| slot.relay.clone()).collect();
        }
        if self.state.vault.profile.relays.is_empty() {
            self.state.vault.profile.relays.clone_from(&relays);
        }
        let (name, inbox) = match before {
            Some(held) => (held.name, held.inbox),
            None => (self.free_owner_name(invite.card.name()), Inbox::new(&relays, &mut ctx.rng)),
        };
        let passes = passes_of(link, invite.passes.unwrap_or_default());
        let held = Held {
            name,
            card: invite.card,
            inbox,
            secret: link.secret.clone(),
            verified: false,
            reach,
            bundles: Vec::new(),
            seen: ctx.now,
            newest: None,
            stopped: Vec::new(),
            asked: 0,
            forgotten: Vec::new(),
            known: None,
            succession: None,
        };
        let step = self.answer(&held, &invite.answers, ctx).ok_or(PairError::Damaged)?;
        let number = self.number_with_owner(&held, ctx)?;
        let name = held.name.clone();
        self.state.vault.held.retain(|other| other.card.id() != owner);
        self.state.vault.held.push(held);
        self.state.vault.touch(ctx.now);
        Ok(Accepted { owner: name, id: owner, number, passes, step })
    }

    /// Opens the friend's mailboxes and posts the answer.
    fn answer(
        &self,
        held: &Held,
        answers: &[crate::address::MailboxAddress],
        ctx: &mut Context<'_>,
    ) -> Option<Step> {
        let card = self.card_for(&held.inbox)?;
        let proof = answer_proof(&held.secret, &card);
        let answer = Answer { version: V1, card, proof };
        let signed = Signed::new(&answer, &self.identity, held.card.id().as_bytes());
        let letter = Letter::new(signed, None);
        let body = seal::seal(&letter, &held.card.keys().sealing, &mut ctx.rng).ok()?;
        let mut step = Step::default();
        for relay in &held.inbox.relays {
            let (base, relay) = (held.inbox.base.clone(), relay.clone());
            step.outbox.push(Delivery::OpenMailbox { base, relay, ttl: None });
        }
        step.post(answers, &body);
        Some(step)
    }

    /// Owner: an answer to an invite came.
    pub(crate) fn on_answer(&mut self, key: SlotId, message: &[u8], ctx: &mut Context<'_>) -> Step {
        let Some(at) = self.state.invites.iter().position(|invite| invite.key() == Some(key))
        else {
            return Step::default();
        };
        let Some(invite) = self.state.invites.get(at).cloned() else {
            return Step::default();
        };
        let Some(card) = self.read_answer(&invite, message) else {
            let why = "an answer that does not know the invitation's link";
            return Step::event(Event::Ignored { from: None, why });
        };
        match invite.answered {
            None => self.take_answer(at, invite, card, ctx),
            Some(first) if first == card.id() => Step::default(),
            Some(_) => self.contest(&invite, card, ctx),
        }
    }

    fn read_answer(&self, invite: &Invitation, message: &[u8]) -> Option<Card> {
        let letter = seal::open(&self.identity, message).ok()?;
        let audience = self.id();
        let answer = letter
            .signed
            .verify_claim(|a: &Answer| (a.card.keys(), audience.as_bytes().to_vec()))
            .ok()?;
        let proof = answer_proof(&invite.secret, &answer.card);
        let right = bool::from(proof.ct_eq(&answer.proof)) && answer.card.id() != audience;
        right.then_some(answer.card)
    }

    fn take_answer(
        &mut self,
        at: usize,
        invite: Invitation,
        card: Card,
        ctx: &mut Context<'_>,
    ) -> Step {
        if let Some(contact) = self.contact(card.id()).filter(|c| !c.removed && !c.left) {
            let (name, contact) = (invite.name, contact.name.clone());
            return Step::event(Event::SamePerson { name, contact });
        }
        // Who was removed, or left, comes back by a new invite.
        self.state.vault.contacts.retain(|contact| contact.card.id() != card.id());
        if let Some(kept) = self.state.invites.get_mut(at) {
            kept.answered = Some(card.id());
        }
        let mut step = Step::event(Event::ContactAccepted { name: invite.name.clone() });
        for relay in &invite.inbox.relays {
            let (base, relay) = (invite.slot.clone(), relay.clone());
            step.outbox.push(Delivery::DeleteSlot { base, relay });
        }
        self.state.vault.contacts.push(Contact {
            name: invite.name,
            card,
            rivals: Vec::new(),
            inbox: invite.inbox,
            secret: invite.secret,
            verified: false,
            removed: false,
            seen: ctx.now,
            left: false,
            told: Told::default(),
            known: None,
            moved: None,
        });
        self.state.vault.touch(ctx.now);
        step
    }

    /// A second person answered: nothing is sent any more until the owner settles it by number.
    fn contest(&mut self, invite: &Invitation, card: Card, ctx: &mut Context<'_>) -> Step {
        // By the invite: one person can have answered several.
        let contacts = &mut self.state.vault.contacts;
        let contact = contacts.iter_mut().find(|contact| contact.secret == invite.secret);
        let Some(contact) = contact.filter(|contact| !contact.verified) else {
            return Step::default();
        };
        let known = contact.card.id() == card.id()
            || contact.rivals.iter().any(|rival| rival.id() == card.id());
        if known || contact.rivals.len() >= RIVALS_MAX {
            return Step::default();
        }
        contact.rivals.push(card);
        let name = contact.name.clone();
        self.state.vault.touch(ctx.now);
        Step::event(Event::ContactContested { name })
    }

    /// Marks a contact as left out of the next circle.
    ///
    /// # Errors
    /// [`PairError::NoSuchPerson`].
    pub fn remove_contact(&mut self, name: &Name, now: u64) -> Result<(), PairError> {
        let contact = self.state.vault.contacts.iter_mut().find(|contact| contact.name == *name);
        contact.ok_or(PairError::NoSuchPerson)?.removed = true;
        self.state.vault.touch(now);
        Ok(())
    }

    /// Takes back an invite that nobody answered; `None` if there is none of that name.
    pub fn withdraw_invite(&mut self, name: &Name) -> Option<Step> {
        let open = |invite: &Invitation| invite.answered.is_none() && invite.name == *name;
        let open = self.state.invites.extract_if(.., |invite| open(invite)).next();
        open.map(Invitation::close)
    }

    /// The contact of a name.
    #[must_use]
    pub fn contact_named(&self, name: &Name) -> Option<&Contact> {
        self.contacts().iter().find(|contact| contact.name == *name)
    }

    /// The owner of a name.
    #[must_use]
    pub fn held_named(&self, name: &Name) -> Option<&Held> {
        self.held().iter().find(|held| held.name == *name)
    }

    /// The contact with this id.
    #[must_use]
    pub fn contact(&self, id: ContactId) -> Option<&Contact> {
        self.contacts().iter().find(|contact| contact.card.id() == id)
    }

    /// What is held of the owner with this id.
    #[must_use]
    pub fn held_of(&self, id: ContactId) -> Option<&Held> {
        self.held().iter().find(|held| held.is(id))
    }

    /// The name, with a number behind it if another owner has it.
    fn free_owner_name(&self, name: &Name) -> Name {
        let numbered = (2..1_000).filter_map(|n| format!("{name} ({n})").parse::<Name>().ok());
        std::iter::once(name.clone())
            .chain(numbered)
            .find(|name| self.held_named(name).is_none())
            .unwrap_or_else(|| name.clone())
    }
}

/// Cards that can contest one contact.
const RIVALS_MAX: usize = 8;

/// The owner's card from an invite's slot.
///
/// # Errors
/// [`PairError::WrongLink`], [`PairError::Damaged`], [`PairError::Expired`].
pub fn read_invite(link: &Link, boxed: &[u8], now: u64) -> Result<Invite, PairError> {
    if link.kind != LinkKind::Invite {
        return Err(PairError::WrongLink(link.kind));
    }
    let invite: Invite = open_slot(link.secret.expose(), labels::BOX_INVITE, boxed)?;
    if invite.expires <= now {
        return Err(PairError::Expired);
    }
    Ok(invite)
}

/// The first pass for each of the link's relays: an invite speaks for no others.
fn passes_of(link: &Link, passes: Vec<GuestPass>) -> Vec<GuestPass> {
    let mut taken: Vec<GuestPass> = Vec::new();
    for pass in passes {
        let named = link.slots.iter().any(|slot| slot.relay == pass.relay);
        if named && taken.iter().all(|other| other.relay != pass.relay) {
            taken.push(pass);
        }
    }
    taken
}

/// HKDF(link secret, label ‖ 0x00 ‖ card).
pub(crate) fn answer_proof(secret: &LinkSecret, card: &Card) -> [u8; 32] {
    let card = wire::encode(card.signed());
    let proof: Secret<32> = hkdf(secret.expose(), &[], labels::ANSWER_PROOF, &[&card]);
    *proof.expose()
}

impl From<SlotFlaw> for PairError {
    fn from(flaw: SlotFlaw) -> Self {
        match flaw {
            SlotFlaw::Damaged => Self::Damaged,
            SlotFlaw::Newer => Self::Newer,
        }
    }
}
