//! The vault: everything that comes back with the root key, and the container it travels in.
//!
//! A container is a box (label `box-vault`, under the root key) over the padded CBOR of a [`Vault`],
//! exactly 8, 32, 128 or 512 KiB, opaque to relays and contacts.

use crate::{
    address::RelayUrl,
    boxed,
    circle::{Circle, Contact, Former, Held, Retired},
    ids::Base,
    labels,
    name::Name,
    own::Own,
    package::RootKey,
    secret::{Secret, SecretBytes},
    wire::{self, DecodeError, V1, Wire, limits::SLOT_SIZES},
};
use minicbor::Encode;
use rand_core::CryptoRng;
use recovery_derive::Decode;

/// Longest entry: 64 KiB.
pub const ENTRY_MAX: usize = 65_536;
/// Longest content of all entries together: 384 KiB.
pub const ENTRIES_MAX: usize = 393_216;
/// Largest container of which contacts get a copy: 32 KiB.
pub const COPY_MAX: usize = 32_768;

/// Who a device belongs to and which relays it uses.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Profile {
    /// The name on this person's cards.
    #[n(0)]
    pub name: Name,
    /// The identity's seed.
    #[n(1)]
    pub seed: Secret<32>,
    /// Relays, the preferred one first.
    #[n(2)]
    pub relays: Vec<RelayUrl>,
}

/// One secret of the owner's.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// What the owner calls it; unique in the vault.
    #[n(0)]
    pub label: Name,
    /// Its octets.
    #[n(1)]
    pub content: SecretBytes,
    /// Unix seconds when it was added.
    #[n(2)]
    pub added: u64,
}

/// Everything that comes back with the root key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Vault {
    #[n(0)]
    format: V1,
    /// Rises by one with each change.
    #[n(1)]
    pub version: u64,
    /// Unix seconds of the last change.
    #[n(2)]
    pub changed: u64,
    /// Who the owner is.
    #[n(3)]
    pub profile: Profile,
    /// The slots of the container under the current root key.
    #[n(4)]
    pub slot: Base,
    /// The secrets.
    #[n(5)]
    pub entries: Own<Entry>,
    /// People who hold pieces of this owner's key.
    #[n(6)]
    pub contacts: Own<Contact>,
    /// Generations of shares, the newest last: one that counts, and what becomes or was one.
    #[n(7)]
    pub circles: Own<Circle>,
    /// People whose pieces this owner holds.
    #[n(8)]
    pub held: Vec<Held>,
    /// The last generation that was dealt.
    #[n(9)]
    pub generation: u64,
    /// Generations that are gone, the newest last.
    #[n(10)]
    pub retired: Own<Retired>,
    /// What is left of identities whose place this one took.
    #[n(11)]
    pub former: Option<Former>,
}

impl Wire for Vault {
    const NAME: &'static str = "a vault";
    const MAX: usize = 512 * 1_024;
}

