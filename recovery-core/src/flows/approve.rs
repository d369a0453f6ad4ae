//! Approving: the friend types the number, and the bundles go to the new device, at once or after a delay.
//! Or not.
//!
//! Until the number was right (or the code was scanned) nothing goes to the requester.

use super::{
    Context, Delivery, Step,
    device::Device,
    request::{REQUEST_SECONDS, RequestError},
};
use crate::{
    address::MailboxAddress,
    circle::{Held, HeldBack, HeldBundle, Opened, OpenedState},
    ids::{ContactId, RequestId},
    keys::Card,
    name::Name,
    number::Number,
    seal::{self, LETTER_MAX, Letter},
    sign::{Signed, Statement, StatementError},
    wire::{
        self, V1,
        link::Link,
        messages::{
            Alert, AlertKind, Approval, Checked, Decline, HoldBy, HoldPolicy, Holding, Request,
        },
    },
};

/// Octets of holdings in one approval: the largest letter without a card, the owner's word and what frames them.
const HOLDINGS_MAX: usize = LETTER_MAX - 8_192;
/// What CBOR puts in front of a copy.
const COPY_HEAD: usize = 8;

/// What a typed number was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// Right.
    Right,
    /// Wrong; so many tries are left.
    Wrong {
        /// Tries that are left, at least 1.
        tries_left: u8,
    },
    /// Wrong for the third time: the request is burnt on this device.
    Burnt,
}

/// Why a request can't be approved or declined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApproveError {
    /// The request itself.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Approved before, and released.
    #[error("you have approved this request already")]
    AlreadyApproved,
    /// Declined before.
    #[error("you have declined this request already")]
    AlreadyDeclined,
    /// Three wrong numbers.
    #[error("three wrong numbers were typed, so this request is closed on this device")]
    Burnt,
    /// Taken back by the new device.
    #[error("the person who asked has cancelled this request")]
    Cancelled,
    /// Stopped by the owner.
    #[error("this recovery was stopped from a device of the person it is about")]
    Vetoed,
    /// Reported before.
    #[error("you have said that this request is not from the person it claims")]
    Impostor,
    /// Neither number nor code.
    #[error("the number was not checked")]
    Unchecked,
    /// A sent link can't stand in for meeting.
    #[error("this link was sent, not read off the screen of the new device")]
    NotScanned,
    /// Going against a stop takes a meeting.
    #[error("a stop can only be overridden by who scanned the code beside the person")]
    MeetFirst,
    /// The request's clock and this one's are too far apart by now.
    #[error("the request is older than 14 days")]
    Expired,
    /// Nobody was chosen, or no piece is held.
    #[error("you hold no piece of that person's key")]
    NotHeld,
    /// The approval fits no message.
    #[error("the approval could not be made")]
    Internal,
}

impl From<StatementError> for ApproveError {
    fn from(error: StatementError) -> Self {
        Self::Request(RequestError::Invalid(error))
    }
}

/// How a friend approves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Consent<'a> {
    /// The link as it was read off the new device's screen; else the number must have been right.
    pub scanned: Option<&'a Link>,
    /// In spite of the owner's stop; where there is none, this changes nothing.
    pub overrides: bool,
    /// To travel as a file: nothing is posted, now or when it is due.
    pub by_file: bool,
}

/// An approval or a decline.
#[derive(Debug)]
pub struct Sent {
    /// The message, sealed to the new device; `None` if it is held back, or if there is none.
    pub message: Option<Vec<u8>>,
    /// To the requester.
    pub to_requester: Step,
    /// To the owner.
    pub to_owner: Step,
    /// Unix seconds when an approval that is held back is released.
    pub release_at: Option<u64>,
}

impl Sent {
    pub(super) fn to(to_requester: Step) -> Self {
        Self { message: None, to_requester, to_owner: Step::default(), release_at: None }
    }
}

