//! SLIP-0039: a secret shared among groups of people, each share a line of words.
//!
//! A set has up to 16 [`Groups`] of up to 16 members. A group is complete when its threshold of
//! members is there, the set when its threshold of groups is. A share prints as [`words`]
//! (33 for 32 octets) that any tool for SLIP-0039 reads, or as octets of a compact form.
//!
//! This project's circles use exponent 0, the extendable flag and no passphrase, which [`split`]
//! sets: the shared secret is a random key, so nothing is to be won from slow derivation.
//!
//! [`words`]: Share::to_words
//!
//! # Source
//! <https://github.com/satoshilabs/slips/blob/master/slip-0039.md>

mod checksum;
mod cipher;
mod error;
mod groups;
mod mnemonic;
mod set;
mod share;
mod sharing;
mod words;

pub use error::Slip39Error;
pub use groups::{Group, Groups};
pub use set::{GroupProgress, Progress};
pub use share::{Header, Share};

use cipher::Cipher;
use rand_core::CryptoRng;
use set::Set;
use share::require_length;
use zeroize::Zeroizing;

/// Most groups of a set, and most members of a group.
pub const MOST: u8 = 16;
/// Octets of the shortest secret.
pub const SHORTEST: usize = 16;
/// Octets of the longest secret: its shares have 1,023 words, the most the checksum covers.
pub const LONGEST: usize = 1_270;

/// How a secret is encrypted before it is shared.
#[derive(Clone, Copy)]
pub struct Encryption<'a> {
    /// Printable ASCII, or empty. A wrong one goes unnoticed and gives another secret.
    pub passphrase: &'a str,
    /// 10,000 · 2^exponent iterations of PBKDF2: 0 to 15.
    pub exponent: u8,
    /// Whether further sets can be made of the same secret and passphrase.
    pub extendable: bool,
}

impl Encryption<'_> {
    /// No passphrase, as circles use it.
    pub const NONE: Self = Encryption { passphrase: "", exponent: 0, extendable: true };
}

/// Shares `secret` among `groups`, without a passphrase; one list of shares for each group.
///
/// # Errors
/// [`Slip39Error::Length`]; nothing else can fail.
pub fn split(
    secret: &[u8],
    groups: &Groups,
    rng: &mut impl CryptoRng,
) -> Result<Vec<Vec<Share>>, Slip39Error> {
    split_encrypted(secret, groups, Encryption::NONE, rng)
}

/// Encrypts `secret` and shares it among `groups`; one list of shares for each group.
///
/// # Errors
/// [`Slip39Error::Length`], [`Slip39Error::Passphrase`], [`Slip39Error::Exponent`].
pub fn split_encrypted(
    secret: &[u8],
    groups: &Groups,
    encryption: Encryption<'_>,
    rng: &mut impl CryptoRng,
) -> Result<Vec<Vec<Share>>, Slip39Error> {
    let Encryption { passphrase, exponent, extendable } = encryption;
    require_length(secret.len())?;
    if !passphrase.bytes().all(|letter| (b' '..=b'~').contains(&letter)) {
        return Err(Slip39Error::Passphrase);
    }
    if exponent > 15 {
        return Err(Slip39Error::Exponent { exponent });
    }
    let identifier = rng.next_u32() as u16 & 0x7FFF;
    let cipher = Cipher { passphrase, identifier, extendable, exponent };
    let encrypted = cipher.encrypt(secret);
    let group_values = sharing::split(&encrypted, (groups.threshold(), groups.count()), rng)?;
    let mut set = Vec::with_capacity(group_values.len());
    for ((group_index, group), value) in (0..).zip(groups.groups()).zip(&group_values) {
        let header = Header {
            identifier,
            extendable,
            exponent,
            group_index,
            group_threshold: groups.threshold(),
            group_count: groups.count(),
            member_index: 0,
            member_threshold: group.threshold,
        };
        let values = sharing::split(value, (group.threshold, group.members), rng)?;
        let share = |(member_index, value)| Share::new(Header { member_index, ..header }, value);
        set.push((0..).zip(values).map(share).collect());
    }
    Ok(set)
}

/// Gives back the secret from enough shares, in any order; a share given twice counts once.
///
/// Surplus shares are checked against the others. Members of groups that are not complete are
/// ignored if enough groups are. A wrong passphrase gives another secret, not an error.
///
/// A share's exponent decides the work done: 10,000 · 2^exponent iterations, minutes at 15. For
/// shares from strangers look at [`Header::exponent`] first.
///
/// # Errors
/// [`Slip39Error::NoShares`], [`Slip39Error::TooFewShares`], [`Slip39Error::TooFewGroups`] say what
/// is missing; [`Slip39Error::WrongSet`], [`Slip39Error::MemberThreshold`],
/// [`Slip39Error::Conflict`], [`Slip39Error::Digest`], [`Slip39Error::Stray`],
/// [`Slip39Error::StrayGroup`] which shares do not belong together.
pub fn combine(shares: &[Share], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, Slip39Error> {
    let set = Set::gather(shares)?;
    let encrypted = set.recover()?;
    let Header { identifier, extendable, exponent, .. } = set.header;
    Ok(Cipher { passphrase, identifier, extendable, exponent }.decrypt(&encrypted))
}

/// Which groups are complete, and how many shares the others lack.
///
/// # Errors
/// Those of [`combine`] that need no arithmetic: no shares, or shares that do not belong together.
pub fn progress(shares: &[Share]) -> Result<Progress, Slip39Error> {
    Set::gather(shares).map(|set| set.progress())
}
