//! Stopping: the owner's veto, what friends' devices do when they hear of it, and the friends' own word
//! that a request is not from the person it claims.

use super::{
    Context, Delivery, Event, Step,
    approve::ApproveError,
    device::{Device, say_as},
    recovery::OwnerAnswer,
    request::RequestError,
    slots::{box_for_slot, open_slot},
};
use crate::{
    address::{MailboxAddress, SlotAddress},
    circle::{Contact, Opened, OpenedState, Stopped, Told},
    ids::{ContactId, RequestId},
    keys::Card,
    labels,
    name::Name,
    wire::{
        self, V1,
        messages::{Alarm, Alarms, AlertKind, HoldBy, Impostor, Newest, Request, Stop},
    },
};

/// Stops of one owner that a friend's device remembers.
const STOPPED_MAX: usize = 64;
/// Warnings in one alarm slot.
const IMPOSTORS_MAX: usize = 16;
/// How long a warning stands: 30 days.
const ALARM_SECONDS: u64 = 30 * 86_400;
/// Contacts hear of a newer vault at most once a day.
const TELL_SECONDS: u64 = 86_400;

impl Device {
    /// Owner: stops a recovery that a contact told of. Relays drop what they hold and refuse more, contacts
    /// are told, and so is the new device.
    ///
    /// # Errors
    /// [`RequestError::Unknown`] if no contact told of such a request.
    pub fn veto(&mut self, id: RequestId, ctx: &mut Context<'_>) -> Result<Step, RequestError> {
        let known = self.state.recoveries.iter_mut().find(|known| known.request == id);
        let known = known.ok_or(RequestError::Unknown)?;
        known.answer = Some(OwnerAnswer::Stopped { at: ctx.now });
        let request: Request = known.signed.peek()?;
        let mut step = Step::default();
        for circle in self.vault().circles.iter().filter(|_| !planted!(StopNotAtRelays)) {
            for hold in &circle.hold.holds {
                let counts = |mailbox: &&MailboxAddress| mailbox.relay == hold.relay;
                let veto = |mailbox: &MailboxAddress| Delivery::Veto {
                    base: circle.holds.clone(),
                    mailbox: mailbox.clone(),
                };
                step.outbox.extend(request.card.mailboxes().iter().filter(counts).map(veto));
            }
        }
        for contact in self.contacts().iter().filter(|contact| !contact.left) {
            step.then(self.stop_for(contact, id, ctx).unwrap_or_default());
        }
        let own = self.identity.card(self.name().clone(), Vec::new());
        if let Ok(owner) = Card::verify(&own) {
            let stop = Stop { version: V1, request: id, owner, made: ctx.now };
            step.then(self.say(&stop, id.as_bytes(), &request.card, ctx).unwrap_or_default());
        }
        Ok(step)
    }

    /// Owner: the stop for one contact, by the identity that they know.
    fn stop_for(&self, contact: &Contact, id: RequestId, ctx: &mut Context<'_>) -> Option<Step> {
        let audience = contact.card.id();
        let stop = |owner| Stop { version: V1, request: id, owner, made: ctx.now };
        let Some(known) = &contact.known else {
            let stop = stop(self.card_for(&contact.inbox)?);
            return self.say(&stop, audience.as_bytes(), &contact.card, ctx);
        };
        let former = self.former_identity(known.id)?;
        let stop = stop(Card::verify(&self.former_card(known)?).ok()?);
        say_as(&former, &stop, audience.as_bytes(), (&contact.card, ctx))
    }

    /// Owner: "it was me". Nothing gets faster by it; the alarm is over.
    ///
    /// # Errors
    /// [`RequestError::Unknown`] if no contact told of such a request.
    pub fn was_me(&mut self, id: RequestId) -> Result<(), RequestError> {
        let known = self.state.recoveries.iter_mut().find(|known| known.request == id);
        known.ok_or(RequestError::Unknown)?.answer = Some(OwnerAnswer::Mine);
        Ok(())
    }

