//! Passes to closed relays: kept in the home, shown to no other relay than their own.

use crate::{Client, ClientError};
use minicbor::{Decode, Encode};
use recovery_core::{address::RelayUrl, ids::PassToken, secret::SecretBytes};

/// A pass to one relay.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Pass {
    #[n(0)]
    relay: RelayUrl,
    /// In base64url, as it is sent.
    #[n(1)]
    text: SecretBytes,
}

impl Pass {
    fn new(relay: RelayUrl, pass: &PassToken) -> Self {
        let text = zeroize::Zeroizing::new(pass.expose());
        Self { relay, text: SecretBytes::new(text.as_bytes()) }
    }

    /// What goes into the header `Recovery-Pass` for this relay.
    pub(crate) fn text_for<'a>(passes: &'a [Self], relay: &RelayUrl) -> Option<&'a [u8]> {
        let pass = passes.iter().find(|pass| pass.relay == *relay)?;
        Some(pass.text.expose())
    }
}

impl Client {
    /// The relays for which this home has a pass.
    #[must_use]
    pub fn passes(&self) -> Vec<&RelayUrl> {
        self.state.passes.iter().map(|pass| &pass.relay).collect()
    }

    /// Keeps a pass that the operator of a closed relay gave out, in the place of an earlier one, and sends
    /// what waited for it.
    ///
    /// # Errors
    /// [`ClientError::Home`] if the home can't be written. What the relay still refuses is told by
    /// [`Client::take_notices`].
    pub async fn use_pass(&mut self, relay: RelayUrl, pass: &PassToken) -> Result<(), ClientError> {
        self.state.passes.retain(|known| known.relay != relay);
        self.state.passes.push(Pass::new(relay, pass));
        self.passes_changed()?;
        self.flush().await
    }

    /// Forgets the pass for a relay; whether there was one. What was made with it stays.
    ///
    /// # Errors
    /// [`ClientError::Home`] if the home can't be written.
    pub fn forget_pass(&mut self, relay: &RelayUrl) -> Result<bool, ClientError> {
        let before = self.state.passes.len();
        self.state.passes.retain(|known| known.relay != *relay);
        let forgotten = self.state.passes.len() < before;
        if forgotten {
            self.passes_changed()?;
        }
        Ok(forgotten)
    }

    fn passes_changed(&mut self) -> Result<(), ClientError> {
        self.relays.set_passes(self.state.passes.clone());
        self.save()
    }
}
