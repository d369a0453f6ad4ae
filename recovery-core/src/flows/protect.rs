//! Protecting: a new circle over contacts, and their receipts.
//!
//! secret → vault → package → slip39 → seal. The owner keeps no share, only what checks a proof.

use super::{
    Context, Event, Step,
    device::{Device, Recovery, Report},
};
use crate::{
    address::SlotAddress,
    circle::{Circle, Contact, Member, MemberState, audit_key, receipt_proof},
    ids::{CircleId, ContactId, labelled_hash},
    kdf::KdfCost,
    labels,
    name::Name,
    package::{Package, Way, circle_key},
    policy::Policy,
    seal::{self, Letter},
    secret::{Secret, SecretBytes},
    sign::{Kind, Signed},
    slip39,
    vault::{COPY_MAX, VaultError},
    wire::{
        self, V1,
        messages::{Alert, Bundle, HoldPolicy, Pieces, Receipt},
    },
};
use subtle::ConstantTimeEq;

/// Generations an owner keeps and contacts hold: the live one and the one before.
pub const GENERATIONS: usize = 2;
/// Recoveries an owner's device remembers.
const RECOVERIES_MAX: usize = 64;

/// Why a circle can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// No relay is set.
    #[error("no relay is set, so the pieces can't be sent")]
    NoRelay,
    /// Somebody in the policy is no contact.
    #[error("somebody in this plan is not among your contacts")]
    NoSuchContact,
    /// Two people answered a contact's invite.
    #[error("two people answered the invitation of {0}, so nothing is sent to them")]
    Contested(Name),
    /// The vault fits nowhere.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A step of the cryptography refused what cannot be wrong.
    #[error("the key could not be divided")]
    Sharing,
}

/// A new circle.
#[derive(Debug)]
pub struct Protected {
    /// Its id.
    pub circle: CircleId,
    /// Its generation.
    pub generation: u64,
    /// What to do.
    pub step: Step,
}

impl Device {
    /// Makes a new circle: fresh shares of a fresh share secret, one bundle for each contact.
    ///
    /// # Errors
    /// [`ProtectError`]; nothing is changed then.
    pub fn protect(
        &mut self,
        policy: Policy,
        passphrase: Option<&str>,
        ctx: &mut Context<'_>,
    ) -> Result<Protected, ProtectError> {
        if self.relays().is_empty() {
            return Err(ProtectError::NoRelay);
        }
        let contacts = self.contacts_of(&policy)?;
        let (mut circle, shares) = self.deal(policy, passphrase, ctx)?;
        let mut next = self.state.vault.clone();
        // Who is named takes part again, even if they were to be left out.
        for contact in &mut next.contacts {
            contact.removed &= !circle.policy.members().contains(&contact.card.id());
        }
        next.touch(ctx.now);
        let mut dealt = Vec::new();
        for contact in &contacts {
            let own = shares.iter().filter(|(id, _)| *id == contact.card.id());
            let own: Vec<SecretBytes> = own.map(|(_, share)| share.clone()).collect();
            let signed = self.bundle(&circle, next.version, contact, &own)?;
            circle.members.push(member(&circle, contact.card.id(), &own, &signed));
            dealt.push((contact, signed, own));
        }
        let (id, generation) = (circle.id, circle.generation);
        next.circles.push(circle);
        let surplus = next.circles.len().saturating_sub(GENERATIONS);
        next.circles.drain(..surplus);
        // Only now: the copy that travels knows everybody who holds a piece.
        let container = next.without_copies().seal(&self.state.root, &mut ctx.rng)?;
        let copy = (container.len() <= COPY_MAX).then_some(container);
        let mut step = Step::default();
        for (contact, signed, own) in dealt {
            let pieces = Pieces::new(own, copy.clone());
            let letter = Letter::new(signed, Some(wire::encode(&pieces).to_vec()));
            let body = seal::seal(&letter, &contact.card.keys().sealing, &mut ctx.rng)
                .map_err(|_| ProtectError::Sharing)?;
            step.post(contact.card.mailboxes(), &body);
        }
        self.state.vault = next;
        Ok(Protected { circle: id, generation, step })
    }