impl Device {
    /// Tries a number that was read to the friend. A wrong one costs a try, the same one again too.
    ///
    /// # Errors
    /// [`ApproveError`] for a request that is no longer open.
    pub fn try_number(
        &mut self,
        id: RequestId,
        number: &Number,
        ctx: &mut Context<'_>,
    ) -> Result<(Tried, Step), ApproveError> {
        let opened = self.open_one(id, ctx.now)?;
        let right =
            Number::of_request(id, &opened.secret, ctx.cost).map_err(|_| ApproveError::Internal)?;
        let opened = self.opened_mut(id)?;
        if right.matches(number) {
            opened.checked = true;
            return Ok((Tried::Right, Step::default()));
        }
        if !planted!(TriesNotCounted) {
            opened.tries_left = opened.tries_left.saturating_sub(1);
        }
        if opened.tries_left > 0 {
            return Ok((Tried::Wrong { tries_left: opened.tries_left }, Step::default()));
        }
        if !planted!(BurntIsOpen) {
            (opened.state, opened.checked) = (OpenedState::Burnt, false);
        }
        Ok((Tried::Burnt, self.alert(id, AlertKind::WrongNumbers, None, ctx)))
    }

    /// Approves a request whose number was right, or whose link was read off the screen. With a delay, the
    /// approval is held by a relay whose hold counts, or else by this device until [`Device::tidy`] finds it
    /// due.
    ///
    /// # Errors
    /// [`ApproveError`]; nothing is sent then.
    pub fn approve(
        &mut self,
        id: RequestId,
        consent: Consent<'_>,
        ctx: &mut Context<'_>,
    ) -> Result<Sent, ApproveError> {
        let opened = self.approvable(id, consent, ctx.now)?.clone();
        // Without a stop there is nothing to go against, and no way around the delay.
        let stopped =
            opened.state == OpenedState::Vetoed || opened.overrode || planted!(OverrideUnasked);
        let overrides = consent.overrides && stopped;
        let checked = match consent.scanned {
            Some(link) if link.request == Some(id) || planted!(LinkAsCode) => Checked::Scanned,
            Some(_) => return Err(ApproveError::NotScanned),
            None if opened.checked || planted!(NumberNotNeeded) => Checked::Number,
            None => return Err(ApproveError::Unchecked),
        };
        if let Some(due) = opened.release_at(ctx.now).filter(|due| ctx.now < *due) {
            return Ok(Sent { release_at: Some(due), ..Sent::to(Step::default()) });
        }
        let over = opened.held.is_some() || opened.released;
        let mut hold = match over || overrides || planted!(DelayForgotten) {
            true => HoldPolicy::default(),
            false => self.hold_policy(&opened)?,
        };
        if consent.by_file {
            hold.by = HoldBy::Contacts;
        }
        let sent = match hold.delay {
            0 => self.send_approval(&opened, (checked, overrides), ctx)?,
            _ => self.hold_back(&opened, checked, &hold, ctx)?,
        };
        let known = self.opened_mut(id)?;
        (known.state, known.overrode) = (OpenedState::Approved, overrides);
        known.released = sent.release_at.is_none();
        if let Some(due) = sent.release_at {
            let by_file = consent.by_file;
            known.held = Some(HeldBack { due, by: hold.by, checked, by_file });
        }
        let kind = if overrides { AlertKind::Overridden } else { AlertKind::Approved };
        let to_owner = match planted!(OwnerNotTold) {
            true => Step::default(),
            false => self.alert(id, kind, None, ctx),
        };
        Ok(Sent { to_owner, ..sent })
    }

    /// Sends an approval that is not held back, or not any longer.
    pub(super) fn send_approval(
        &self,
        opened: &Opened,
        (checked, overrides): (Checked, bool),
        ctx: &mut Context<'_>,
    ) -> Result<Sent, ApproveError> {
        let mut sent = Sent::to(Step::default());
        for approval in self.approvals(opened, checked, overrides)? {
            let message = self.to_requester(opened, (&approval, approval.card.id()), ctx)?;
            sent.to_requester.then(self.to_session(opened, &message)?);
            // A file holds one: that of the pieces which came last.
            sent.message = Some(message);
        }
        Ok(sent)
    }

    /// One approval for each identity of this person's that was given pieces: most have one.
    pub(super) fn approvals(
        &self,
        opened: &Opened,
        checked: Checked,
        overrides: bool,
    ) -> Result<Vec<Approval>, ApproveError> {
        let held = self.chosen(opened)?;
        let mut selves = Vec::new();
        for me in held.bundles.iter().filter_map(HeldBundle::contact) {
            if !selves.contains(&me) {
                selves.push(me);
            }
        }
        if selves.is_empty() {
            return Err(ApproveError::NotHeld);
        }
        let approval = |me: ContactId| {
            let (card, holdings) = (self.card_as(held, me)?, holdings(held, me));
            let (request, newest) = (opened.id, held.newest.clone());
            Ok(Approval { version: V1, request, card, checked, holdings, newest, overrides })
        };
        selves.into_iter().map(approval).collect()
    }

