//! Packages: the root key R, sealed once for each way back to it.
//!
//! Each way has a secret (a circle's share secret, later a password or a sheet of paper). From it
//! comes a key pair; R is sealed to the public key, which the owner keeps. So R can be replaced, and
//! every package made anew, without asking for any of those secrets again.

use crate::{
    hpke_suite::{self, OpenError, OpeningKey, SealingKey},
    ids::{CircleId, labelled_hash},
    kdf::{KdfCost, KdfCostError, argon2id, hkdf},
    labels,
    secret::Secret,
    wire::{V1, Wire},
};
use minicbor::Encode;
use rand_core::CryptoRng;
use recovery_derive::Decode;
use zeroize::Zeroizing;

/// R: 32 random octets that open the vault.
pub type RootKey = Secret<32>;

/// Which secret a package's key pair comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Way {
    /// The share secret of a circle of contacts.
    #[n(0)]
    Circle,
}

/// R, sealed: 1,168 octets and what names the way.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Package {
    #[n(0)]
    version: V1,
    /// The way.
    #[n(1)]
    pub way: Way,
    #[cbor(n(2), with = "minicbor::bytes")]
    sealed: [u8; Self::SEALED],
}

impl Wire for Package {
    const NAME: &'static str = "a package";
    const MAX: usize = 2_048;
}

impl Package {
    /// Octets of a sealed root key.
    pub const SEALED: usize = hpke_suite::OVERHEAD + 32;

    /// Seals `root` to a way's public key; `None` only if the library refuses a checked key.
    pub fn seal(
        way: Way,
        root: &RootKey,
        to: &SealingKey,
        rng: &mut impl CryptoRng,
    ) -> Option<Self> {
        let sealed = to.seal(labels::SEAL_PACKAGE, root.expose(), rng)?;
        Some(Self { version: V1, way, sealed: sealed.try_into().ok()? })
    }

    /// Opens the package with its way's key pair.
    ///
    /// # Errors
    /// [`OpenError`] if the key pair is another one, or the package was changed.
    pub fn open(&self, key: &OpeningKey) -> Result<RootKey, OpenError> {
        let root = key.open(labels::SEAL_PACKAGE, &self.sealed)?;
        RootKey::from_slice(&root).ok_or(OpenError)
    }
}

/// The key pair of a circle's package: from its share secret, and from its passphrase if it has one
/// (Argon2id with `cost`, salted with the circle's id).
///
/// # Errors
/// [`KdfCostError`] if Argon2 does not know such parameters.
pub fn circle_key(
    shared: &Secret<32>,
    circle: CircleId,
    passphrase: Option<(&str, KdfCost)>,
) -> Result<OpeningKey, KdfCostError> {
    let mut both = Zeroizing::new(Vec::with_capacity(64));
    both.extend_from_slice(shared.expose());
    if let Some((passphrase, cost)) = passphrase {
        let salt = labelled_hash(labels::CIRCLE_PASSPHRASE, &[circle.as_bytes()]);
        both.extend_from_slice(argon2id(passphrase.as_bytes(), &salt, cost)?.expose());
    }
    let secret = hkdf::<32>(&both, &[], labels::CIRCLE_SECRET, &[circle.as_bytes()]);
    Ok(key_pair(&secret))
}

/// The key pair of a way's secret.
#[must_use]
pub fn key_pair(secret: &Secret<32>) -> OpeningKey {
    OpeningKey::from_seed(&hkdf(secret.expose(), &[], labels::PACKAGE_SEED, &[]))
}

#[cfg(test)]
mod tests {
    use super::{Package, Way, circle_key};
    use crate::{ids::CircleId, kdf::KdfCost, secret::Secret, wire};
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    #[test]
    fn opens_with_its_own_secret_circle_and_passphrase_only() {
        let cheap = KdfCost { memory_kib: 8, passes: 1, lanes: 1 };
        let (shared, circle) = (Secret::new([1; 32]), CircleId::new([2; 16]));
        let right = circle_key(&shared, circle, Some(("passphrase", cheap))).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let root = Secret::new([3; 32]);
        let package = Package::seal(Way::Circle, &root, right.public(), &mut rng).unwrap();
        let package = wire::decode::<Package>(&wire::encode(&package)).unwrap();
        assert_eq!(package.open(&right), Ok(root));
        for wrong in [
            circle_key(&Secret::new([9; 32]), circle, Some(("passphrase", cheap))),
            circle_key(&shared, CircleId::new([9; 16]), Some(("passphrase", cheap))),
            circle_key(&shared, circle, Some(("passphrasf", cheap))),
            circle_key(&shared, circle, None),
        ] {
            assert!(package.open(&wrong.unwrap()).is_err());
        }
    }
}