    /// The policy's people, if each is a contact to whom pieces may be sent.
    fn contacts_of(&self, policy: &Policy) -> Result<Vec<Contact>, ProtectError> {
        let find = |id: &ContactId| match self.contact(*id) {
            Some(contact) if contact.contested() => {
                Err(ProtectError::Contested(contact.name.clone()))
            }
            Some(contact) => Ok(contact.clone()),
            None => Err(ProtectError::NoSuchContact),
        };
        policy.members().iter().map(find).collect()
    }

    /// A circle without members yet, and each contact's shares.
    fn deal(
        &self,
        policy: Policy,
        passphrase: Option<&str>,
        ctx: &mut Context<'_>,
    ) -> Result<(Circle, Vec<(ContactId, SecretBytes)>), ProtectError> {
        let id = CircleId::random(&mut ctx.rng);
        let shared = Secret::<32>::random(&mut ctx.rng);
        let cost = passphrase.map(|text| (text, ctx.cost));
        let key = circle_key(&shared, id, cost).map_err(|_| ProtectError::Sharing)?;
        let package = Package::seal(Way::Circle, &self.state.root, key.public(), &mut ctx.rng)
            .ok_or(ProtectError::Sharing)?;
        let groups = policy.slip39().map_err(|_| ProtectError::Sharing)?;
        let dealt = slip39::split(shared.expose(), &groups, &mut ctx.rng)
            .map_err(|_| ProtectError::Sharing)?;
        let mut shares = Vec::new();
        for (group, values) in policy.groups().iter().zip(&dealt) {
            for (member, share) in group.members.iter().zip(values) {
                shares.push((*member, SecretBytes::new(&share.to_bytes())));
            }
        }
        let generation = self.vault().circles.last().map_or(1, |last| last.generation + 1);
        let circle = Circle {
            id,
            generation,
            policy,
            package,
            passphrase: cost.map(|(_, cost): (&str, KdfCost)| cost),
            hold: HoldPolicy::default(),
            members: Vec::new(),
            made: ctx.now,
        };
        Ok((circle, shares))
    }

    /// A contact's signed bundle.
    fn bundle(
        &self,
        circle: &Circle,
        vault_version: u64,
        contact: &Contact,
        shares: &[SecretBytes],
    ) -> Result<Signed, ProtectError> {
        let id = contact.card.id();
        let bundle = Bundle {
            version: V1,
            circle: circle.id,
            generation: circle.generation,
            owner: self.card_for(&contact.inbox).ok_or(ProtectError::Sharing)?,
            contact: id,
            pieces: Pieces::new(shares.to_vec(), None).hash(),
            package: circle.package.clone(),
            passphrase: circle.passphrase,
            vault: self.vault_slots(),
            vault_version,
            hold: circle.hold.clone(),
            made: circle.made,
        };
        Ok(Signed::new(&bundle, &self.identity, id.as_bytes()))
    }

    /// Where the vault's container is.
    #[must_use]
    pub fn vault_slots(&self) -> Vec<SlotAddress> {
        let slot = |relay: &crate::address::RelayUrl| SlotAddress {
            relay: relay.clone(),
            id: self.vault().slot.slot(relay.as_str()).id(),
        };
        self.relays().iter().map(slot).collect()
    }