    /// This person's card for an owner, by one of their identities.
    pub(super) fn card_as(&self, held: &Held, me: ContactId) -> Result<Card, ApproveError> {
        if me == self.id() {
            return self.card_for(&held.inbox).ok_or(ApproveError::Internal);
        }
        let former = self.former_identity(me).ok_or(ApproveError::Internal)?;
        let known = held.known.as_ref().filter(|known| known.id == me);
        let inbox = known.map(|known| known.inbox.addresses()).unwrap_or_default();
        Ok(Card::verify(&former.card(self.name().clone(), inbox))?)
    }

    /// Signs for the request, by one of this person's identities, and seals to its key.
    pub(super) fn to_requester(
        &self,
        opened: &Opened,
        (body, me): (&impl Statement, ContactId),
        ctx: &mut Context<'_>,
    ) -> Result<Vec<u8>, ApproveError> {
        let former = self.former_identity(me);
        let identity = former.as_ref().filter(|_| me != self.id()).unwrap_or(&self.identity);
        let request: Request = opened.request.peek()?;
        let signed = Signed::new(body, identity, opened.id.as_bytes());
        let sealing = &request.card.keys().sealing;
        seal::seal(&Letter::new(signed, None), sealing, &mut ctx.rng)
            .map_err(|_| ApproveError::Internal)
    }

    /// Declines a request, also one whose approval is still held back. The requester hears of it only if the
    /// number was right.
    ///
    /// # Errors
    /// [`ApproveError`]; nothing is sent then.
    pub fn decline(
        &mut self,
        id: RequestId,
        reason: Option<Name>,
        ctx: &mut Context<'_>,
    ) -> Result<Sent, ApproveError> {
        let opened = match self.opened_one(id)? {
            opened if opened.state == OpenedState::Declined => opened.clone(),
            _ => self.declinable(id, ctx.now)?.clone(),
        };
        let held = self.chosen(&opened)?;
        let mut sent = Sent::to(self.take_back(&opened, ctx.now));
        if opened.checked || planted!(DeclineIsHeard) {
            let newest = held.bundles.last();
            let me = newest.and_then(HeldBundle::contact).unwrap_or(self.id());
            let (card, bundle) = (self.card_as(held, me)?, newest.map(|b| b.signed.clone()));
            let decline = Decline { version: V1, request: id, card, bundle };
            let message = self.to_requester(&opened, (&decline, me), ctx)?;
            sent.to_requester.then(self.to_session(&opened, &message)?);
            sent.message = Some(message);
        }
        let to_owner = self.alert(id, AlertKind::Declined, reason, ctx);
        let known = self.opened_mut(id)?;
        (known.state, known.held) = (OpenedState::Declined, None);
        Ok(Sent { to_owner, ..sent })
    }

    /// Drops an approval that a relay still holds.
    pub(crate) fn take_back(&self, opened: &Opened, now: u64) -> Step {
        let mut step = Step::default();
        let held = opened.held.filter(|held| held.by == HoldBy::Relay && now < held.due);
        if let (Some(_), Ok(request)) = (held, opened.request.peek::<Request>()) {
            let veto = |mailbox: &MailboxAddress| Delivery::Veto {
                base: opened.withdraw.clone(),
                mailbox: mailbox.clone(),
            };
            step.outbox.extend(request.card.mailboxes().iter().map(veto));
        }
        step
    }

    /// Posts a message to a request's session.
    pub(super) fn to_session(&self, opened: &Opened, message: &[u8]) -> Result<Step, ApproveError> {
        let request: Request = opened.request.peek()?;
        let mut step = Step::default();
        step.post(request.card.mailboxes(), message);
        Ok(step)
    }

    /// The owner that a friend takes a request to be from.
    pub(super) fn chosen(&self, opened: &Opened) -> Result<&Held, ApproveError> {
        let held = opened.owner.and_then(|owner| self.held_of(owner));
        held.ok_or(ApproveError::NotHeld)
    }

