//! Calls over HTTP: ntfy topics and webhooks.

use super::guard::{Guard, NOT_PUBLIC};
use super::texts::Notice;
use super::{Kind, NotTold};
use crate::config::StartError;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url, redirect};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// For a whole call.
const PATIENCE: Duration = Duration::from_secs(15);

/// What calls.
pub(super) struct Caller {
    client: Client,
    guard: Guard,
}

impl Caller {
    /// # Errors
    /// [`StartError`] if the system has no certificates.
    pub(super) fn new(guard: Guard) -> Result<Self, StartError> {
        let client = Client::builder()
            .user_agent("recovery-relay")
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .http1_only()
            .dns_resolver(Arc::new(guard.clone()))
            .pool_max_idle_per_host(0)
            .timeout(PATIENCE)
            .build();
        let client = client.map_err(|error| StartError::Notices(format!("webhooks: {error}")))?;
        Ok(Self { client, guard })
    }

    /// Whether a URL may be called, as far as its text tells.
    pub(super) fn allows(&self, url: &str) -> bool {
        url.parse().is_ok_and(|url| self.guard.allows_url(&url))
    }

    /// What is answered is not read: only the status counts.
    pub(super) async fn call(&self, kind: Kind, url: &str, notice: &Notice) -> Result<(), NotTold> {
        let url: Url = url.parse().map_err(|_| NotTold::Unreachable("the address is not one"))?;
        if !self.guard.allows_url(&url) {
            return Err(NotTold::NotPublic);
        }
        let call = self.client.post(url);
        let call = match kind {
            Kind::Ntfy => call.header("Title", notice.title()).body(notice.text()),
            _ => call.header(CONTENT_TYPE, "application/json").body(notice.json()),
        };
        match call.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(NotTold::Answered(answer.status().as_u16())),
            Err(error) if is_refusal(&error) => Err(NotTold::NotPublic),
            Err(error) if error.is_timeout() => Err(NotTold::Unreachable("no answer in time")),
            Err(_) => Err(NotTold::Unreachable("the address can't be reached")),
        }
    }
}

/// Whether the guard said no after looking the name up.
fn is_refusal(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.to_string() == NOT_PUBLIC {
            return true;
        }
        cause = error.source();
    }
    false
}
