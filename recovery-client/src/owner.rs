//! What an owner does: keep secrets, invite contacts, protect.

use crate::{
    Client, ClientError, Reached, now,
    what_if::{Safety, holds, safety, spare},
};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use recovery_core::{
    circle::{Circle, Contact, Member, MemberState},
    flows::{
        Context, Event, Recovery, Step,
        drill::{DrillError, OwnDrill},
        invitation::Invitation,
        pair::{Invited, PairError},
        protect::{self, Plan},
        request::REQUEST_SECONDS,
    },
    ids::RequestId,
    name::Name,
    number::Number,
    secret::SecretBytes,
    wire::link::Link,
};
use std::time::Duration;

/// After so many seconds without a proof a contact is called silent: 7 days.
const SILENT_SECONDS: u64 = 7 * 86_400;

/// After so many seconds without a proof a piece may have rotted unseen: 400 days.
const STALE_SECONDS: u64 = 400 * 86_400;

/// A circle was made.
#[derive(Debug)]
pub struct Protected {
    /// Its id.
    pub circle: String,
    /// Its generation.
    pub generation: u64,
    /// What happened while waiting.
    pub events: Vec<Event>,
}

/// Where a contact stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactState {
    /// Accepted the invite; holds nothing yet.
    Paired,
    /// The piece is on its way.
    Sent,
    /// Proved that it holds its piece.
    Held,
    /// No proof 7 days after being asked.
    Silent,
    /// Sent a wrong proof.
    Failed,
    /// Two people answered the invite.
    Contested,
    /// Will be left out of the next circle.
    Removed,
    /// Said farewell.
    Left,
    /// A new device says to be theirs.
    Moved,
}

/// One contact in the status.
#[derive(Debug)]
pub struct StatusContact {
    /// What the owner calls them.
    pub name: Name,
    /// Where they stand.
    pub state: ContactState,
    /// Unix seconds of the last proof.
    pub proved: Option<u64>,
    /// The number was compared.
    pub verified: bool,
    /// Whether they are in the newest circle.
    pub in_circle: bool,
    /// Unix seconds since when they were asked for a proof and have not answered.
    pub asked: Option<u64>,
    /// In the circle, and without a proof for more than 400 days.
    pub stale: bool,
    /// Knows this device, and not only the one whose place it took.
    pub knows: bool,
}

/// The numbers to compare with somebody.
#[derive(Debug)]
pub struct PairingNumbers {
    /// With the contact of this name.
    pub as_contact: Option<Number>,
    /// With the owner of this name.
    pub as_owner: Option<Number>,
    /// With new devices that say to be that owner's.
    pub claimed: Vec<Number>,
}

/// Whether the key is safe today.
#[derive(Debug)]
pub struct Status {
    /// The newest circle.
    pub circle: Option<Circle>,
    /// Whether contacts would bring the key back.
    pub safety: Safety,
    /// Older generations that still open the key.
    pub older: usize,
    /// How many contacts may still be lost, whoever they are; `None` without a circle.
    pub spare: Option<usize>,
    /// Every contact.
    pub contacts: Vec<StatusContact>,
    /// Recoveries of this key that contacts told of.
    pub recoveries: Vec<Recovery>,
    /// Entries in the vault.
    pub entries: usize,
    /// Whether every relay holds the vault as it is here.
    pub synced: bool,
    /// Things that wait to be sent.
    pub queued: usize,
    /// The relays whose mailboxes are read, and when each answered.
    pub relays: Vec<Reached>,
    /// This device took the place of a lost one, and that is not over: somebody does not know it yet, or what
    /// was before still opens the key.
    pub taking_over: bool,
}

impl Client {
    /// Adds an entry and brings the vault to its relays, if they can be reached. The same entry once
    /// more changes nothing, so a command that was cut short can be run again.
    ///
    /// # Errors
    /// [`ClientError::Vault`]; nothing is changed then.
    pub async fn add(&mut self, label: Name, content: &[u8]) -> Result<(), ClientError> {
        if self.has(&label, content)? {
            return self.flush().await;
        }
        self.with_context(|device, ctx| device.add(label, content, ctx.now))??;
        // Nothing is added that no container would hold.
        let places = self.device()?.places();
        for place in &places {
            self.with_context(|device, ctx| device.container(place, ctx))??;
        }
        self.save()?;
        self.flush().await
    }

