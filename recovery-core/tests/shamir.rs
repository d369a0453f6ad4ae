//! Shamir's sharing against naive arithmetic, and with bad input.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say"
)]

use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use recovery_core::shamir::{Points, ShamirError, Share, combine, split};

#[path = "shamir/naive.rs"]
mod naive;
#[path = "shamir/scripted.rs"]
mod scripted;
#[path = "shamir/secrecy.rs"]
mod secrecy;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn deal(secret: &[u8], k: u8, n: u8) -> Vec<Share> {
    split(secret, k, n, &mut rng(1)).unwrap()
}

fn some_octets(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 167 + 13) as u8).collect()
}

/// All ways to choose from `shares`, by the bits of a number.
fn subset(shares: &[Share], bits: u32) -> Vec<Share> {
    let chosen = shares.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
    chosen.map(|(_, share)| share.clone()).collect()
}

#[test]
fn every_length_to_300_is_what_naive_arithmetic_says() {
    let used = [0, 2, 4];
    let xs = [1, 3, 5];
    let weights: Vec<_> = (0..=5).map(|x| naive::weights(&xs, x)).collect();
    for length in 1..=300 {
        let secret = some_octets(length);
        let shares = deal(&secret, 3, 5);
        for (at, octet) in secret.iter().enumerate() {
            let value = |x: usize| naive::sum(&weights[x], used.map(|share| shares[share].y()[at]));
            assert_eq!(value(0), *octet);
            assert_eq!(value(2), shares[1].y()[at]);
            assert_eq!(value(4), shares[3].y()[at]);
        }
        assert_eq!(*combine(3, &shares[1..4]).unwrap(), secret);
    }
}

#[test]
fn every_threshold_and_count_to_8() {
    for n in 1..=8 {
        for k in 1..=n {
            let secret = some_octets(33);
            let shares = deal(&secret, k, n);
            assert_eq!(
                shares.iter().map(Share::x).collect::<Vec<_>>(),
                (1..=n).collect::<Vec<_>>()
            );
            assert_eq!(*combine(k, &shares).unwrap(), secret, "{k} of {n}");
        }
    }
}

#[test]
fn every_subset_to_6_shares_gives_the_secret_or_says_how_many_are_there() {
    for n in 1..=6 {
        for k in 1..=n {
            let secret = some_octets(20);
            let shares = deal(&secret, k, n);
            for bits in 0..1 << n {
                let subset = subset(&shares, bits);
                let have = subset.len();
                match combine(k, &subset) {
                    Ok(found) => assert!(have >= k.into() && *found == secret),
                    Err(error) => assert_eq!(error, ShamirError::TooFew { have, need: k }),
                }
            }
        }
    }
}

#[test]
fn the_largest_sharing_works() {
    let secret = some_octets(70);
    let mut shares = deal(&secret, 255, 255);
    shares.reverse();
    assert_eq!(*combine(255, &shares).unwrap(), secret);
    let shares = deal(&secret, 128, 255);
    assert_eq!(*combine(128, &shares[100..]).unwrap(), secret);
}

#[test]
fn a_mebibyte_is_shared_across_all_blocks() {
    let secret = some_octets(1 << 20);
    let shares = deal(&secret, 3, 5);
    assert_eq!(*combine(3, &shares[2..]).unwrap(), secret);
    assert_eq!(*combine(3, &shares).unwrap(), secret);
}

#[test]
fn secrets_of_zeros_and_ones_come_back() {
    for secret in [vec![0; 32], vec![0xFF; 32], [vec![0; 16], vec![1; 16]].concat(), vec![0]] {
        assert_eq!(*combine(2, &deal(&secret, 2, 3)[1..]).unwrap(), secret);
    }
}

#[test]
fn any_flipped_bit_of_a_surplus_share_is_found() {
    let shares = deal(&some_octets(40), 3, 5);
    for bit in 0..8 * 40 {
        for bad in 0..5 {
            let mut octets = shares[bad].to_bytes();
            octets[1 + bit / 8] ^= 1 << (bit % 8);
            let mut shares = shares.clone();
            shares[bad] = Share::from_bytes(&octets).unwrap();
            assert!(
                matches!(combine(3, &shares[..4]), Err(ShamirError::Disagree { x: 4 })) || bad == 4
            );
            assert!(matches!(combine(3, &shares), Err(ShamirError::Disagree { .. })));
        }
    }
}

#[test]
fn a_lost_share_is_issued_again_from_others() {
    let shares = deal(&some_octets(32), 3, 255);
    let some = [200, 3, 77].map(|at| (shares[at].x(), shares[at].y()));
    let points = Points::new(some).unwrap();
    for share in &shares {
        assert_eq!(Share::new(share.x(), &points.at(share.x())).as_ref(), Ok(share));
        assert_eq!(points.check(share.x(), share.y()), Ok(()));
    }
}

