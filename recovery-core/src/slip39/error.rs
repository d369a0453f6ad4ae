//! What can be wrong with shares and share sets.

use super::{LONGEST, SHORTEST};
use crate::shamir::ShamirError;

/// Why a share set could not be made, read or combined. Indices count from 0, words from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Slip39Error {
    /// The three checksum words do not fit the others; which word is wrong cannot be said.
    #[error("the checksum of the words is wrong: a word is mistyped, missing or swapped")]
    Checksum,
    /// Two different shares claim one place.
    #[error("group index {group} has two different shares with member index {member}")]
    Conflict {
        /// Index of the group.
        group: u8,
        /// Index of the member.
        member: u8,
    },
    /// What was combined is not what was shared: at least one share is wrong.
    #[error("the shares do not fit together: their digest is wrong{}", in_group(*group))]
    Digest {
        /// The group whose shares do not fit; `None` if that shows between groups only.
        group: Option<u8>,
    },
    /// Exponents go from 0 to 15.
    #[error("an iteration exponent of {exponent} is impossible")]
    Exponent {
        /// The exponent.
        exponent: u8,
    },
    /// Not 1 to 16 members with a threshold they can reach.
    #[error("a threshold of {threshold} of {members} is impossible in group index {group}")]
    Group {
        /// Index of the group.
        group: u8,
        /// Members that should suffice.
        threshold: u8,
        /// Members of the group.
        members: u8,
    },
    /// Not 1 to 16 groups.
    #[error("{count} groups are impossible: there can be 1 to 16")]
    GroupCount {
        /// Number of groups.
        count: usize,
    },
    /// A threshold of groups that the groups cannot reach.
    #[error("a threshold of {threshold} of {count} groups is impossible")]
    GroupThreshold {
        /// Groups that should suffice.
        threshold: u8,
        /// Number of groups.
        count: usize,
    },
    /// A share claims a group beyond the number of groups.
    #[error("a share has group index {index} of {count} groups")]
    GroupIndex {
        /// Index of the group.
        index: u8,
        /// Number of groups.
        count: u8,
    },
    /// Shares, and secrets, have an even number of octets from 16 to 1,270.
    #[error("{octets} octets cannot be shared: an even number from {SHORTEST} to {LONGEST} can")]
    Length {
        /// Number of octets.
        octets: usize,
    },
    /// Two members of one group disagree on its threshold.
    #[error("shares of group index {group} disagree on how many of them are needed")]
    MemberThreshold {
        /// Index of the group.
        group: u8,
    },
    /// No shares at all.
    #[error("there are no shares")]
    NoShares,
    /// In a group of several people each would hold what all of them hold.
    #[error("group index {group} needs only one of its members: make it a group of one")]
    OneOfMany {
        /// Index of the group.
        group: u8,
    },
    /// The unused bits before the share's value are not zero.
    #[error("the words are not a share: their padding is not empty")]
    Padding,
    /// Only printable ASCII can be typed on every device.
    #[error("the passphrase has characters other than printable ASCII")]
    Passphrase,
    /// Sharing failed for a reason that the checks here should have found.
    #[error(transparent)]
    Sharing(#[from] ShamirError),
    /// Enough shares fit together, and this one does not fit to them.
    #[error("the share with group index {group} and member index {member} does not fit the others")]
    Stray {
        /// Index of the group.
        group: u8,
        /// Index of the member.
        member: u8,
    },
    /// Enough groups fit together, and this one does not fit to them.
    #[error("the shares of group index {group} do not fit the other groups")]
    StrayGroup {
        /// Index of the group.
        group: u8,
    },
    /// Not enough groups are complete.
    #[error("{have} of {need} groups are complete")]
    TooFewGroups {
        /// Complete groups.
        have: u8,
        /// Groups needed.
        need: u8,
    },
    /// The only group that matters is not complete.
    #[error("{have} of {need} shares are there")]
    TooFewShares {
        /// Shares of the group.
        have: u8,
        /// Shares needed.
        need: u8,
    },
    /// The compact form of a share has five octets and a value.
    #[error("{octets} octets are not a share")]
    Truncated {
        /// Number of octets.
        octets: usize,
    },
    /// A word that is not on the list.
    #[error("word {position} is not on the list of words")]
    Word {
        /// Position of the word, from 1.
        position: usize,
    },
    /// No share has this number of words.
    #[error("{words} words are not a share")]
    WordCount {
        /// Number of words.
        words: usize,
    },
    /// A share of another set than the first one, perhaps of the same secret shared again.
    #[error(
        "the share with group index {group} and member index {member} is from another set than the first"
    )]
    WrongSet {
        /// Index of the group.
        group: u8,
        /// Index of the member.
        member: u8,
    },
}

fn in_group(group: Option<u8>) -> String {
    group.map_or_else(String::new, |group| format!(" in group index {group}"))
}
