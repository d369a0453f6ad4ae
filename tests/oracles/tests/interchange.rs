//! Shares travel between this project and libraries that use the same field, byte for byte.

use recovery_core::shamir::{Points, ShamirError, Share, combine};
use recovery_oracles::peers::{Blahaj, Ours, Peer, Sharks, Vsss, seeded};
use shamirsecretsharing::hazmat;

const SIZES: [(u8, u8); 8] =
    [(2, 2), (2, 3), (3, 5), (5, 5), (8, 16), (16, 16), (128, 255), (255, 255)];

fn some_octets(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 59 + 3) as u8).collect()
}

/// Our octets at every coordinate, from the first `k` shares of a peer.
fn assert_issued_again(k: u8, shares: &[Vec<u8>]) {
    let known = shares[..k.into()].iter().map(|share| (share[0], &share[1..]));
    let points = Points::new(known).unwrap();
    for share in shares {
        assert_eq!(*points.at(share[0]), share[1..]);
    }
}

#[test]
fn vsss_rs_both_ways() {
    let mut rng = seeded(1);
    for (k, n) in SIZES {
        for length in [1, 2, 16, 31, 32, 33, 64, 129, 300] {
            let secret = some_octets(length);
            let ours = Ours::to_bytes(&Ours::split(&secret, k, n, &mut rng));
            let theirs = Vsss::split(&secret, k, n, &mut rng);
            assert_eq!(Vsss::combine(k, &ours[usize::from(n - k)..].to_vec()).unwrap(), secret);
            let shares = Ours::from_bytes(&theirs).unwrap();
            assert_eq!(*Ours::combine(k, &shares).unwrap(), secret);
            assert_issued_again(k, &theirs);
        }
    }
}

#[test]
fn shamirsecretsharing_both_ways() {
    let secret = some_octets(hazmat::KEY_SIZE);
    for (k, n) in SIZES {
        let ours = Ours::to_bytes(&Ours::split(&secret, k, n, &mut seeded(1)));
        let theirs = hazmat::create_keyshares(&secret, n, k).unwrap();
        assert_eq!(hazmat::combine_keyshares(&ours[usize::from(n - k)..]).unwrap(), secret);
        let shares = Ours::from_bytes(&theirs).unwrap();
        assert_eq!(*Ours::combine(k, &shares).unwrap(), secret);
        assert_issued_again(k, &theirs);
    }
}

/// sharks and its fork use the field of 0x11D: their shares look the same and mean something else.
#[test]
fn sharks_and_blahaj_speak_with_each_other_only() {
    let secret = some_octets(32);
    let theirs = Sharks::to_bytes(&Sharks::split(&secret, 3, 5, &mut seeded(1)));
    let read = Blahaj::from_bytes(&theirs).unwrap();
    assert_eq!(Blahaj::combine(3, &read).unwrap(), secret);
    // Not 1, 2 and 3: those shares just add up to the secret, in any field with these elements.
    let read = Ours::from_bytes(&theirs[1..4]).unwrap();
    assert_ne!(*Ours::combine(3, &read).unwrap(), secret);
    assert!(Ours::combine(3, &Ours::from_bytes(&theirs).unwrap()).is_err());
}

/// Whoever may hand in a share with x = 0 chooses what is recovered.
#[test]
fn a_forged_share_at_zero_is_refused() {
    let forged = some_octets(32).into_iter().map(|octet| !octet).collect::<Vec<_>>();
    fn with_forgery<P: Peer>(forged: &[u8]) -> Vec<Vec<u8>> {
        let shares = P::split(&some_octets(32), 3, 5, &mut seeded(1));
        [&P::to_bytes(&shares)[..2], &[[&[0], forged].concat()]].concat()
    }
    let taken = Sharks::from_bytes(&with_forgery::<Sharks>(&forged)).unwrap();
    assert_eq!(Sharks::combine(3, &taken).unwrap(), forged);
    let taken = Blahaj::from_bytes(&with_forgery::<Blahaj>(&forged)).unwrap();
    assert_eq!(Blahaj::combine(3, &taken).unwrap(), forged);
    let taken = hazmat::combine_keyshares(&with_forgery::<Ours>(&forged));
    assert_eq!(taken.unwrap(), forged);
    assert!(Vsss::combine(3, &with_forgery::<Vsss>(&forged)).is_err());
    let refused = Ours::from_bytes(&with_forgery::<Ours>(&forged)).unwrap_err();
    assert_eq!(refused, ShamirError::Zero.to_string());
}

/// Three shares of which two are one: sharks counts them and answers wrongly.
#[test]
fn a_repeated_share_is_refused() {
    let secret = some_octets(32);
    let four = |shares: Vec<Vec<u8>>| [&shares[..3], &shares[..1]].concat();
    let theirs = four(Sharks::to_bytes(&Sharks::split(&secret, 3, 5, &mut seeded(1))));
    let wrong = Sharks::combine(3, &Sharks::from_bytes(&theirs).unwrap()).unwrap();
    assert_ne!(wrong, secret);
    let ours = four(Ours::to_bytes(&Ours::split(&secret, 3, 5, &mut seeded(1))));
    let ours: Vec<_> = ours.iter().map(|share| Share::from_bytes(share).unwrap()).collect();
    assert_eq!(combine(3, &ours), Err(ShamirError::Repeated { x: 1 }));
}