/// draft-mcgrew-tss-03, section 9.
#[test]
fn known_answer() {
    let shares = [[1, 0xB9, 0xFA, 0x07, 0xE1, 0x85], [2, 0xF5, 0x40, 0x9B, 0x45, 0x11]];
    let shares = shares.map(|octets| Share::from_bytes(&octets).unwrap());
    assert_eq!(*combine(2, &shares).unwrap(), b"test\0");
}

#[test]
fn impossible_splits_are_refused() {
    let split = |secret: &[u8], k, n| split(secret, k, n, &mut rng(1)).unwrap_err();
    for (threshold, shares) in [(0, 0), (0, 5), (1, 0), (4, 3), (255, 254)] {
        assert_eq!(
            split(b"secret", threshold, shares),
            ShamirError::Threshold { threshold, shares }
        );
    }
    assert_eq!(split(b"", 2, 3), ShamirError::Empty);
}

#[test]
fn impossible_shares_are_refused() {
    for octets in [&[0, 1, 2][..], &[0]] {
        assert_eq!(Share::from_bytes(octets), Err(ShamirError::Zero));
    }
    for octets in [&[][..], &[7]] {
        assert_eq!(Share::from_bytes(octets), Err(ShamirError::Empty));
    }
}

#[test]
fn bad_sets_are_refused_by_name() {
    let shares = deal(b"a secret", 3, 5);
    let short = Share::new(9, b"short").unwrap();
    let twice = |more: &[Share]| [&shares[..2], more].concat();
    let repeated = Err(ShamirError::Repeated { x: 2 });
    assert_eq!(combine(3, &twice(&shares[1..2])), repeated);
    assert_eq!(combine(3, &[&shares[..4], &shares[1..2]].concat()), repeated);
    let length = Err(ShamirError::Length { x: 9, expected: 8, found: 5 });
    assert_eq!(combine(3, &twice(std::slice::from_ref(&short))), length);
    assert_eq!(combine(3, &[&shares[..3], &[short]].concat()), length);
    assert_eq!(combine(3, &[]), Err(ShamirError::TooFew { have: 0, need: 3 }));
    assert_eq!(combine(3, &shares[..2]), Err(ShamirError::TooFew { have: 2, need: 3 }));
    assert_eq!(combine(0, &shares), Err(ShamirError::Threshold { threshold: 0, shares: 5 }));
    assert!(Points::new([]).is_err());
    assert!(Points::new([(0, &b""[..])]).is_err());
}

#[test]
fn debug_shows_the_coordinate_and_nothing_secret() {
    let share = Share::new(3, &[0xAB; 4]).unwrap();
    assert_eq!(format!("{share:?}"), "Share(3, 4 octets redacted)");
}

#[test]
fn shares_are_equal_in_both_parts_only() {
    let share = |x, y: &[u8]| Share::new(x, y).unwrap();
    assert_eq!(share(1, b"abc"), share(1, b"abc"));
    for other in [share(2, b"abc"), share(1, b"abd"), share(1, b"ab"), share(1, b"abcd")] {
        assert_ne!(share(1, b"abc"), other);
    }
}

proptest! {
    #[test]
    fn any_secret_comes_back_from_any_shares(
        secret in prop::collection::vec(any::<u8>(), 1..600),
        (n, k) in (1u8..=20).prop_flat_map(|n| (Just(n), 1..=n)),
        seed in any::<u64>(),
        order in any::<prop::sample::Index>(),
        surplus in 0usize..3,
    ) {
        let mut shares = split(&secret, k, n, &mut rng(seed)).unwrap();
        shares.rotate_left(order.index(n.into()));
        shares.truncate(usize::from(k) + surplus);
        prop_assert_eq!(&*combine(k, &shares).unwrap(), &secret);
    }

    #[test]
    fn octets_of_a_share_come_back(octets in prop::collection::vec(any::<u8>(), 0..50)) {
        if let Ok(share) = Share::from_bytes(&octets) {
            prop_assert_eq!(&*share.to_bytes(), &octets);
        } else {
            prop_assert!(octets.len() < 2 || octets[0] == 0);
        }
    }

    #[test]
    fn points_agree_with_naive_arithmetic(
        points in prop::collection::btree_map(any::<u8>(), any::<u8>(), 1..20),
        x in any::<u8>(),
    ) {
        let slices = points.iter().map(|(x, y)| (*x, std::slice::from_ref(y)));
        let xs: Vec<_> = points.keys().copied().collect();
        let naive = naive::sum(&naive::weights(&xs, x), points.values().copied());
        prop_assert_eq!(Points::new(slices).unwrap().at(x)[0], naive);
    }
}
