//! A person's device: what it keeps, and where it listens.

use super::{
    Context, Source, Step, VaultCopy, Watch,
    drill::{OwnDrill, Rehearsal},
    invitation::Invitation,
    recovery::Recovery,
    request::NewDevice,
    takeover::Kept,
};
use crate::{
    address::RelayUrl,
    circle::{Contact, Held, Inbox, Known, Opened},
    ids::{ContactId, RequestId},
    keys::{Card, Identity},
    name::Name,
    own::Own,
    package::RootKey,
    seal::{self, Letter},
    secret::Secret,
    sign::{Signed, Statement},
    vault::{Profile, Vault, VaultError},
    wire::{self, DecodeError, V1, Wire},
};
use minicbor::Encode;
use recovery_derive::Decode;

/// A person's device. Everything lasting is in [`Device::encode`]; the rest is derived from it.
pub struct Device {
    pub(crate) identity: Identity,
    pub(crate) state: State,
    /// Relays for this run only; not kept.
    relays: Option<Vec<RelayUrl>>,
}

/// What lasts. The vault comes back after a loss; the rest is this device's own.
#[derive(Debug, Encode, Decode)]
pub(crate) struct State {
    #[n(0)]
    version: V1,
    #[n(1)]
    pub(crate) vault: Vault,
    #[n(2)]
    pub(crate) root: RootKey,
    #[n(3)]
    pub(crate) invites: Own<Invitation>,
    #[n(4)]
    pub(crate) opened: Vec<Opened>,
    #[n(5)]
    pub(crate) recoveries: Own<Recovery>,
    #[n(6)]
    pub(crate) copies: Vec<VaultCopy>,
    /// The request by which this device came back: what contacts tell of it is no alarm.
    #[n(7)]
    pub(crate) came_by: Option<RequestId>,
    /// Rehearsals that this owner asked for, the newest last.
    #[n(8)]
    pub(crate) drills: Own<OwnDrill>,
    /// Rehearsals that owners asked for, the newest last.
    #[n(9)]
    pub(crate) rehearsals: Vec<Rehearsal>,
    /// Unix seconds when a sheet was last made.
    #[n(10)]
    pub(crate) sheet: Option<u64>,
    /// What contacts who do not know this identity yet have to get, sealed to them.
    #[n(11)]
    pub(crate) kept: Own<Kept>,
    /// Unix seconds when another device took the place of this one.
    #[n(12)]
    pub(crate) replaced: Option<u64>,
}

impl Wire for State {
    const NAME: &'static str = "the state of a home";
    const MAX: usize = 48 * 1_024 * 1_024;
}

impl Device {
    /// A new person's device.
    pub fn new(name: Name, relays: Vec<RelayUrl>, ctx: &mut Context<'_>) -> Self {
        let seed = Secret::random(&mut ctx.rng);
        let profile = Profile { name, seed, relays };
        let vault = Vault::new(profile, ctx.now, &mut ctx.rng);
        Self::from_vault(vault, Secret::random(&mut ctx.rng))
    }

    /// The device of a vault's owner, who has just come back to it.
    #[must_use]
    pub fn from_vault(vault: Vault, root: RootKey) -> Self {
        Self::from_state(State {
            version: V1,
            vault,
            root,
            invites: Own::new(),
            opened: Vec::new(),
            recoveries: Own::new(),
            copies: Vec::new(),
            came_by: None,
            drills: Own::new(),
            rehearsals: Vec::new(),
            sheet: None,
            kept: Own::new(),
            replaced: None,
        })
    }

