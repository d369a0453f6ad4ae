//! Shamir's secret sharing over GF(2^8): any `threshold` shares give the secret, fewer give nothing.
//!
//! Each octet of the secret is shared by itself, as the value at `x = 0` of a polynomial of degree
//! `threshold - 1`. A share is one other point of all these polynomials: one `x` and one `y` octet
//! for each octet of the secret. [`split`] draws the first `threshold - 1` shares at random and
//! computes the others from them and the secret, so no coefficient ever exists, and [`Points::at`]
//! serves splitting, combining, checking surplus shares and issuing a lost share again.
//!
//! Time and memory accesses depend on lengths, counts and `x` coordinates only, never on secret
//! octets. Shares, and what is combined from them, are wiped when dropped.
//!
//! Sharing detects no damage: `threshold` shares of which one is wrong combine to wrong octets.
//! Only surplus shares can show that. [`slip39`](crate::slip39) adds a digest.
//!
//! The format is `x ‖ y` in the AES field (polynomial 0x11B), the secret at 0: the one of
//! draft-mcgrew-tss-03 and of most libraries that name their field.

mod field;
mod points;
mod share;

pub use points::Points;
pub use share::Share;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Why shares could not be made, read or combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShamirError {
    /// A share lies off the polynomial of the others.
    #[error("the shares disagree: share {x} does not fit the others")]
    Disagree {
        /// The first share that does not fit; any of the others may be the bad one.
        x: u8,
    },
    /// There is no octet to share, or a share carries none.
    #[error("there is nothing to share: the secret or share is empty")]
    Empty,
    /// Shares of one secret are equally long.
    #[error("share {x} has {found} octets where {expected} are expected")]
    Length {
        /// The share that differs from the ones before.
        x: u8,
        /// Octets of the ones before.
        expected: usize,
        /// Octets of this one.
        found: usize,
    },
    /// Two shares with one coordinate.
    #[error("share {x} is given twice")]
    Repeated {
        /// The coordinate.
        x: u8,
    },
    /// `1 <= threshold <= shares` does not hold.
    #[error("a threshold of {threshold} with {shares} shares is impossible")]
    Threshold {
        /// Shares that should suffice.
        threshold: u8,
        /// Shares that should be made.
        shares: u8,
    },
    /// Fewer shares than the threshold.
    #[error("{have} of {need} shares are there")]
    TooFew {
        /// Shares given.
        have: usize,
        /// Shares needed.
        need: u8,
    },
    /// The place of the secret is no place for a share: who could set it would choose the result.
    #[error("a share with x = 0 is a forgery")]
    Zero,
}

/// Makes `shares` shares of `secret`, numbered from 1, of which any `threshold` give it back.
///
/// With a threshold of 1 each share is the secret itself.
///
/// # Errors
/// [`ShamirError::Empty`] or [`ShamirError::Threshold`]; nothing else can fail.
pub fn split(
    secret: &[u8],
    threshold: u8,
    shares: u8,
    rng: &mut impl CryptoRng,
) -> Result<Vec<Share>, ShamirError> {
    let impossible = ShamirError::Threshold { threshold, shares };
    let drawn = threshold.checked_sub(1).ok_or(impossible)?;
    if secret.is_empty() {
        return Err(ShamirError::Empty);
    }
    let blank = |x| Share::blank(x, secret.len());
    let mut all: Vec<_> = (1..=shares).map(blank).collect();
    let (random, computed) = match all.split_at_mut_checked(drawn.into()) {
        Some((random, computed)) if !computed.is_empty() => (random, computed),
        _ => return Err(impossible),
    };
    for share in random.iter_mut() {
        rng.fill_bytes(share.y_mut());
    }
    let known = random.iter().map(Share::point);
    Points::new(known.chain([(0, secret)]))?.fill(computed);
    Ok(all)
}

/// Gives back the secret from at least `threshold` shares, and checks all shares beyond that.
///
/// # Errors
/// [`ShamirError::Threshold`], [`ShamirError::TooFew`], [`ShamirError::Repeated`],
/// [`ShamirError::Length`], or [`ShamirError::Disagree`] when a surplus share does not fit.
pub fn combine(threshold: u8, shares: &[Share]) -> Result<Zeroizing<Vec<u8>>, ShamirError> {
    let have = shares.len();
    if threshold == 0 {
        let shares = have.try_into().unwrap_or(u8::MAX);
        return Err(ShamirError::Threshold { threshold, shares });
    }
    let too_few = ShamirError::TooFew { have, need: threshold };
    let (used, surplus) = shares.split_at_checked(threshold.into()).ok_or(too_few)?;
    let points = Points::new(used.iter().map(Share::point))?;
    for (before, share) in (used.len()..).zip(surplus) {
        if shares.iter().take(before).any(|other| other.x() == share.x()) {
            return Err(ShamirError::Repeated { x: share.x() });
        }
        points.check(share.x(), share.y())?;
    }
    Ok(points.at(0))
}

/// Whether two secret slices are equal, in time that depends on their lengths only.
pub(crate) fn agree(one: &[u8], other: &[u8]) -> bool {
    let difference = one.iter().zip(other).fold(0, |bits, (a, b)| bits | (a ^ b));
    one.len() == other.len() && difference.ct_eq(&0u8).into()
}

/// Octets to be overwritten.
#[expect(
    clippy::slow_vector_initialization,
    reason = "for short vectors the zeroing allocator is the slower one"
)]
fn zeros(length: usize) -> Vec<u8> {
    let mut octets = Vec::with_capacity(length);
    octets.resize(length, 0);
    octets
}
