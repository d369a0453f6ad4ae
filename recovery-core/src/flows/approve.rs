//! Approving: the friend types the number, and the bundles go to the new device. Or not.
//!
//! Until the number was right (or the code was scanned) nothing goes to the requester.

use super::{
    Context, Step,
    device::Device,
    request::{REQUEST_SECONDS, RequestError},
};
use crate::{
    circle::{Held, Opened, OpenedState},
    ids::RequestId,
    name::Name,
    number::Number,
    seal::{self, Letter},
    sign::{Signed, Statement, StatementError},
    wire::{
        V1,
        link::Link,
        messages::{Alert, AlertKind, Approval, Checked, Decline, Holding, Request},
    },
};

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
    /// Approved before.
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
    /// Neither number nor code.
    #[error("the number was not checked")]
    Unchecked,
    /// A sent link can't stand in for meeting.
    #[error("this link was sent, not read off the screen of the new device")]
    NotScanned,
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

/// An approval or a decline.
#[derive(Debug)]
pub struct Sent {
    /// The message, sealed to the new device.
    pub message: Vec<u8>,
    /// To the requester.
    pub to_requester: Step,
    /// To the owner.
    pub to_owner: Step,
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
        opened.tries_left = opened.tries_left.saturating_sub(1);
        if opened.tries_left > 0 {
            return Ok((Tried::Wrong { tries_left: opened.tries_left }, Step::default()));
        }
        opened.state = OpenedState::Burnt;
        opened.checked = false;
        Ok((Tried::Burnt, self.alert(id, AlertKind::WrongNumbers, None, ctx)))
    }

    /// Approves a request whose number was right, or whose link was read off the screen.
    ///
    /// # Errors
    /// [`ApproveError`]; nothing is sent then.
    pub fn approve(
        &mut self,
        id: RequestId,
        scanned: Option<&Link>,
        ctx: &mut Context<'_>,
    ) -> Result<Sent, ApproveError> {
        let opened = self.approvable(id, ctx.now)?.clone();
        let checked = match scanned {
            Some(link) if link.request == Some(id) => Checked::Scanned,
            Some(_) => return Err(ApproveError::NotScanned),
            None if opened.checked => Checked::Number,
            None => return Err(ApproveError::Unchecked),
        };
        let held = opened.owner.and_then(|owner| self.held_of(owner));
        let held = held.ok_or(ApproveError::NotHeld)?;
        let card = self.card_for(&held.inbox).ok_or(ApproveError::Internal)?;
        let (holdings, container) = holdings(held);
        let approval = Approval { version: V1, request: id, card, checked, holdings, container };
        let sent = self.to_requester(&opened, &approval, ctx)?;
        let to_owner = self.alert(id, AlertKind::Approved, None, ctx);
        self.opened_mut(id)?.state = OpenedState::Approved;
        Ok(Sent { to_owner, ..sent })
    }

    /// Declines a request. The requester hears of it only if the number was right.
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
            _ => self.open_one(id, ctx.now)?.clone(),
        };
        let held = opened.owner.and_then(|owner| self.held_of(owner));
        let held = held.ok_or(ApproveError::NotHeld)?;
        let sent = if opened.checked {
            let card = self.card_for(&held.inbox).ok_or(ApproveError::Internal)?;
            let bundle = held.bundles.last().map(|bundle| bundle.signed.clone());
            let decline = Decline { version: V1, request: id, card, bundle };
            self.to_requester(&opened, &decline, ctx)?
        } else {
            let (message, to_requester) = (Vec::new(), Step::default());
            Sent { message, to_requester, to_owner: Step::default() }
        };
        let to_owner = self.alert(id, AlertKind::Declined, reason, ctx);
        self.opened_mut(id)?.state = OpenedState::Declined;
        Ok(Sent { to_owner, ..sent })
    }

    /// Signs for the request, seals to its key, posts to its session.
    fn to_requester(
        &self,
        opened: &Opened,
        body: &impl Statement,
        ctx: &mut Context<'_>,
    ) -> Result<Sent, ApproveError> {
        let request: Request = opened.request.peek()?;
        let signed = Signed::new(body, &self.identity, opened.id.as_bytes());
        let sealing = &request.card.keys().sealing;
        let message = seal::seal(&Letter::new(signed, None), sealing, &mut ctx.rng)
            .map_err(|_| ApproveError::Internal)?;
        let mut to_requester = Step::default();
        to_requester.post(request.card.mailboxes(), &message);
        Ok(Sent { message, to_requester, to_owner: Step::default() })
    }

    /// Tells the owner what happened with a request.
    pub(crate) fn alert(
        &self,
        id: RequestId,
        kind: AlertKind,
        reason: Option<Name>,
        ctx: &mut Context<'_>,
    ) -> Step {
        let mut step = Step::default();
        let Ok(opened) = self.opened_one(id) else {
            return step;
        };
        let held = opened.owner.and_then(|owner| self.held_of(owner));
        let (Some(held), Ok(request)) = (held, opened.request.peek::<Request>()) else {
            return step;
        };
        let alert = Alert {
            version: V1,
            request: id,
            kind,
            claims: request.card.name().clone(),
            device: request.device,
            session: request.card.mailboxes().to_vec(),
            made: ctx.now,
            reason,
        };
        let signed = Signed::new(&alert, &self.identity, held.card.id().as_bytes());
        let letter = Letter::new(signed, None);
        if let Ok(body) = seal::seal(&letter, &held.card.keys().sealing, &mut ctx.rng) {
            step.post(held.card.mailboxes(), &body);
        }
        step
    }

    fn opened_one(&self, id: RequestId) -> Result<&Opened, ApproveError> {
        let opened = self.opened().iter().find(|opened| opened.id == id);
        Ok(opened.ok_or(RequestError::Unknown)?)
    }

    fn opened_mut(&mut self, id: RequestId) -> Result<&mut Opened, ApproveError> {
        let opened = self.state.opened.iter_mut().find(|opened| opened.id == id);
        Ok(opened.ok_or(RequestError::Unknown)?)
    }

    /// A request that waits for the friend.
    fn open_one(&self, id: RequestId, now: u64) -> Result<&Opened, ApproveError> {
        let opened = self.approvable(id, now)?;
        match opened.state {
            OpenedState::Approved => Err(ApproveError::AlreadyApproved),
            _ => Ok(opened),
        }
    }

    /// A request that waits, or was approved and may be sent again.
    fn approvable(&self, id: RequestId, now: u64) -> Result<&Opened, ApproveError> {
        let opened = self.opened_one(id)?;
        let request: Request = opened.request.peek()?;
        match opened.state {
            OpenedState::Burnt => Err(ApproveError::Burnt),
            OpenedState::Declined => Err(ApproveError::AlreadyDeclined),
            OpenedState::Cancelled => Err(ApproveError::Cancelled),
            _ if request.made.saturating_add(REQUEST_SECONDS) <= now => Err(ApproveError::Expired),
            OpenedState::Open | OpenedState::Approved => Ok(opened),
        }
    }
}

/// Every generation held, and the newest copy of the vault.
fn holdings(held: &Held) -> (Vec<Holding>, Option<Vec<u8>>) {
    let holding = |bundle: &crate::circle::HeldBundle| Holding {
        bundle: bundle.signed.clone(),
        shares: bundle.pieces.shares.clone(),
    };
    let newest = held.bundles.iter().rev().find_map(|bundle| bundle.pieces.container.clone());
    (held.bundles.iter().map(holding).collect(), newest)
}
