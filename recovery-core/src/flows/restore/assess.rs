//! Checking each approval, and grouping the good ones.

use super::{
    Approver, Quorum, RestoreError,
    succession::Vouched,
    words::{assess_decline, assess_due, assess_stop, settle},
};
use crate::{
    address::SlotAddress,
    flows::keep::{HELD_MAX, SHARES_MAX, parse_share},
    ids::{CircleId, ContactId, RequestId},
    kdf::KdfCost,
    keys::Card,
    name::Name,
    package::Package,
    seal::Letter,
    sign::{Kind, Signed, StatementError},
    slip39::{self, Progress, Share},
    wire::messages::{Approval, Bundle, Holding, Newest, pieces_hash},
};

/// What a message to the new device is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Good,
    /// The contact said yes; the approval comes later.
    Held {
        /// Unix seconds, by the contact's clock.
        until: u64,
    },
    /// The contact said no.
    Declined,
    /// A device of the owner's stopped the recovery, or with it this contact's approval.
    Vetoed {
        /// Unix seconds, by that device's clock.
        at: u64,
    },
    /// It does not count, for this reason.
    Bad(&'static str),
}

/// One message, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessed {
    /// The contact's name, or the owner's for a stop; `None` for an unknown sender.
    pub contact: Option<Name>,
    /// What it is worth.
    pub verdict: Verdict,
    /// The contact went against the owner's stop, after meeting the person.
    pub overrides: bool,
    /// Who a name belongs to.
    pub(super) from: Option<ContactId>,
    /// Whose contact that is.
    pub(super) owner: Option<ContactId>,
}

impl Assessed {
    /// Whether a named line is the owner's own word, not a contact's.
    #[must_use]
    pub fn is_owners(&self) -> bool {
        self.from.is_none() && self.owner.is_some()
    }

    /// Whether it is a contact's, by its signature.
    pub(super) fn is_contacts(&self) -> bool {
        self.from.is_some()
    }

    /// Whose contact's it is, or whose own.
    pub(super) fn owner(&self) -> Option<ContactId> {
        self.owner
    }

    pub(super) fn unknown(why: &'static str) -> Self {
        Self::of(None, Verdict::Bad(why))
    }

    pub(super) fn of(contact: Option<Name>, verdict: Verdict) -> Self {
        Self { contact, verdict, overrides: false, from: None, owner: None }
    }
}

/// Everything that came, checked and grouped.
#[derive(Debug, Default)]
pub struct Assessment {
    /// What each message comes to; word of an approval gives way to the approval.
    pub approvals: Vec<Assessed>,
    /// Good approvals by owner and circle, in the order they came.
    pub sets: Vec<ShareSet>,
    /// Contacts who hold pieces of two identities as one person's.
    pub(super) vouched: Vec<Vouched>,
}

/// Good approvals of one owner and circle.
#[derive(Debug, Clone)]
pub struct ShareSet {
    /// The owner's card, as the bundles give it.
    pub owner: Card,
    /// The circle.
    pub circle: CircleId,
    /// Its generation.
    pub generation: u64,
    /// The newest version of the vault that any of the owner's contacts knows of.
    pub vault_version: u64,
    /// Who knows of it.
    pub known_by: Vec<Name>,
    /// Argon2id parameters, if the circle has a passphrase.
    pub passphrase: Option<KdfCost>,
    pub(super) parts: Vec<Part>,
    pub(super) packages: Vec<Package>,
    pub(super) slots: Vec<SlotAddress>,
    pub(super) containers: Vec<Vec<u8>>,
}

/// What one contact gives to a set.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) approver: Approver,
    pub(super) shares: Vec<Share>,
}

impl ShareSet {
    /// Who approved.
    pub fn approvers(&self) -> impl Iterator<Item = &Approver> {
        self.parts.iter().map(|part| &part.approver)
    }