    /// Notes by which recovery this device came back: its request is the owner's own, and its relays are
    /// used from now on too. `known` is the newest version of the vault that somebody knows of: after an
    /// older one was accepted, what is written next is newer than that.
    pub fn came_back(&mut self, new: &NewDevice, known: u64, now: u64) {
        self.state.came_by = Some(new.id());
        if known > self.state.vault.version {
            self.state.vault.version = known;
            self.state.vault.touch(now);
        }
        let known = &mut self.state.vault.profile.relays;
        let fresh = new.session().relays.iter().filter(|relay| !known.contains(relay));
        let fresh: Vec<RelayUrl> = fresh.cloned().collect();
        if !fresh.is_empty() {
            known.truncate(Card::MAILBOXES_MAX.saturating_sub(fresh.len()));
            known.extend(fresh);
            self.state.vault.touch(now);
        }
    }

    pub(crate) fn from_state(state: State) -> Self {
        Self { identity: Identity::from_seed(&state.vault.profile.seed), state, relays: None }
    }

    /// Everything that lasts, to be kept encrypted.
    #[must_use]
    pub fn encode(&self) -> zeroize::Zeroizing<Vec<u8>> {
        wire::encode(&self.state)
    }

    /// What [`Device::encode`] gave.
    ///
    /// # Errors
    /// [`DecodeError`] if it is anything else.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        wire::decode(octets).map(Self::from_state)
    }

    /// This person's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.state.vault.profile.name
    }

    /// This person's id.
    #[must_use]
    pub fn id(&self) -> ContactId {
        self.identity.id()
    }

    /// The relays that are used for what is new, the preferred one first.
    #[must_use]
    pub fn relays(&self) -> &[RelayUrl] {
        self.relays.as_ref().unwrap_or(&self.state.vault.profile.relays)
    }

    /// Uses other relays for what is new, until this device is next decoded.
    pub fn use_relays(&mut self, relays: Vec<RelayUrl>) {
        self.relays = Some(relays);
    }

    /// What would come back.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.state.vault
    }

    /// Contacts, in the order of their answers.
    #[must_use]
    pub fn contacts(&self) -> &[Contact] {
        &self.state.vault.contacts
    }

    /// People whose pieces this person holds.
    #[must_use]
    pub fn held(&self) -> &[Held] {
        &self.state.vault.held
    }

    /// Invites that may still be answered.
    #[must_use]
    pub fn invites(&self) -> &[Invitation] {
        &self.state.invites
    }

    /// Requests opened on this device.
    #[must_use]
    pub fn opened(&self) -> &[Opened] {
        &self.state.opened
    }

    /// Unix seconds when a sheet to print was last made on this device.
    #[must_use]
    pub fn sheet_made(&self) -> Option<u64> {
        self.state.sheet
    }

    /// Notes that a sheet to print was made.
    pub fn note_sheet(&mut self, now: u64) {
        self.state.sheet = Some(now);
    }

    /// Recoveries of this owner's key that contacts told of.
    #[must_use]
    pub fn recoveries(&self) -> &[Recovery] {
        &self.state.recoveries
    }

    /// Adds an entry to the vault.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn add(&mut self, label: Name, content: &[u8], now: u64) -> Result<(), VaultError> {
        self.state.vault.add(label, content, now)
    }

    /// Removes an entry from the vault.
    ///
    /// # Errors
    /// [`VaultError::NoSuchLabel`].
    pub fn remove(&mut self, label: &Name, now: u64) -> Result<(), VaultError> {
        self.state.vault.remove(label, now)
    }

    /// The mailboxes this device reads.
    #[must_use]
    pub fn watches(&self) -> Vec<Watch> {
        let vault = &self.state.vault;
        let invites = self
            .state
            .invites
            .iter()
            .filter_map(|invite| Some((Source::Invite(invite.key()?), &invite.answers)));
        let contacts = vault.contacts.iter().map(|c| (Source::Contact(c.card.id()), &c.inbox));
        let owners = vault.held.iter().map(|held| (Source::Owner(held.card.id()), &held.inbox));
        let mut watches = Vec::new();
        let contacts = contacts.chain(vault.contacts.iter().filter_map(|contact| {
            Some((Source::Contact(contact.card.id()), &contact.known.as_ref()?.inbox))
        }));
        let owners =
            owners.chain(vault.held.iter().filter_map(|held| {
                Some((Source::Owner(held.card.id()), &held.known.as_ref()?.inbox))
            }));
        for (source, inbox) in invites.chain(contacts).chain(owners) {
            watches.extend(inbox.relays.iter().map(|relay| Watch {
                source,
                base: inbox.base.clone(),
                relay: relay.clone(),
            }));
        }
        watches
    }

    /// Acts on one message. What is not right is passed over; nothing is ever half done.
    pub fn handle(&mut self, source: Source, message: &[u8], ctx: &mut Context<'_>) -> Step {
        match source {
            Source::Invite(key) => self.on_answer(key, message, ctx),
            Source::Contact(id) => self.on_contact_message(id, message, ctx),
            Source::Owner(id) => self.on_owner_message(id, message, ctx),
        }
    }

    /// What is to be done as time goes by: releases approvals that are due, forgets invites and pieces whose
    /// time is over, tells contacts of a newer vault.
    pub fn tidy(&mut self, ctx: &mut Context<'_>) -> Step {
        let mut step = self.release_due(ctx);
        step.then(self.accept_vouched(ctx));
        step.then(self.remind(ctx));
        for invite in self.state.invites.extract_if(.., |invite| invite.expires <= ctx.now) {
            step.then(invite.close());
        }
        step.then(self.delete_superseded(ctx.now));
        step.then(self.tell_version(ctx));
        step.then(self.settle(ctx));
        step
    }

    /// A statement, signed for its audience, sealed to a card's keys and posted to its mailboxes; `None` never
    /// happens for what fits a message.
    pub(crate) fn say<T: Statement>(
        &self,
        body: &T,
        audience: &[u8],
        to: &Card,
        ctx: &mut Context<'_>,
    ) -> Option<Step> {
        say_as(&self.identity, body, audience, (to, ctx))
    }

    /// The letter in a message to this person, and as whom they got it: as they are now, or as somebody still
    /// knows them.
    pub(crate) fn open_as(
        &self,
        known: Option<&Known>,
        message: &[u8],
    ) -> Option<(Letter, ContactId)> {
        if let Ok(letter) = seal::open(&self.identity, message) {
            return Some((letter, self.id()));
        }
        let former = self.former_identity(known?.id)?;
        let letter = seal::open(&former, message).ok()?;
        Some((letter, former.id()))
    }

    pub(crate) fn contact_mut(&mut self, id: ContactId) -> Option<&mut Contact> {
        self.state.vault.contacts.iter_mut().find(|contact| contact.card.id() == id)
    }

    pub(crate) fn held_mut(&mut self, owner: ContactId) -> Option<&mut Held> {
        self.state.vault.held.iter_mut().find(|held| held.is(owner))
    }

    /// This person's card with the mailboxes of one pair.
    pub(crate) fn card_for(&self, inbox: &Inbox) -> Option<Card> {
        let signed = self.identity.card(self.name().clone(), inbox.addresses());
        Card::verify(&signed).ok()
    }
}

/// The same, signed by any identity of this person's.
pub(crate) fn say_as<T: Statement>(
    identity: &Identity,
    body: &T,
    audience: &[u8],
    (to, ctx): (&Card, &mut Context<'_>),
) -> Option<Step> {
    send(Signed::new(body, identity, audience), (to, ctx))
}

/// What is signed already, sealed and posted; `None` as above.
pub(crate) fn send(signed: Signed, (to, ctx): (&Card, &mut Context<'_>)) -> Option<Step> {
    let message = seal::seal(&Letter::new(signed, None), &to.keys().sealing, &mut ctx.rng).ok()?;
    let mut step = Step::default();
    step.post(to.mailboxes(), &message);
    Some(step)
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Device({:?})", self.identity)
    }
}
