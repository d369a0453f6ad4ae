//! The file `state`, octet by octet.
//!
//! ```text
//! "recovery home\n"   14   what this is
//! version              1   1
//! protection           1   0: the file `key` · 1: a passphrase; then also
//!   salt              16
//!   memory             4   KiB, big-endian
//!   passes             4   big-endian
//!   lanes              4   big-endian
//! box             72 + n   the state in a committing box, label `recovery/v1/box-home`
//! checksum            32   SHA-256("recovery/v1/home-checksum" ‖ 0x00 ‖ everything before)
//! ```
//!
//! The key is the 32 octets of the file `key`, or Argon2id(passphrase, salt, cost). The secret of the
//! box is HKDF-SHA-256(key, no salt, `recovery/v1/home-secret` ‖ 0x00 ‖ everything before the box), so
//! nothing before the box can be exchanged. The checksum is no protection against anyone: it tells a
//! damaged file from a wrong passphrase. It ends the file in every version.

use rand_core::CryptoRng;
use recovery_core::{
    boxed, ids, kdf,
    kdf::{KdfCost, KdfCostError},
    labels,
    secret::Secret,
};
use zeroize::Zeroizing;

/// Longest state file: 64 MiB.
pub(super) const FILE_MAX: usize = 64 * 1_024 * 1_024;
/// Longest state.
pub(super) const STATE_MAX: usize = FILE_MAX - HEADER_MAX - boxed::OVERHEAD - CHECKSUM;

const MAGIC: &[u8; 14] = b"recovery home\n";
const VERSION: u8 = 1;
const HEADER_MAX: usize = 44;
const CHECKSUM: usize = 32;

/// What stands before the box: how the key is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// In the file `key`.
    KeyFile,
    /// By Argon2id, from a passphrase.
    Passphrase { salt: [u8; 16], cost: KdfCost },
}

/// Why octets are no state file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FormatError {
    Cost(KdfCostError),
    Damaged(&'static str),
    Newer(u8),
}

impl Header {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_MAX);
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        match self {
            Self::KeyFile => out.push(0),
            Self::Passphrase { salt, cost } => {
                out.push(1);
                out.extend_from_slice(salt);
                for number in [cost.memory_kib, cost.passes, cost.lanes] {
                    out.extend_from_slice(&number.to_be_bytes());
                }
            }
        }
        out
    }

    /// The secret of the box: `key`, bound to this header.
    pub(super) fn bind(&self, key: &Secret<32>) -> Secret<32> {
        kdf::hkdf(key.expose(), &[], labels::HOME_SECRET, &[&self.encode()])
    }
}

/// The whole file.
pub(super) fn seal(
    header: &Header,
    secret: &Secret<32>,
    state: &[u8],
    rng: &mut impl CryptoRng,
) -> Vec<u8> {
    let mut out = header.encode();
    out.extend_from_slice(&boxed::seal(secret.expose(), labels::BOX_HOME, state, rng));
    let checksum = ids::labelled_hash(labels::HOME_CHECKSUM, &[&out]);
    out.extend_from_slice(&checksum);
    out
}

/// Takes a file apart: the header and the box.
pub(super) fn parse(file: &[u8]) -> Result<(Header, &[u8]), FormatError> {
    let unknown = FormatError::Damaged("it is not the state of a home");
    if !file.starts_with(MAGIC) {
        return Err(unknown);
    }
    let (body, checksum) = file.split_last_chunk::<CHECKSUM>().ok_or(unknown)?;
    if ids::labelled_hash(labels::HOME_CHECKSUM, &[body]) != *checksum {
        return Err(FormatError::Damaged("its checksum does not match"));
    }
    let short = FormatError::Damaged("it ends too early");
    match body.get(MAGIC.len()..) {
        Some([VERSION, 0, boxed @ ..]) => Ok((Header::KeyFile, boxed)),
        Some([VERSION, 1, rest @ ..]) => parse_passphrase(rest)?.ok_or(short),
        Some([VERSION, ..]) => Err(FormatError::Damaged("it is protected in an unknown way")),
        Some([0, ..]) => Err(FormatError::Damaged("there is no version 0 of it")),
        Some([version, ..]) => Err(FormatError::Newer(*version)),
        _ => Err(short),
    }
}

/// Salt and cost, then the box; `None` if it ends before.
fn parse_passphrase(rest: &[u8]) -> Result<Option<(Header, &[u8])>, FormatError> {
    let Some((&salt, rest)) = rest.split_first_chunk::<16>() else {
        return Ok(None);
    };
    let Some(([memory_kib, passes, lanes], boxed)) = numbers(rest) else {
        return Ok(None);
    };
    let cost = KdfCost { memory_kib, passes, lanes }.check_stored().map_err(FormatError::Cost)?;
    Ok(Some((Header::Passphrase { salt, cost }, boxed)))
}

/// Three big-endian numbers, and what follows them.
fn numbers(rest: &[u8]) -> Option<([u32; 3], &[u8])> {
    let (a, rest) = rest.split_first_chunk::<4>()?;
    let (b, rest) = rest.split_first_chunk::<4>()?;
    let (c, rest) = rest.split_first_chunk::<4>()?;
    Some(([a, b, c].map(|number| u32::from_be_bytes(*number)), rest))
}

/// Opens the box; `None` if the secret is another.
pub(super) fn open(secret: &Secret<32>, boxed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    boxed::open(secret.expose(), labels::BOX_HOME, boxed).ok()
}
