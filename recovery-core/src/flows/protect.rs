//! Protecting: a new circle over contacts.
//!
//! secret → vault → package → slip39 → seal. The owner keeps no share, only what checks a proof.

use super::{Context, Delivery, Step, device::Device};
use crate::{
    address::{HoldAddress, RelayUrl, SlotAddress},
    circle::{Circle, Contact, Member, MemberState, Root, Stage, Told, audit_key},
    ids::{Base, CircleId, ContactId, labelled_hash},
    kdf::KdfCost,
    labels,
    name::Name,
    package::{Package, Way, circle_key},
    policy::{Policy, PolicyError},
    seal::{self, Letter},
    secret::{Secret, SecretBytes},
    sign::Signed,
    slip39,
    vault::{COPY_MAX, VaultError},
    wire::{
        self, V1,
        limits::HOLD_SECONDS_MAX,
        messages::{Alarm, AlarmPlace, Bundle, Forget, HoldBy, HoldPolicy, Pieces, pieces_hash},
    },
};

/// Relays at which contacts have alarm slots: more would make the bundles of large circles too long.
const ALARM_RELAYS: usize = 2;

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
    /// A new device says to be a contact's.
    #[error("{0} has a new device, whose number was not compared yet")]
    Moved(Name),
    /// A contact said farewell.
    #[error("{0} has left: they hold no piece any more, and take none")]
    Left(Name),
    /// More than 7 days.
    #[error("approvals can be held back for at most 7 days")]
    LongDelay,
    /// The circle has a passphrase, which has to be given again.
    #[error("the pieces are also protected by a passphrase, which has to be given again")]
    PassphraseNeeded,
    /// There is no circle to renew.
    #[error("there is nothing to renew yet")]
    NothingToRenew,
    /// Too few contacts proved the new generation for it to be of use.
    #[error("too few contacts have confirmed the new pieces for them to open the key")]
    TooFewProofs,
    /// Without those who are gone, nobody can follow the plan.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The vault fits nowhere.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A step of the cryptography refused what cannot be wrong.
    #[error("the key could not be divided")]
    Sharing,
}

/// What to protect with.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// Who suffices.
    pub policy: Policy,
    /// A passphrase that is needed besides.
    pub passphrase: Option<&'a str>,
    /// Seconds between an approval and its release.
    pub delay: u64,
    /// Who holds approvals back.
    pub hold_by: HoldBy,
}

impl From<Policy> for Plan<'_> {
    /// Without a passphrase or a delay.
    fn from(policy: Policy) -> Self {
        Self { policy, passphrase: None, delay: 0, hold_by: HoldBy::Relay }
    }
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

/// One contact's part of a new circle.
struct Dealt<'a> {
    contact: &'a Contact,
    signed: Signed,
    shares: Vec<SecretBytes>,
    alarm: Alarm,
}

impl Device {
    /// Makes a new circle: fresh shares of a fresh share secret, one bundle for each contact. If a circle
    /// counts already, the new one has a root key, slots and holds of its own, and takes the old one's
    /// place once enough contacts proved it ([`Device::settle`]).
    ///
    /// # Errors
    /// [`ProtectError`]; nothing is changed then.
    pub fn protect(
        &mut self,
        plan: Plan<'_>,
        ctx: &mut Context<'_>,
    ) -> Result<Protected, ProtectError> {
        if self.relays().is_empty() {
            return Err(ProtectError::NoRelay);
        }
        if plan.delay > HOLD_SECONDS_MAX {
            return Err(ProtectError::LongDelay);
        }
        let contacts = self.contacts_of(&plan.policy)?;
        let (mut circle, shares) = self.deal(plan, ctx)?;
        let (id, generation) = (circle.id, circle.generation);
        let alarms = self.alarms(contacts.len(), ctx);
        let mut next = self.state.vault.clone();
        // Who is named takes part again, even if they were to be left out.
        next.touch(ctx.now);
        let (members, told) =
            (circle.policy.members(), Told { version: next.version, at: ctx.now });
        for contact in next.contacts.iter_mut().filter(|c| members.contains(&c.card.id())) {
            (contact.removed, contact.told) = (false, told);
        }
        let mut dealt = Vec::new();
        for (contact, alarm) in contacts.iter().zip(alarms) {
            let own = shares.iter().filter(|(id, _)| *id == contact.card.id());
            let shares: Vec<SecretBytes> = own.map(|(_, share)| share.clone()).collect();
            let signed = self.bundle(&circle, next.version, contact, (&shares, &alarm))?;
            circle.members.push(member(&circle, contact.card.id(), &shares, &signed));
            dealt.push(Dealt { contact, signed, shares, alarm });
        }
        let mut step = self.drop_pending(&mut next, ctx);
        next.generation = generation;
        next.circles.push(circle);
        // Only now: the copy that travels knows everybody who holds a piece.
        let (key, view) = next.seen_with(id, &self.state.root);
        let container = view.seal(&key, &mut ctx.rng)?;
        let copy = (container.len() <= COPY_MAX).then_some(container);
        for Dealt { contact, signed, shares, alarm } in dealt {
            let pieces = Pieces::new(shares, copy.clone(), alarm);
            let letter = Letter::new(signed, Some(wire::encode(&pieces).to_vec()));
            let body = seal::seal(&letter, &contact.card.keys().sealing, &mut ctx.rng)
                .map_err(|_| ProtectError::Sharing)?;
            step.post(contact.card.mailboxes(), &body);
            if contact.known.is_some() {
                self.keep_bundle(contact.card.id(), id, &body);
            }
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
            Some(contact) if !contact.moves().is_empty() => {
                Err(ProtectError::Moved(contact.name.clone()))
            }
            Some(contact) if contact.left => Err(ProtectError::Left(contact.name.clone())),
            Some(contact) => Ok(contact.clone()),
            None => Err(ProtectError::NoSuchContact),
        };
        policy.members().iter().map(find).collect()
    }

