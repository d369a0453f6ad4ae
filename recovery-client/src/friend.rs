//! What a friend does: accept an invite, approve or decline a request.

use crate::{Client, ClientError, behind, now, relays::Relays};
use recovery_core::{
    circle::{Opened, OpenedState, Reach},
    flows::{
        approve::{ApproveError, Consent, Sent, Tried},
        drill::DrillError,
        pair::{PairError, read_invite},
        request::RequestError,
    },
    ids::{ContactId, DrillId, RequestId},
    name::Name,
    number::Number,
    wire::{
        armor::{self, Title},
        link::{Link, LinkKind},
        messages::Request,
    },
};
use tokio::task::JoinSet;

/// An invite was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The owner's name.
    pub owner: Name,
    /// To be compared with the owner.
    pub number: Number,
}

/// How the friend made sure whose request it is.
#[derive(Debug)]
pub enum NumberProof {
    /// Typed the number.
    Number(Number),
    /// Read the code off the screen.
    Scanned,
    /// Typed the number before.
    Checked,
}

/// An approval was made.
#[derive(Debug)]
pub struct Approved {
    /// The request.
    pub request: RequestId,
    /// The approval as text, if it was to go by file.
    pub armored: Option<String>,
    /// Unix seconds when an approval that is held back is released.
    pub release_at: Option<u64>,
}

/// How an approval goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Way {
    /// As text, to travel by file.
    pub by_file: bool,
    /// In spite of the owner's stop.
    pub overrides: bool,
}

impl Client {
    /// Looks whether a link leads to an invite that can still be accepted, before any home is made;
    /// gives the owner's name.
    ///
    /// # Errors
    /// [`ClientError::Pair`], [`ClientError::LinkUsed`], [`ClientError::Relay`].
    pub async fn check_invite(link: &Link) -> Result<Name, ClientError> {
        look_at_invite(&Relays::new()?, link).await
    }

    /// Accepts an invite. Accepting it once more, while the owner's device has not taken the answer,
    /// sends what could not be sent and gives the same number.
    ///
    /// # Errors
    /// [`ClientError::Pair`], [`ClientError::LinkUsed`], [`ClientError::Relay`].
    pub async fn accept(&mut self, link: &Link, reach: Reach) -> Result<Accepted, ClientError> {
        let known = self.device()?.held().iter().find(|held| held.secret == link.secret).cloned();
        let kept =
            known.as_ref().map(|held| held.reach.clone()).filter(|_| reach == Reach::default());
        let reach = kept.unwrap_or(reach);
        let boxed = match (behind_invite(&self.relays, link).await, known) {
            (Err(ClientError::LinkUsed), _) => return Err(ClientError::LinkUsed),
            (found, Some(held)) if found.is_err() || !held.bundles.is_empty() => {
                let number = self.with_context(|d, ctx| d.number_with_owner(&held, ctx))??;
                self.flush().await?;
                return Ok(Accepted { owner: held.name, number });
            }
            (boxed, _) => boxed?,
        };
        let accepted =
            self.with_context(|device, ctx| device.accept(link, &boxed, reach, ctx))??;
        self.take_guest_passes(accepted.passes);
        self.keep(accepted.step)?;
        self.flush().await?;
        Ok(Accepted { owner: accepted.owner, number: accepted.number })
    }

