//! Passwords and numbers through Argon2id (RFC 9106), and HKDF-SHA-256 (RFC 5869) for the rest.

use crate::secret::Secret;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use hkdf::Hkdf;
use minicbor::Encode;
use recovery_derive::Decode;
use sha2::Sha256;
use zeroize::Zeroize;

/// What one run of Argon2id costs. Memory in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KdfCost {
    /// Memory, KiB.
    #[n(0)]
    pub memory_kib: u32,
    /// Passes over the memory.
    #[n(1)]
    pub passes: u32,
    /// Lanes.
    #[n(2)]
    pub lanes: u32,
}

/// Stored parameters are too weak or absurd, or Argon2id cannot run with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "password parameters out of range: {memory_kib} KiB, {passes} passes, {lanes} lanes (allowed: 19 MiB to 1 GiB, 1 to 16 passes, 1 to 16 lanes)"
)]
pub struct KdfCostError {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl KdfCost {
    /// 64 MiB, three passes, one lane: what version 1 writes.
    pub const STANDARD: Self = Self { memory_kib: 64 * 1_024, passes: 3, lanes: 1 };

    /// Refuses stored parameters that somebody made weak (a downgrade) or absurd (a denial of
    /// service): below 19 MiB, above 1 GiB, above 16 passes or lanes.
    ///
    /// # Errors
    /// [`KdfCostError`] with the parameters.
    pub fn check_stored(self) -> Result<Self, KdfCostError> {
        let fine = (19 * 1_024..=1_024 * 1_024).contains(&self.memory_kib)
            && (1..=16).contains(&self.passes)
            && (1..=16).contains(&self.lanes);
        if fine { Ok(self) } else { Err(self.error()) }
    }

    fn error(self) -> KdfCostError {
        KdfCostError { memory_kib: self.memory_kib, passes: self.passes, lanes: self.lanes }
    }
}

/// 32 octets of Argon2id over `password` and `salt` (at least 8 octets).
///
/// # Errors
/// [`KdfCostError`] if Argon2 does not know such parameters; never for [`KdfCost::STANDARD`].
pub fn argon2id(password: &[u8], salt: &[u8], cost: KdfCost) -> Result<Secret<32>, KdfCostError> {
    let mut out = Secret::new([0; 32]);
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .map_err(|_| cost.error())?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let mut memory = vec![Block::default(); params.block_count()];
    let done = argon2.hash_password_into_with_memory(password, salt, out.expose_mut(), &mut memory);
    memory.zeroize();
    done.map_err(|_| cost.error())?;
    Ok(out)
}

/// `N` octets of HKDF-SHA-256 over `secret` with `salt`, for `label ‖ 0x00 ‖ parts…` (`label` alone if
/// there are no parts). `N` is at most 8,160.
#[must_use]
pub fn hkdf<const N: usize>(secret: &[u8], salt: &[u8], label: &str, parts: &[&[u8]]) -> Secret<N> {
    const { assert!(N <= 255 * 32) };
    let mut info: Vec<&[u8]> = vec![label.as_bytes()];
    if !parts.is_empty() {
        info.push(&[0]);
    }
    info.extend_from_slice(parts);
    let mut out = Secret::new([0; N]);
    // Fails only for more than 8,160 octets, which the assertion above excludes.
    let _ = Hkdf::<Sha256>::new(Some(salt), secret).expand_multi_info(&info, out.expose_mut());
    out
}

#[cfg(test)]
mod tests {
    use super::{KdfCost, argon2id};

    #[test]
    fn weak_and_absurd_parameters_are_refused() {
        let cost = |memory_kib, passes, lanes| KdfCost { memory_kib, passes, lanes };
        assert_eq!(KdfCost::STANDARD.check_stored(), Ok(KdfCost::STANDARD));
        for refused in [
            cost(0, 3, 1),
            cost(19 * 1_024 - 1, 3, 1),
            cost(1_024 * 1_024 + 1, 3, 1),
            cost(u32::MAX, 3, 1),
            cost(65_536, 0, 1),
            cost(65_536, 17, 1),
            cost(65_536, 3, 0),
            cost(65_536, 3, 17),
        ] {
            assert!(refused.check_stored().is_err(), "{refused:?}");
        }
    }

    #[test]
    fn password_and_salt_matter() {
        let cheap = KdfCost { memory_kib: 8, passes: 1, lanes: 1 };
        let a = argon2id(b"password", b"somesalt", cheap);
        assert_ne!(a, argon2id(b"passwore", b"somesalt", cheap));
        assert_ne!(a, argon2id(b"password", b"somesalu", cheap));
        assert!(argon2id(b"password", b"short", cheap).is_err());
    }
}
