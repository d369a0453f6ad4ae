//! Asking: a new device makes a request, and a friend's device opens it.

use super::{
    Context, Delivery, Step,
    device::Device,
    slots::{SlotFlaw, box_for_slot, open_slot},
};
use crate::{
    address::{RelayUrl, SlotAddress},
    circle::{Inbox, Opened, OpenedState},
    ids::{Base, ContactId, RequestId, labelled_hash},
    keys::{Card, Identity},
    labels,
    name::Name,
    number::Number,
    seal::Letter,
    secret::Secret,
    sign::{Signed, StatementError},
    wire::{
        self, DecodeError, V1, Wire,
        link::{Link, LinkKind, LinkSecret},
        messages::{AlertKind, Cancel, Request, RequestSlot},
    },
};
use minicbor::Encode;
use recovery_derive::Decode;

/// How long a request can be approved: 14 days.
pub const REQUEST_SECONDS: u64 = 14 * 86_400;
/// How far ahead a request's clock may be: a day.
const AHEAD_SECONDS: u64 = 86_400;
/// Wrong numbers that burn a request on a friend's device.
pub const TRIES: u8 = 3;
/// Requests a friend's device remembers.
const OPENED_MAX: usize = 256;

/// The hash of a request's signed octets, its id.
#[must_use]
pub fn request_id(request: &Signed) -> RequestId {
    RequestId::new(labelled_hash(labels::REQUEST_ID, &[&wire::encode(request)]))
}

/// A new device, from its request until the key is back. What lasts is in [`NewDevice::encode`].
pub struct NewDevice {
    pub(crate) identity: Identity,
    pub(crate) state: NewDeviceState,
}

#[derive(Debug, Encode, Decode)]
pub(crate) struct NewDeviceState {
    #[n(0)]
    version: V1,
    #[n(1)]
    pub(crate) seed: Secret<32>,
    #[n(2)]
    pub(crate) secret: LinkSecret,
    #[n(3)]
    pub(crate) slot: Base,
    #[n(4)]
    pub(crate) session: Inbox,
    #[n(5)]
    pub(crate) request: Signed,
    #[n(6)]
    pub(crate) letters: Vec<Letter>,
    #[n(7)]
    pub(crate) cancelled: bool,
}

impl Wire for NewDeviceState {
    const NAME: &'static str = "the state of a recovery";
    const MAX: usize = 48 * 1_024 * 1_024;
}

impl NewDevice {
    /// Starts a recovery: a fresh identity, a session mailbox, and the request in a slot.
    ///
    /// # Errors
    /// [`RequestError::NoRelay`].
    pub fn start(
        name: Name,
        device: Option<Name>,
        relays: &[RelayUrl],
        ctx: &mut Context<'_>,
    ) -> Result<(Self, Step), RequestError> {
        if relays.is_empty() {
            return Err(RequestError::NoRelay);
        }
        let seed = Secret::random(&mut ctx.rng);
        let identity = Identity::from_seed(&seed);
        let session = Inbox::new(relays, &mut ctx.rng);
        let card = identity.card(name, session.addresses());
        let card = Card::verify(&card).map_err(RequestError::Invalid)?;
        let request = Request { version: V1, card, device, made: ctx.now };
        let request = Signed::new(&request, &identity, identity.id().as_bytes());
        let state = NewDeviceState {
            version: V1,
            seed,
            secret: Link::secret(&mut ctx.rng),
            slot: Base::random(&mut ctx.rng),
            session,
            request,
            letters: Vec::new(),
            cancelled: false,
        };
        let new = Self { identity, state };
        let mut step = Step::default();
        for relay in &new.state.session.relays {
            let (base, relay) = (new.state.session.base.clone(), relay.clone());
            step.outbox.push(Delivery::OpenMailbox { base, relay, ttl: Some(REQUEST_SECONDS) });
        }
        step.then(new.publish(None, ctx)?);
        Ok((new, step))
    }

    fn publish(&self, cancel: Option<Signed>, ctx: &mut Context<'_>) -> Result<Step, RequestError> {
        let content = wire::encode(&RequestSlot::new(self.state.request.clone(), cancel));
        let body = box_for_slot(self.state.secret.expose(), labels::BOX_REQUEST, &content, ctx)
            .ok_or(RequestError::Damaged)?;
        let put = |relay: &RelayUrl| Delivery::PutSlot {
            base: self.state.slot.clone(),
            relay: relay.clone(),
            body: body.clone(),
            ttl: Some(REQUEST_SECONDS),
        };
        Ok(Step { outbox: self.state.session.relays.iter().map(put).collect(), events: Vec::new() })
    }

