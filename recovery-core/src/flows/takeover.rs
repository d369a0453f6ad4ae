//! Taking over: who came back becomes somebody else, so that whoever has the lost device is nobody.
//!
//! A fresh identity, root key, slots and inboxes; every contact is told, and a fresh generation is dealt at
//! once. Nothing is written under the former root key any more. What it opens stays until the new generation
//! is live, so that at each point in between one whole generation opens a vault.

use super::{
    Context, Delivery, Event, Step,
    device::{Device, send},
    keep::KEPT_SECONDS,
    protect::{Plan, ProtectError},
    request::NewDevice,
};
use crate::{
    address::RelayUrl,
    circle::{Circle, Contact, Deletion, Held, Inbox, Known, MemberState, Retired, Slots},
    ids::{Base, CircleId, ContactId},
    keys::{Card, Identity},
    name::Name,
    package::RootKey,
    seal::{self, Letter},
    secret::Secret,
    sign::Signed,
    wire::{
        V1,
        messages::{Forget, Moved, Succession, Successor},
    },
};
use minicbor::Encode;
use recovery_derive::Decode;

/// Requests by which this person came back that are remembered.
const REQUESTS_MAX: usize = 8;
/// How often a contact that has not answered is told again: daily.
const REMIND_SECONDS: u64 = 86_400;

/// What a contact who does not know this identity yet has to get. No key of a former identity is kept for it, and
/// no share that is not sealed to that contact.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Kept {
    /// The contact.
    #[n(0)]
    pub(crate) contact: ContactId,
    /// Word of the new device. It is sealed anew each time, so that a relay that spoilt it once can't take the next
    /// one for what it has already.
    #[n(1)]
    successor: Signed,
    /// The circle of the newest bundle for them.
    #[n(2)]
    circle: Option<CircleId>,
    /// That bundle.
    #[cbor(n(3), with = "minicbor::bytes")]
    bundle: Vec<u8>,
    /// Unix seconds when they were sent last.
    #[n(4)]
    at: u64,
}

/// A device took over.
#[derive(Debug)]
pub struct TakenOver {
    /// Who is told.
    pub told: Vec<Name>,
    /// The generation that is dealt, or why there is none.
    pub generation: Result<u64, ProtectError>,
    /// What to do.
    pub step: Step,
}

impl Device {
    /// Becomes the successor of the identity in the vault: to be called once, on what a restore gave, before
    /// anything of it is kept. `new` is the recovery that gave it; its key is gone afterwards. `passphrase` is
    /// that of the circle.
    pub fn take_over(
        &mut self,
        new: &NewDevice,
        passphrase: Option<&str>,
        ctx: &mut Context<'_>,
    ) -> TakenOver {
        let plan = self.same_plan(passphrase);
        let former = self.leave_identity(new, ctx);
        let mut step = self.open_inboxes();
        let (told, word) = self.tell_contacts(new, ctx);
        step.then(word);
        step.then(self.tell_owners(ctx));
        step.then(self.tell_former(new, &former, ctx).unwrap_or_default());
        let dealt = plan.and_then(|plan| self.protect(plan, ctx));
        let generation = dealt.map(|dealt| {
            step.then(dealt.step);
            dealt.generation
        });
        TakenOver { told, generation, step }
    }