    /// Friend: an owner stopped a request.
    pub(crate) fn on_stop(&mut self, owner: ContactId, said: &Stop, ctx: &mut Context<'_>) -> Step {
        let Some(held) = self.held_mut(owner) else { return Step::default() };
        if held.stopped.iter().any(|stopped| stopped.request == said.request) {
            return Step::default();
        }
        let surplus = (held.stopped.len() + 1).saturating_sub(STOPPED_MAX);
        held.stopped.drain(..surplus);
        held.stopped.push(Stopped { request: said.request, made: said.made });
        let name = held.name.clone();
        self.state.vault.touch(ctx.now);
        let (mut step, withdrawn) = self.obey(said.request, ctx.now);
        step.events.push(Event::Stopped { owner: name, request: said.request, withdrawn });
        step
    }

    /// Closes a request that its owner stopped; tells whether an approval was taken back.
    pub(crate) fn obey(&mut self, id: RequestId, now: u64) -> (Step, bool) {
        let Ok(opened) = self.opened_one(id).cloned() else {
            return (Step::default(), false);
        };
        let held = opened.owner.and_then(|owner| self.held_of(owner));
        let stop = held.and_then(|held| held.stopped.iter().find(|stop| stop.request == id));
        let stop = stop.copied().filter(|_| !planted!(StopNotObeyed));
        let Some(stop) = stop else { return (Step::default(), false) };
        // What a relay held was dropped there, however late this device hears of it.
        let dropped = opened.held.is_some_and(|held| {
            held.by == HoldBy::Relay && !opened.overrode && stop.made < held.due
        });
        let approved = opened.state == OpenedState::Approved;
        let withdrawn = approved && (dropped || !opened.is_out(now));
        if !(withdrawn || opened.state == OpenedState::Open) {
            return (Step::default(), false);
        }
        let step = self.take_back(&opened, now);
        if let Ok(known) = self.opened_mut(id) {
            (known.state, known.held, known.released) = (OpenedState::Vetoed, None, false);
        }
        (step, withdrawn)
    }

    /// Friend: a relay refused to hold an approval, because the owner had stopped the request there.
    pub fn hold_refused(&mut self, session: &MailboxAddress) {
        let about = |opened: &&mut Opened| {
            let request = opened.request.peek::<Request>();
            // What went against the stop was sent, whatever becomes of what came before it.
            let held = opened.state == OpenedState::Approved && !opened.overrode;
            held && request.is_ok_and(|request| request.card.mailboxes().contains(session))
        };
        for opened in self.state.opened.iter_mut().filter(about) {
            (opened.state, opened.held) = (OpenedState::Vetoed, None);
        }
    }

    /// Friend: "this is not Anna". The owner and the other contacts are warned; the requester hears nothing.
    ///
    /// # Errors
    /// [`ApproveError`]; nothing is sent then.
    pub fn report_impostor(
        &mut self,
        id: RequestId,
        reason: Option<Name>,
        ctx: &mut Context<'_>,
    ) -> Result<Step, ApproveError> {
        let opened = self.opened_one(id)?.clone();
        if opened.is_out(ctx.now) {
            return Err(ApproveError::AlreadyApproved);
        }
        let owner = opened.owner.ok_or(ApproveError::NotHeld)?;
        let mut step = self.take_back(&opened, ctx.now);
        let known = self.opened_mut(id)?;
        known.reported.get_or_insert(ctx.now);
        // What is over stays what it is; the warning goes out all the same.
        if matches!(known.state, OpenedState::Open | OpenedState::Approved) {
            (known.state, known.held, known.checked) = (OpenedState::Impostor, None, false);
        }
        step.then(self.alert(id, AlertKind::Impostor, reason, ctx));
        step.then(self.sound_alarm(owner, ctx));
        Ok(step)
    }

