//! The 15 digits that people read to each other: 14 of Argon2id, then a Damm check digit.
//!
//! Argon2id makes a search for a second link or request with the same number cost 10^14 runs. The salt
//! from the link's secret keeps who does not know it from computing the number; a table for a secret of
//! the attacker's own is bounded by the request's date. The check digit (H. M. Damm, 2004) catches every
//! single wrong digit and every swap of neighbours, so that a slip of the finger is told apart from a
//! wrong number.

use crate::{
    ids::{DrillId, RequestId, labelled_hash},
    kdf::{KdfCost, KdfCostError, argon2id, hkdf},
    labels,
    sign::Signed,
    wire::{self, link::LinkSecret},
};
use std::{fmt, str::FromStr};
use subtle::ConstantTimeEq;

const DIGITS: usize = 15;
const MODULUS: u128 = 100_000_000_000_000;

/// 15 digits with a right check digit, most significant first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Number([u8; DIGITS]);

/// Why a text is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NumberError {
    /// Something else than digits, spaces and hyphens.
    #[error("the number has digits only")]
    NotDigits,
    /// More or fewer than 15 digits.
    #[error("the number has 15 digits, in five groups of three; these are {0}")]
    Length(usize),
    /// The check digit is wrong: a slip of the finger or of the ear.
    #[error("a digit is wrong or two are swapped")]
    Mistyped,
}

impl Number {
    /// The number of a recovery request, known to the new device and to who has its link.
    ///
    /// # Errors
    /// [`KdfCostError`]; never for [`KdfCost::STANDARD`].
    pub fn of_request(
        request: RequestId,
        secret: &LinkSecret,
        cost: KdfCost,
    ) -> Result<Self, KdfCostError> {
        let request = if planted!(NumberOfAnybody) { &[0; 32] } else { request.as_bytes() };
        Self::derive(request, secret, labels::NUMBER_REQUEST, cost)
    }

    /// The number of a rehearsal, known to the owner and the contacts.
    ///
    /// # Errors
    /// [`KdfCostError`]; never for [`KdfCost::STANDARD`].
    pub fn of_drill(
        drill: DrillId,
        secret: &LinkSecret,
        cost: KdfCost,
    ) -> Result<Self, KdfCostError> {
        let hash = labelled_hash(labels::DRILL_HASH, &[drill.as_bytes()]);
        Self::derive(&hash, secret, labels::NUMBER_DRILL, cost)
    }

    /// The number of a pairing, known to both sides of an invite.
    ///
    /// # Errors
    /// [`KdfCostError`]; never for [`KdfCost::STANDARD`].
    pub fn of_pairing(
        owner: &Signed,
        friend: &Signed,
        secret: &LinkSecret,
        cost: KdfCost,
    ) -> Result<Self, KdfCostError> {
        let (owner, friend) = (wire::encode(owner), wire::encode(friend));
        let hash = labelled_hash(labels::PAIRING_HASH, &[&owner, &friend]);
        Self::derive(&hash, secret, labels::NUMBER_PAIRING, cost)
    }

    fn derive(
        hash: &[u8; 32],
        secret: &LinkSecret,
        label: &str,
        cost: KdfCost,
    ) -> Result<Self, KdfCostError> {
        let salt = hkdf::<16>(secret.expose(), &[], label, &[]);
        let out = argon2id(hash, salt.expose(), cost)?;
        let mut first = [0; 16];
        first.copy_from_slice(out.expose().split_at(16).0);
        let mut rest = u128::from_be_bytes(first) % MODULUS;
        let mut digits = [0; DIGITS];
        for digit in digits.iter_mut().rev().skip(1) {
            *digit = (rest % 10) as u8;
            rest /= 10;
        }
        if let Some((last, front)) = digits.split_last_mut() {
            *last = damm(front);
        }
        Ok(Self(digits))
    }