    /// Owner: a message from a contact came: a receipt or an alert.
    pub(crate) fn on_contact_message(
        &mut self,
        id: ContactId,
        message: &[u8],
        ctx: &mut Context<'_>,
    ) -> Step {
        let Some(contact) = self.contact(id).cloned() else {
            return Step::default();
        };
        let ignored = |why| Step::event(Event::Ignored { from: Some(contact.name.clone()), why });
        let Ok(letter) = seal::open(&self.identity, message) else {
            return ignored("it is not sealed to you, or was changed");
        };
        let (keys, audience) = (contact.card.keys(), self.id());
        let step = match letter.signed.kind {
            Kind::Receipt => letter
                .signed
                .verify(keys, audience.as_bytes())
                .map(|receipt| self.on_receipt(&contact, &receipt, ctx.now)),
            Kind::Alert => letter
                .signed
                .verify(keys, audience.as_bytes())
                .map(|alert| self.on_alert(&contact, alert)),
            _ => return ignored("a contact does not send such messages"),
        };
        let Ok(step) = step else {
            return ignored("its signature is wrong");
        };
        // Only news shows that the contact is there: a relay can repeat what it said before.
        let news = step.events.iter().any(|event| !matches!(event, Event::ProofFailed { .. }));
        let contacts = &mut self.state.vault.contacts;
        let contact = contacts.iter_mut().find(|c| c.card.id() == id);
        if let Some(contact) = contact.filter(|_| news) {
            contact.seen = contact.seen.max(ctx.now);
        }
        step
    }

    fn on_receipt(&mut self, contact: &Contact, receipt: &Receipt, now: u64) -> Step {
        let circle = self.state.vault.circles.iter_mut().find(|c| c.id == receipt.circle);
        let Some(circle) = circle else {
            return Step::default();
        };
        let (generation, was_active) = (circle.generation, circle.active());
        let Some(member) = circle.members.iter_mut().find(|m| m.id == contact.card.id()) else {
            return Step::default();
        };
        let proof = receipt_proof(&member.audit, &member.bundle);
        let name = contact.name.clone();
        if !bool::from(proof.ct_eq(&receipt.proof)) {
            if member.state == MemberState::Sent {
                member.state = MemberState::Failed;
                self.state.vault.touch(now);
            }
            return Step::event(Event::ProofFailed { contact: name, generation });
        }
        if member.state == MemberState::Held {
            return Step::default();
        }
        member.state = MemberState::Held;
        member.proved = Some(now);
        let mut step = Step::event(Event::PieceHeld { contact: name, generation });
        if circle.active() && !was_active {
            step.events.push(Event::CircleActive { generation });
        }
        self.state.vault.touch(now);
        step
    }

    fn on_alert(&mut self, contact: &Contact, alert: Alert) -> Step {
        if self.state.came_by == Some(alert.request) {
            return Step::default();
        }
        let Alert { request, kind, claims, device, made, reason, .. } = alert;
        let report = Report { contact: contact.card.id(), kind, reason, made };
        let recoveries = &mut self.state.recoveries;
        match recoveries.iter_mut().find(|known| known.request == request) {
            // Late and repeated alerts: this contact has said this, or more, already.
            Some(known) if known.reports.iter().any(|other| report.is_old_beside(other)) => {
                return Step::default();
            }
            Some(known) => {
                let contact = report.contact;
                known.reports.retain(|other| other.contact != contact);
                known.reports.push(report);
            }
            None => {
                let surplus = (self.state.recoveries.len() + 1).saturating_sub(RECOVERIES_MAX);
                self.state.recoveries.drain(..surplus);
                let (claims, reports) = (claims.clone(), vec![report]);
                let recovery = Recovery { request, claims, device, opened: made, reports };
                self.state.recoveries.push(recovery);
            }
        }
        Step::event(Event::Alert { contact: contact.name.clone(), request, kind, claims })
    }
}

/// What the owner keeps of a contact's pieces.
fn member(circle: &Circle, id: ContactId, shares: &[SecretBytes], signed: &Signed) -> Member {
    Member {
        id,
        audit: audit_key(shares, circle.id, id),
        bundle: bundle_hash(signed),
        state: MemberState::Sent,
        sent: circle.made,
        proved: None,
    }
}

/// The hash of a signed bundle.
#[must_use]
pub fn bundle_hash(signed: &Signed) -> [u8; 32] {
    labelled_hash(labels::BUNDLE_HASH, &[&wire::encode(signed)])
}
