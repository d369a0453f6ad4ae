//! One share: what it says of its set and place, its value, and its compact form.

use super::{LONGEST, SHORTEST, Slip39Error};
use crate::shamir;
use std::fmt;
use zeroize::Zeroizing;

/// Octets of the header in the compact form, the first 40 bits of the words.
pub(super) const HEADER: usize = 5;

/// What a share says of its set and of its place in it. Not secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Random, the same in the whole set: 15 bits.
    pub identifier: u16,
    /// Whether encryption leaves the identifier out, so that further sets can be made of one secret.
    pub extendable: bool,
    /// The passphrase costs 10,000 · 2^exponent iterations: 0 to 15.
    pub exponent: u8,
    /// The share's group, from 0.
    pub group_index: u8,
    /// Groups needed, 1 to 16.
    pub group_threshold: u8,
    /// Groups in the set, 1 to 16.
    pub group_count: u8,
    /// The share's place in its group, 0 to 15.
    pub member_index: u8,
    /// Shares that complete the group, 1 to 16.
    pub member_threshold: u8,
}

impl Header {
    /// 15 bits identifier, 1 bit flag, then seven times 4 bits; what counts from 1 is less by one.
    pub(super) fn to_octets(self) -> [u8; HEADER] {
        let [high, low] = (self.identifier << 1 | u16::from(self.extendable)).to_be_bytes();
        [
            high,
            low,
            self.exponent << 4 | self.group_index,
            (self.group_threshold - 1) << 4 | (self.group_count - 1),
            self.member_index << 4 | (self.member_threshold - 1),
        ]
    }

    pub(super) fn from_octets(
        [high, low, set, groups, member]: [u8; HEADER],
    ) -> Result<Self, Slip39Error> {
        let first = u16::from_be_bytes([high, low]);
        let header = Self {
            identifier: first >> 1,
            extendable: first & 1 == 1,
            exponent: set >> 4,
            group_index: set & 15,
            group_threshold: (groups >> 4) + 1,
            group_count: (groups & 15) + 1,
            member_index: member >> 4,
            member_threshold: (member & 15) + 1,
        };
        let Self { group_index: index, group_threshold: threshold, group_count: count, .. } =
            header;
        if threshold > count {
            return Err(Slip39Error::GroupThreshold { threshold, count: count.into() });
        }
        if index >= count { Err(Slip39Error::GroupIndex { index, count }) } else { Ok(header) }
    }

    /// Whether a share with this header and one with the other may come from one set.
    pub(super) fn same_set(&self, other: &Self) -> bool {
        let place = |header: &Self| Self {
            group_index: 0,
            member_index: 0,
            member_threshold: 0,
            ..*header
        };
        place(self) == place(other)
    }
}

/// One share of a set.
#[derive(Clone)]
pub struct Share {
    header: Header,
    value: Zeroizing<Vec<u8>>,
}

impl Share {
    /// A share whose header is known to be possible.
    pub(super) fn new(header: Header, value: Zeroizing<Vec<u8>>) -> Self {
        Self { header, value }
    }

    /// What the share says of its set and place.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The octets, as many as the secret has. Secret.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The compact form: five octets of header, then the value; no checksum. Secret.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut octets = Zeroizing::new(Vec::with_capacity(HEADER + self.value.len()));
        octets.extend_from_slice(&self.header.to_octets());
        octets.extend_from_slice(&self.value);
        octets
    }

    /// Reads the compact form; each share has exactly one.
    ///
    /// # Errors
    /// [`Slip39Error::Truncated`], [`Slip39Error::GroupThreshold`], [`Slip39Error::GroupIndex`],
    /// [`Slip39Error::Length`].
    pub fn from_bytes(octets: &[u8]) -> Result<Self, Slip39Error> {
        let truncated = Slip39Error::Truncated { octets: octets.len() };
        let (header, value) = octets.split_first_chunk().ok_or(truncated)?;
        let header = Header::from_octets(*header)?;
        require_length(value.len())?;
        Ok(Self { header, value: Zeroizing::new(value.to_vec()) })
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({:?}, {} octets redacted)", self.header, self.value.len())
    }
}

impl PartialEq for Share {
    /// Constant time in the octets.
    fn eq(&self, other: &Self) -> bool {
        self.header == other.header && shamir::agree(&self.value, &other.value)
    }
}

impl Eq for Share {}

/// Refuses lengths that the standard has no words for.
pub(super) fn require_length(octets: usize) -> Result<(), Slip39Error> {
    let possible = (SHORTEST..=LONGEST).contains(&octets) && octets.is_multiple_of(2);
    if possible { Ok(()) } else { Err(Slip39Error::Length { octets }) }
}
