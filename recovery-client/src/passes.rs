//! Passes to closed relays: kept in the home, shown to no other relay than their own.

use crate::{Client, ClientError, Notice, now};
use minicbor::{Decode, Encode};
use recovery_core::{
    address::RelayUrl, flows::invitation::Invitation, ids::PassToken, secret::SecretBytes,
    wire::messages::GuestPass,
};
use std::collections::BTreeSet;

/// A pass to one relay.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Pass {
    #[n(0)]
    relay: RelayUrl,
    /// In base64url, as it is sent.
    #[n(1)]
    text: SecretBytes,
    /// It came with an invite: it opens little, and makes no others. Left out if not.
    #[n(2)]
    guest: Option<bool>,
}

impl Pass {
    fn new(relay: RelayUrl, pass: &PassToken, guest: bool) -> Self {
        let text = zeroize::Zeroizing::new(pass.expose());
        let guest = guest.then_some(true);
        Self { relay, text: SecretBytes::new(text.as_bytes()), guest }
    }

    fn is_guest(&self) -> bool {
        self.guest.is_some()
    }

    /// What goes into the header `Recovery-Pass` for this relay: the pass that its operator gave out.
    pub(crate) fn text_for<'a>(passes: &'a [Self], relay: &RelayUrl) -> Option<&'a [u8]> {
        let pass = passes.iter().find(|pass| pass.relay == *relay && !pass.is_guest())?;
        Some(pass.text.expose())
    }

    /// What goes there if the relay refuses without: passes of invites, the newest first.
    pub(crate) fn guests_for<'a>(
        passes: &'a [Self],
        relay: &RelayUrl,
    ) -> impl Iterator<Item = &'a [u8]> {
        let guests = passes.iter().rev().filter(move |pass| pass.relay == *relay);
        guests.filter(|pass| pass.is_guest()).map(|pass| pass.text.expose())
    }
}

/// A relay for which a home has a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownPass<'a> {
    /// The relay.
    pub relay: &'a RelayUrl,
    /// It came with an invitation, and is for what that needs.
    pub guest: bool,
}

impl Client {
    /// The relays for which this home has a pass.
    #[must_use]
    pub fn passes(&self) -> Vec<KnownPass<'_>> {
        let mut passes: Vec<KnownPass<'_>> = Vec::new();
        for pass in &self.state.passes {
            let known = KnownPass { relay: &pass.relay, guest: pass.is_guest() };
            if !passes.contains(&known) {
                passes.push(known);
            }
        }
        passes
    }

    /// Keeps a pass that the operator of a closed relay gave out, in the place of an earlier one, sends what waited
    /// for it, and lets those who are invited open what they need.
    ///
    /// # Errors
    /// [`ClientError::Home`] if the home can't be written. What the relay still refuses is told by
    /// [`Client::take_notices`].
    pub async fn use_pass(&mut self, relay: RelayUrl, pass: &PassToken) -> Result<(), ClientError> {
        self.state.passes.retain(|known| known.relay != relay || known.is_guest());
        self.state.passes.push(Pass::new(relay, pass, false));
        self.passes_changed()?;
        self.pass_on().await?;
        self.flush().await
    }

    /// Keeps what came with an invite.
    pub(crate) fn take_guest_passes(&mut self, passes: Vec<GuestPass>) {
        for pass in passes {
            let pass = Pass::new(pass.relay.clone(), &pass.token(), true);
            self.state.passes.retain(|known| *known != pass);
            self.state.passes.push(pass);
        }
        self.relays.set_passes(self.state.passes.clone());
    }

    /// Gets guest passes for the open invites at relays for which this home has a pass of its own. What a relay does
    /// not give is told, and tried again with the next invite.
    pub(crate) async fn pass_on(&mut self) -> Result<(), ClientError> {
        let now = now();
        let Some(device) = self.state.device.as_ref() else { return Ok(()) };
        let open = |invite: &&Invitation| invite.answered.is_none() && invite.expires > now;
        let open: Vec<Invitation> = device.invites().iter().filter(open).cloned().collect();
        let mut dead = BTreeSet::new();
        for invite in open {
            let mut passes = Vec::new();
            let wanted = |relay: &RelayUrl| self.relays.has_pass(relay);
            let wanted: Vec<_> = invite.without_pass().filter(|relay| wanted(relay)).collect();
            for relay in wanted {
                if dead.contains(relay) {
                    continue;
                }
                match self.relays.guest_pass(relay).await {
                    Ok(pass) => passes.push(GuestPass::new(relay.clone(), &pass)),
                    Err(error) => {
                        if error.is_transient() {
                            dead.insert(relay.clone());
                        }
                        self.notices.push(Notice::NoGuestPass(error));
                    }
                }
            }
            let Some(slot) = invite.slots().first().map(|slot| slot.id) else { continue };
            let step = self.with_context(|device, ctx| device.add_passes(slot, passes, ctx))?;
            if let Some(step) = step {
                self.keep(step)?;
            }
        }
        Ok(())
    }

    /// Forgets every pass for a relay; whether there was one. What was made with it stays.
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

