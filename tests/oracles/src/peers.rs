//! Libraries for Shamir's secret sharing over GF(2^8), each called as its users call it.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use recovery_core::shamir;
use vsss_rs::Gf256;

/// A generator that every peer in every round starts from.
pub fn seeded(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// One library.
pub trait Peer {
    /// Name and version.
    const NAME: &str;
    /// Shares in the library's own form.
    type Shares;
    /// A recovered secret in the library's own form.
    type Secret: AsRef<[u8]>;

    /// Makes `n` shares, any `k` of which give `secret`.
    fn split(secret: &[u8], k: u8, n: u8, rng: &mut ChaCha20Rng) -> Self::Shares;
    /// Gives back the secret from shares, or says why not.
    fn combine(k: u8, shares: &Self::Shares) -> Result<Self::Secret, String>;
    /// Shares as `x ‖ y`.
    fn to_bytes(shares: &Self::Shares) -> Vec<Vec<u8>>;
    /// Shares from `x ‖ y`, or why the library will not take them.
    fn from_bytes(shares: &[Vec<u8>]) -> Result<Self::Shares, String>;
}

/// This project.
pub struct Ours;

impl Peer for Ours {
    const NAME: &str = "ours";
    type Shares = Vec<shamir::Share>;
    type Secret = zeroize::Zeroizing<Vec<u8>>;

    fn split(secret: &[u8], k: u8, n: u8, rng: &mut ChaCha20Rng) -> Self::Shares {
        shamir::split(secret, k, n, rng).unwrap()
    }
    fn combine(k: u8, shares: &Self::Shares) -> Result<Self::Secret, String> {
        shamir::combine(k, shares).map_err(|error| error.to_string())
    }
    fn to_bytes(shares: &Self::Shares) -> Vec<Vec<u8>> {
        shares.iter().map(|share| share.to_bytes().to_vec()).collect()
    }
    fn from_bytes(shares: &[Vec<u8>]) -> Result<Self::Shares, String> {
        let read = |share: &Vec<u8>| shamir::Share::from_bytes(share);
        shares.iter().map(read).collect::<Result<_, _>>().map_err(|error| error.to_string())
    }
}

/// sharks 0.5.0.
pub struct Sharks;

impl Peer for Sharks {
    const NAME: &str = "sharks 0.5.0";
    type Shares = Vec<sharks::Share>;
    type Secret = Vec<u8>;

    fn split(secret: &[u8], k: u8, n: u8, rng: &mut ChaCha20Rng) -> Self::Shares {
        sharks::Sharks(k).dealer_rng(secret, &mut Old(rng)).take(n.into()).collect()
    }
    fn combine(k: u8, shares: &Self::Shares) -> Result<Self::Secret, String> {
        sharks::Sharks(k).recover(shares).map_err(str::to_owned)
    }
    fn to_bytes(shares: &Self::Shares) -> Vec<Vec<u8>> {
        shares.iter().map(Vec::from).collect()
    }
    fn from_bytes(shares: &[Vec<u8>]) -> Result<Self::Shares, String> {
        let read = |share: &Vec<u8>| sharks::Share::try_from(share.as_slice());
        shares.iter().map(read).collect::<Result<_, _>>().map_err(str::to_owned)
    }
}

/// blahaj 0.7.0, a fork of sharks.
pub struct Blahaj;

impl Peer for Blahaj {
    const NAME: &str = "blahaj 0.7.0";
    type Shares = Vec<blahaj::Share>;
    type Secret = Vec<u8>;

    fn split(secret: &[u8], k: u8, n: u8, rng: &mut ChaCha20Rng) -> Self::Shares {
        blahaj::Sharks(k).dealer_rng(secret, rng).take(n.into()).collect()
    }
    fn combine(k: u8, shares: &Self::Shares) -> Result<Self::Secret, String> {
        blahaj::Sharks(k).recover(shares).map_err(str::to_owned)
    }
    fn to_bytes(shares: &Self::Shares) -> Vec<Vec<u8>> {
        shares.iter().map(Vec::from).collect()
    }
    fn from_bytes(shares: &[Vec<u8>]) -> Result<Self::Shares, String> {
        let read = |share: &Vec<u8>| blahaj::Share::try_from(share.as_slice());
        shares.iter().map(read).collect::<Result<_, _>>().map_err(str::to_owned)
    }
}

/// vsss-rs 6.0.1 over GF(2^8).
pub struct Vsss;

impl Peer for Vsss {
    const NAME: &str = "vsss-rs 6.0.1";
    type Shares = Vec<Vec<u8>>;
    type Secret = Vec<u8>;

    fn split(secret: &[u8], k: u8, n: u8, rng: &mut ChaCha20Rng) -> Self::Shares {
        Gf256::split_bytes(k.into(), n.into(), secret, rng).unwrap()
    }
    fn combine(_: u8, shares: &Self::Shares) -> Result<Self::Secret, String> {
        Gf256::combine_bytes(shares).map_err(|error| error.to_string())
    }
    fn to_bytes(shares: &Self::Shares) -> Vec<Vec<u8>> {
        shares.clone()
    }
    fn from_bytes(shares: &[Vec<u8>]) -> Result<Self::Shares, String> {
        Ok(shares.to_vec())
    }
}

/// The generator for libraries of an older generation of `rand_core`.
pub struct Old<'a>(pub &'a mut ChaCha20Rng);

impl rand_core_06::RngCore for Old<'_> {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }
    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.0.fill_bytes(out);
        Ok(())
    }
}

impl rand_core_06::CryptoRng for Old<'_> {}