    /// How far the set is, by groups.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        slip39::progress(&self.shares()).ok()
    }

    /// Whether there are enough shares, counted by what their headers say.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.progress().map_or(self.parts.len() > 1, |progress| progress.is_complete())
    }

    /// Good approvals, and how many are needed as far as the shares tell: of a single group its
    /// threshold, of several what the known groups need.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let Some(progress) = self.progress() else {
            return (self.parts.len(), self.parts.len());
        };
        let mut needs: Vec<usize> =
            progress.groups.iter().map(|group| usize::from(group.need)).collect();
        needs.sort_unstable();
        let groups = usize::from(progress.group_threshold);
        let known: usize = needs.iter().take(groups).sum();
        let unknown = groups.saturating_sub(needs.len());
        (self.parts.len(), known + unknown)
    }

    /// Whether a single piece is the whole key.
    #[must_use]
    pub fn one_suffices(&self) -> bool {
        self.counts().1 <= 1
    }

    /// The set with the pieces of some contacts only.
    pub(super) fn of(&self, wanted: impl Fn(ContactId) -> bool) -> Self {
        let mut set = self.clone();
        set.parts.retain(|part| wanted(part.approver.id));
        set
    }

    pub(super) fn shares(&self) -> Vec<Share> {
        self.parts.iter().flat_map(|part| part.shares.iter().cloned()).collect()
    }

    /// Combines the shares; those of contacts that do not fit the others are left out and named.
    ///
    /// # Errors
    /// [`RestoreError::TooFew`], [`RestoreError::Disagree`].
    pub fn combine(&self) -> Result<Quorum, RestoreError> {
        Quorum::of(self)
    }
}

/// Checks all letters for `request`.
pub(super) fn assess(request: RequestId, letters: &[Letter]) -> Assessment {
    let mut assessment = Assessment::default();
    for letter in letters {
        let assessed = match letter.signed.kind {
            Kind::Decline => assess_decline(request, &letter.signed),
            Kind::Due => assess_due(request, &letter.signed),
            Kind::Stop => assess_stop(request, &letter.signed),
            _ => assess_approval(request, &letter.signed, &mut assessment),
        };
        assessment.approvals.push(assessed);
    }
    share_knowledge(&mut assessment.sets);
    settle(&mut assessment.approvals);
    assessment
}

/// Whether a letter counts by itself: a good approval, or a contact's decline.
pub(super) fn counts(request: RequestId, letter: &Letter) -> bool {
    let alone = assess(request, std::slice::from_ref(letter));
    alone.approvals.iter().any(|assessed| match assessed.verdict {
        Verdict::Good => true,
        Verdict::Declined | Verdict::Held { .. } => assessed.contact.is_some(),
        Verdict::Bad(_) | Verdict::Vetoed { .. } => false,
    })
}

/// What contacts know of an owner's vault counts for every circle of that owner: the newest version,
/// where it may be, and its copies.
fn share_knowledge(sets: &mut [ShareSet]) {
    let known = sets.to_vec();
    for set in sets {
        for other in known.iter().filter(|other| other.owner.id() == set.owner.id()) {
            if other.vault_version > set.vault_version {
                (set.vault_version, set.known_by) = (other.vault_version, Vec::new());
            }
            if other.vault_version == set.vault_version {
                other.known_by.iter().for_each(|name| push_new(&mut set.known_by, name.clone()));
            }
            other.slots.iter().for_each(|slot| push_new(&mut set.slots, slot.clone()));
            other.containers.iter().for_each(|copy| push_new(&mut set.containers, copy.clone()));
        }
    }
}

const DAMAGED: &str = "it is damaged";
const SIGNATURE: &str = "its signature is wrong";
pub(super) const OTHER_REQUEST: &str = "it was made for another request";

pub(super) fn flaw(error: StatementError) -> &'static str {
    match error {
        StatementError::Kind | StatementError::Body(_) => DAMAGED,
        StatementError::Sender | StatementError::Signature => SIGNATURE,
    }
}