    fn has(&self, label: &Name, content: &[u8]) -> Result<bool, ClientError> {
        let entry = self.device()?.vault().entry(label);
        Ok(entry.is_ok_and(|entry| entry.content == SecretBytes::new(content)))
    }

    /// Removes an entry and brings the vault to its relays, if they can be reached.
    ///
    /// # Errors
    /// [`ClientError::Vault`]; nothing is changed then.
    pub async fn remove(&mut self, label: &Name) -> Result<(), ClientError> {
        self.with_context(|device, ctx| device.remove(label, ctx.now))??;
        self.save()?;
        self.flush().await
    }

    /// Makes an invite for one contact, who will be called `name`. As long as nobody answered it, asking
    /// again gives the same one, unless it is to be at other relays: then it is replaced.
    ///
    /// # Errors
    /// [`ClientError::Pair`].
    pub async fn invite(&mut self, name: Name) -> Result<(Link, u64), ClientError> {
        if let Some(open) = self.open_invite(&name)? {
            self.pass_on().await?;
            self.flush().await?;
            return Ok(open);
        }
        let made = self.with_context(|device, ctx| {
            let mut withdrawn = device.withdraw_invite(&name).unwrap_or_default();
            device.invite(name, ctx).map(|made| {
                let Invited { link, expires, step } = made;
                withdrawn.then(step);
                (link, expires, withdrawn)
            })
        })??;
        let (link, expires, step) = made;
        self.keep(step)?;
        self.pass_on().await?;
        self.flush().await?;
        Ok((link, expires))
    }

    /// The open invite of a name, if it is where a new one would be.
    fn open_invite(&self, name: &Name) -> Result<Option<(Link, u64)>, ClientError> {
        let device = self.device()?;
        let same = |invite: &&Invitation| {
            let open = invite.answered.is_none() && invite.expires > now();
            open && invite.name == *name && invite.inbox.relays == device.relays()
        };
        Ok(device.invites().iter().find(same).map(|invite| (invite.link(), invite.expires)))
    }

    /// Compares a number that a contact or an owner read out.
    ///
    /// # Errors
    /// [`ClientError::Pair`].
    pub async fn verify(&mut self, name: &Name, number: &Number) -> Result<(), ClientError> {
        let step = self.with_context(|device, ctx| device.verify(name, number, ctx))??;
        let events = self.keep(step)?;
        self.events.extend(events);
        self.flush().await
    }

    /// The numbers to compare with somebody: as a contact, who for a contested one is who answered first,
    /// and as an owner; people often hold pieces for each other.
    ///
    /// # Errors
    /// [`PairError::NoSuchPerson`].
    pub fn pairing_numbers(&self, name: &Name) -> Result<PairingNumbers, ClientError> {
        let mut rng = UnwrapErr(SysRng);
        let ctx = Context { now: now(), rng: &mut rng, cost: self.cost };
        let device = self.device()?;
        let as_contact = device
            .contact_named(name)
            // Who has a new device is compared as that.
            .map(|contact| (contact, contact.moves().last().unwrap_or(&contact.card)))
            .map(|(contact, card)| device.number_with_contact(contact, card, &ctx));
        let held = device.held_named(name);
        let as_owner = held.map(|held| device.number_with_owner(held, &ctx));
        let claims = held.into_iter().flat_map(|held| held.claims().iter().map(move |c| (held, c)));
        let claimed: Result<_, _> =
            claims.map(|(held, claim)| device.number_with_card(held, &claim.card, &ctx)).collect();
        if as_contact.is_none() && as_owner.is_none() {
            return Err(PairError::NoSuchPerson.into());
        }
        let (as_contact, as_owner) = (as_contact.transpose()?, as_owner.transpose()?);
        Ok(PairingNumbers { as_contact, as_owner, claimed: claimed? })
    }

    /// Leaves a contact out of the next circle, or takes back an invite that nobody answered.
    ///
    /// # Errors
    /// [`ClientError::Pair`].
    pub async fn remove_contact(&mut self, name: &Name) -> Result<(), ClientError> {
        let step = self.with_context(|device, ctx| match device.withdraw_invite(name) {
            Some(step) => Ok(step),
            None => device.remove_contact(name, ctx.now).map(|()| Step::default()),
        })??;
        self.keep(step)?;
        self.flush().await
    }