    /// Writes this friend's warnings about an owner's requests where the other contacts read them.
    fn sound_alarm(&self, owner: ContactId, ctx: &mut Context<'_>) -> Step {
        // The day of the report, also if it is written anew: readers count warnings by it.
        let warning = |opened: &Opened| {
            let made = opened.reported.filter(|_| opened.owner == Some(owner))?;
            Some(Impostor { request: opened.id, made })
        };
        let newest = self.opened().iter().rev().filter_map(warning);
        let mut impostors: Vec<Impostor> = newest.take(IMPOSTORS_MAX).collect();
        impostors.reverse();
        let content = wire::encode(&Alarms { version: V1, impostors });
        let mut step = Step::default();
        for alarm in self.alarms_of(owner) {
            let key = alarm.key.expose();
            let Some(body) = box_for_slot(key, labels::BOX_ALARM, &content, ctx) else { continue };
            for place in alarm.places {
                step.outbox.push(Delivery::PutSlot {
                    base: alarm.own.clone(),
                    relay: place.relay,
                    body: body.clone(),
                    ttl: Some(ALARM_SECONDS),
                });
            }
        }
        step
    }

    fn alarms_of(&self, owner: ContactId) -> Vec<Alarm> {
        let bundles = self.held_of(owner).into_iter().flat_map(|held| &held.bundles);
        bundles.map(|bundle| bundle.pieces.alarm.clone()).collect()
    }

    /// Friend: where the other contacts of a request's owner warn.
    #[must_use]
    pub fn alarm_slots(&self, id: RequestId) -> Vec<SlotAddress> {
        let owner = self.opened_one(id).ok().and_then(|opened| opened.owner);
        let alarms = owner.map(|owner| self.alarms_of(owner)).unwrap_or_default();
        let places = alarms.into_iter().flat_map(|alarm| alarm.places);
        let slots = places.flat_map(|place| {
            let relay = place.relay;
            place.others.into_iter().map(move |id| SlotAddress { relay: relay.clone(), id })
        });
        slots.collect()
    }

    /// Friend: what stood in those slots. One warning freezes nothing; the friend decides.
    pub fn hear_alarms(&mut self, id: RequestId, found: &[Vec<u8>]) {
        let owner = self.opened_one(id).ok().and_then(|opened| opened.owner);
        let Some(owner) = owner else { return };
        let alarms = self.alarms_of(owner);
        let open = |boxed: &Vec<u8>| {
            alarms.iter().find_map(|alarm| {
                open_slot::<Alarms>(alarm.key.expose(), labels::BOX_ALARM, boxed).ok()
            })
        };
        let warnings = found.iter().filter_map(open).flat_map(|alarms| alarms.impostors);
        let mut times: Vec<u64> =
            warnings.filter(|warning| warning.request == id).map(|warning| warning.made).collect();
        if let Ok(opened) = self.opened_mut(id) {
            times.extend(&opened.alarms);
            times.sort_unstable();
            times.dedup();
            opened.alarms = times;
        }
    }

    /// Owner: tells contacts which version of the vault is the newest, once relays have it, at most once a
    /// day.
    pub(crate) fn tell_version(&mut self, ctx: &mut Context<'_>) -> Step {
        let stored = self.places().first().map(|place| self.copies(place)).unwrap_or_default();
        let version = stored.iter().map(|copy| copy.version).max().unwrap_or(0);
        let now = ctx.now;
        let due =
            |told: &Told| told.version < version && now >= told.at.saturating_add(TELL_SECONDS);
        let holds = |id| self.vault().circles.iter().any(|circle| circle.member(id).is_some());
        let contacts = self.contacts().iter().filter(|c| !c.left && c.known.is_none());
        let behind = contacts.filter(|c| due(&c.told) && holds(c.card.id())).map(|c| c.card.id());
        let mut step = Step::default();
        for id in behind.collect::<Vec<_>>() {
            let live = self.vault().live().map(|live| live.id);
            let newest = Newest { version: V1, vault_version: version, made: now, live };
            step.then(self.tell(id, &newest, ctx));
            if let Some(contact) = self.contact_mut(id) {
                contact.told = Told { version, at: now };
            }
        }
        step
    }
}