#[cfg(test)]
mod tests {
    use super::Pass;
    use crate::relays::{If, Put, Relays};
    use recovery_core::{
        address::RelayUrl,
        ids::{MailboxToken, PassToken, SlotToken},
    };
    use std::sync::{Arc, Mutex};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    /// What a relay was shown, call by call.
    type Shown = Arc<Mutex<Vec<Option<String>>>>;

    /// A relay that takes only calls with this pass, or all.
    async fn relay(takes: Option<PassToken>) -> (RelayUrl, Shown) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let shown = Shown::default();
        let seen = Arc::clone(&shown);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let pass = head.lines().find_map(|line| line.strip_prefix("recovery-pass: "));
                let good = takes.as_ref().is_none_or(|takes| pass == Some(&takes.expose()));
                seen.lock().unwrap().push(pass.map(str::to_owned));
                let (status, body) = match good {
                    true => ("201 Created", ""),
                    false => ("403 Forbidden", "{\"code\":\"pass-needed\"}"),
                };
                let fields = "Recovery-Epoch: e\r\nETag: \"v\"\r\nConnection: close\r\n";
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (url, shown)
    }

    /// Opens a mailbox and writes a slot with these passes; what the relay was shown for each of the two.
    async fn make(
        url: &RelayUrl,
        shown: &Shown,
        passes: &[(&RelayUrl, u8, bool)],
    ) -> [Vec<Option<String>>; 2] {
        let mut relays = Relays::new().unwrap();
        let kept = |(relay, n, guest): &(&RelayUrl, u8, bool)| {
            Pass::new((*relay).clone(), &PassToken::new([*n; 32]), *guest)
        };
        relays.set_passes(passes.iter().map(kept).collect());
        let take = || std::mem::take(&mut *shown.lock().unwrap());
        let _ = relays.open_mailbox(url, &MailboxToken::new([1; 32]), None).await;
        let first = take();
        let put = Put { only_if: If::None, ttl: None };
        let _ = relays.put_slot(url, &SlotToken::new([2; 32]), b"", &put).await;
        [first, take()]
    }

    #[tokio::test]
    async fn a_guest_pass_is_shown_only_when_the_relay_asks() {
        let other: RelayUrl = "https://other.example".parse().unwrap();
        let text = |n: u8| Some(PassToken::new([n; 32]).expose());
        let (open, shown) = relay(None).await;
        let all = [(&open, 1, true), (&other, 2, true), (&open, 3, true)];
        for calls in make(&open, &shown, &all).await {
            assert_eq!(calls, [None], "an open relay sees none");
        }
        let (closed, shown) = relay(Some(PassToken::new([1; 32]))).await;
        let all = [(&closed, 1, true), (&other, 2, true), (&closed, 3, true), (&other, 4, false)];
        for calls in make(&closed, &shown, &all).await {
            assert_eq!(calls, [None, text(3), text(1)], "its own, the newest first");
        }
        // What the operator gave out goes before, and guests' after it.
        let all = [(&closed, 1, true), (&closed, 5, false)];
        for calls in make(&closed, &shown, &all).await {
            assert_eq!(calls, [text(5), text(1)]);
        }
        for calls in make(&closed, &shown, &[(&other, 1, true)]).await {
            assert_eq!(calls, [None], "no relay sees another's");
        }
    }
}
