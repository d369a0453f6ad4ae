//! One share, in memory and as octets.

use super::{ShamirError, agree, zeros};
use std::fmt;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// One share: a coordinate from 1 to 255, and as many octets as the secret has. Wiped when dropped.
#[derive(Clone)]
pub struct Share {
    x: u8,
    y: Vec<u8>,
}

impl Share {
    /// A share from its parts.
    ///
    /// # Errors
    /// [`ShamirError::Zero`] for `x = 0`, [`ShamirError::Empty`] for no octets.
    pub fn new(x: u8, y: &[u8]) -> Result<Self, ShamirError> {
        match (x, y) {
            (0, _) if !planted!(ZeroCoordinate) => Err(ShamirError::Zero),
            (_, []) => Err(ShamirError::Empty),
            _ => Ok(Self { x, y: y.to_vec() }),
        }
    }

    /// Reads `x ‖ y`.
    ///
    /// # Errors
    /// [`ShamirError::Zero`] for `x = 0`, [`ShamirError::Empty`] for fewer than two octets.
    pub fn from_bytes(octets: &[u8]) -> Result<Self, ShamirError> {
        let (x, y) = octets.split_first().ok_or(ShamirError::Empty)?;
        Self::new(*x, y)
    }

    /// `x ‖ y`, one octet longer than the secret.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut octets = Zeroizing::new(Vec::with_capacity(1 + self.y.len()));
        octets.push(self.x);
        octets.extend_from_slice(&self.y);
        octets
    }

    /// The coordinate, 1 to 255. Not secret.
    #[must_use]
    pub fn x(&self) -> u8 {
        self.x
    }

    /// The octets. Secret.
    #[must_use]
    pub fn y(&self) -> &[u8] {
        &self.y
    }

    /// A share of `length` octets still to be filled.
    pub(super) fn blank(x: u8, length: usize) -> Self {
        Self { x, y: zeros(length) }
    }

    /// The octets, to be filled in place.
    pub(super) fn y_mut(&mut self) -> &mut [u8] {
        &mut self.y
    }

    /// Both parts.
    pub(super) fn point(&self) -> (u8, &[u8]) {
        (self.x, &self.y)
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({}, {} octets redacted)", self.x, self.y.len())
    }
}

impl PartialEq for Share {
    /// Constant time in the octets.
    fn eq(&self, other: &Self) -> bool {
        self.x == other.x && agree(&self.y, &other.y)
    }
}

impl Eq for Share {}

impl ZeroizeOnDrop for Share {}

impl Drop for Share {
    /// In one go, where [`Zeroizing`] would wipe octet by octet.
    fn drop(&mut self) {
        self.y.fill(0);
        zeroize::optimization_barrier(self.y.as_slice());
    }
}
