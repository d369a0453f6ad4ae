//! One level of sharing: a secret among groups, or a group's value among its members.
//!
//! Shamir's sharing with the secret at x = 255, a digest of it at 254, and shares from 0 on.
//! The digest shows wrong shares. It also shows those who lack one share that all but one in 2^32
//! secrets are wrong, which leaves 224 bits of 256.

use crate::shamir::{Points, ShamirError, agree};
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Where the secret is.
const SECRET: u8 = 255;
/// Where the digest of the secret is, followed by the random octets that key it.
const DIGEST: u8 = 254;
/// Octets of the digest.
const DIGEST_LENGTH: usize = 4;

/// What is wrong with shares of one level.
pub(super) enum Flaw {
    /// The digest does not fit the secret.
    Digest,
    /// The share with this x does not fit the others, whose digest fits.
    Stray(u8),
    /// Not shares at all; checks before this should have found it.
    Sharing(ShamirError),
}

/// The values at x = 0, 1, … below `count`, any `threshold` of which give `secret`.
pub(super) fn split(
    secret: &[u8],
    (threshold, count): (u8, u8),
    rng: &mut impl CryptoRng,
) -> Result<Vec<Zeroizing<Vec<u8>>>, ShamirError> {
    if threshold == 1 {
        let copy = |_| Zeroizing::new(secret.to_vec());
        return Ok((0..count).map(copy).collect());
    }
    let mut random = || {
        let mut octets = Zeroizing::new(vec![0; secret.len()]);
        rng.fill_bytes(&mut octets);
        octets
    };
    let mut values: Vec<_> = (2..threshold).map(|_| random()).collect();
    let mut digest = random();
    if let Some((head, key)) = digest.split_first_chunk_mut() {
        *head = digest_of(secret, key);
    }
    let drawn = (0..).zip(values.iter().map(|value| value.as_slice()));
    let points = Points::new(drawn.chain([(DIGEST, digest.as_slice()), (SECRET, secret)]))?;
    let computed: Vec<_> = (threshold - 2..count).map(|x| points.at(x)).collect();
    values.extend(computed);
    Ok(values)
}

/// The secret from `threshold` or more points; those beyond the threshold are checked.
pub(super) fn recover(threshold: u8, points: &[(u8, &[u8])]) -> Result<Zeroizing<Vec<u8>>, Flaw> {
    let (used, surplus) = points.split_at_checked(threshold.into()).ok_or(Flaw::Digest)?;
    let used = Points::new(used.iter().copied()).map_err(Flaw::Sharing)?;
    let secret = used.at(SECRET);
    if threshold > 1 && !digest_fits(&secret, &used.at(DIGEST)) {
        return Err(Flaw::Digest);
    }
    for (x, y) in surplus {
        used.check(*x, y).map_err(|_| Flaw::Stray(*x))?;
    }
    Ok(secret)
}

fn digest_fits(secret: &[u8], share: &[u8]) -> bool {
    let parts = share.split_first_chunk::<DIGEST_LENGTH>();
    parts.is_some_and(|(digest, key)| agree(digest, &digest_of(secret, key)))
}

/// The first octets of HMAC-SHA256(key, secret), which is what HKDF calls extracting.
fn digest_of(secret: &[u8], key: &[u8]) -> [u8; DIGEST_LENGTH] {
    let (mac, _) = Hkdf::<Sha256>::extract(Some(key), secret);
    let mac: [u8; 32] = mac.into();
    let [a, b, c, d, ..] = mac;
    [a, b, c, d]
}