/// What a vault does not take or have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// Nothing to keep.
    #[error("there is nothing in it: 0 bytes")]
    Empty,
    /// Longer than an entry can be.
    #[error("it has {size} bytes, and an entry can have at most {limit}")]
    EntryTooLong {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The entries together would be too long.
    #[error("all entries together would have {size} bytes, and at most {limit} can be")]
    Full {
        /// What they would have.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// An entry of that name is there.
    #[error("there is an entry of that name already")]
    LabelTaken,
    /// No entry of that name.
    #[error("there is no entry of that name")]
    NoSuchLabel,
    /// The vault fits into no container.
    #[error("the vault is too large for any container")]
    TooLarge,
}

/// A container that does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// Another key, or changed.
    #[error("the vault does not open with this key: it is another one, or was changed")]
    Closed,
    /// It opens, but this program can't read it.
    #[error(transparent)]
    Content(#[from] DecodeError),
}

impl Vault {
    /// An empty vault of a new owner.
    pub fn new(profile: Profile, now: u64, rng: &mut impl CryptoRng) -> Self {
        Self {
            format: V1,
            version: 1,
            changed: now,
            profile,
            slot: Base::random(rng),
            entries: Own::new(),
            contacts: Own::new(),
            circles: Own::new(),
            held: Vec::new(),
            generation: 0,
            retired: Own::new(),
            former: None,
        }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`VaultError`]; the vault is then as it was.
    pub fn add(&mut self, label: Name, content: &[u8], now: u64) -> Result<(), VaultError> {
        check_entry(content.len())?;
        if self.entries.iter().any(|entry| entry.label == label) {
            return Err(VaultError::LabelTaken);
        }
        let size =
            content.len() + self.entries.iter().map(|entry| entry.content.len()).sum::<usize>();
        if size > ENTRIES_MAX {
            return Err(VaultError::Full { size, limit: ENTRIES_MAX });
        }
        self.entries.push(Entry { label, content: SecretBytes::new(content), added: now });
        self.touch(now);
        Ok(())
    }

    /// The entry of a label.
    ///
    /// # Errors
    /// [`VaultError::NoSuchLabel`].
    pub fn entry(&self, label: &Name) -> Result<&Entry, VaultError> {
        self.entries.iter().find(|entry| entry.label == *label).ok_or(VaultError::NoSuchLabel)
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// [`VaultError::NoSuchLabel`].
    pub fn remove(&mut self, label: &Name, now: u64) -> Result<(), VaultError> {
        self.entry(label)?;
        self.entries.retain(|entry| entry.label != *label);
        self.touch(now);
        Ok(())
    }

    /// Marks a change: every container of the new content has a higher version.
    pub fn touch(&mut self, now: u64) {
        self.version = self.version.saturating_add(1);
        self.changed = now;
    }

    /// The vault as it travels: without the copies of other people's vaults.
    #[must_use]
    pub fn without_copies(&self) -> Self {
        let mut vault = self.clone();
        for bundle in vault.held.iter_mut().flat_map(|held| &mut held.bundles) {
            bundle.pieces.container = None;
        }
        vault
    }

    /// How long its container is, whatever the key: one of the sizes of a slot, or more than the largest.
    #[must_use]
    pub fn sealed_len(&self) -> usize {
        let content = wire::encode(self);
        let fits = |size: &&usize| wire::pad(&content, **size - boxed::OVERHEAD).is_some();
        SLOT_SIZES.iter().find(fits).copied().unwrap_or(usize::MAX)
    }

    /// The container under `root`, in the smallest size that holds it.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`].
    pub fn seal(&self, root: &RootKey, rng: &mut impl CryptoRng) -> Result<Vec<u8>, VaultError> {
        let content = wire::encode(self);
        let padded = SLOT_SIZES
            .iter()
            .find_map(|size| wire::pad(&content, size - boxed::OVERHEAD))
            .ok_or(VaultError::TooLarge)?;
        Ok(boxed::seal(root.expose(), labels::BOX_VAULT, &padded, rng))
    }

    /// Opens a container.
    ///
    /// # Errors
    /// [`ContainerError`].
    pub fn open(root: &RootKey, container: &[u8]) -> Result<Self, ContainerError> {
        if !SLOT_SIZES.contains(&container.len()) {
            return Err(ContainerError::Closed);
        }
        let padded = boxed::open(root.expose(), labels::BOX_VAULT, container)
            .map_err(|_| ContainerError::Closed)?;
        let malformed = DecodeError::Malformed { what: Self::NAME };
        Ok(wire::decode(wire::unpad(&padded).ok_or(malformed)?)?)
    }
}

/// Whether an entry of this size can be kept.
///
/// # Errors
/// [`VaultError::Empty`] and [`VaultError::EntryTooLong`].
pub fn check_entry(size: usize) -> Result<(), VaultError> {
    match size {
        0 => Err(VaultError::Empty),
        1..=ENTRY_MAX => Ok(()),
        _ => Err(VaultError::EntryTooLong { size, limit: ENTRY_MAX }),
    }
}
