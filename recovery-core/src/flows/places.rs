//! Where the vault's containers are: one under each root key that opens it, at each relay.

use super::{Context, device::Device};
use crate::{
    address::RelayUrl,
    ids::{Base, CircleId, SlotId},
    vault::{ContainerError, Vault, VaultError},
};
use minicbor::Encode;
use recovery_derive::Decode;

/// What one relay is known to hold of the vault, under one root key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct VaultCopy {
    /// The relay.
    #[n(0)]
    pub relay: RelayUrl,
    /// The slot.
    #[n(3)]
    pub slot: SlotId,
    /// The slot's ETag there.
    #[n(1)]
    pub etag: Option<String>,
    /// The vault's version there.
    #[n(2)]
    pub version: u64,
}

/// Where a container of the vault is, and of which generation's root key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The generation; `None` for the current root key.
    pub circle: Option<CircleId>,
    /// The container's slots.
    pub slot: Base,
}

impl Device {
    /// Every root key that opens the vault, the current one first, and where the container under it is: one,
    /// or two while a generation takes the place of another.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let vault = self.vault();
        let current = Place { circle: None, slot: vault.slot.clone() };
        let others = vault.circles.iter().filter_map(|circle| {
            let root = circle.root.as_ref()?;
            Some(Place { circle: Some(circle.id), slot: root.slot.clone() })
        });
        std::iter::once(current).chain(others).collect()
    }

    /// The vault's container for one of [`Device::places`].
    ///
    /// # Errors
    /// [`VaultError::TooLarge`].
    pub fn container(&self, place: &Place, ctx: &mut Context<'_>) -> Result<Vec<u8>, VaultError> {
        // No circle has sixteen zeros for its id: what has no circle is seen with the current key.
        let circle = place.circle.unwrap_or(CircleId::new([0; 16]));
        let (key, view) = self.vault().seen_with(circle, &self.state.root);
        view.seal(&key, &mut ctx.rng)
    }

    /// Opens a container found at a relay, to see whose and how new it is.
    ///
    /// # Errors
    /// [`ContainerError`].
    pub fn open_container(&self, container: &[u8]) -> Result<Vault, ContainerError> {
        let others = self.vault().circles.iter().filter_map(|circle| circle.root.as_ref());
        let keys = others.map(|root| &root.key);
        let current = Vault::open(&self.state.root, container);
        match current {
            Err(ContainerError::Closed) => keys
                .map(|key| Vault::open(key, container))
                .find(|opened| !matches!(opened, Err(ContainerError::Closed)))
                .unwrap_or(Err(ContainerError::Closed)),
            opened => opened,
        }
    }

    /// What each relay is known to hold of the vault in this place.
    #[must_use]
    pub fn copies(&self, place: &Place) -> Vec<VaultCopy> {
        let known = |relay: &RelayUrl| {
            let slot = place.slot.slot(relay.as_str()).id();
            let known = self.state.copies.iter().find(|copy| copy.slot == slot).cloned();
            let none = VaultCopy { relay: relay.clone(), slot, etag: None, version: 0 };
            known.unwrap_or(none)
        };
        self.relays().iter().map(known).collect()
    }

    /// Notes that a relay holds this version of the vault.
    pub fn copied(&mut self, copy: VaultCopy) {
        self.state.copies.retain(|other| other.slot != copy.slot);
        self.state.copies.push(copy);
    }
}
