//! Whether the key would still come back without some people or relays.

use crate::{Client, ClientError};
use recovery_core::{
    circle::{Circle, Contact, MemberState},
    flows::pair::PairError,
    ids::ContactId,
    policy::{Group, Policy},
    vault::COPY_MAX,
};
use std::collections::BTreeSet;

/// What stands for all relays in a question.
const RELAY: &str = "relay";

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhatIf {
    /// The key still comes back.
    pub recoverable: bool,
    /// Why, as a part of a sentence.
    pub why: String,
}

/// Whether contacts would bring the key back today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// The key was never divided.
    Alone,
    /// Too few contacts have confirmed their piece so far.
    NotYet,
    /// Enough contacts hold a piece of the newest generation.
    Safe,
    /// Enough hold one of an older generation; of the newest, too few have confirmed theirs.
    SafeAsBefore,
    /// Enough held one, and too few still do.
    NoMore,
}

/// Whether those who hold pieces, and still want to, suffice.
pub(crate) fn safety(circles: &[Circle], contacts: &[Contact]) -> Safety {
    let enough = |circle: &Circle| enough_without(circle, contacts, &[]);
    match circles.split_last() {
        None => Safety::Alone,
        Some((newest, _)) if newest.active() && enough(newest) => Safety::Safe,
        Some((_, older)) if older.iter().any(enough) => Safety::SafeAsBefore,
        Some((newest, _)) if newest.active() => Safety::NoMore,
        Some(_) => Safety::NotYet,
    }
}

impl Client {
    /// Whether the key still comes back without contacts of these names, and without any relay if `relay` is
    /// among them.
    ///
    /// # Errors
    /// [`PairError::NoSuchPerson`].
    pub fn what_if(&self, gone: &[String]) -> Result<WhatIf, ClientError> {
        let device = self.device()?;
        let vault = device.vault();
        let mut lost = Vec::new();
        for name in gone.iter().map(|name| name.trim()).filter(|name| *name != RELAY) {
            let contact = vault.contacts.iter().find(|contact| contact.name.as_str() == name);
            lost.push(contact.ok_or(PairError::NoSuchPerson)?.card.id());
        }
        let no_relay = gone.iter().any(|name| name.trim() == RELAY);
        let answer = |recoverable, why: &str| WhatIf { recoverable, why: why.to_owned() };
        if vault.circles.is_empty() {
            return Ok(answer(false, "it is on this device only"));
        }
        let enough = |circle: &Circle| enough_without(circle, &vault.contacts, &lost);
        if !vault.circles.iter().any(enough) {
            return Ok(answer(false, "too few contacts who confirmed their piece are left"));
        }
        if !no_relay {
            return Ok(answer(true, "enough contacts who confirmed their piece are left"));
        }
        let size = device.vault().without_copies().sealed_len();
        match size <= COPY_MAX {
            true => Ok(answer(
                true,
                "contacts have copies of the vault, and approvals travel as files; what was added since the key was divided is missing then",
            )),
            false => Ok(answer(
                false,
                "the vault is too large for the copies that contacts keep, so only relays have it",
            )),
        }
    }
}

/// Whether those who hold pieces suffice, should these contacts be gone.
fn enough_without(circle: &Circle, contacts: &[Contact], gone: &[ContactId]) -> bool {
    circle.policy.suffices(|id| !gone.contains(&id) && holds(circle, contacts, id))
}

/// Whether a contact is known to hold its piece, and still wants to.
pub(crate) fn holds(circle: &Circle, contacts: &[Contact], id: ContactId) -> bool {
    let stays = contacts.iter().any(|contact| contact.card.id() == id && !contact.left);
    stays && circle.member(id).is_some_and(|member| member.state == MemberState::Held)
}

/// How many of those who hold a piece may be lost, whoever they are: one fewer than break the fewest groups that
/// must not break.
#[must_use]
pub fn spare(policy: &Policy, holds: impl Fn(ContactId) -> bool) -> usize {
    let mut costs: Vec<usize> =
        policy.groups().iter().filter_map(|group| to_break(group, &holds)).collect();
    costs.sort_unstable();
    let Some(spare_groups) = costs.len().checked_sub(usize::from(policy.needed())) else {
        return 0;
    };
    let broken = costs.iter().take(spare_groups + 1);
    // Who is in several groups may break several at once: then the dearest of them is all that is sure.
    let people: usize = policy.groups().iter().map(|group| distinct(group).len()).sum();
    let cost = match people > policy.members().len() {
        true => broken.max().copied().unwrap_or(0),
        false => broken.sum(),
    };
    cost.saturating_sub(1)
}

fn distinct(group: &Group) -> BTreeSet<ContactId> {
    group.members.iter().copied().collect()
}

/// The fewest holders without whom a group is not complete any more; `None` if it is not complete now.
fn to_break(group: &Group, holds: impl Fn(ContactId) -> bool) -> Option<usize> {
    let held: Vec<ContactId> = group.members.iter().copied().filter(|id| holds(*id)).collect();
    let pieces = |id: &ContactId| held.iter().filter(|other| *other == id).count();
    let mut each: Vec<usize> =
        held.iter().collect::<BTreeSet<_>>().into_iter().map(pieces).collect();
    each.sort_unstable_by(|a, b| b.cmp(a));
    let mut left = held.len();
    let need = usize::from(group.threshold);
    if left < need {
        return None;
    }
    let lost = each.iter().take_while(|pieces| {
        let complete = left >= need;
        left -= **pieces;
        complete
    });
    Some(lost.count())
}
