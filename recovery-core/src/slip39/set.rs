//! Shares that belong together, by group, and what they give.

use super::sharing::{self, Flaw};
use super::{Header, Share, Slip39Error};
use zeroize::Zeroizing;

/// How far a set of shares is from giving its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Groups needed.
    pub group_threshold: u8,
    /// Groups in the set.
    pub group_count: u8,
    /// The groups of which there is a share, by index.
    pub groups: Vec<GroupProgress>,
}

/// How far one group is from being complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupProgress {
    /// Index of the group, from 0.
    pub index: u8,
    /// Different shares that are there.
    pub have: u8,
    /// Shares that complete the group.
    pub need: u8,
}

impl GroupProgress {
    /// Whether the group has its shares.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.have >= self.need
    }
}

impl Progress {
    /// Groups that have their shares.
    #[must_use]
    pub fn complete_groups(&self) -> u8 {
        self.groups.iter().map(|group| u8::from(group.is_complete())).sum()
    }

    /// Whether the shares suffice.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let needed = if planted!(GroupsNotCounted) { 1 } else { self.group_threshold };
        self.complete_groups() >= needed
    }

    /// What is missing, as an error.
    fn require_complete(&self) -> Result<(), Slip39Error> {
        let (have, need) = (self.complete_groups(), self.group_threshold);
        match self.groups.as_slice() {
            _ if have >= need => Ok(()),
            [group] if need == 1 => {
                Err(Slip39Error::TooFewShares { have: group.have, need: group.need })
            }
            _ => Err(Slip39Error::TooFewGroups { have, need }),
        }
    }
}

/// Different shares of one set.
pub(super) struct Set<'a> {
    pub(super) header: Header,
    /// By index, the lowest first.
    groups: Vec<(u8, Vec<&'a Share>)>,
}

impl<'a> Set<'a> {
    /// Sorts shares into groups; a share given twice counts once.
    pub(super) fn gather(shares: &'a [Share]) -> Result<Self, Slip39Error> {
        let first = shares.first().ok_or(Slip39Error::NoShares)?;
        let mut set = Self { header: *first.header(), groups: Vec::new() };
        for share in shares {
            let &Header { group_index: group, member_index: member, .. } = share.header();
            let fits = set.header.same_set(share.header());
            if !fits || share.value().len() != first.value().len() {
                return Err(Slip39Error::WrongSet { group, member });
            }
            let at = match set.groups.binary_search_by_key(&group, |(index, _)| *index) {
                Ok(at) => at,
                Err(at) => {
                    set.groups.insert(at, (group, Vec::new()));
                    at
                }
            };
            if let Some((_, shares)) = set.groups.get_mut(at) {
                add(shares, share)?;
            }
        }
        Ok(set)
    }

    /// How many shares each group has and needs.
    pub(super) fn progress(&self) -> Progress {
        let group = |(index, shares): &(u8, Vec<&Share>)| GroupProgress {
            index: *index,
            have: shares.len() as u8,
            need: shares.first().map_or(0, |share| share.header().member_threshold),
        };
        Progress {
            group_threshold: self.header.group_threshold,
            group_count: self.header.group_count,
            groups: self.groups.iter().map(group).collect(),
        }
    }

    /// The encrypted secret, if enough groups are complete; incomplete ones beyond that are ignored.
    pub(super) fn recover(&self) -> Result<Zeroizing<Vec<u8>>, Slip39Error> {
        let progress = self.progress();
        progress.require_complete()?;
        let mut groups = Vec::new();
        for (progress, (_, shares)) in progress.groups.iter().zip(&self.groups) {
            if progress.is_complete() {
                groups.push((progress.index, recover_group(*progress, shares)?));
            }
        }
        let points: Vec<_> = groups.iter().map(|(x, y)| (*x, y.as_slice())).collect();
        sharing::recover(self.header.group_threshold, &points).map_err(|flaw| match flaw {
            Flaw::Digest => Slip39Error::Digest { group: None },
            Flaw::Stray(group) => Slip39Error::StrayGroup { group },
            Flaw::Sharing(error) => error.into(),
        })
    }
}

/// Adds a share of the same set to those of its group, unless it is there already.
fn add<'a>(group: &mut Vec<&'a Share>, share: &'a Share) -> Result<(), Slip39Error> {
    let &Header { group_index, member_index: member, member_threshold, .. } = share.header();
    if group.iter().any(|other| other.header().member_threshold != member_threshold) {
        return Err(Slip39Error::MemberThreshold { group: group_index });
    }
    match group.iter().find(|other| other.header().member_index == member) {
        None => group.push(share),
        Some(other) if *other == share => {}
        Some(_) => {
            return Err(Slip39Error::Conflict { group: group_index, member });
        }
    }
    Ok(())
}

/// What a complete group gives to the level above.
fn recover_group(
    group: GroupProgress,
    shares: &[&Share],
) -> Result<Zeroizing<Vec<u8>>, Slip39Error> {
    let points: Vec<_> =
        shares.iter().map(|share| (share.header().member_index, share.value())).collect();
    let group_index = group.index;
    sharing::recover(group.need, &points).map_err(|flaw| match flaw {
        Flaw::Digest => Slip39Error::Digest { group: Some(group_index) },
        Flaw::Stray(member) => Slip39Error::Stray { group: group_index, member },
        Flaw::Sharing(error) => error.into(),
    })
}
