//! Word that something waits: by mail, to an ntfy topic, or to a webhook. It never says what, from whom, or to whom.
//!
//! `target` where people can be told → `guard` whom the relay calls at all → `mail`, `web` how → `queue` the task
//! that takes jobs from the store, one lease at a time, so that no post ever waits for a notice.

mod guard;
mod mail;
mod queue;
mod target;
mod texts;
mod web;

pub use self::mail::Smtp;
pub(crate) use self::queue::{keep, kind, run};
pub(crate) use self::target::{Kind, TARGET_MAX, Target};

use self::guard::Guard;
use self::mail::Mailer;
use self::texts::Notice;
use self::web::Caller;
use crate::config::StartError;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter, clock::DefaultClock};
use ipnet::IpNet;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::time::Duration;

/// A target may be asked this often at once, and again after each [`ASK_EVERY`]: a stranger's address is not flooded.
const ASK_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);
/// See [`ASK_AT_ONCE`].
const ASK_EVERY: Duration = Duration::from_secs(8 * 3_600);
/// Most targets that are remembered as asked; beyond, nobody is asked until some are forgotten.
const ASKED_MAX: usize = 100_000;

/// By what ways this relay tells people.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    /// The server that takes mail.
    pub smtp: Option<Smtp>,
    /// Whether people may name ntfy topics and webhooks.
    pub webhooks: bool,
    /// Networks that are called although they are not public.
    pub private: Vec<IpNet>,
}

/// Why somebody was not told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTold {
    /// The relay has no such way (any more).
    #[error("this way is not offered")]
    NotOffered,
    /// The address is one that the relay never calls.
    #[error("the address is not public")]
    NotPublic,
    /// The other side said no, with this status.
    #[error("answered with {0}")]
    Answered(u16),
    /// The other side can't be reached. The text names no address.
    #[error("{0}")]
    Unreachable(&'static str),
}

/// What tells people.
pub(crate) struct Notifier {
    mailer: Option<Mailer>,
    caller: Option<Caller>,
    asked: RateLimiter<u64, DashMapStateStore<u64>, DefaultClock>,
    spread: RandomState,
}

impl Notifier {
    /// # Errors
    /// [`StartError`] if a way can't be prepared.
    pub(crate) fn new(notices: &Notices) -> Result<Self, StartError> {
        let mailer = notices.smtp.as_ref().map(Mailer::new).transpose()?;
        let guard = || Guard::new(&notices.private);
        let caller = notices.webhooks.then(|| Caller::new(guard())).transpose()?;
        let quota = Quota::with_period(ASK_EVERY).map(|quota| quota.allow_burst(ASK_AT_ONCE));
        let asked = RateLimiter::dashmap(quota.ok_or(StartError::Broken)?);
        Ok(Self { mailer, caller, asked, spread: RandomState::new() })
    }

    /// Whether there is any way to tell somebody.
    pub(crate) fn is_any(&self) -> bool {
        self.mailer.is_some() || self.caller.is_some()
    }

    /// Whether this relay tells people in this way.
    pub(crate) fn offers(&self, kind: Kind) -> bool {
        match kind {
            Kind::Mail => self.mailer.is_some(),
            Kind::Ntfy | Kind::Webhook => self.caller.is_some(),
        }
    }

    /// Whether a target may be called, as far as its text tells.
    pub(crate) fn allows(&self, target: &Target) -> bool {
        match (target.kind(), &self.caller) {
            (Kind::Mail, _) => true,
            (_, Some(caller)) => caller.allows(target.address()),
            (_, None) => false,
        }
    }

    /// Whether a target may be asked (again).
    pub(crate) fn may_ask(&self, target: &Target) -> bool {
        if self.asked.len() >= ASKED_MAX {
            self.asked.retain_recent();
        }
        let key = self.spread.hash_one(target.as_str());
        self.asked.len() < ASKED_MAX && self.asked.check_key(&key).is_ok()
    }

    /// Whether the mail server takes the login; `None` if there is none.
    pub(crate) async fn test_mail(&self) -> Option<bool> {
        match &self.mailer {
            Some(mailer) => Some(mailer.test().await),
            None => None,
        }
    }

    /// Tells or asks somebody.
    async fn tell(&self, target: &Target, notice: &Notice) -> Result<(), NotTold> {
        match (target.kind(), &self.mailer, &self.caller) {
            (Kind::Mail, Some(mailer), _) => mailer.send(target.address(), notice).await,
            (kind @ (Kind::Ntfy | Kind::Webhook), _, Some(caller)) => {
                caller.call(kind, target.address(), notice).await
            }
            _ => Err(NotTold::NotOffered),
        }
    }
}