    /// Compares in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// The 15 digits without spaces.
    #[must_use]
    pub fn digits(&self) -> String {
        self.0.iter().map(|digit| char::from(b'0' + digit)).collect()
    }
}

/// The interim digit after all of `digits`; 0 if the last one is the right check digit.
fn damm(digits: &[u8]) -> u8 {
    digits.iter().fold(0, |interim, digit| {
        let row = QUASIGROUP.get(usize::from(interim)).copied().unwrap_or_default();
        row.get(usize::from(*digit)).copied().unwrap_or_default()
    })
}

/// The totally anti-symmetric quasigroup of order 10 with a zero diagonal from Damm's thesis.
const QUASIGROUP: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

/// Five groups of three.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, digit) in self.0.iter().enumerate() {
            let gap = if at > 0 && at % 3 == 0 { " " } else { "" };
            write!(f, "{gap}{digit}")?;
        }
        Ok(())
    }
}

/// Numbers are read aloud, not logged.
impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Number(redacted)")
    }
}

/// Digits; spaces and hyphens between them do not count.
impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let mut digits = Vec::with_capacity(DIGITS);
        for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let digit = c.to_digit(10).ok_or(NumberError::NotDigits)?;
            digits.push(u8::try_from(digit).map_err(|_| NumberError::NotDigits)?);
        }
        let length = digits.len();
        let digits: [u8; DIGITS] = digits.try_into().map_err(|_| NumberError::Length(length))?;
        if damm(&digits) != 0 {
            return Err(NumberError::Mistyped);
        }
        Ok(Self(digits))
    }
}

#[cfg(test)]
mod tests {
    use super::{Number, NumberError, damm};
    use crate::{ids::RequestId, kdf::KdfCost, wire::link::LinkSecret};

    const CHEAP: KdfCost = KdfCost { memory_kib: 8, passes: 1, lanes: 1 };

    fn number(request: u8, secret: u8) -> Number {
        Number::of_request(RequestId::new([request; 32]), &LinkSecret::new([secret; 16]), CHEAP)
            .unwrap()
    }

    #[test]
    fn the_check_digit_is_damms() {
        assert_eq!(damm(&[5, 7, 2]), 4); // the usual example
        assert_eq!(damm(&[5, 7, 2, 4]), 0);
    }

    #[test]
    fn read_back_as_shown() {
        let number = number(1, 2);
        let shown = number.to_string();
        assert_eq!(shown.len(), 19);
        assert_eq!(shown.parse(), Ok(number));
        assert_eq!(number.digits().parse(), Ok(number));
        assert_eq!(shown.replace(' ', "-").parse(), Ok(number));
        assert_eq!(format!("{number:?}"), "Number(redacted)");
    }

    #[test]
    fn slips_are_caught() {
        let digits = number(1, 2).digits();
        for at in 0..15 {
            for digit in '0'..='9' {
                let mut typed: Vec<char> = digits.chars().collect();
                if typed[at] == digit {
                    continue;
                }
                typed[at] = digit;
                let typed: String = typed.into_iter().collect();
                assert_eq!(typed.parse::<Number>(), Err(NumberError::Mistyped), "{at}");
            }
            let mut swapped: Vec<char> = digits.chars().collect();
            if at > 0 && swapped[at] != swapped[at - 1] {
                swapped.swap(at, at - 1);
                let swapped: String = swapped.into_iter().collect();
                assert_eq!(swapped.parse::<Number>(), Err(NumberError::Mistyped), "{at}");
            }
        }
        assert_eq!("123".parse::<Number>(), Err(NumberError::Length(3)));
        assert_eq!("12345678901234x".parse::<Number>(), Err(NumberError::NotDigits));
    }

    #[test]
    fn request_and_secret_both_count() {
        assert!(number(1, 2).matches(&number(1, 2)));
        assert!(!number(1, 2).matches(&number(1, 3)));
        assert!(!number(1, 2).matches(&number(3, 2)));
    }
}