    /// Tells the owner what happened with a request.
    pub(crate) fn alert(
        &self,
        id: RequestId,
        kind: AlertKind,
        reason: Option<Name>,
        ctx: &mut Context<'_>,
    ) -> Step {
        let Ok(opened) = self.opened_one(id) else {
            return Step::default();
        };
        let Some(owner) = opened.owner else {
            return Step::default();
        };
        let (request, due) = (opened.request.clone(), opened.release_at(ctx.now));
        let alert = Alert { version: V1, request, kind, made: ctx.now, reason, due };
        self.tell_owner(owner, &alert, ctx)
    }

    pub(crate) fn opened_one(&self, id: RequestId) -> Result<&Opened, ApproveError> {
        let opened = self.opened().iter().find(|opened| opened.id == id);
        Ok(opened.ok_or(RequestError::Unknown)?)
    }

    pub(crate) fn opened_mut(&mut self, id: RequestId) -> Result<&mut Opened, ApproveError> {
        let opened = self.state.opened.iter_mut().find(|opened| opened.id == id);
        Ok(opened.ok_or(RequestError::Unknown)?)
    }

    /// A request that waits for the friend.
    pub(crate) fn open_one(&self, id: RequestId, now: u64) -> Result<&Opened, ApproveError> {
        let opened = self.approvable(id, Consent::default(), now)?;
        match opened.state {
            OpenedState::Approved => Err(ApproveError::AlreadyApproved),
            _ => Ok(opened),
        }
    }

    /// A request that can be declined: it waits, or its approval does.
    fn declinable(&self, id: RequestId, now: u64) -> Result<&Opened, ApproveError> {
        let opened = self.approvable(id, Consent::default(), now)?;
        match opened.state {
            OpenedState::Approved if opened.is_out(now) => Err(ApproveError::AlreadyApproved),
            _ => Ok(opened),
        }
    }

    /// A request that waits, or was approved and may be sent again, or whose stop may be overridden.
    pub(super) fn approvable(
        &self,
        id: RequestId,
        consent: Consent<'_>,
        now: u64,
    ) -> Result<&Opened, ApproveError> {
        let opened = self.opened_one(id)?;
        let request: Request = opened.request.peek()?;
        match opened.state {
            OpenedState::Burnt => Err(ApproveError::Burnt),
            OpenedState::Declined => Err(ApproveError::AlreadyDeclined),
            OpenedState::Cancelled => Err(ApproveError::Cancelled),
            OpenedState::Impostor => Err(ApproveError::Impostor),
            _ if request.made.saturating_add(REQUEST_SECONDS) <= now => Err(ApproveError::Expired),
            _ if consent.overrides && consent.scanned.is_none() => Err(ApproveError::MeetFirst),
            OpenedState::Vetoed if !consent.overrides => Err(ApproveError::Vetoed),
            OpenedState::Open | OpenedState::Approved | OpenedState::Vetoed => Ok(opened),
        }
    }
}

/// Every generation that one identity of the friend's holds, the newest last, as far as they fit one letter: pieces before copies of the vault,
/// the newest first.
fn holdings(held: &Held, me: ContactId) -> Vec<Holding> {
    let mut room = HOLDINGS_MAX;
    let mut take = |size: usize| {
        let fits = size <= room;
        room -= if fits { size } else { 0 };
        fits
    };
    let holding = |bundle: &HeldBundle| {
        let (bundle, shares) = (bundle.signed.clone(), bundle.pieces.shares.clone());
        Holding { bundle, shares, container: None }
    };
    let ours = held.bundles.iter().rev().filter(|bundle| bundle.contact() == Some(me));
    let newest_first = ours.map(|bundle| (bundle, holding(bundle)));
    let mut kept: Vec<(&HeldBundle, Holding)> =
        newest_first.filter(|(_, holding)| take(wire::encode(holding).len())).collect();
    for (bundle, holding) in &mut kept {
        let copy = bundle.pieces.container.as_ref();
        holding.container = copy.filter(|copy| take(copy.len() + COPY_HEAD)).cloned();
    }
    kept.into_iter().rev().map(|(_, holding)| holding).collect()
}
