//! What an owner does: keep secrets, invite contacts, protect.

use crate::{Client, ClientError, now};
use recovery_core::{
    circle::{Circle, Contact, Member, MemberState},
    flows::{Event, Recovery, pair::Invited},
    name::Name,
    number::Number,
    policy::Policy,
    wire::link::Link,
};
use std::time::Duration;

/// After so many seconds without a proof a contact is called silent: 7 days.
const SILENT_SECONDS: u64 = 7 * 86_400;

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
}

/// Whether the key is safe today.
#[derive(Debug)]
pub struct Status {
    /// The newest circle.
    pub circle: Option<Circle>,
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
}

impl Client {
    /// Adds an entry and brings the vault to its relays, if they can be reached.
    ///
    /// # Errors
    /// [`ClientError::Vault`]; nothing is changed then.
    pub async fn add(&mut self, label: Name, content: &[u8]) -> Result<(), ClientError> {
        self.with_context(|device, ctx| device.add(label, content, ctx.now))??;
        self.with_context(|device, ctx| device.container(ctx))??;
        self.save()?;
        self.flush().await
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

    /// Makes an invite for one contact, who will be called `name`.
    ///
    /// # Errors
    /// [`ClientError::Pair`]; [`ClientError::Relay`] if no relay took it, and then there is no invite.
    pub async fn invite(&mut self, name: Name) -> Result<(Link, u64), ClientError> {
        let made = self.with_context(|device, ctx| device.invite(name, ctx))??;
        let Invited {
            link,
            expires,
            step,
        } = made;
        self.keep(step)?;
        self.flush().await?;
        Ok((link, expires))
    }

    /// Compares a number that a contact or an owner read out.
    ///
    /// # Errors
    /// [`ClientError::Pair`].
    pub async fn verify(&mut self, name: &Name, number: &Number) -> Result<(), ClientError> {
        self.with_context(|device, ctx| device.verify(name, number, ctx))??;
        self.save()?;
        self.flush().await
    }

    /// Leaves a contact out of the next circle.
    ///
    /// # Errors
    /// [`ClientError::Pair`].
    pub async fn remove_contact(&mut self, name: &Name) -> Result<(), ClientError> {
        self.with_context(|device, ctx| device.remove_contact(name, ctx.now))??;
        self.save()?;
        self.flush().await
    }

    /// Makes a new circle and sends its pieces; waits up to `wait` until enough contacts proved that
    /// they hold theirs.
    ///
    /// # Errors
    /// [`ClientError::Protect`]; nothing is changed then.
    pub async fn protect(
        &mut self,
        policy: Policy,
        passphrase: Option<&str>,
        wait: Option<Duration>,
    ) -> Result<Protected, ClientError> {
        let made = self.with_context(|device, ctx| device.protect(policy, passphrase, ctx))??;
        let (circle, generation) = (made.circle.to_string(), made.generation);
        self.keep(made.step)?;
        self.flush().await?;
        let events = match wait {
            Some(wait) => {
                self.listen(Some(wait), |client| client.all_held(generation))
                    .await?
            }
            None => Vec::new(),
        };
        Ok(Protected {
            circle,
            generation,
            events,
        })
    }

    fn all_held(&self, generation: u64) -> bool {
        let circles = self
            .state
            .device
            .as_ref()
            .map(|device| &device.vault().circles);
        circles.into_iter().flatten().any(|circle| {
            circle.generation == generation
                && circle
                    .members
                    .iter()
                    .all(|member| member.state == MemberState::Held)
        })
    }

    /// Fetches everything that waits and acts on it, in every role; goes on for `wait`.
    ///
    /// # Errors
    /// [`ClientError::Home`] if the home can't be written.
    pub async fn sync(&mut self, wait: Option<Duration>) -> Result<Vec<Event>, ClientError> {
        let step = self.with_context(|device, ctx| device.tidy(ctx.now))?;
        self.keep(step)?;
        self.listen(wait, |_| false).await
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
            let member = circle
                .as_ref()
                .and_then(|circle| circle.member(contact.card.id()));
            StatusContact {
                name: contact.name.clone(),
                state: contact_state(contact, member, now()),
                proved: member.and_then(|member| member.proved),
                verified: contact.verified,
                in_circle: member.is_some(),
            }
        });
        let copies = device.copies();
        Ok(Status {
            contacts: contacts.collect(),
            recoveries: device.recoveries().to_vec(),
            entries: vault.entries.len(),
            synced: !copies.is_empty() && copies.iter().all(|copy| copy.version >= vault.version),
            queued: self.queued(),
            circle,
        })
    }
}

fn contact_state(contact: &Contact, member: Option<&Member>, now: u64) -> ContactState {
    match member.map(|member| (member.state, member.sent)) {
        _ if contact.contested() => ContactState::Contested,
        _ if contact.removed => ContactState::Removed,
        None => ContactState::Paired,
        Some((MemberState::Held, _)) => ContactState::Held,
        Some((MemberState::Failed, _)) => ContactState::Failed,
        Some((MemberState::Sent, sent)) if sent.saturating_add(SILENT_SECONDS) < now => {
            ContactState::Silent
        }
        Some((MemberState::Sent, _)) => ContactState::Sent,
    }
}