    /// Opens a request, believing it to be from the owner called `owner`. A request that was opened
    /// before needs no relay; if one answers, a cancellation or a change is noticed.
    ///
    /// # Errors
    /// [`ClientError::Request`], [`ClientError::RequestGone`], [`ClientError::Relay`].
    pub async fn open_request(
        &mut self,
        link: &Link,
        owner: &Name,
    ) -> Result<RequestId, ClientError> {
        if link.kind != LinkKind::Request {
            return Err(RequestError::WrongLink(link.kind).into());
        }
        // A piece, or a stop, may be waiting.
        self.hear().await?;
        let owner = self.holder_of(owner)?;
        let known = self.device()?.opened_by(link).map(|opened| opened.id);
        let found = behind(&self.relays, link).await;
        let step = match (found, known) {
            (Ok(Some(boxed)), _) => {
                let opened = self
                    .with_context(|device, ctx| device.open_request(link, &boxed, owner, ctx))??;
                self.keep(opened.step)?;
                self.flush().await?;
                self.hear_alarms(opened.id).await?;
                return Ok(opened.id);
            }
            (_, Some(id)) => self.with_context(|d, ctx| d.choose_owner(id, owner, ctx))??,
            (Ok(None), None) => return Err(ClientError::RequestGone),
            (Err(error), None) => return Err(error),
        };
        self.keep(step)?;
        self.flush().await?;
        let id = known.ok_or(ClientError::RequestGone)?;
        self.hear_alarms(id).await?;
        Ok(id)
    }

    fn holder_of(&self, owner: &Name) -> Result<ContactId, ClientError> {
        let held = self.device()?.held_named(owner);
        Ok(held.ok_or(RequestError::NotHeld)?.card.id())
    }

    /// What a request says of itself.
    ///
    /// # Errors
    /// [`ClientError::Request`].
    pub fn request(&self, id: RequestId) -> Result<Request, ClientError> {
        self.opened(id)?.request.peek().map_err(|error| RequestError::Invalid(error).into())
    }

    /// Tries a number; the try is on disk before this returns.
    ///
    /// # Errors
    /// [`ClientError::WrongNumber`]; [`ClientError::Approve`] once the request is burnt.
    pub async fn try_number(&mut self, id: RequestId, number: &Number) -> Result<(), ClientError> {
        let (tried, step) =
            self.with_context(|device, ctx| device.try_number(id, number, ctx))??;
        self.keep(step)?;
        match tried {
            Tried::Right => Ok(()),
            Tried::Wrong { tries_left } => Err(ClientError::WrongNumber { tries_left }),
            Tried::Burnt => {
                self.flush().await?;
                Err(ApproveError::Burnt.into())
            }
        }
    }

    /// Approves a request; the approval is posted, or given as text to travel by file. With a delay it is
    /// held back first; then there is no text yet.
    ///
    /// # Errors
    /// [`ClientError::Approve`], [`ClientError::WrongNumber`]; nothing is sent to the requester then.
    pub async fn approve(
        &mut self,
        link: &Link,
        id: RequestId,
        proof: NumberProof,
        way: Way,
    ) -> Result<Approved, ClientError> {
        let scanned = match proof {
            NumberProof::Scanned => Some(link),
            // Once more, because the first time was cut short: what is right costs nothing.
            NumberProof::Number(number) if self.is_approved(id)? => {
                if !self.request_number_of(id)?.matches(&number) {
                    return Err(ApproveError::AlreadyApproved.into());
                }
                None
            }
            NumberProof::Number(number) => {
                self.try_number(id, &number).await?;
                None
            }
            NumberProof::Checked => None,
        };
        // The last moment to hear that the owner stopped it.
        self.hear().await?;
        let consent = Consent { scanned, overrides: way.overrides, by_file: way.by_file };
        let sent: Sent = self.with_context(|device, ctx| device.approve(id, consent, ctx))??;
        let mut step = sent.to_owner;
        let encode = |message: &Vec<u8>| armor::encode(Title::Approval, message);
        let armored = sent.message.as_ref().filter(|_| way.by_file).map(encode);
        if armored.is_none() {
            step.then(sent.to_requester);
        }
        self.keep(step)?;
        self.flush().await?;
        Ok(Approved { request: id, armored, release_at: sent.release_at })
    }

    /// Reads what waits, once; what happened is kept for [`Client::take_events`].
    async fn hear(&mut self) -> Result<(), ClientError> {
        let events = self.read_all(0).await?;
        self.events.extend(events);
        Ok(())
    }

