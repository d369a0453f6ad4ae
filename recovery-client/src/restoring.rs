//! What a person with a new device does: ask, wait, and be the owner again.

use crate::{
    Client, ClientError, Notice,
    drive::{PAGES_MAX, pause_if_idle},
    home::Protection,
    now,
    state::State,
};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use recovery_core::{
    address::RelayUrl,
    flows::{
        Context, Device,
        protect::ProtectError,
        request::NewDevice,
        restore::{Approver, Assessed, Quorums, RestoreError, Restored, Rollback, Taken},
        takeover::TakenOver,
    },
    ids::ContactId,
    kdf::KdfCost,
    name::Name,
    number::Number,
    wire::{limits::WAIT_SECONDS_MAX, link::Link},
};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// How far a recovery is.
#[derive(Debug)]
pub struct Progress {
    /// One line for each message that came.
    pub approvals: Vec<Assessed>,
    /// Good approvals that belong together.
    pub have: usize,
    /// How many are needed, once a first approval told.
    pub needed: Option<usize>,
    /// Owners whose key could be restored now.
    pub candidates: Vec<Candidate>,
}

/// An owner whose key could be restored now.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The owner's id.
    pub id: ContactId,
    /// The name on the owner's card.
    pub name: Name,
    /// Who approved.
    pub approvers: Vec<Approver>,
    /// How many were needed.
    pub needed: usize,
    /// The circle has a passphrase.
    pub passphrase: bool,
}

/// Which owner to restore, and what the person agreed to.
#[derive(Debug, Clone)]
pub struct Chosen<'a> {
    /// The owner.
    pub owner: ContactId,
    /// The circle's passphrase.
    pub passphrase: Option<&'a str>,
    /// An older vault than a contact knows of is taken.
    pub accept_older: bool,
}

/// The key is back.
#[derive(Debug)]
pub struct Done {
    /// The generation whose pieces gave it.
    pub generation: u64,
    /// Contacts whose pieces did not fit.
    pub left_out: Vec<Approver>,
    /// The vault is older than a contact knows of, and that was accepted.
    pub rollback: Option<Rollback>,
    /// Contacts who are told that this device takes the place of the lost one.
    pub told: Vec<Name>,
    /// The generation that was dealt from this device, or why there is none.
    pub dealt: Result<u64, ProtectError>,
}

impl Client {
    /// Makes a home for a recovery in `dir` and sends the request.
    ///
    /// # Errors
    /// [`ClientError::Home`], [`ClientError::Request`].
    pub async fn start_restore(
        dir: &Path,
        protection: Protection,
        (name, device): (Name, Option<Name>),
        relays: &[RelayUrl],
    ) -> Result<Self, ClientError> {
        let mut rng = UnwrapErr(SysRng);
        let mut ctx = Context { now: now(), rng: &mut rng, cost: KdfCost::STANDARD };
        let (new, step) = NewDevice::start(name, device, relays, &mut ctx)?;
        let state = State { restoring: Some(new), outbox: step.outbox, ..State::default() };
        let mut client = Self::create_with(dir, protection, state)?;
        client.flush().await?;
        Ok(client)
    }

    /// The recovery in progress.
    ///
    /// # Errors
    /// [`ClientError::NotRestoring`].
    pub fn restoring(&self) -> Result<&NewDevice, ClientError> {
        self.state.restoring.as_ref().ok_or(ClientError::NotRestoring)
    }

    /// The link to send, or the one that stands only in the QR code on this screen.
    ///
    /// # Errors
    /// [`ClientError::NotRestoring`].
    pub fn request_link(&self, on_screen: bool) -> Result<Link, ClientError> {
        Ok(self.restoring()?.link(on_screen))
    }

    /// The number to read to friends.
    ///
    /// # Errors
    /// [`ClientError::NotRestoring`].
    pub fn request_number(&self) -> Result<Number, ClientError> {
        let mut rng = UnwrapErr(SysRng);
        let ctx = Context { now: now(), rng: &mut rng, cost: self.cost };
        Ok(self.restoring()?.number(&ctx)?)
    }

    /// Takes approvals that came as files: all of them or none.
    ///
    /// # Errors
    /// [`ClientError::Import`] names the file.
    pub fn import(&mut self, files: &[(String, Vec<u8>)]) -> Result<(), ClientError> {
        let new = self.state.restoring.as_mut().ok_or(ClientError::NotRestoring)?;
        for (path, text) in files {
            let imported = new.import(text);
            imported.map_err(|error| ClientError::Import { path: path.clone(), error })?;
        }
        self.save()
    }

    /// Reads the session's mailboxes once; waits up to `wait` for something new.
    ///
    /// # Errors
    /// [`ClientError::NotRestoring`], [`ClientError::Home`].
    pub async fn poll_restore(
        &mut self,
        wait: Duration,
        pin: Option<ContactId>,
    ) -> Result<Progress, ClientError> {
        self.flush().await?;
        let session = self.restoring()?.session().clone();
        let call = |relay: &RelayUrl| {
            let token = session.base.mailbox(relay.as_str());
            (relay.clone(), token.clone(), (relay.clone(), token))
        };
        let mut calls: Vec<_> = session.relays.iter().map(call).collect();
        let (started, mut idle) = (Instant::now(), true);
        let mut seconds = wait.as_secs().min(WAIT_SECONDS_MAX);
        for _ in 0..PAGES_MAX {
            let mut unread = Vec::new();
            for ((relay, token), page) in self.fetch(calls, seconds).await {
                match page {
                    Ok(page) => {
                        if !page.messages.is_empty() {
                            idle = false;
                            unread.push(call(&relay));
                        }
                        self.take(&relay, &token, page).await?;
                    }
                    Err(error) => self.notices.push(Notice::NotRead(error)),
                }
            }
            (calls, seconds) = (unread, 0);
        }
        pause_if_idle(started, wait, idle).await;
        self.progress(pin)
    }

