//! One batch of writes inside one transaction.
//!
//! A write first reads and checks all it needs and only then changes anything, so that a refusal leaves nothing
//! behind without a savepoint. Mailboxes and passes touched by the batch are kept here and written once at its end.

use super::database::Database;
use super::rows::{MailboxRow, PassRow};
use super::{Fault, lives};
use crate::clock::UnixMillis;
use crate::store::{Damage, Done, Outcome, Quotas, Refusal, StoreError, Write};
use recovery_core::ids::{MailboxId, PassId};
use std::collections::{HashMap, HashSet};

/// Does all writes of a batch; `noted` hears of damage that was met.
pub(crate) fn run<D: Database>(
    db: &mut D,
    writes: &[Write],
    (now, quotas): (UnixMillis, Quotas),
    noted: &dyn Fn(&Damage),
) -> Result<Vec<Outcome>, StoreError> {
    let mut turn = Turn::new(db, now, quotas);
    let mut outcomes = Vec::with_capacity(writes.len());
    for write in writes {
        outcomes.push(match turn.apply(write) {
            Ok(done) => Ok(done),
            Err(Fault::Refused(refusal)) => Err(refusal),
            Err(Fault::Damaged(damage)) => {
                noted(&damage);
                Err(Refusal::Damaged)
            }
            Err(Fault::Store(error)) => return Err(error),
        });
    }
    turn.finish()?;
    Ok(outcomes)
}

/// See the [module](self).
pub(super) struct Turn<'a, D> {
    pub(super) db: &'a mut D,
    pub(super) now: UnixMillis,
    pub(super) quotas: Quotas,
    mailboxes: HashMap<MailboxId, Touched<MailboxRow>>,
    pub(super) passes: HashMap<PassId, Touched<PassRow>>,
    /// Mailboxes with subscriptions in which something became visible.
    pub(super) news: HashSet<i64>,
}

pub(super) struct Touched<T> {
    pub(super) row: T,
    pub(super) changed: bool,
}

impl<'a, D: Database> Turn<'a, D> {
    fn new(db: &'a mut D, now: UnixMillis, quotas: Quotas) -> Self {
        let (mailboxes, passes, news) = (HashMap::new(), HashMap::new(), HashSet::new());
        Self { db, now, quotas, mailboxes, passes, news }
    }

    /// Does one write.
    fn apply(&mut self, write: &Write) -> Result<Done, Fault> {
        match write {
            Write::OpenMailbox { id, ttl_millis, right } => self.open(id, *ttl_millis, *right),
            Write::CloseMailbox { id } => self.close(id),
            Write::Post { mailbox, body, hold } => self.post(mailbox, body, hold.as_ref()),
            Write::DeleteMessage { mailbox, seq } => self.delete(mailbox, *seq),
            Write::PutSlot { id, body, condition, ttl_millis, right } => {
                let ends = ttl_millis.map(|ttl| self.now.plus(ttl).0);
                self.put_slot(id, body, condition, (ends, *right))
            }
            Write::DeleteSlot { id } => self.delete_slot(id),
            Write::Veto { hold, mailbox } => self.veto(hold, mailbox.as_ref()),
            Write::AddPass { id, name, quota, ttl_millis, parent } => {
                self.add_pass((*id, name), *quota, *ttl_millis, *parent)
            }
            Write::RevokePass { id } => self.revoke_pass(id),
            Write::Subscribe(subscription) => self.subscribe(subscription),
            Write::ConfirmSubscription { id } => self.confirm(id),
            Write::Unsubscribe { id, mailbox } => self.unsubscribe(id, mailbox.as_ref()),
            Write::TakeJobs { limit, lease_millis } => self.take_jobs(*limit, *lease_millis),
            Write::SettleJob { id, ticket, settled } => self.settle(id, *ticket, *settled),
            Write::Release => self.release(),
            Write::Collect => self.collect(),
            Write::Probe => self.probe(),
        }
    }

    /// Writes back what was touched.
    fn finish(mut self) -> Result<(), Fault> {
        self.tell_subscribers()?;
        let mailboxes = self.mailboxes.into_values().filter(|touched| touched.changed);
        let mut mailboxes: Vec<_> = mailboxes.map(|touched| touched.row).collect();
        mailboxes.sort_by_key(|row| row.name);
        self.db.save_mailboxes(&mailboxes)?;
        let passes = self.passes.into_values().filter(|touched| touched.changed);
        let mut passes: Vec<_> = passes.map(|touched| touched.row).collect();
        passes.sort_by_key(|row| row.pass.id);
        self.db.save_passes(&passes)
    }

    /// The mailbox as the batch has left it; one whose time is over is removed.
    pub(super) fn mailbox(&mut self, name: &MailboxId) -> Result<Option<MailboxRow>, Fault> {
        let row = match self.mailboxes.get(name) {
            Some(touched) => touched.row,
            None => {
                let Some(row) = self.db.mailbox(name)? else {
                    return Ok(None);
                };
                self.mailboxes.insert(*name, Touched { row, changed: false });
                row
            }
        };
        if lives(row.ends, self.now) {
            return Ok(Some(row));
        }
        self.remove(&row)?;
        Ok(None)
    }

    /// Keeps a changed row until the end of the batch.
    pub(super) fn keep(&mut self, row: MailboxRow) {
        self.mailboxes.insert(row.name, Touched { row, changed: true });
    }

    /// The row is no longer there.
    pub(super) fn drop_kept(&mut self, name: &MailboxId) {
        self.mailboxes.remove(name);
    }

    fn probe(&mut self) -> Result<Done, Fault> {
        let sql = "INSERT INTO meta (name, value) VALUES ('probe', ?1) \
            ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.db.execute(sql, &[(&self.now.0.to_be_bytes()).into()])?;
        Ok(Done::Gone)
    }
}