    /// Makes a new circle and sends its pieces; waits up to `wait` until all contacts proved that they hold
    /// theirs.
    ///
    /// # Errors
    /// [`ClientError::Protect`]; nothing is changed then.
    pub async fn protect(
        &mut self,
        plan: Plan<'_>,
        wait: Option<Duration>,
    ) -> Result<Protected, ClientError> {
        let made = self.with_context(|device, ctx| device.protect(plan, ctx))??;
        self.protected(made, wait).await
    }

    /// Deals fresh pieces to the same people, without those who were removed or left.
    ///
    /// # Errors
    /// [`ClientError::Protect`]; nothing is changed then.
    pub async fn renew(
        &mut self,
        passphrase: Option<&str>,
        wait: Option<Duration>,
    ) -> Result<Protected, ClientError> {
        let made = self.with_context(|device, ctx| device.renew(passphrase, ctx))??;
        self.protected(made, wait).await
    }

    async fn protected(
        &mut self,
        made: protect::Protected,
        wait: Option<Duration>,
    ) -> Result<Protected, ClientError> {
        let (circle, generation) = (made.circle.to_string(), made.generation);
        self.keep(made.step)?;
        self.flush().await?;
        let events = match wait {
            Some(wait) => self.listen(Some(wait), |client| client.all_held(generation)).await?,
            None => Vec::new(),
        };
        Ok(Protected { circle, generation, events })
    }

    /// Ends a renewal by choice: the newest generation counts if its holders suffice, and the one before is
    /// retired although not everybody confirmed.
    ///
    /// # Errors
    /// [`ClientError::Protect`]; nothing is changed then.
    pub async fn finish_renewal(&mut self) -> Result<Vec<Event>, ClientError> {
        let step = self.with_context(|device, ctx| device.finish_renewal(ctx))??;
        let events = self.keep(step)?;
        self.flush().await?;
        Ok(events)
    }

    /// Asks every contact to prove that it still holds its pieces; waits up to `wait` for the proofs.
    ///
    /// # Errors
    /// [`ClientError::Home`] if the home can't be written.
    pub async fn check(&mut self, wait: Option<Duration>) -> Result<Vec<Event>, ClientError> {
        let step = self.with_context(|device, ctx| device.check(ctx))?;
        self.keep(step)?;
        self.listen(wait, Self::all_answered).await
    }

    fn all_answered(&self) -> bool {
        let circles = self.state.device.as_ref().map(|device| &device.vault().circles);
        let mut members = circles.into_iter().flatten().flat_map(|circle| &circle.members);
        members.all(|member| member.asked.is_none())
    }

    /// Asks contacts to rehearse: those of these names, or all who hold a piece.
    ///
    /// # Errors
    /// [`ClientError::Drill`]; nothing is sent then.
    pub async fn drill(&mut self, names: &[Name]) -> Result<OwnDrill, ClientError> {
        let wanted = |contact: &Contact| names.is_empty() || names.contains(&contact.name);
        let (_, step) = self.with_context(|device, ctx| device.drill(wanted, ctx))??;
        self.keep(step)?;
        self.flush().await?;
        let drill = self.device()?.drills().last().cloned();
        drill.ok_or(ClientError::Drill(DrillError::Internal))
    }

    /// The number of a rehearsal, to be read to contacts.
    ///
    /// # Errors
    /// [`ClientError::Drill`].
    pub fn drill_number(&self, drill: &OwnDrill) -> Result<Number, ClientError> {
        let mut rng = UnwrapErr(SysRng);
        Ok(drill.number(&Context { now: now(), rng: &mut rng, cost: self.cost })?)
    }

    /// Notes that a sheet to print was made.
    ///
    /// # Errors
    /// [`ClientError::Home`] if the home can't be written.
    pub fn note_sheet(&mut self) -> Result<(), ClientError> {
        self.with_context(|device, ctx| device.note_sheet(ctx.now))?;
        self.save()
    }

    /// Stops a recovery of this owner's key. What can't be reached now is told as soon as it can.
    ///
    /// # Errors
    /// [`ClientError::Request`] if no contact told of such a request.
    pub async fn veto(&mut self, request: RequestId) -> Result<(), ClientError> {
        let step = self.with_context(|device, ctx| device.veto(request, ctx))??;
        self.keep(step)?;
        self.flush().await
    }

