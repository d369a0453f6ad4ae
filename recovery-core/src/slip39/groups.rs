//! Who gets shares, and how many of them suffice.

use super::{MOST, Slip39Error};

/// Some people of whom `threshold` suffice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Members that complete the group, from 1; 1 only in a group of one.
    pub threshold: u8,
    /// Members, up to 16.
    pub members: u8,
}

/// Groups of which `threshold` have to be complete. Cannot be built wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    threshold: u8,
    groups: Vec<Group>,
}

impl Groups {
    /// 1 to 16 groups of 1 to 16 members, each threshold from 1 to what it counts.
    ///
    /// # Errors
    /// [`Slip39Error::GroupCount`], [`Slip39Error::GroupThreshold`], [`Slip39Error::Group`], and
    /// [`Slip39Error::OneOfMany`] for a group of several of whom one suffices.
    pub fn new(threshold: u8, groups: impl Into<Vec<Group>>) -> Result<Self, Slip39Error> {
        let groups = groups.into();
        let count = groups.len();
        if !(1..=usize::from(MOST)).contains(&count) {
            return Err(Slip39Error::GroupCount { count });
        }
        if threshold == 0 || usize::from(threshold) > count {
            return Err(Slip39Error::GroupThreshold { threshold, count });
        }
        for (index, group) in (0..).zip(&groups) {
            group.check(index)?;
        }
        Ok(Self { threshold, groups })
    }

    /// One group: `threshold` of `members` people.
    ///
    /// # Errors
    /// As [`Groups::new`].
    pub fn single(threshold: u8, members: u8) -> Result<Self, Slip39Error> {
        Self::new(1, [Group { threshold, members }])
    }

    /// How many groups have to be complete.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// The groups; the index of a share's group counts through them from 0.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// How many groups there are, 1 to 16.
    pub(super) fn count(&self) -> u8 {
        self.groups.len() as u8
    }
}

impl Group {
    fn check(self, index: u8) -> Result<(), Slip39Error> {
        let Self { threshold, members } = self;
        match (threshold, members) {
            (1, 2..=MOST) => Err(Slip39Error::OneOfMany { group: index }),
            (1..=MOST, 1..=MOST) if threshold <= members => Ok(()),
            _ => Err(Slip39Error::Group { group: index, threshold, members }),
        }
    }
}
