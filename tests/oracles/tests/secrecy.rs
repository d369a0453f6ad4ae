//! What one share of two says about the secret, by counting: nothing, except with sharks.

use recovery_oracles::peers::{Blahaj, Ours, Peer, Sharks, Vsss, seeded};

/// Sharings of each octet: a value that is possible at all is missed once in e^32 times.
const SHARINGS: usize = 8_192;

/// How often the first share of two has each value (inner index) for each secret (outer index).
fn counts<P: Peer>() -> Vec<[u32; 256]> {
    let mut rng = seeded(0x5EC2E7);
    let count = |secret: u8| {
        let shares = P::to_bytes(&P::split(&[secret; SHARINGS], 2, 2, &mut rng));
        let mut counts = [0; 256];
        shares[0][1..].iter().for_each(|value| counts[usize::from(*value)] += 1);
        counts
    };
    (0..=255).map(count).collect()
}

/// Pairs of secret and value that never occur: seeing the value excludes the secret.
fn excluded<P: Peer>() -> Vec<(usize, usize)> {
    let counts = counts::<P>();
    let pairs = (0..256).flat_map(|secret| (0..256).map(move |value| (secret, value)));
    pairs.filter(|(secret, value)| counts[*secret][*value] == 0).collect()
}

#[test]
fn one_share_excludes_no_secret() {
    assert_eq!(excluded::<Ours>(), []);
    assert_eq!(excluded::<Vsss>(), []);
    assert_eq!(excluded::<Blahaj>(), []);
}

/// RUSTSEC-2024-0398: as no coefficient is ever zero, no share ever has the secret's value, and
/// each share that is seen excludes one more secret octet.
#[test]
fn sharks_excludes_one_secret_with_each_value() {
    assert_eq!(excluded::<Sharks>(), (0..256).map(|same| (same, same)).collect::<Vec<_>>());
}

/// 255 on average if all values are equally frequent; 400 once in a hundred million times.
fn chi_squared<P: Peer>() -> f64 {
    let shares = P::to_bytes(&P::split(&[0x41; 65_536], 2, 2, &mut seeded(2)));
    let mut counts = [0f64; 256];
    shares[0][1..].iter().for_each(|value| counts[usize::from(*value)] += 1.0);
    counts.iter().map(|count| (count - 256.0).powi(2) / 256.0).sum()
}

#[test]
fn zero_is_as_frequent_a_coefficient_as_any_except_with_sharks() {
    assert!(chi_squared::<Ours>() < 400.0);
    assert!(chi_squared::<Vsss>() < 400.0);
    assert!(chi_squared::<Blahaj>() < 400.0);
    assert!(chi_squared::<Sharks>() > 400.0);
}

/// The attack itself: shares with one holder, of one secret shared again and again.
fn sharings_until_known<P: Peer>(limit: usize) -> Option<usize> {
    let secret: Vec<u8> = (0..32).map(|at| at * 7 + 1).collect();
    let mut possible = vec![[true; 256]; secret.len()];
    let mut rng = seeded(3);
    (1..=limit).find(|_| {
        let shares = P::to_bytes(&P::split(&secret, 2, 2, &mut rng));
        for (possible, value) in possible.iter_mut().zip(&shares[0][1..]) {
            possible[usize::from(*value)] = false;
        }
        let left = |possible: &[bool; 256]| possible.iter().filter(|left| **left).count();
        possible.iter().all(|possible| left(possible) == 1)
            && possible.iter().zip(&secret).all(|(possible, octet)| possible[usize::from(*octet)])
    })
}

#[test]
fn one_share_of_each_of_many_sharings_gives_the_secret_away_with_sharks_only() {
    let needed = sharings_until_known::<Sharks>(20_000).expect("sharks leaks");
    println!("sharks: one share of each of {needed} sharings gives the secret");
    assert!((500..10_000).contains(&needed), "{needed}");
    assert_eq!(sharings_until_known::<Ours>(20_000), None);
}
