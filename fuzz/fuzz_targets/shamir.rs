#![no_main]
//! Combining against a naive reference: same secret, and an error exactly where there has to be one.
//!
//! Input: threshold, octets of a share's value (modulo 8, from 1), then shares `x ‖ y`; the last may be short.

use libfuzzer_sys::fuzz_target;
use recovery_core::shamir::{ShamirError, Share, combine};

fuzz_target!(|octets: &[u8]| {
    let [threshold, length, shares @ ..] = octets else {
        return;
    };
    let length = usize::from(length % 8) + 1;
    let mut parsed = Vec::new();
    for octets in shares.chunks(length + 1) {
        match Share::from_bytes(octets) {
            Ok(share) => {
                assert!(octets.len() > 1 && octets[0] != 0);
                assert_eq!(share.to_bytes().as_slice(), octets);
                parsed.push(share);
            }
            Err(_) => assert!(octets.len() < 2 || octets[0] == 0),
        }
    }
    let needed = usize::from(*threshold);
    match combine(*threshold, &parsed) {
        Ok(secret) => {
            let (used, surplus) = parsed.split_at(needed);
            assert_eq!(secret.as_slice(), interpolate(used, 0));
            assert!(!repeats(&parsed) && surplus.iter().all(|share| fits(used, share)));
        }
        Err(ShamirError::Threshold { .. }) => assert_eq!(needed, 0),
        Err(ShamirError::TooFew { .. }) => assert!(parsed.len() < needed),
        Err(ShamirError::Repeated { .. }) => assert!(repeats(&parsed)),
        Err(ShamirError::Length { .. }) => {
            assert!(parsed.iter().any(|share| share.y().len() != parsed[0].y().len()));
        }
        Err(ShamirError::Disagree { x }) => {
            let (used, surplus) = parsed.split_at(needed);
            assert!(surplus.iter().any(|share| share.x() == x && !fits(used, share)));
        }
        Err(other) => panic!("{other}"),
    }
});

fn repeats(shares: &[Share]) -> bool {
    let mut seen = [false; 256];
    shares.iter().any(|share| std::mem::replace(&mut seen[usize::from(share.x())], true))
}

fn fits(used: &[Share], share: &Share) -> bool {
    interpolate(used, share.x()) == share.y()
}

/// Lagrange's formula, octet by octet.
fn interpolate(shares: &[Share], at: u8) -> Vec<u8> {
    let length = shares.first().map_or(0, |share| share.y().len());
    let octet = |i: usize| {
        shares.iter().fold(0, |sum, share| {
            let others = shares.iter().filter(|other| other.x() != share.x());
            let weight = others.fold(1, |weight, other| {
                multiply(weight, multiply(at ^ other.x(), inverse(share.x() ^ other.x())))
            });
            sum ^ multiply(weight, share.y()[i])
        })
    };
    (0..length).map(octet).collect()
}

/// School multiplication modulo x^8 + x^4 + x^3 + x + 1.
fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        a = (a << 1) ^ if a & 0x80 == 0 { 0 } else { 0x1B };
        b >>= 1;
    }
    product
}

/// The element's 254th power.
fn inverse(element: u8) -> u8 {
    (0..254).fold(1, |power, _| multiply(power, element))
}