    /// The plan of the generation that counts, over those to whom pieces can be sent.
    fn same_plan<'a>(&self, passphrase: Option<&'a str>) -> Result<Plan<'a>, ProtectError> {
        let newest = self.vault().live().or(self.vault().circles.last());
        let newest = newest.ok_or(ProtectError::NothingToRenew)?;
        if newest.passphrase.is_some() && passphrase.is_none() {
            return Err(ProtectError::PassphraseNeeded);
        }
        let fits = |contact: &Contact| !contact.contested() && contact.moves().is_empty();
        Ok(Plan {
            policy: self.remaining(&newest.policy, fits)?,
            passphrase: passphrase.filter(|_| newest.passphrase.is_some()),
            delay: newest.hold.delay,
            hold_by: newest.hold.by,
        })
    }

    /// Draws everything anew that a thief may have, and notes what is left of the former identity.
    fn leave_identity(&mut self, new: &NewDevice, ctx: &mut Context<'_>) -> Identity {
        let relays = self.relays().to_vec();
        let slots = self.places().into_iter().map(|place| place.slot);
        let slots = slots.map(|base| Slots { base, relays: relays.clone() }).collect::<Vec<_>>();
        let vault = &mut self.state.vault;
        let seed = std::mem::replace(&mut vault.profile.seed, Secret::random(&mut ctx.rng));
        let fresh = Identity::from_seed(&vault.profile.seed);
        let identity = std::mem::replace(&mut self.identity, fresh);
        let id = identity.id();
        let former = vault.former.get_or_insert_default();
        former.seeds.push(seed);
        former.requests.push(new.id());
        let surplus = former.requests.len().saturating_sub(REQUESTS_MAX);
        former.requests.drain(..surplus);
        former.circles.extend(vault.circles.drain(..).map(as_retired));
        former.slots.extend(slots);
        former.until = ctx.now.saturating_add(KEPT_SECONDS);
        let contacts = vault.contacts.iter_mut().filter(|contact| !contact.left);
        let contacts = contacts.map(|contact| (&mut contact.inbox, &mut contact.known));
        let owners = vault.held.iter_mut().map(|held| (&mut held.inbox, &mut held.known));
        for (inbox, known) in contacts.chain(owners) {
            let inbox = std::mem::replace(inbox, Inbox::new(&relays, &mut ctx.rng));
            former.inboxes.push(inbox.clone());
            known.get_or_insert(Known { id, inbox });
        }
        vault.slot = Base::random(&mut ctx.rng);
        vault.touch(ctx.now);
        self.state.root = RootKey::random(&mut ctx.rng);
        self.state.copies.clear();
        self.state.kept.clear();
        identity
    }

    fn open_inboxes(&self) -> Step {
        let contacts = self.contacts().iter().filter(|contact| !contact.left);
        let inboxes =
            contacts.map(|contact| &contact.inbox).chain(self.held().iter().map(|h| &h.inbox));
        let open = |inbox: &Inbox| {
            let open = |relay: &RelayUrl| Delivery::OpenMailbox {
                base: inbox.base.clone(),
                relay: relay.clone(),
                ttl: None,
            };
            inbox.relays.iter().map(open).collect::<Vec<_>>()
        };
        Step { outbox: inboxes.flat_map(open).collect(), events: Vec::new() }
    }

    /// Sends every contact word of the successor, by the identity that they know. Of a contested contact nobody
    /// is told before the number says who it is; but the word can be made only now, so it is kept for each.
    fn tell_contacts(&mut self, new: &NewDevice, ctx: &mut Context<'_>) -> (Vec<Name>, Step) {
        let (mut told, mut step) = (Vec::new(), Step::default());
        let mut contacts = self.contacts().to_vec();
        contacts.retain(|contact| !contact.left);
        // Who answered another invitation as well is told as whom they are for sure.
        contacts.sort_by_key(Contact::contested);
        for contact in contacts {
            for card in std::iter::once(&contact.card).chain(&contact.rivals) {
                let kept = self.state.kept.iter().any(|kept| kept.contact == card.id());
                let word = self.successor_for(&contact, (card, new), ctx.now);
                let Some(successor) = word.filter(|_| !kept) else { continue };
                if !contact.contested() {
                    step.then(send(successor.clone(), (card, ctx)).unwrap_or_default());
                }
                let (contact, circle, bundle) = (card.id(), None, Vec::new());
                self.state.kept.push(Kept { contact, successor, circle, bundle, at: ctx.now });
            }
            if !contact.contested() {
                told.push(contact.name);
            }
        }
        (told, step)
    }

    /// Word of the successor, for the holder of a card.
    fn successor_for(
        &self,
        contact: &Contact,
        (to, new): (&Card, &NewDevice),
        now: u64,
    ) -> Option<Signed> {
        let known = contact.known.as_ref()?;
        let former = self.former_identity(known.id)?;
        let card = self.card_for(&contact.inbox)?;
        Some(successor(&former, (new, card), to.id(), now))
    }

    /// Tells everybody whose pieces this person holds. Until they compared the number, this person goes on as
    /// who they know.
    fn tell_owners(&self, ctx: &mut Context<'_>) -> Step {
        let mut step = Step::default();
        for held in self.held() {
            step.then(self.tell_moved(held, ctx));
        }
        step
    }

    /// Tells an owner that this person has a new device; also each time that they show not to know.
    pub(crate) fn tell_moved(&self, held: &Held, ctx: &mut Context<'_>) -> Step {
        let Some(card) = self.card_for(&held.inbox) else { return Step::default() };
        let moved = Moved { version: V1, card, made: ctx.now };
        self.tell_owner(held.card.id(), &moved, ctx)
    }

    /// Leaves word for a device that still has the former identity, where its contacts write to it: that it
    /// was replaced.
    fn tell_former(
        &self,
        new: &NewDevice,
        former: &Identity,
        ctx: &mut Context<'_>,
    ) -> Option<Step> {
        let card = Card::verify(&self.identity.card(self.name().clone(), Vec::new())).ok()?;
        let word = successor(former, (new, card), former.id(), ctx.now);
        let sealing = &former.public().sealing;
        let message = seal::seal(&Letter::new(word, None), sealing, &mut ctx.rng).ok()?;
        let known = self.contacts().iter().filter_map(|contact| contact.known.as_ref());
        let mut step = Step::default();
        for known in known.filter(|known| known.id == former.id()) {
            step.post(&known.inbox.addresses(), &message);
        }
        Some(step)
    }

    /// Keeps a bundle for a contact who can't take it before they know this identity.
    pub(crate) fn keep_bundle(&mut self, contact: ContactId, circle: CircleId, message: &[u8]) {
        if let Some(kept) = self.state.kept.iter_mut().find(|kept| kept.contact == contact) {
            (kept.circle, kept.bundle) = (Some(circle), message.to_vec());
        }
    }

    /// Owner: a contact has spoken to this identity, so it is accepted. What they could not take before is
    /// sent again.
    pub(crate) fn is_known_to(&mut self, id: ContactId, ctx: &mut Context<'_>) -> Step {
        let Some(contact) = self.contact_mut(id) else { return Step::default() };
        if contact.known.take().is_none() {
            return Step::default();
        }
        let (name, card) = (contact.name.clone(), contact.card.clone());
        self.state.vault.touch(ctx.now);
        let mut step = Step::event(Event::ContactKnows { contact: name });
        self.forget_kept();
        let mut kept = self.state.kept.iter_mut();
        if let Some(kept) = kept.find(|kept| kept.contact == id && kept.circle.is_some()) {
            kept.at = ctx.now;
            step.post(card.mailboxes(), &kept.bundle);
        }
        step
    }

    /// Sends again, once a day, what contacts have not answered; lets go of what nobody needs any more.
    pub(crate) fn remind(&mut self, ctx: &mut Context<'_>) -> Step {
        self.forget_kept();
        let mut step = Step::default();
        let now = ctx.now;
        let due = |kept: &&mut Kept| kept.at.saturating_add(REMIND_SECONDS) <= now;
        for kept in self.state.kept.iter_mut().filter(due) {
            let contacts = self.state.vault.contacts.iter();
            let mut contacts = contacts.filter(|contact| !contact.contested());
            let Some(contact) = contacts.find(|c| c.card.id() == kept.contact) else {
                continue;
            };
            kept.at = now;
            if contact.known.is_some() && !planted!(SuccessorToldOnce) {
                step.then(send(kept.successor.clone(), (&contact.card, ctx)).unwrap_or_default());
            }
            if kept.circle.is_some() {
                step.post(contact.card.mailboxes(), &kept.bundle);
            }
        }
        step.then(self.forget_former(ctx.now));
        step
    }

    /// Lets go of what was kept for contacts who have it, or can't get it any more.
    fn forget_kept(&mut self) {
        let vault = &self.state.vault;
        self.state.kept.retain_mut(|kept| {
            let waits = |circle: &CircleId| {
                let circle = vault.circles.iter().find(|known| known.id == *circle);
                let member = circle.and_then(|circle| circle.member(kept.contact));
                member.is_some_and(|member| member.state == MemberState::Sent)
            };
            if !kept.circle.as_ref().is_some_and(waits) {
                (kept.circle, kept.bundle) = (None, Vec::new());
            }
            let is = |card: &Card| card.id() == kept.contact;
            let contact = vault.contacts.iter().find(|c| is(&c.card) || c.rivals.iter().any(is));
            let unknown = contact.is_some_and(|contact| !contact.left && contact.known.is_some());
            unknown || contact.is_some() && kept.circle.is_some()
        });
    }

    /// Closes inboxes that nobody writes to any more, and lets go of seeds that nothing needs.
    fn forget_former(&mut self, now: u64) -> Step {
        let vault = &mut self.state.vault;
        let Some(former) = vault.former.as_mut() else { return Step::default() };
        let known: Vec<&Known> = (vault.contacts.iter().filter_map(|c| c.known.as_ref()))
            .chain(vault.held.iter().filter_map(|held| held.known.as_ref()))
            .collect();
        let over = |inbox: &mut Inbox| {
            former.until <= now && known.iter().all(|known| known.inbox != *inbox)
        };
        let mut step = Step::default();
        for Inbox { base, relays } in former.inboxes.extract_if(.., over) {
            let close = |relay| Delivery::CloseMailbox { base: base.clone(), relay };
            step.outbox.extend(relays.into_iter().map(close));
        }
        let pieces = vault.held.iter().flat_map(|held| &held.bundles);
        let mut needed: Vec<ContactId> = pieces.filter_map(|piece| piece.contact()).collect();
        needed.extend(known.iter().map(|known| known.id));
        let before = former.seeds.len();
        former.seeds.retain(|seed| needed.contains(&Identity::from_seed(seed).id()));
        if former.seeds.len() < before || !step.outbox.is_empty() {
            vault.touch(now);
        }
        step
    }

    /// Once a generation of this identity is live and a relay has its container: lets go of the former ones.
    pub(crate) fn retire_former(&mut self, ctx: &mut Context<'_>) -> Step {
        let stored = self.vault().live().is_some_and(|live| self.is_stored(live));
        let slot = self.vault().slot.clone();
        let at = |relay: &RelayUrl| slot.slot(relay.as_str()).id();
        let copies = &self.state.copies;
        let found = copies.iter().any(|copy| copy.version > 0 && copy.slot == at(&copy.relay));
        let safe = stored && found || planted!(FormerGivenUp);
        let Some(former) = self.state.vault.former.as_mut().filter(|_| safe) else {
            return Step::default();
        };
        let (circles, slots) =
            (std::mem::take(&mut former.circles), std::mem::take(&mut former.slots));
        if circles.is_empty() && slots.is_empty() {
            return Step::default();
        }
        let mut step = Step::default();
        for Slots { base, relays } in slots {
            let delete = |relay| Delivery::DeleteSlot { base: base.clone(), relay };
            step.outbox.extend(relays.into_iter().map(delete));
        }
        for old in circles {
            step.events.push(Event::CircleRetired { generation: old.generation });
            let forget = Forget { version: V1, circles: vec![old.id] };
            for member in &old.members {
                step.then(self.tell(member.contact, &forget, ctx));
            }
            self.remember_retired(old);
        }
        self.state.vault.touch(ctx.now);
        step
    }

    /// Unix seconds when another device took the place of this one, as far as it has heard.
    #[must_use]
    pub fn replaced(&self) -> Option<u64> {
        self.state.replaced
    }

    /// A message that this device's own identity signed: another one took its place.
    pub(crate) fn on_own_successor(&mut self, signed: &Signed) -> Step {
        let own = (self.identity.public(), self.id().as_bytes().to_vec());
        let Ok(said) = signed.verify::<Successor>(own.0, &own.1) else { return Step::default() };
        let Ok(next) = said.succession.peek::<Succession>() else { return Step::default() };
        if self.state.replaced.is_some() {
            return Step::default();
        }
        self.state.replaced = Some(next.made);
        Step::event(Event::Replaced)
    }
}

/// The two signatures: by the request's key over who comes next, and by the former identity over that.
fn successor(
    former: &Identity,
    (new, card): (&NewDevice, Card),
    audience: ContactId,
    now: u64,
) -> Signed {
    let (audience, request) = (audience.as_bytes(), new.id());
    let next = Succession { version: V1, former: former.id(), card, request, made: now };
    let succession = Signed::new(&next, &new.identity, audience);
    let word = Successor { version: V1, former: former.public().clone(), succession };
    Signed::new(&word, former, audience)
}

/// A generation as it is remembered when its owner's identity is left behind.
fn as_retired(circle: Circle) -> Retired {
    let gone = |member: crate::circle::Member| Deletion { contact: member.id, at: None };
    let members = circle.members.into_iter().map(gone).collect();
    Retired { id: circle.id, generation: circle.generation, members }
}
