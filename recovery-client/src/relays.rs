//! HTTP to relays: one method per call of the protocol.
//!
//! A relay is not trusted with anything: answers are limited in size before they are held in memory,
//! and every field of them is checked. Redirects are not followed, cookies not kept, nothing is
//! unpacked. Relays on this machine are called directly, all others through the system's proxy if one
//! is set; `.onion` addresses only through a proxy.

mod answer;
mod call;
mod clients;
mod error;
mod files;
mod resolve;
mod types;

pub use error::RelayError;
pub(crate) use files::{Both, Files};
pub use types::{Etag, Hold, If, Message, Page, ParseEtagError, Posted, Put, Read, Timeouts};

use crate::passes::Pass;
use call::{bearer, nonsense, read_body, secret_header, ttl_query};
use clients::Clients;
use recovery_core::{
    address::RelayUrl,
    ids::{HoldToken, MailboxId, MailboxToken, PassToken, SlotId, SlotToken},
    wire::limits::{READ_LIMIT_MAX, SLOT_MAX, WAIT_SECONDS_MAX},
};
use reqwest::{Method, RequestBuilder, Response, header::HeaderName};
use std::{fmt, sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// Most damaged messages that one read passes by.
const DAMAGED_MAX: usize = 32;

/// Where a pass goes.
const PASS: HeaderName = HeaderName::from_static("recovery-pass");

/// Connections to any number of relays. Cheap to clone.
#[derive(Clone)]
pub struct Relays {
    clients: Arc<Clients>,
    total: Duration,
    files: Files,
    passes: Arc<[Pass]>,
}

impl fmt::Debug for Relays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relays").field("total", &self.total).finish_non_exhaustive()
    }
}

impl Relays {
    /// With the usual timeouts.
    ///
    /// # Errors
    /// [`RelayError::Setup`] if this device can't do HTTP at all. That the system's certificates can't be
    /// read is told by the first call that needs them.
    pub fn new() -> Result<Self, RelayError> {
        Self::with_timeouts(Timeouts::default())
    }

    /// With timeouts of the caller's choice.
    ///
    /// # Errors
    /// As [`Relays::new`].
    pub fn with_timeouts(timeouts: Timeouts) -> Result<Self, RelayError> {
        let clients = Arc::new(Clients::new(timeouts)?);
        Ok(Self { clients, total: timeouts.total, files: Files::default(), passes: Arc::default() })
    }

    /// With what a home keeps of the files.
    pub(crate) fn with_files(mut self, both: Both) -> Self {
        self.files = Files::new(both);
        self
    }

    /// With these passes to closed relays from now on.
    pub(crate) fn set_passes(&mut self, passes: Vec<Pass>) {
        self.passes = passes.into();
    }

    /// Whether there is a pass for this relay that its operator gave out.
    pub(crate) fn has_pass(&self, relay: &RelayUrl) -> bool {
        Pass::text_for(&self.passes, relay).is_some()
    }

