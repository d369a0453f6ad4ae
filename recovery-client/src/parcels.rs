//! Parcels: messages that travel as files, because there is no relay or none can be reached.

use crate::{Client, ClientError, now, relays::Relays};
use recovery_core::{
    name::Name,
    wire::{
        link::Link,
        parcel::{Parcel, ParcelError},
    },
};

/// The messages in an armored text.
///
/// # Errors
/// [`ClientError::Import`] names the file.
pub fn read_parcel(path: &str, text: &[u8]) -> Result<Parcel, ClientError> {
    Parcel::from_armor(text).map_err(|error| {
        let error = match error {
            ParcelError::Armor(error) => error.into(),
            ParcelError::Content(error) => error.into(),
        };
        ClientError::Import { path: path.to_owned(), error }
    })
}

impl Client {
    /// Everything that this home would leave at a relay for other people, where [`RelayUrl::FILES`](recovery_core::address::RelayUrl::FILES) is one of
    /// its relays, as armored text; the same again until 30 days are over.
    ///
    /// # Errors
    /// [`ClientError::Home`] if the home can't be written.
    pub async fn export(&mut self) -> Result<(usize, String), ClientError> {
        self.flush().await?;
        self.for_files = false;
        let parcel = self.relays.files().own();
        Ok((parcel.len(), parcel.armored()))
    }

    /// Takes parcels in; whatever reads next, [`Client::sync`] for one, acts on what is for this home. What was
    /// taken before changes nothing.
    ///
    /// # Errors
    /// [`ClientError::Home`] if the home can't be written.
    pub fn take_parcels(&mut self, parcels: Vec<Parcel>) -> Result<(), ClientError> {
        if parcels.is_empty() {
            return Ok(());
        }
        for parcel in parcels {
            self.relays.files().take(parcel, now());
        }
        self.save()
    }

    /// As [`Client::check_invite`], where the invite travels in parcels.
    ///
    /// # Errors
    /// As [`Client::check_invite`].
    pub async fn check_invite_in(link: &Link, parcels: &[Parcel]) -> Result<Name, ClientError> {
        let relays = Relays::new()?;
        for parcel in parcels {
            relays.files().take(parcel.clone(), now());
        }
        crate::friend::look_at_invite(&relays, link).await
    }
}
