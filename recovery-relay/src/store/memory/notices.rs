//! Subscriptions and their jobs.

use super::Turn;
use crate::clock::UnixMillis;
use crate::store::{
    CONFIRM_MILLIS, Done, Job, Outcome, QUIET_MILLIS, Refusal, SUBSCRIPTIONS_MAX, Settled,
    Subscription, SubscriptionState,
};
use recovery_core::ids::{MailboxId, SubscriptionId};

/// A subscription as it is kept.
pub(super) struct Kept {
    pub(super) subscription: Subscription,
    /// Its end, as long as it is not confirmed.
    pub(super) ends: Option<UnixMillis>,
    /// When its job is due, or its lease ends.
    pub(super) due: Option<UnixMillis>,
    pub(super) tries: u32,
    pub(super) sent: Option<UnixMillis>,
    /// Counts the takings.
    ticket: u64,
    /// It is taken.
    leased: bool,
    /// Something became visible since it was taken.
    again: bool,
}

impl Kept {
    pub(super) fn state(&self) -> SubscriptionState {
        let subscription = self.subscription.clone();
        SubscriptionState { subscription, sent: self.sent, due: self.due, tries: self.tries }
    }

    pub(super) fn deadlines(&mut self) -> impl Iterator<Item = &mut UnixMillis> {
        self.ends.iter_mut().chain(&mut self.due).chain(&mut self.sent)
    }
}

impl Turn<'_> {
    pub(super) fn subscribe(&mut self, subscription: &Subscription) -> Outcome {
        let now = self.now;
        self.living(&subscription.mailbox).ok_or(Refusal::NoMailbox)?;
        if self.state.subscriptions.contains_key(&subscription.id) {
            return Ok(Done::Opened { new: false });
        }
        let all = self.state.subscriptions.values();
        let others = all.filter(|kept| kept.subscription.mailbox == subscription.mailbox).count();
        if others as u64 >= SUBSCRIPTIONS_MAX {
            return Err(Refusal::TooManySubscriptions);
        }
        let asks = !subscription.confirmed;
        let kept = Kept {
            subscription: subscription.clone(),
            ends: asks.then(|| now.plus(CONFIRM_MILLIS)),
            due: asks.then_some(now),
            tries: 0,
            sent: None,
            ticket: 0,
            leased: false,
            again: false,
        };
        self.state.subscriptions.insert(subscription.id, kept);
        Ok(Done::Opened { new: true })
    }

    pub(super) fn confirm(&mut self, id: &SubscriptionId) -> Outcome {
        let now = self.now;
        let kept = self.state.subscriptions.get_mut(id);
        let kept = kept.filter(|kept| super::lives(kept.ends, now));
        let kept = kept.ok_or(Refusal::NoSubscription)?;
        if !kept.subscription.confirmed {
            kept.subscription.confirmed = true;
            (kept.ends, kept.due, kept.sent) = (None, None, None);
            (kept.tries, kept.leased, kept.again) = (0, false, false);
            kept.ticket += 1;
        }
        Ok(Done::Gone)
    }

    pub(super) fn unsubscribe(&mut self, id: &SubscriptionId, of: Option<&MailboxId>) -> Done {
        let kept = self.state.subscriptions.get(id);
        if kept.is_some_and(|kept| of.is_none_or(|of| kept.subscription.mailbox == *of)) {
            self.state.subscriptions.remove(id);
        }
        Done::Gone
    }

    /// Something became visible.
    pub(super) fn ask_for_notices(&mut self, mailbox: &MailboxId) {
        let of =
            |kept: &&mut Kept| kept.subscription.mailbox == *mailbox && kept.subscription.confirmed;
        for kept in self.state.subscriptions.values_mut().filter(of) {
            match kept.due {
                Some(_) => kept.again = kept.leased,
                None => {
                    let quiet = kept.sent.map(|sent| sent.plus(QUIET_MILLIS));
                    kept.due = Some(quiet.map_or(self.now, |quiet| quiet.max(self.now)));
                    kept.tries = 0;
                }
            }
        }
    }

    pub(super) fn take_jobs(&mut self, limit: usize, lease_millis: i64) -> Done {
        let (now, all) = (self.now, self.state.subscriptions.values_mut());
        let living = all.filter(|kept| super::lives(kept.ends, now));
        let mut due: Vec<_> =
            living.filter(|kept| kept.due.is_some_and(|due| due <= now)).collect();
        due.sort_by_key(|kept| (kept.due, kept.subscription.id));
        let taken = due.into_iter().take(limit).map(|kept| {
            kept.due = Some(now.plus(lease_millis));
            kept.ticket += 1;
            // Whoever took it last did not say what became of it.
            kept.tries += u32::from(kept.leased);
            kept.leased = true;
            kept.again = false;
            Job { subscription: kept.subscription.clone(), ticket: kept.ticket, tries: kept.tries }
        });
        Done::Jobs(taken.collect())
    }

    pub(super) fn settle(&mut self, id: &SubscriptionId, ticket: u64, settled: Settled) -> Done {
        let now = self.now;
        let kept = self.state.subscriptions.get_mut(id);
        let Some(kept) = kept.filter(|kept| kept.leased && kept.ticket == ticket) else {
            return Done::Gone;
        };
        kept.leased = false;
        match settled {
            Settled::Sent => {
                kept.sent = Some(now);
                kept.tries = 0;
                kept.due = kept.again.then(|| now.plus(QUIET_MILLIS));
            }
            Settled::Retry(at) => {
                kept.tries += 1;
                kept.due = Some(at);
            }
            Settled::GivenUp => {
                kept.tries += 1;
                kept.due = None;
            }
        }
        kept.again = false;
        Done::Gone
    }
}
