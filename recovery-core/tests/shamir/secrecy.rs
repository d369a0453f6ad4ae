//! Fewer shares than the threshold say nothing: exhaustively, and as a statistic.

use super::{naive, scripted::Scripted};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use recovery_core::shamir::{Share, split};

const COUNT: u8 = 5;

/// For each secret octet, each outcome of the generator: one share takes each value exactly once,
/// so whoever sees a value can exclude no secret and prefer none.
#[test]
fn one_share_of_two_fits_every_secret_exactly_once() {
    for secret in 0..=255 {
        let shares = split(&[secret; 256], 2, COUNT, &mut Scripted(0..=255)).unwrap();
        for share in shares {
            let mut seen = [0; 256];
            share.y().iter().for_each(|value| seen[usize::from(*value)] += 1);
            assert_eq!(seen, [1; 256], "secret {secret}, share {}", share.x());
        }
    }
}

/// The same for the 65,536 outcomes and each pair of shares, for some secrets.
#[test]
fn two_shares_of_three_fit_every_secret_exactly_once() {
    for secret in (0..=255).step_by(51) {
        let outcomes = (0..65_536).map(|at| (at >> 8) as u8).chain((0..65_536).map(|at| at as u8));
        let shares = split(&[secret; 65_536], 3, COUNT, &mut Scripted(outcomes)).unwrap();
        for (at, one) in shares.iter().enumerate() {
            for other in &shares[..at] {
                assert!(all_pairs_once(one, other), "{secret}, {} {}", one.x(), other.x());
            }
        }
    }
}

fn all_pairs_once(one: &Share, other: &Share) -> bool {
    let mut seen = vec![0; 65_536];
    let pairs = one.y().iter().zip(other.y());
    pairs.for_each(|(a, b)| seen[usize::from(*a) << 8 | usize::from(*b)] += 1);
    seen.iter().all(|count| *count == 1)
}

/// How far values are from being equally frequent; 255 on average, 400 once in a hundred million.
fn chi_squared(values: impl IntoIterator<Item = u8>) -> f64 {
    let mut counts = [0f64; 256];
    values.into_iter().for_each(|value| counts[usize::from(value)] += 1.0);
    assert!(counts.iter().all(|count| *count > 0.0), "a value never occurs");
    let expected = counts.iter().sum::<f64>() / 256.0;
    counts.iter().map(|count| (count - expected).powi(2) / expected).sum()
}

#[test]
fn coefficients_are_zero_as_often_as_anything_else() {
    for secret in [0, 1, 0x80, 0xFF] {
        let mut rng = ChaCha20Rng::seed_from_u64(secret.into());
        let secrets = [secret; 65_536];
        for share in split(&secrets, 2, COUNT, &mut rng).unwrap() {
            assert!(chi_squared(share.y().iter().copied()) < 400.0);
        }
        let shares = split(&secrets, 3, COUNT, &mut rng).unwrap();
        let (linear, square): (Vec<_>, Vec<_>) = shares[0]
            .y()
            .iter()
            .zip(shares[1].y())
            .map(|(y1, y2)| coefficients(secret, *y1, *y2))
            .unzip();
        assert!(chi_squared(linear) < 400.0);
        assert!(chi_squared(square) < 400.0);
    }
}

/// The coefficients a, b of s + ax + bx² through the values at 0, 1 and 2.
fn coefficients(secret: u8, y1: u8, y2: u8) -> (u8, u8) {
    let (sum, at_two) = (y1 ^ secret, y2 ^ secret);
    let square = naive::product(at_two ^ naive::product(2, sum), naive::inverse(6));
    (sum ^ square, square)
}