    /// Takes the request back: friends' devices that look again are told.
    ///
    /// # Errors
    /// [`RequestError`] never happens here.
    pub fn cancel(&mut self, ctx: &mut Context<'_>) -> Result<Step, RequestError> {
        let cancel = Cancel { version: V1, made: ctx.now };
        let cancel = Signed::new(&cancel, &self.identity, self.id().as_bytes());
        let mut step = self.publish(Some(cancel), ctx)?;
        for relay in &self.state.session.relays {
            let (base, relay) = (self.state.session.base.clone(), relay.clone());
            step.outbox.push(Delivery::CloseMailbox { base, relay });
        }
        self.state.cancelled = true;
        Ok(step)
    }

    /// What is left at relays once the key is back: nothing.
    pub fn clean_up(&self) -> Step {
        let mut step = Step::default();
        for relay in &self.state.session.relays {
            let (slot, base) = (self.state.slot.clone(), self.state.session.base.clone());
            step.outbox.push(Delivery::DeleteSlot { base: slot, relay: relay.clone() });
            step.outbox.push(Delivery::CloseMailbox { base, relay: relay.clone() });
        }
        step
    }

    /// The request's hash.
    #[must_use]
    pub fn id(&self) -> RequestId {
        request_id(&self.state.request)
    }

    /// The name it claims.
    ///
    /// # Errors
    /// [`RequestError::Invalid`] never happens for a state that was encoded.
    pub fn request(&self) -> Result<Request, RequestError> {
        Ok(self.state.request.peek()?)
    }

    /// The link to send; with `on_screen` the one that stands only in the QR code.
    #[must_use]
    pub fn link(&self, on_screen: bool) -> Link {
        let slot = |relay: &RelayUrl| SlotAddress {
            relay: relay.clone(),
            id: self.state.slot.slot(relay.as_str()).id(),
        };
        Link {
            kind: LinkKind::Request,
            slots: self.state.session.relays.iter().map(slot).collect(),
            secret: self.state.secret.clone(),
            request: on_screen.then(|| self.id()),
        }
    }

    /// The number to read to friends.
    ///
    /// # Errors
    /// [`RequestError::Damaged`] never happens with the standard cost.
    pub fn number(&self, ctx: &Context<'_>) -> Result<Number, RequestError> {
        Number::of_request(self.id(), &self.state.secret, ctx.cost)
            .map_err(|_| RequestError::Damaged)
    }

    /// Where approvals come.
    #[must_use]
    pub fn session(&self) -> &Inbox {
        &self.state.session
    }

    /// Everything that lasts, to be kept encrypted.
    #[must_use]
    pub fn encode(&self) -> zeroize::Zeroizing<Vec<u8>> {
        wire::encode(&self.state)
    }

    /// What [`NewDevice::encode`] gave.
    ///
    /// # Errors
    /// [`DecodeError`] if it is anything else.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let state: NewDeviceState = wire::decode(octets)?;
        Ok(Self { identity: Identity::from_seed(&state.seed), state })
    }
}

/// Why a request can't be made or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// No relay is set.
    #[error("no relay is set, so friends could not answer")]
    NoRelay,
    /// The link is not a request.
    #[error("this link is {0}, not a recovery request")]
    WrongLink(LinkKind),
    /// The box does not open with the link's secret.
    #[error("the request was changed on its way, or the link is not whole")]
    Damaged,
    /// Made by a newer version of the program.
    #[error("the request was made by a newer version of this program")]
    Newer,
    /// What is inside did not sign itself.
    #[error("the request is not what it must be: {0}")]
    Invalid(#[from] StatementError),
    /// Older than 14 days.
    #[error("the request is older than 14 days")]
    Expired,
    /// Dated more than a day ahead.
    #[error("the request is dated more than a day ahead of this device's clock")]
    Ahead,
    /// The slot holds another request than when it was first opened, or than the code shows.
    #[error("there is another request now than the one this link was made for")]
    Changed,
    /// The link's person is nobody whose piece is held.
    #[error("you hold no piece of that person's key")]
    NotHeld,
    /// An approval as somebody else's waits to be released.
    #[error("you have approved this request as somebody else's, and that is still held back")]
    Decided,
    /// The request is not known on this device.
    #[error("this request is not known on this device")]
    Unknown,
}

impl From<SlotFlaw> for RequestError {
    fn from(flaw: SlotFlaw) -> Self {
        match flaw {
            SlotFlaw::Damaged => Self::Damaged,
            SlotFlaw::Newer => Self::Newer,
        }
    }
}

/// A friend's device opened a request.
#[derive(Debug)]
pub struct OpenedRequest {
    /// Its hash.
    pub id: RequestId,
    /// What to do.
    pub step: Step,
}