    /// Keeps what is useful and deletes the rest where it lies.
    async fn take(
        &mut self,
        relay: &RelayUrl,
        token: &recovery_core::ids::MailboxToken,
        page: crate::relays::Page,
    ) -> Result<(), ClientError> {
        let Some(last) = page.messages.last().map(|message| message.seq) else {
            return Ok(());
        };
        let new = self.state.restoring.as_mut().ok_or(ClientError::NotRestoring)?;
        let useless =
            page.messages.iter().filter(|message| new.take(&message.body) == Taken::Useless);
        let useless: Vec<u64> = useless.map(|message| message.seq).collect();
        self.state.advance(token.id(), &page.epoch, last);
        self.save()?;
        for seq in useless {
            // It costs nothing if it stays.
            let _ = self.relays.delete_message(relay, token, seq).await;
        }
        Ok(())
    }

    /// How far the recovery is, with what is here.
    ///
    /// # Errors
    /// [`ClientError::NotRestoring`].
    pub fn progress(&self, pin: Option<ContactId>) -> Result<Progress, ClientError> {
        let assessment = self.restoring()?.assess();
        let counts = assessment.leading(pin).map(|set| set.counts());
        let candidates = assessment.complete(pin).into_iter().map(|set| Candidate {
            id: set.owner.id(),
            name: set.owner.name().clone(),
            approvers: set.approvers().cloned().collect(),
            needed: set.counts().1,
            passphrase: set.passphrase.is_some(),
        });
        Ok(Progress {
            have: counts.map_or(0, |(have, _)| have),
            needed: counts.map(|(_, needed)| needed),
            candidates: candidates.collect(),
            approvals: assessment.approvals,
        })
    }

    /// Restores: shares → root key → vault → the owner's device, which takes this home's place and that of the
    /// lost device. A kill leaves the recovery, or the successor, whole.
    ///
    /// # Errors
    /// [`ClientError::Restore`]; the recovery goes on then.
    pub async fn restore(&mut self, chosen: Chosen<'_>) -> Result<Done, ClientError> {
        let assessment = self.restoring()?.assess();
        let quorums = Quorums::of(&assessment, chosen.owner)?;
        let mut found = Vec::new();
        for slot in quorums.slots() {
            match self.relays.get_slot(&slot.relay, slot.id).await {
                Ok(Some((_, container))) => found.push(container),
                Ok(None) => {}
                Err(error) => self.notices.push(Notice::NotRead(error)),
            }
        }
        let (restored, quorum) = quorums.restore(chosen.passphrase, &found)?;
        let Restored { device, generation, rollback } = restored;
        if let Some(rollback) = rollback.clone().filter(|_| !chosen.accept_older) {
            return Err(RestoreError::Rollback(rollback).into());
        }
        let left_out = quorum.left_out().to_vec();
        let known = rollback.as_ref().map_or(0, |rollback| rollback.known);
        let (told, dealt) = self.become_successor(device, known, chosen.passphrase)?;
        self.flush().await?;
        Ok(Done { generation, left_out, rollback, told, dealt })
    }

    /// One write: before it this home is a recovery, after it the owner's, with all that is to be sent.
    fn become_successor(
        &mut self,
        mut device: Device,
        known: u64,
        passphrase: Option<&str>,
    ) -> Result<(Vec<Name>, Result<u64, ProtectError>), ClientError> {
        let mut rng = UnwrapErr(SysRng);
        let mut ctx = Context { now: now(), rng: &mut rng, cost: self.cost };
        let new = self.restoring()?;
        device.came_back(new, known, ctx.now);
        let mut outbox = new.clean_up().outbox;
        let TakenOver { told, generation, step } = device.take_over(new, passphrase, &mut ctx);
        outbox.extend(step.outbox);
        let files = self.relays.files().keep();
        self.state = State { device: Some(device), outbox, files, ..State::default() };
        self.save()?;
        Ok((told, generation))
    }

    /// Takes the request back and removes the home: this device is nobody's again.
    ///
    /// # Errors
    /// [`ClientError::NotRestoring`].
    pub async fn cancel_restore(mut self) -> Result<Vec<Notice>, ClientError> {
        let mut rng = UnwrapErr(SysRng);
        let mut ctx = Context { now: now(), rng: &mut rng, cost: self.cost };
        let new = self.state.restoring.as_mut().ok_or(ClientError::NotRestoring)?;
        let step = new.cancel(&mut ctx)?;
        self.keep(step)?;
        self.flush().await?;
        let notices = self.take_notices();
        self.home.remove()?;
        Ok(notices)
    }
}