    /// A call that makes something, with the pass for the relay, if there is one. Passes of invites are shown only to a
    /// relay that refuses otherwise: each of them says who invited.
    async fn make(
        &self,
        relay: &RelayUrl,
        path: &str,
        complete: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, RelayError> {
        let with = |pass: Option<&[u8]>, call| match pass {
            Some(pass) => secret_header(complete(call), PASS, pass),
            None => complete(call),
        };
        let own = Pass::text_for(&self.passes, relay);
        let mut answer = self.call(relay, Method::PUT, path, |call| with(own, call)).await;
        for guest in Pass::guests_for(&self.passes, relay) {
            if !answer.as_ref().is_err_and(RelayError::needs_pass) {
                break;
            }
            answer = self.call(relay, Method::PUT, path, |call| with(Some(guest), call)).await;
        }
        answer
    }

    /// A guest pass out of the pass for this relay.
    ///
    /// # Errors
    /// Any [`RelayError`].
    pub(crate) async fn guest_pass(&self, relay: &RelayUrl) -> Result<PassToken, RelayError> {
        let own = Pass::text_for(&self.passes, relay);
        let with = |call| own.into_iter().fold(call, |call, own| secret_header(call, PASS, own));
        let response = self.call(relay, Method::POST, "/v1/passes", with).await?;
        let made = Zeroizing::new(read_body(relay, response, answer::JSON_MAX).await?);
        answer::pass(&made).ok_or_else(|| nonsense(relay, "its pass is malformed"))
    }

    /// What lies at no relay.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// Opens a mailbox, or extends the time it lasts; without `ttl` (seconds) it lasts until closed.
    ///
    /// # Errors
    /// Any [`RelayError`].
    pub async fn open_mailbox(
        &self,
        relay: &RelayUrl,
        token: &MailboxToken,
        ttl: Option<u64>,
    ) -> Result<(), RelayError> {
        if relay.is_files() {
            return Ok(());
        }
        let path = format!("/v1/mailboxes/{}{}", token.id(), ttl_query(ttl));
        let secret = Zeroizing::new(token.expose());
        self.make(relay, &path, |call| bearer(call, &secret)).await.map(drop)
    }

    /// Posts a message. The same message again is the same post.
    ///
    /// # Errors
    /// Any [`RelayError`]; see [`RelayError::is_gone`], [`RelayError::is_vetoed`], [`RelayError::is_full`].
    pub async fn post(
        &self,
        relay: &RelayUrl,
        mailbox: MailboxId,
        body: &[u8],
        hold: Option<&Hold>,
    ) -> Result<Posted, RelayError> {
        if relay.is_files() {
            self.files.post(mailbox, body, crate::now());
            return Ok(Posted::Seq(0));
        }
        let hold = hold.map(|Hold { id, also, seconds }| match also {
            Some(also) => format!("{id},{also}; for={seconds}"),
            None => format!("{id}; for={seconds}"),
        });
        let path = format!("/v1/mailboxes/{mailbox}/messages");
        let response = self.call(relay, Method::POST, &path, |call| {
            let call = call.body(body.to_vec());
            hold.iter().fold(call, |call, hold| call.header("recovery-hold", hold))
        });
        let receipt = read_body(relay, response.await?, answer::JSON_MAX).await?;
        answer::posted(&receipt).ok_or_else(|| nonsense(relay, "its receipt is malformed"))
    }

    /// Reads messages; nothing is removed by reading. A message that the relay can't serve any more is
    /// passed by and named.
    ///
    /// # Errors
    /// Any [`RelayError`].
    pub async fn read(
        &self,
        relay: &RelayUrl,
        token: &MailboxToken,
        read: Read,
    ) -> Result<Page, RelayError> {
        if relay.is_files() {
            return Ok(self.files.read(token.id(), read.after, read.limit));
        }
        let (mut read, mut damaged) = (read, Vec::new());
        loop {
            match self.read_once(relay, token, read).await {
                Ok(page) => return Ok(Page { damaged, ..page }),
                Err(error) => match error.damaged_seq() {
                    Some(seq) if seq > read.after && damaged.len() < DAMAGED_MAX => {
                        read.after = seq;
                        damaged.push(seq);
                    }
                    _ => return Err(error),
                },
            }
        }
    }

    async fn read_once(
        &self,
        relay: &RelayUrl,
        token: &MailboxToken,
        read: Read,
    ) -> Result<Page, RelayError> {
        let limit = read.limit.clamp(1, READ_LIMIT_MAX);
        let wait = read.wait.min(WAIT_SECONDS_MAX);
        let (id, after, secret) = (token.id(), read.after, Zeroizing::new(token.expose()));
        let time = self.total + Duration::from_secs(wait) + Duration::from_secs(limit as u64);
        let path = format!("/v1/mailboxes/{id}/messages?after={after}&limit={limit}&wait={wait}");
        let call = self.call(relay, Method::GET, &path, |call| bearer(call, &secret).timeout(time));
        let response = call.await?;
        let epoch = answer::epoch(response.headers()).unwrap_or_default();
        let list = read_body(relay, response, answer::list_max(limit)).await?;
        let messages = answer::messages(&list, after, limit).map_err(|why| nonsense(relay, why))?;
        Ok(Page { epoch, messages, damaged: Vec::new() })
    }

    /// Deletes a message; fine if it is gone already.
    ///
    /// # Errors
    /// Any [`RelayError`].
    pub async fn delete_message(
        &self,
        relay: &RelayUrl,
        token: &MailboxToken,
        seq: u64,
    ) -> Result<(), RelayError> {
        let path = format!("/v1/mailboxes/{}/messages/{seq}", token.id());
        self.command(relay, Method::DELETE, &path, token.expose()).await
    }

    /// Closes a mailbox and drops what is in it; fine if it is gone already.
    ///
    /// # Errors
    /// Any [`RelayError`].
    pub async fn close_mailbox(
        &self,
        relay: &RelayUrl,
        token: &MailboxToken,
    ) -> Result<(), RelayError> {
        let path = format!("/v1/mailboxes/{}", token.id());
        self.command(relay, Method::DELETE, &path, token.expose()).await
    }

    /// Writes a slot if it is as expected; gives its new version.
    ///
    /// # Errors
    /// Any [`RelayError`]; see [`RelayError::is_conflict`].
    pub async fn put_slot(
        &self,
        relay: &RelayUrl,
        token: &SlotToken,
        body: &[u8],
        put: &Put,
    ) -> Result<Etag, RelayError> {
        if relay.is_files() {
            return self.files.put(relay, token.id(), body, (put, crate::now()));
        }
        let (id, secret) = (token.id(), Zeroizing::new(token.expose()));
        let path = format!("/v1/slots/{id}{}", ttl_query(put.ttl));
        let response = self
            .make(relay, &path, |call| {
                let call = bearer(call, &secret).body(body.to_vec());
                match &put.only_if {
                    If::None => call.header("if-none-match", "*"),
                    If::Match(Etag(version)) => call.header("if-match", version),
                }
            })
            .await?;
        answer::etag(response.headers()).ok_or_else(|| nonsense(relay, "it names no version"))
    }

    /// Reads a slot: its version and octets; `None` if there is none.
    ///
    /// # Errors
    /// Any [`RelayError`].
    pub async fn get_slot(
        &self,
        relay: &RelayUrl,
        slot: SlotId,
    ) -> Result<Option<(Etag, Vec<u8>)>, RelayError> {
        if relay.is_files() {
            return Ok(self.files.get(slot));
        }
        let path = format!("/v1/slots/{slot}");
        let response = match self.call(relay, Method::GET, &path, |call| call).await {
            Err(error) if error.is_gone() => return Ok(None),
            other => other?,
        };
        let etag = answer::etag(response.headers());
        let etag = etag.ok_or_else(|| nonsense(relay, "it names no version"))?;
        Ok(Some((etag, read_body(relay, response, SLOT_MAX).await?)))
    }

    /// Deletes a slot; fine if it is gone already.
    ///
    /// # Errors
    /// Any [`RelayError`].
    pub async fn delete_slot(&self, relay: &RelayUrl, token: &SlotToken) -> Result<(), RelayError> {
        if relay.is_files() {
            self.files.delete(token.id(), crate::now());
        }
        let path = format!("/v1/slots/{}", token.id());
        self.command(relay, Method::DELETE, &path, token.expose()).await
    }

    /// Drops what is held under a hold, in one mailbox or in all, and lets nothing more in for 30 days.
    ///
    /// # Errors
    /// Any [`RelayError`].
    pub async fn veto(
        &self,
        relay: &RelayUrl,
        token: &HoldToken,
        only_in: Option<MailboxId>,
    ) -> Result<(), RelayError> {
        let only = only_in.map(|mailbox| format!("?mailbox={mailbox}")).unwrap_or_default();
        let path = format!("/v1/holds/{}/veto{only}", token.id());
        self.command(relay, Method::POST, &path, token.expose()).await
    }

    /// Whether the relay is up.
    ///
    /// # Errors
    /// Any [`RelayError`] if it is not.
    pub async fn healthy(&self, relay: &RelayUrl) -> Result<(), RelayError> {
        if relay.is_files() {
            return Ok(());
        }
        self.call(relay, Method::GET, "/healthz", |call| call).await.map(drop)
    }
}