impl Device {
    /// Friend: the request this link was first opened with, if it was.
    #[must_use]
    pub fn opened_by(&self, link: &Link) -> Option<&Opened> {
        self.opened().iter().find(|opened| opened.secret == link.secret)
    }

    /// Friend: opens a request whose slot held `boxed`, believing it to be from `owner`. The request's
    /// octets are kept as first seen. The owner is told; the requester is not.
    ///
    /// # Errors
    /// [`RequestError`]; nothing is kept then.
    pub fn open_request(
        &mut self,
        link: &Link,
        boxed: &[u8],
        owner: ContactId,
        ctx: &mut Context<'_>,
    ) -> Result<OpenedRequest, RequestError> {
        if self.held_of(owner).is_none_or(|held| held.bundles.is_empty()) {
            return Err(RequestError::NotHeld);
        }
        let (signed, cancelled) = read_request(link, boxed, ctx.now)?;
        let id = request_id(&signed);
        if let Some(known) = self.opened_by(link) {
            if known.id != id {
                return Err(RequestError::Changed);
            }
        } else {
            let surplus = (self.state.opened.len() + 1).saturating_sub(OPENED_MAX);
            self.state.opened.drain(..surplus);
            self.state.opened.push(Opened {
                id,
                request: signed,
                secret: link.secret.clone(),
                owner: None,
                tries_left: TRIES,
                state: OpenedState::Open,
                opened: ctx.now,
                checked: false,
                withdraw: Base::random(&mut ctx.rng),
                held: None,
                alarms: Vec::new(),
                reported: None,
                released: false,
                overrode: false,
                succeeded: false,
            });
        }
        let mut step = self.choose_owner(id, owner, ctx)?;
        if cancelled {
            step = self.cancelled(id, ctx.now);
        }
        Ok(OpenedRequest { id, step })
    }

    /// Friend: says whom they take the request to be from; that owner is told.
    ///
    /// # Errors
    /// [`RequestError::Unknown`], [`RequestError::NotHeld`].
    pub fn choose_owner(
        &mut self,
        id: RequestId,
        owner: ContactId,
        ctx: &mut Context<'_>,
    ) -> Result<Step, RequestError> {
        if self.held_of(owner).is_none_or(|held| held.bundles.is_empty()) {
            return Err(RequestError::NotHeld);
        }
        let opened = self.state.opened.iter_mut().find(|opened| opened.id == id);
        let opened = opened.ok_or(RequestError::Unknown)?;
        if opened.owner == Some(owner) {
            return Ok(Step::default());
        }
        if opened.release_at(ctx.now).is_some() {
            return Err(RequestError::Decided);
        }
        opened.owner = Some(owner);
        let mut step = self.alert(id, AlertKind::Opened, None, ctx);
        // They may have stopped it before it was opened here.
        step.then(self.obey(id, ctx.now).0);
        Ok(step)
    }

    /// The new device took its request back; so is an approval that is still held back.
    fn cancelled(&mut self, id: RequestId, now: u64) -> Step {
        let Some(opened) = self.opened().iter().find(|opened| opened.id == id).cloned() else {
            return Step::default();
        };
        if opened.state != OpenedState::Open && opened.release_at(now).is_none() {
            return Step::default();
        }
        let step = self.take_back(&opened, now);
        if let Ok(known) = self.opened_mut(id) {
            (known.state, known.held) = (OpenedState::Cancelled, None);
        }
        step
    }
}

/// The request of a slot, and whether it was taken back.
fn read_request(link: &Link, boxed: &[u8], now: u64) -> Result<(Signed, bool), RequestError> {
    if link.kind != LinkKind::Request {
        return Err(RequestError::WrongLink(link.kind));
    }
    let slot: RequestSlot = open_slot(link.secret.expose(), labels::BOX_REQUEST, boxed)?;
    let request = slot
        .request
        .verify_claim(|r: &Request| (r.card.keys(), r.card.id().as_bytes().to_vec()))?;
    let id = request_id(&slot.request);
    if link.request.is_some_and(|shown| shown != id) {
        return Err(RequestError::Changed);
    }
    if request.made.saturating_add(REQUEST_SECONDS) <= now {
        return Err(RequestError::Expired);
    }
    if request.made > now.saturating_add(AHEAD_SECONDS) {
        return Err(RequestError::Ahead);
    }
    let cancelled = match &slot.cancel {
        Some(cancel) => cancel.verify::<Cancel>(request.card.keys(), id.as_bytes()).is_ok(),
        None => false,
    };
    Ok((slot.request, cancelled))
}

impl std::fmt::Debug for NewDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewDevice({})", self.id())
    }
}