    /// Says that a recovery of this key is the owner's own; ends the alarm, and nothing else.
    ///
    /// # Errors
    /// [`ClientError::Request`] if no contact told of such a request.
    pub fn was_me(&mut self, request: RequestId) -> Result<(), ClientError> {
        self.with_context(|device, _| device.was_me(request))??;
        self.save()
    }

    fn all_held(&self, generation: u64) -> bool {
        let circles = self.state.device.as_ref().map(|device| &device.vault().circles);
        let mut circles = circles.into_iter().flatten();
        circles.any(|circle| circle.generation == generation && circle.held_by_all())
    }

    /// Fetches everything that waits and acts on it, in every role; goes on for `wait`.
    ///
    /// # Errors
    /// [`ClientError::Home`] if the home can't be written.
    pub async fn sync(&mut self, wait: Option<Duration>) -> Result<Vec<Event>, ClientError> {
        // What came is read before anything is released: it may be a stop.
        self.listen(wait, |_| false).await
    }

    /// Recoveries of this owner's key that may still be going on, as contacts told.
    ///
    /// # Errors
    /// [`ClientError::Restoring`].
    pub fn recoveries(&self) -> Result<Vec<Recovery>, ClientError> {
        let recent = |known: &&Recovery| known.opened.saturating_add(REQUEST_SECONDS) > now();
        Ok(self.device()?.recoveries().iter().filter(recent).cloned().collect())
    }

    /// Whether the key is safe today, as far as this device knows.
    ///
    /// # Errors
    /// [`ClientError::Restoring`].
    pub fn status(&self) -> Result<Status, ClientError> {
        let device = self.device()?;
        let vault = device.vault();
        let circle = vault.circles.last().cloned();
        let contacts = vault.contacts.iter().map(|contact| {
            let member = circle.as_ref().and_then(|circle| circle.member(contact.card.id()));
            StatusContact {
                name: contact.name.clone(),
                state: contact_state(contact, member, now()),
                proved: member.and_then(|member| member.proved),
                verified: contact.verified,
                in_circle: member.is_some(),
                asked: member.and_then(|member| member.asked.as_ref()).map(|asked| asked.at),
                stale: member.is_some_and(|member| is_stale(member, now())),
                knows: contact.known.is_none(),
            }
        });
        let places = device.places();
        let copies: Vec<_> = places.iter().flat_map(|place| device.copies(place)).collect();
        Ok(Status {
            safety: safety(&vault.circles, &vault.contacts),
            contacts: contacts.collect(),
            recoveries: self.recoveries()?,
            entries: vault.entries.len(),
            synced: !copies.is_empty() && copies.iter().all(|copy| copy.version >= vault.version),
            queued: self.queued(),
            relays: self.state.reached.clone(),
            taking_over: vault.former.as_ref().is_some_and(|former| !former.circles.is_empty())
                || vault.contacts.iter().any(|contact| contact.known.is_some()),
            older: vault.circles.len().saturating_sub(1),
            spare: circle
                .as_ref()
                .map(|circle| spare(&circle.policy, |id| holds(circle, &vault.contacts, id))),
            circle,
        })
    }
}

fn contact_state(contact: &Contact, member: Option<&Member>, now: u64) -> ContactState {
    match member.map(|member| (member.state, member.sent)) {
        _ if contact.contested() => ContactState::Contested,
        _ if contact.left => ContactState::Left,
        _ if !contact.moves().is_empty() => ContactState::Moved,
        _ if contact.removed => ContactState::Removed,
        None => ContactState::Paired,
        Some((MemberState::Held, _)) if is_silent(member, now) => ContactState::Silent,
        Some((MemberState::Held, _)) => ContactState::Held,
        Some((MemberState::Failed, _)) => ContactState::Failed,
        Some((MemberState::Sent, sent)) if sent.saturating_add(SILENT_SECONDS) < now => {
            ContactState::Silent
        }
        Some((MemberState::Sent, _)) => ContactState::Sent,
    }
}

/// Asked for a proof, and not answered for a week.
fn is_silent(member: Option<&Member>, now: u64) -> bool {
    let asked = member.and_then(|member| member.asked.as_ref());
    asked.is_some_and(|asked| asked.at.saturating_add(SILENT_SECONDS) < now)
}

fn is_stale(member: &Member, now: u64) -> bool {
    member.proved.is_some_and(|proved| proved.saturating_add(STALE_SECONDS) < now)
}
