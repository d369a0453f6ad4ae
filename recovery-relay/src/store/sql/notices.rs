//! Subscriptions and their jobs.

use super::database::{Database, Fields};
use super::rows::SubscriptionRow;
use super::turn::Turn;
use super::{Fault, lives};
use crate::store::{
    CONFIRM_MILLIS, Done, Job, QUIET_MILLIS, Refusal, SUBSCRIPTIONS_MAX, Settled, Subscription,
};
use recovery_core::ids::{MailboxId, SubscriptionId};

impl<D: Database> Turn<'_, D> {
    pub(super) fn subscribe(&mut self, subscription: &Subscription) -> Result<Done, Fault> {
        let mut mailbox = self.mailbox(&subscription.mailbox)?.ok_or(Refusal::NoMailbox)?;
        if self.subscription(&subscription.id)?.is_some() {
            return Ok(Done::Opened { new: false });
        }
        if mailbox.subscribers.cast_unsigned() >= SUBSCRIPTIONS_MAX {
            return Err(Refusal::TooManySubscriptions.into());
        }
        let asks = !subscription.confirmed;
        let row = SubscriptionRow {
            name: subscription.id,
            mailbox: mailbox.id,
            target: subscription.target.clone(),
            confirmed: subscription.confirmed,
            ends: asks.then(|| self.now.plus(CONFIRM_MILLIS).0),
            due: asks.then_some(self.now.0),
            tries: 0,
            sent: None,
            ticket: 0,
            leased: false,
            again: false,
        };
        let new = self.db.execute(SubscriptionRow::INSERT, &row.values(&row.seal()))? == 1;
        if new {
            mailbox.subscribers += 1;
            self.keep(mailbox);
        }
        Ok(Done::Opened { new })
    }

    fn subscription(&mut self, id: &SubscriptionId) -> Result<Option<SubscriptionRow>, Fault> {
        let values = [id.as_bytes().into()];
        let found = self.db.all_locked(SubscriptionRow::BY_NAME, &values, SubscriptionRow::read)?;
        Ok(found.into_iter().next())
    }

    fn save(&mut self, row: &SubscriptionRow) -> Result<(), Fault> {
        self.db.execute(SubscriptionRow::UPDATE, &row.values(&row.seal())).map(drop)
    }

    pub(super) fn confirm(&mut self, id: &SubscriptionId) -> Result<Done, Fault> {
        self.tell_subscribers()?;
        let row = self.subscription(id)?.filter(|row| lives(row.ends, self.now));
        let mut row = row.ok_or(Refusal::NoSubscription)?;
        if !row.confirmed {
            row.confirmed = true;
            (row.ends, row.due, row.sent) = (None, None, None);
            (row.tries, row.leased, row.again) = (0, false, false);
            row.ticket += 1;
            self.save(&row)?;
        }
        Ok(Done::Gone)
    }

    /// Also ends one that is damaged.
    pub(super) fn unsubscribe(
        &mut self,
        id: &SubscriptionId,
        of: Option<&MailboxId>,
    ) -> Result<Done, Fault> {
        let sql = "SELECT m.name FROM subscriptions s JOIN mailboxes m ON m.id = s.mailbox \
            WHERE s.name = ?1";
        let read = |row: &dyn Fields| row.array(0).map(MailboxId::new);
        let found = self.db.all(sql, &[id.as_bytes().into()], read)?.into_iter().next();
        if let Some(name) = found.filter(|name| of.is_none_or(|of| of == name)) {
            self.end_subscription(id, &name)?;
        }
        Ok(Done::Gone)
    }

    fn end_subscription(&mut self, id: &SubscriptionId, name: &MailboxId) -> Result<(), Fault> {
        let mailbox = self.mailbox(name)?;
        let removed = self.db.execute(SubscriptionRow::REMOVE, &[id.as_bytes().into()])?;
        if let Some(mut mailbox) = mailbox.filter(|_| removed == 1) {
            mailbox.subscribers -= 1;
            self.keep(mailbox);
        }
        Ok(())
    }

    /// Makes jobs for what became visible, before anything else looks at them.
    pub(super) fn tell_subscribers(&mut self) -> Result<(), Fault> {
        for mailbox in std::mem::take(&mut self.news) {
            // A damaged one tells nobody; it is found by a check of everything.
            let read = |row: &dyn Fields| Ok(SubscriptionRow::read(row).ok());
            let rows = self.db.all_locked(SubscriptionRow::BY_MAILBOX, &[mailbox.into()], read)?;
            for mut row in rows.into_iter().flatten().filter(|row| row.confirmed) {
                match row.due {
                    Some(_) if row.leased && !row.again => row.again = true,
                    Some(_) => continue,
                    None => {
                        let quiet = row.sent.map(|sent| sent.saturating_add(QUIET_MILLIS));
                        row.due = Some(quiet.map_or(self.now.0, |quiet| quiet.max(self.now.0)));
                        row.tries = 0;
                    }
                }
                self.save(&row)?;
            }
        }
        Ok(())
    }

    pub(super) fn take_jobs(&mut self, limit: usize, lease_millis: i64) -> Result<Done, Fault> {
        self.tell_subscribers()?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = |row: &dyn Fields| Ok(SubscriptionRow::read(row).ok());
        let values = [self.now.0.into(), limit.into()];
        let due = self.db.all_locked(SubscriptionRow::DUE, &values, read)?;
        let (mut jobs, now) = (Vec::new(), self.now);
        for mut row in due.into_iter().flatten().filter(|row| lives(row.ends, now)) {
            row.due = Some(self.now.plus(lease_millis).0);
            row.ticket += 1;
            // Whoever took it last did not say what became of it.
            row.tries += i64::from(row.leased);
            row.leased = true;
            row.again = false;
            self.save(&row)?;
            let sql = "SELECT name FROM mailboxes WHERE id = ?1";
            let names = self.db.all(sql, &[row.mailbox.into()], |row| row.array(0))?;
            jobs.extend(names.into_iter().map(|name| Job {
                subscription: row.subscription(MailboxId::new(name)),
                ticket: row.ticket.cast_unsigned(),
                tries: u32::try_from(row.tries).unwrap_or(u32::MAX),
            }));
        }
        Ok(Done::Jobs(jobs))
    }

    pub(super) fn settle(
        &mut self,
        id: &SubscriptionId,
        ticket: u64,
        settled: Settled,
    ) -> Result<Done, Fault> {
        self.tell_subscribers()?;
        let row = self.subscription(id)?;
        let ours = |row: &SubscriptionRow| row.leased && row.ticket.cast_unsigned() == ticket;
        let Some(mut row) = row.filter(ours) else {
            return Ok(Done::Gone);
        };
        row.leased = false;
        match settled {
            Settled::Sent => {
                row.sent = Some(self.now.0);
                row.tries = 0;
                row.due = row.again.then(|| self.now.plus(QUIET_MILLIS).0);
            }
            Settled::Retry(at) => {
                row.tries += 1;
                row.due = Some(at.0);
            }
            Settled::GivenUp => {
                row.tries += 1;
                row.due = None;
            }
        }
        row.again = false;
        self.save(&row)?;
        Ok(Done::Gone)
    }

    /// Removes those that were not confirmed in time; whether there are more.
    pub(super) fn end_unconfirmed(&mut self, limit: i64) -> Result<bool, Fault> {
        let values = [self.now.0.into(), limit.into()];
        let read = |row: &dyn Fields| Ok(SubscriptionRow::read(row).ok());
        let over = self.db.all(SubscriptionRow::OVER, &values, read)?;
        let more = over.len() as i64 == limit;
        for row in over.into_iter().flatten() {
            self.unsubscribe(&row.name, None)?;
        }
        Ok(more)
    }
}