    /// A circle without members yet, and each contact's shares.
    fn deal(
        &self,
        plan: Plan<'_>,
        ctx: &mut Context<'_>,
    ) -> Result<(Circle, Vec<(ContactId, SecretBytes)>), ProtectError> {
        let Plan { policy, passphrase, delay, hold_by } = plan;
        let id = CircleId::random(&mut ctx.rng);
        let shared = Secret::<32>::random(&mut ctx.rng);
        let cost = passphrase.map(|text| (text, ctx.cost));
        let key = circle_key(&shared, id, cost).map_err(|_| ProtectError::Sharing)?;
        let root = self.vault().live().map(|_| Root::random(&mut ctx.rng));
        let sealed = root.as_ref().map_or(&self.state.root, |root| &root.key);
        let package = Package::seal(Way::Circle, sealed, key.public(), &mut ctx.rng)
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
        let holds = Base::random(&mut ctx.rng);
        let hold = |relay: &RelayUrl| HoldAddress {
            relay: relay.clone(),
            id: holds.hold(relay.as_str()).id(),
        };
        // A file holds nothing back.
        let held = delay > 0 && hold_by == HoldBy::Relay;
        let counting = self.relays().iter().filter(|relay| held && !relay.is_files());
        let circle = Circle {
            id,
            generation: self.vault().generation + 1,
            policy,
            package,
            passphrase: cost.map(|(_, cost): (&str, KdfCost)| cost),
            hold: HoldPolicy { delay, by: hold_by, holds: counting.map(hold).collect() },
            members: Vec::new(),
            made: ctx.now,
            stage: Stage::Pending,
            root,
            holds,
        };
        Ok((circle, shares))
    }

    /// What each of `count` contacts needs to warn the others.
    fn alarms(&self, count: usize, ctx: &mut Context<'_>) -> Vec<Alarm> {
        let key = Secret::random(&mut ctx.rng);
        let bases: Vec<Base> = (0..count).map(|_| Base::random(&mut ctx.rng)).collect();
        let relays = self.relays().iter().take(ALARM_RELAYS);
        let alarm = |own: &Base| {
            let others = || bases.iter().filter(|base| *base != own);
            let place = |relay: &RelayUrl| AlarmPlace {
                relay: relay.clone(),
                others: others().map(|base| base.slot(relay.as_str()).id()).collect(),
            };
            Alarm {
                key: key.clone(),
                own: own.clone(),
                places: relays.clone().map(place).collect(),
            }
        };
        bases.iter().map(alarm).collect()
    }

    /// A contact's signed bundle.
    fn bundle(
        &self,
        circle: &Circle,
        vault_version: u64,
        contact: &Contact,
        (shares, alarm): (&[SecretBytes], &Alarm),
    ) -> Result<Signed, ProtectError> {
        let id = contact.card.id();
        let slot = circle.root.as_ref().map_or(&self.vault().slot, |root| &root.slot);
        let bundle = Bundle {
            version: V1,
            circle: circle.id,
            generation: circle.generation,
            owner: self.card_for(&contact.inbox).ok_or(ProtectError::Sharing)?,
            contact: id,
            pieces: pieces_hash(shares),
            package: circle.package.clone(),
            passphrase: circle.passphrase,
            vault: self.slots_of(slot),
            vault_version,
            hold: circle.hold.clone(),
            made: circle.made,
            live: self.vault().live().map(|live| live.id),
            alarm: alarm.hash(),
        };
        Ok(Signed::new(&bundle, &self.identity, id.as_bytes()))
    }

    fn slots_of(&self, slot: &Base) -> Vec<SlotAddress> {
        let address = |relay: &RelayUrl| SlotAddress {
            relay: relay.clone(),
            id: slot.slot(relay.as_str()).id(),
        };
        self.relays().iter().map(address).collect()
    }

    /// Lets go of a generation that never counted; its container is taken away, and its contacts are told.
    fn drop_pending(&self, vault: &mut crate::vault::Vault, ctx: &mut Context<'_>) -> Step {
        let mut step = Step::default();
        let pending = vault.circles.extract_if(.., |circle| circle.stage == Stage::Pending);
        for circle in pending {
            for member in &circle.members {
                let forget = Forget { version: V1, circles: vec![circle.id] };
                step.then(self.tell(member.id, &forget, ctx));
            }
            let Some(root) = circle.root else { continue };
            let delete = |relay: &RelayUrl| Delivery::DeleteSlot {
                base: root.slot.clone(),
                relay: relay.clone(),
            };
            step.outbox.extend(self.relays().iter().map(delete));
        }
        step
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
        asked: None,
    }
}

/// The hash of a signed bundle.
#[must_use]
pub fn bundle_hash(signed: &Signed) -> [u8; 32] {
    labelled_hash(labels::BUNDLE_HASH, &[&wire::encode(signed)])
}