fn assess_approval(request: RequestId, signed: &Signed, into: &mut Assessment) -> Assessed {
    let approval =
        signed.verify_claim(|a: &Approval| (a.card.keys(), a.request.as_bytes().to_vec()));
    let approval = match approval {
        Ok(approval) => approval,
        Err(error) => return Assessed::unknown(flaw(error)),
    };
    let approver = Approver { id: approval.card.id(), name: approval.card.name().clone() };
    let checked: Vec<_> =
        approval.holdings.iter().map(|h| verify_holding(h, approver.id)).collect();
    // The name is the contact's only if an owner's bundle is for these very keys.
    let known = checked.iter().any(|holding| !matches!(holding, Err(Flaw::Unknown(_))));
    let contact = known.then(|| approver.name.clone());
    let owner = checked.iter().rev().flatten().map(|(bundle, _)| bundle.owner.id()).next();
    let line = |verdict| Assessed {
        from: contact.is_some().then_some(approver.id),
        owner,
        overrides: approval.overrides,
        ..Assessed::of(contact.clone(), verdict)
    };
    let bad = |why| line(Verdict::Bad(why));
    if approval.request != request && !planted!(OtherRequest) {
        return bad(OTHER_REQUEST);
    }
    match approval.holdings.len() {
        0 => return bad("it holds no piece"),
        1..=HELD_MAX => {}
        _ => return bad("it holds more pieces than one contact has"),
    }
    let mut why = None;
    let mut owners = Vec::new();
    for (checked, holding) in checked.into_iter().zip(&approval.holdings) {
        match checked {
            Ok(good) => {
                let beside = (approval.newest.as_ref(), holding.container.as_ref());
                push_new(&mut owners, good.0.owner.id());
                add(&mut into.sets, &approver, good, beside);
            }
            Err(Flaw::Unknown(flaw) | Flaw::Known(flaw)) => why = Some(flaw),
        }
    }
    into.vouch(approver.id, &owners);
    match (owners.is_empty(), why) {
        (true, Some(why)) => bad(why),
        _ => line(Verdict::Good),
    }
}

/// What is wrong with a holding, and whether it still shows who the contact is.
enum Flaw {
    Unknown(&'static str),
    Known(&'static str),
}

fn verify_holding(holding: &Holding, contact: ContactId) -> Result<(Bundle, Vec<Share>), Flaw> {
    let bundle = verify_bundle(&holding.bundle)
        .map_err(|_| Flaw::Unknown("the piece was not signed by its owner"))?;
    if bundle.contact != contact && !planted!(PieceOfAnother) {
        return Err(Flaw::Unknown("the piece belongs to another contact"));
    }
    if pieces_hash(&holding.shares) != bundle.pieces && !planted!(PieceNotCompared) {
        return Err(Flaw::Known("the piece is damaged"));
    }
    let shares: Option<Vec<Share>> = holding.shares.iter().map(parse_share).collect();
    match shares {
        Some(shares) if (1..=SHARES_MAX).contains(&shares.len()) => Ok((bundle, shares)),
        _ => Err(Flaw::Known("the piece is damaged")),
    }
}

/// A bundle, signed by the owner whose card it carries, for the contact it names.
pub(super) fn verify_bundle(signed: &Signed) -> Result<Bundle, StatementError> {
    signed.verify_claim(|bundle: &Bundle| (bundle.owner.keys(), bundle.contact.as_bytes().to_vec()))
}

/// Adds a contact's shares to the set of their owner and circle.
fn add(
    sets: &mut Vec<ShareSet>,
    approver: &Approver,
    (bundle, shares): (Bundle, Vec<Share>),
    (newest, container): (Option<&Signed>, Option<&Vec<u8>>),
) {
    let same = |set: &ShareSet| set.owner.id() == bundle.owner.id() && set.circle == bundle.circle;
    let at = sets.iter().position(same).unwrap_or_else(|| {
        sets.push(ShareSet {
            owner: bundle.owner.clone(),
            circle: bundle.circle,
            generation: bundle.generation,
            vault_version: 0,
            known_by: Vec::new(),
            passphrase: bundle.passphrase,
            parts: Vec::new(),
            packages: Vec::new(),
            slots: Vec::new(),
            containers: Vec::new(),
        });
        sets.len() - 1
    });
    let Some(set) = sets.get_mut(at) else {
        return;
    };
    let known = bundle.vault_version.max(told(newest, &bundle, approver));
    if known > set.vault_version {
        (set.vault_version, set.known_by) = (known, Vec::new());
    }
    if known == set.vault_version {
        push_new(&mut set.known_by, approver.name.clone());
    }
    push_new(&mut set.packages, bundle.package);
    bundle.vault.into_iter().for_each(|slot| push_new(&mut set.slots, slot));
    container.into_iter().for_each(|copy| push_new(&mut set.containers, copy.clone()));
    if planted!(CountsTwice) || !set.parts.iter().any(|part| part.approver.id == approver.id) {
        set.parts.push(Part { approver: approver.clone(), shares });
    }
}

/// The version in the owner's word to this contact; 0 without one that is right.
fn told(newest: Option<&Signed>, bundle: &Bundle, approver: &Approver) -> u64 {
    let newest = newest.and_then(|signed| {
        signed.verify::<Newest>(bundle.owner.keys(), approver.id.as_bytes()).ok()
    });
    newest.map_or(0, |newest| newest.vault_version)
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}
