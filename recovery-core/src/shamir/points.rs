//! Interpolation: through each octet position a polynomial, known by its values at some coordinates.

use super::{ShamirError, Share, agree, field, zeros};
use zeroize::Zeroizing;

/// Octets of each point that are worked on at a time, so that caches hold them.
const BLOCK: usize = 8_192;
/// There is one point for each coordinate at most.
const MOST: usize = 256;

/// Points of equally many octets, and through each octet position the polynomial of lowest degree.
///
/// Unlike for a [`Share`], 0 is a coordinate like any other.
pub struct Points<'a> {
    points: Vec<Point<'a>>,
    length: usize,
}

struct Point<'a> {
    x: u8,
    y: &'a [u8],
    /// Logarithm of the product of the differences between this coordinate and the others.
    spread: u32,
}

impl<'a> Points<'a> {
    /// Takes pairs of `x` and `y`.
    ///
    /// # Errors
    /// [`ShamirError::Empty`] for no points or points without octets, [`ShamirError::Length`],
    /// [`ShamirError::Repeated`].
    pub fn new(points: impl IntoIterator<Item = (u8, &'a [u8])>) -> Result<Self, ShamirError> {
        let points = points.into_iter();
        let mut new = Self { points: Vec::with_capacity(points.size_hint().0), length: 0 };
        for (x, y) in points {
            new.add(x, y)?;
        }
        if new.points.is_empty() { Err(ShamirError::Empty) } else { Ok(new) }
    }

    fn add(&mut self, x: u8, y: &'a [u8]) -> Result<(), ShamirError> {
        if self.points.is_empty() {
            self.length = y.len();
        }
        self.require_length(x, y)?;
        if y.is_empty() {
            return Err(ShamirError::Empty);
        }
        let mut spread = 0;
        for other in &mut self.points {
            if other.x == x {
                return Err(ShamirError::Repeated { x });
            }
            let difference = u32::from(field::log(x ^ other.x));
            spread += difference;
            other.spread += difference;
        }
        self.points.push(Point { x, y, spread });
        Ok(())
    }

    /// The octets at `x`.
    #[must_use]
    pub fn at(&self, x: u8) -> Zeroizing<Vec<u8>> {
        let mut y = Zeroizing::new(zeros(self.length));
        let mut weights = [0; MOST];
        self.weigh(x, &mut weights);
        field::weighted_sum(&self.terms(&weights), 0, &mut y);
        y
    }

    /// Whether a further share lies on the polynomials.
    ///
    /// # Errors
    /// [`ShamirError::Length`], [`ShamirError::Disagree`].
    pub fn check(&self, x: u8, y: &[u8]) -> Result<(), ShamirError> {
        self.require_length(x, y)?;
        if agree(&self.at(x), y) { Ok(()) } else { Err(ShamirError::Disagree { x }) }
    }

    /// Replaces the octets of each share by those at its coordinate.
    pub(super) fn fill(&self, shares: &mut [Share]) {
        let mut weights = [0; MOST];
        for start in (0..self.length).step_by(BLOCK) {
            let end = self.length.min(start + BLOCK);
            for share in &mut *shares {
                self.weigh(share.x(), &mut weights);
                let out = share.y_mut().get_mut(start..end).unwrap_or_default();
                field::weighted_sum(&self.terms(&weights), start, out);
            }
        }
    }

    fn terms(&self, weights: &[u8; MOST]) -> impl Iterator<Item = (u8, &[u8])> + Clone {
        weights.iter().zip(&self.points).map(|(weight, point)| (*weight, point.y))
    }

    /// What each point counts for at `x`: Lagrange's basis polynomials.
    fn weigh(&self, x: u8, weights: &mut [u8; MOST]) {
        let mut distance = 0;
        let mut known = false;
        for (weight, point) in weights.iter_mut().zip(&self.points) {
            *weight = field::log(x ^ point.x);
            distance += u32::from(*weight);
            known |= x == point.x;
        }
        for (weight, point) in weights.iter_mut().zip(&self.points) {
            *weight = match known {
                true => u8::from(point.x == x),
                false => field::quotient(distance, point.spread + u32::from(*weight)),
            }
        }
    }

    fn require_length(&self, x: u8, y: &[u8]) -> Result<(), ShamirError> {
        let (expected, found) = (self.length, y.len());
        if found == expected { Ok(()) } else { Err(ShamirError::Length { x, expected, found }) }
    }
}