    /// Reads what the owner's other contacts warn of. That a relay does not answer stops nothing.
    async fn hear_alarms(&mut self, id: RequestId) -> Result<(), ClientError> {
        let mut reads = JoinSet::new();
        for slot in self.device()?.alarm_slots(id) {
            let relays = self.relays.clone();
            reads.spawn(async move { relays.get_slot(&slot.relay, slot.id).await });
        }
        let mut found = Vec::new();
        while let Some(read) = reads.join_next().await {
            if let Ok(Ok(Some((_, body)))) = read {
                found.push(body);
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        self.with_context(|device, _| device.hear_alarms(id, &found))?;
        self.save()
    }

    /// "This is not Anna": the owner and the other contacts are warned, the requester hears nothing.
    ///
    /// # Errors
    /// [`ClientError::Approve`].
    pub async fn report_impostor(
        &mut self,
        id: RequestId,
        reason: Option<Name>,
    ) -> Result<(), ClientError> {
        let step = self.with_context(|device, ctx| device.report_impostor(id, reason, ctx))??;
        self.keep(step)?;
        self.flush().await
    }

    /// Answers a rehearsal with the number that the owner read out.
    ///
    /// # Errors
    /// [`ClientError::WrongNumber`] as long as there are tries; [`ClientError::Drill`].
    pub async fn answer_drill(&mut self, id: DrillId, number: &Number) -> Result<(), ClientError> {
        let (tried, step) =
            self.with_context(|device, ctx| device.answer_drill(id, number, ctx))??;
        self.keep(step)?;
        self.flush().await?;
        match tried {
            Tried::Right => Ok(()),
            Tried::Wrong { tries_left } => Err(ClientError::WrongNumber { tries_left }),
            Tried::Burnt => Err(DrillError::Over.into()),
        }
    }

    /// Stops holding an owner's pieces, and tells the owner.
    ///
    /// # Errors
    /// [`ClientError::Request`].
    pub async fn leave(&mut self, owner: &Name) -> Result<(), ClientError> {
        let owner = self.holder_of(owner)?;
        let step = self.with_context(|device, ctx| device.leave(owner, ctx))??;
        self.keep(step)?;
        self.flush().await
    }

    /// What this device knows of a request.
    ///
    /// # Errors
    /// [`ClientError::Request`].
    pub fn opened(&self, id: RequestId) -> Result<&Opened, ClientError> {
        let opened = self.device()?.opened().iter().find(|opened| opened.id == id);
        Ok(opened.ok_or(RequestError::Unknown)?)
    }

    /// Whether the number of this request was right before and its approval made.
    fn is_approved(&self, id: RequestId) -> Result<bool, ClientError> {
        let opened = self.opened(id)?;
        Ok(opened.checked && opened.state == OpenedState::Approved)
    }

    fn request_number_of(&self, id: RequestId) -> Result<Number, ClientError> {
        let number = Number::of_request(id, &self.opened(id)?.secret, self.cost);
        Ok(number.map_err(|_| ApproveError::Internal)?)
    }

    /// Declines a request. The requester hears of it only if the number was right.
    ///
    /// # Errors
    /// [`ClientError::Approve`].
    pub async fn decline(
        &mut self,
        id: RequestId,
        reason: Option<Name>,
    ) -> Result<(), ClientError> {
        let sent = self.with_context(|device, ctx| device.decline(id, reason, ctx))??;
        let mut step = sent.to_requester;
        step.then(sent.to_owner);
        self.keep(step)?;
        self.flush().await
    }
}

/// The owner's name in an invite that can still be accepted.
pub(crate) async fn look_at_invite(relays: &Relays, link: &Link) -> Result<Name, ClientError> {
    let boxed = behind_invite(relays, link).await?;
    Ok(read_invite(link, &boxed, now())?.card.name().clone())
}

/// What stands behind an invite's link.
async fn behind_invite(relays: &Relays, link: &Link) -> Result<Vec<u8>, ClientError> {
    if link.kind != LinkKind::Invite {
        return Err(PairError::WrongLink(link.kind).into());
    }
    behind(relays, link).await?.ok_or(ClientError::LinkUsed)
}
