//! Social key recovery for applications: [`Client`], one method for each thing a person does.
//!
//! - [`home`]: the encrypted home on disk, atomic and locked
//! - [`relays`]: HTTP to relays
//! - `drive`: steps of the protocol → relays → messages → steps
//! - `owner`, `friend`, `restoring`: what each of the three people can do
//!
//! Nothing here asks or prints; that is the caller's.

#[cfg(recovery_planted)]
compile_error!("planted faults are for the simulated world alone: no program has them");

mod clearing;
mod drive;
mod error;
mod friend;
pub mod home;
mod owner;
mod parcels;
mod passes;
mod reached;
pub mod relays;
mod restoring;
mod state;
mod what_if;

pub use error::ClientError;
pub use friend::{Accepted, Approved, NumberProof, Way};
pub use owner::{ContactState, PairingNumbers, Protected, Status, StatusContact};
pub use parcels::read_parcel;
pub use passes::KnownPass;
pub use reached::Reached;
pub use recovery_core as core;
pub use restoring::{Candidate, Chosen, Done, Progress};
pub use what_if::{Safety, WhatIf, spare};

use getrandom::SysRng;
use home::{Home, HomeError, HomeWarning, Protection};
use rand_core::UnwrapErr;
use recovery_core::{
    address::RelayUrl,
    flows::{Context, Device, Event},
    kdf::KdfCost,
    name::Name,
    wire::link::Link,
};
use relays::{RelayError, Relays};
use state::State;
use std::{
    path::Path,
    time::{Duration, SystemTime},
};
use zeroize::Zeroizing;

/// Something that did not work and did not stop the rest.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A relay did not take something; it is kept and sent by a later command.
    Queued(RelayError),
    /// A relay refused something for good; it is given up.
    NotSent(RelayError),
    /// A relay could not be read.
    NotRead(RelayError),
    /// A relay did not take the vault; a later command brings it.
    NotSynced(RelayError),
    /// A relay gives no pass for whom this owner invites: they need one of their own.
    NoGuestPass(RelayError),
    /// A relay holds a newer vault than this device: another device of this owner's wrote it.
    NewerVault(RelayUrl),
    /// A relay's store is damaged: it cannot give a message any more that it took.
    Damaged(RelayUrl),
    /// Permissions of the home.
    Home(HomeWarning),
}

/// A person's home on this machine, open, with the relays at hand.
#[derive(Debug)]
pub struct Client {
    home: Home,
    relays: Relays,
    state: State,
    cost: KdfCost,
    notices: Vec<Notice>,
    events: Vec<Event>,
    /// Something for other people was written that travels as a file.
    for_files: bool,
}

impl Client {
    /// Makes the home of a new person in `dir`.
    ///
    /// # Errors
    /// [`ClientError::Home`], [`ClientError::Relay`] if HTTP can't be set up.
    pub fn create(
        dir: &Path,
        protection: Protection,
        name: Name,
        relays: Vec<RelayUrl>,
    ) -> Result<Self, ClientError> {
        let mut rng = UnwrapErr(SysRng);
        let mut ctx = Context { now: now(), rng: &mut rng, cost: KdfCost::STANDARD };
        let device = Device::new(name, relays, &mut ctx);
        Self::create_with(dir, protection, State { device: Some(device), ..State::default() })
    }

    fn create_with(dir: &Path, protection: Protection, state: State) -> Result<Self, ClientError> {
        let relays = Self::relays(&state)?;
        let home = Home::create(dir, protection, &state.encode(), &mut UnwrapErr(SysRng))?;
        Ok(Self::assemble(home, relays, state))
    }

    /// Opens the home in `dir`; waits up to `wait` for another command that uses it.
    ///
    /// # Errors
    /// [`ClientError::Home`], [`ClientError::State`], or what `passphrase` says.
    pub fn open<E: From<ClientError> + From<HomeError>>(
        dir: &Path,
        passphrase: impl FnOnce() -> Result<Zeroizing<String>, E>,
        wait: Duration,
    ) -> Result<Self, E> {
        let (home, octets) = Home::open(dir, passphrase, wait)?;
        let state = State::decode(&octets).map_err(ClientError::State)?;
        let relays = Self::relays(&state)?;
        Ok(Self::assemble(home, relays, state))
    }

    fn relays(state: &State) -> Result<Relays, ClientError> {
        let mut relays = Relays::new()?.with_files(state.files.clone());
        relays.set_passes(state.passes.clone());
        Ok(relays)
    }

    fn assemble(home: Home, relays: Relays, state: State) -> Self {
        let notices = home.warnings().iter().cloned().map(Notice::Home).collect();
        let (cost, events, for_files) = (KdfCost::STANDARD, Vec::new(), false);
        Self { home, relays, state, cost, notices, events, for_files }
    }

    /// The person of this home.
    ///
    /// # Errors
    /// [`ClientError::Restoring`] while a recovery is in progress.
    pub fn device(&self) -> Result<&Device, ClientError> {
        self.state.device.as_ref().ok_or(ClientError::Restoring)
    }

    /// For this call only, uses these relays for what is new.
    pub fn use_relays(&mut self, relays: Vec<RelayUrl>) {
        if let Some(device) = self.state.device.as_mut().filter(|_| !relays.is_empty()) {
            device.use_relays(relays);
        }
    }

    /// What did not work since this was last asked.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// What happened besides what was asked for, since this was last asked.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Whether something for other people came up since this was last asked that travels as a file:
    /// [`Client::export`] gives it.
    pub fn take_for_files(&mut self) -> bool {
        std::mem::take(&mut self.for_files)
    }

    /// How many things wait to be sent.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.state.outbox.len()
    }

    /// Runs a flow of the device with the time and randomness of this machine.
    pub(crate) fn with_context<T>(
        &mut self,
        flow: impl FnOnce(&mut Device, &mut Context<'_>) -> T,
    ) -> Result<T, ClientError> {
        let device = self.state.device.as_mut().ok_or(ClientError::Restoring)?;
        let mut rng = UnwrapErr(SysRng);
        Ok(flow(device, &mut Context { now: now(), rng: &mut rng, cost: self.cost }))
    }

    pub(crate) fn save(&mut self) -> Result<(), ClientError> {
        self.state.files = self.relays.files().keep();
        Ok(self.home.write(&self.state.encode(), &mut UnwrapErr(SysRng))?)
    }
}

/// What stands in the slot behind a link; `None` if there is nothing at any of its relays.
pub(crate) async fn behind(relays: &Relays, link: &Link) -> Result<Option<Vec<u8>>, ClientError> {
    let mut failed = None;
    for slot in &link.slots {
        match relays.get_slot(&slot.relay, slot.id).await {
            Ok(Some((_, body))) => return Ok(Some(body)),
            Ok(None) => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(None), |error| Err(error.into()))
}

/// Unix seconds.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
