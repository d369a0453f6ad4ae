//! GF(2^8) with the AES polynomial x^8 + x^4 + x^3 + x + 1 (0x11B).
//!
//! Two kinds of arithmetic: on public coordinates by tables of logarithms, and on secret octets
//! many at a time, by shifts and exclusive ors that never look at them.

/// What x^8 is reduced to.
const REDUCTION: u8 = 0x1B;

/// Powers of the generator 3, as far as [`quotient`] needs them.
static POWERS: [u8; 768] = powers();
/// The exponents below 255 that give the elements; 0 for 0, which has none.
static LOGARITHMS: [u8; 256] = logarithms();

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, within the array")]
const fn powers() -> [u8; 768] {
    let mut powers = [1; 768];
    let mut at = 1;
    while at < powers.len() {
        let before: u8 = powers[at - 1];
        powers[at] = before ^ double(before);
        at += 1;
    }
    powers
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, within the arrays")]
const fn logarithms() -> [u8; 256] {
    let mut logarithms = [0; 256];
    let mut exponent = 0;
    while exponent < 255 {
        logarithms[powers()[exponent as usize] as usize] = exponent;
        exponent += 1;
    }
    logarithms
}

/// Logarithm of a public element, 0 to 254. That of 0, which has none, counts as 0.
#[expect(clippy::indexing_slicing, reason = "an octet always indexes 256 entries")]
pub(super) fn log(element: u8) -> u8 {
    LOGARITHMS[usize::from(element)]
}

/// The quotient of two public elements, each given as a sum of up to 256 logarithms.
#[expect(clippy::indexing_slicing, reason = "the sum of two octets and a bit indexes 768 entries")]
pub(super) fn quotient(dividend: u32, divisor: u32) -> u8 {
    // Exponents count modulo 255: 256 · 255 is 0, and as 256 is 1 the high part can be added.
    let exponent = dividend + 256 * 255 - divisor;
    POWERS[((exponent & 0xFF) + (exponent >> 8 & 0x1FF)) as usize]
}

/// The element times x, without looking at it.
const fn double(element: u8) -> u8 {
    (element << 1) ^ ((element.cast_signed() >> 7).cast_unsigned() & REDUCTION)
}

/// Writes the sum of all `coefficient · input` to `out`, which stands for the octets of each input
/// from `start` on. Coefficients are public, inputs are secret.
pub(super) fn weighted_sum<'a>(
    terms: &(impl Iterator<Item = (u8, &'a [u8])> + Clone),
    start: usize,
    out: &mut [u8],
) {
    let bits = terms.clone().fold(0, |bits, (coefficient, _)| bits | coefficient);
    let highest = bits.checked_ilog2().map_or(0, |bit| 1 << bit);
    let (wide, rest) = out.as_chunks_mut::<128>();
    let start = sum_lanes(terms, highest, start, wide);
    let (narrow, rest) = rest.as_chunks_mut::<32>();
    let start = sum_lanes(terms, highest, start, narrow);
    let (single, _) = rest.as_chunks_mut::<1>();
    sum_lanes(terms, highest, start, single);
}

/// Fills lanes of `N` octets one after the other; returns where the last one ends.
fn sum_lanes<'a, const N: usize>(
    terms: &(impl Iterator<Item = (u8, &'a [u8])> + Clone),
    highest: u8,
    mut start: usize,
    lanes: &mut [[u8; N]],
) -> usize {
    for lane in lanes {
        *lane = sum_lane(terms, highest, start);
        start += N;
    }
    start
}

/// Horner's rule over the bits of the coefficients: for each bit from the highest that any of them
/// has to the lowest, double the sum so far and add the inputs whose coefficient has that bit.
///
/// Written as loops over arrays, which the compiler turns into vector instructions.
fn sum_lane<'a, const N: usize>(
    terms: &(impl Iterator<Item = (u8, &'a [u8])> + Clone),
    highest: u8,
    start: usize,
) -> [u8; N] {
    let mut sum = [0; N];
    let mut bit = highest;
    while bit != 0 {
        for octet in &mut sum {
            *octet = double(*octet);
        }
        for (coefficient, input) in terms.clone() {
            if coefficient & bit == 0 {
                continue;
            }
            if let Some(lane) = input.get(start..).and_then(<[u8]>::first_chunk::<N>) {
                for (octet, input) in sum.iter_mut().zip(lane) {
                    *octet ^= input;
                }
            }
        }
        bit >>= 1;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::{double, log, quotient, weighted_sum};

    /// School multiplication modulo 0x11B.
    fn product(a: u8, b: u8) -> u8 {
        let product =
            (0..8).fold(0, |sum: u16, bit| sum ^ ((u16::from(a) << bit) * u16::from(b >> bit & 1)));
        (8..16).rev().fold(product, |rest, bit| rest ^ ((0x11B << (bit - 8)) * (rest >> bit & 1)))
            as u8
    }

    #[test]
    fn all_65_536_products() {
        let all: Vec<u8> = (0..=255).collect();
        for coefficient in 0..=255 {
            let mut out = [0; 256];
            weighted_sum(&[(coefficient, all.as_slice())].into_iter(), 0, &mut out);
            assert_eq!(
                out.to_vec(),
                all.iter().map(|b| product(coefficient, *b)).collect::<Vec<_>>()
            );
            assert_eq!(double(coefficient), product(coefficient, 2));
        }
    }

    #[test]
    fn all_255_inverses_and_all_quotients() {
        for divisor in 1..=255 {
            let inverse = quotient(0, log(divisor).into());
            assert_eq!(product(inverse, divisor), 1);
            for dividend in 1..=255 {
                let quotient = quotient(log(dividend).into(), log(divisor).into());
                assert_eq!(product(quotient, divisor), dividend);
            }
        }
    }

    #[test]
    fn logarithms_add_up_to_the_most_that_is_promised() {
        for (dividend, divisor) in [(0, 256 * 254), (256 * 254, 0), (256 * 254, 256 * 254)] {
            let expected = quotient(dividend % 255, divisor % 255);
            assert_eq!(quotient(dividend, divisor), expected);
        }
    }

    #[test]
    fn sums_start_anywhere_and_end_within_a_lane() {
        let inputs = [7u8, 91]
            .map(|step| (0..700).map(|at| (at as u8).wrapping_mul(step)).collect::<Vec<_>>());
        for (start, length) in
            [(0, 0), (0, 1), (1, 31), (2, 32), (3, 127), (128, 128), (5, 333), (0, 700)]
        {
            let mut out = vec![0xEE; length];
            let terms = [0x53, 0xCA].into_iter().zip(inputs.iter().map(Vec::as_slice));
            weighted_sum(&terms, start, &mut out);
            let sum = |at| product(0x53, inputs[0][at]) ^ product(0xCA, inputs[1][at]);
            assert_eq!(out, (start..start + length).map(sum).collect::<Vec<_>>());
        }
    }
}
