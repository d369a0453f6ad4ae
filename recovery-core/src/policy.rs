//! Policy: who holds pieces, and who of them together suffice. Cannot be built wrong.

use crate::{
    ids::ContactId,
    name::Name,
    slip39::{self, Groups, Slip39Error},
};
use minicbor::{Encode, decode::Decode};
use recovery_derive::Decode;

/// Some people of whom `threshold` suffice. Who stands twice holds two pieces.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Group {
    /// What the owner calls the group, if there are several.
    #[n(0)]
    pub name: Option<Name>,
    /// How many pieces complete it.
    #[n(1)]
    pub threshold: u8,
    /// Who holds its pieces.
    #[n(2)]
    pub members: Vec<ContactId>,
}

/// Groups of people, and how many groups must be complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    needed: u8,
    groups: Vec<Group>,
}

/// A policy nobody could follow, or that would protect nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Nobody.
    #[error("there is nobody to protect the key with")]
    Nobody,
    /// More are needed than there are.
    #[error("{threshold} are needed, but there are only {members}")]
    Unreachable {
        /// How many are needed.
        threshold: u8,
        /// How many there are.
        members: usize,
    },
    /// None are needed, so anyone could.
    #[error("at least one must be needed")]
    Zero,
    /// One of several suffices, which would make every piece the key.
    #[error("with {members} people, at least 2 must be needed: else each piece is the whole key")]
    OneOfMany {
        /// How many there are.
        members: usize,
    },
    /// More than 16 in a group.
    #[error("{members} people in one group, and at most {limit} can be; use groups")]
    TooManyMembers {
        /// How many there are.
        members: usize,
        /// The limit.
        limit: u8,
    },
    /// More than 16 groups.
    #[error("{groups} groups, and at most {limit} can be")]
    TooManyGroups {
        /// How many there are.
        groups: usize,
        /// The limit.
        limit: u8,
    },
}

impl Policy {
    /// Any `threshold` of `members`.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn any(threshold: u8, members: Vec<ContactId>) -> Result<Self, PolicyError> {
        Self::groups_of(1, vec![Group { name: None, threshold, members }])
    }

    /// Any `needed` of `groups`, each complete with its own threshold.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn groups_of(needed: u8, groups: Vec<Group>) -> Result<Self, PolicyError> {
        if groups.is_empty() {
            return Err(PolicyError::Nobody);
        }
        if groups.len() > usize::from(slip39::MOST) {
            return Err(PolicyError::TooManyGroups { groups: groups.len(), limit: slip39::MOST });
        }
        within(needed, groups.len())?;
        groups.iter().try_for_each(check_group)?;
        Ok(Self { needed, groups })
    }

    /// The same with `id` wherever `former` stood.
    #[must_use]
    pub(crate) fn with(&self, former: ContactId, id: ContactId) -> Self {
        let mut policy = self.clone();
        let members = policy.groups.iter_mut().flat_map(|group| &mut group.members);
        members.filter(|member| **member == former).for_each(|member| *member = id);
        policy
    }

    /// How many groups must be complete.
    #[must_use]
    pub fn needed(&self) -> u8 {
        self.needed
    }

    /// The groups.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The threshold of the only group, or the fewest pieces that complete enough groups.
    #[must_use]
    pub fn fewest(&self) -> usize {
        let mut thresholds: Vec<usize> =
            self.groups.iter().map(|group| usize::from(group.threshold)).collect();
        thresholds.sort_unstable();
        thresholds.iter().take(usize::from(self.needed)).sum()
    }

    /// Everybody, once each, in order.
    #[must_use]
    pub fn members(&self) -> Vec<ContactId> {
        let mut seen = Vec::new();
        for member in self.groups.iter().flat_map(|group| &group.members) {
            if !seen.contains(member) {
                seen.push(*member);
            }
        }
        seen
    }

    /// Whether the key comes back with the pieces of those for whom `holds` is true.
    #[must_use]
    pub fn suffices(&self, holds: impl Fn(ContactId) -> bool) -> bool {
        let complete = |group: &&Group| {
            let held = group.members.iter().filter(|member| holds(**member)).count();
            held >= usize::from(group.threshold)
        };
        self.groups.iter().filter(complete).count() >= usize::from(self.needed)
    }

    /// The same for SLIP-39.
    pub(crate) fn slip39(&self) -> Result<Groups, Slip39Error> {
        let groups: Vec<slip39::Group> = self
            .groups
            .iter()
            .map(|group| slip39::Group {
                threshold: group.threshold,
                members: u8::try_from(group.members.len()).unwrap_or(u8::MAX),
            })
            .collect();
        Groups::new(self.needed, groups)
    }
}

fn within(threshold: u8, members: usize) -> Result<(), PolicyError> {
    match threshold {
        0 => Err(PolicyError::Zero),
        _ if usize::from(threshold) > members => {
            Err(PolicyError::Unreachable { threshold, members })
        }
        _ => Ok(()),
    }
}

fn check_group(group: &Group) -> Result<(), PolicyError> {
    let members = group.members.len();
    if members == 0 {
        return Err(PolicyError::Nobody);
    }
    if members > usize::from(slip39::MOST) {
        return Err(PolicyError::TooManyMembers { members, limit: slip39::MOST });
    }
    within(group.threshold, members)?;
    if group.threshold == 1 && members > 1 {
        return Err(PolicyError::OneOfMany { members });
    }
    Ok(())
}

/// `[needed, groups]`; a policy that is none does not decode.
impl<C> Encode<C> for Policy {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        (self.needed, &self.groups).encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Policy {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let (needed, groups) = <(u8, Vec<Group>)>::decode(d, ctx)?;
        Self::groups_of(needed, groups)
            .map_err(|_| minicbor::decode::Error::message("not a policy"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Group, Policy, PolicyError};
    use crate::ids::ContactId;

    fn people(n: u8) -> Vec<ContactId> {
        (0..n).map(|i| ContactId::new([i; 16])).collect()
    }

    #[test]
    fn impossible_and_useless_policies_are_refused() {
        for (threshold, n, error) in [
            (0, 3, PolicyError::Zero),
            (1, 0, PolicyError::Nobody),
            (4, 3, PolicyError::Unreachable { threshold: 4, members: 3 }),
            (1, 2, PolicyError::OneOfMany { members: 2 }),
            (3, 17, PolicyError::TooManyMembers { members: 17, limit: 16 }),
        ] {
            assert_eq!(Policy::any(threshold, people(n)), Err(error));
        }
        for (threshold, n) in [(1, 1), (2, 2), (3, 5), (16, 16)] {
            assert!(Policy::any(threshold, people(n)).is_ok());
        }
    }

    #[test]
    fn groups_must_be_complete() {
        let group = |threshold, members| Group { name: None, threshold, members };
        let (a, b) = (people(3), people(5).split_off(3));
        let policy = Policy::groups_of(2, vec![group(2, a.clone()), group(2, b.clone())]).unwrap();
        assert_eq!((policy.fewest(), policy.members().len()), (4, 5));
        assert!(policy.suffices(|_| true));
        assert!(policy.suffices(|id| id != a[0]));
        assert!(!policy.suffices(|id| id != b[0]));
    }
}
