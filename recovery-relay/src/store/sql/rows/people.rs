//! Records about people: passes and subscriptions.

use super::{Seal, Sealer, check};
use crate::clock::UnixMillis;
use crate::store::sql::Fault;
use crate::store::sql::database::{Fields, Value};
use crate::store::sql::rows::damaged;
use crate::store::{Pass, PassQuota, Subscription, SubscriptionState};
use recovery_core::ids::{MailboxId, PassId, SubscriptionId};

/// A row of `passes`.
#[derive(Debug, Clone)]
pub(crate) struct PassRow {
    pub(crate) pass: Pass,
}

impl PassRow {
    /// Finds one.
    pub(crate) const BY_NAME: &str = "SELECT name, label, most_mailboxes, most_slots, \
        most_octets, mailboxes, slots, octets, made, ends, revoked, parent, seal FROM passes \
        WHERE name = ?1";
    /// All of them.
    pub(crate) const ALL: &str = "SELECT name, label, most_mailboxes, most_slots, most_octets, \
        mailboxes, slots, octets, made, ends, revoked, parent, seal FROM passes ORDER BY made, name";
    /// Those under which nothing is left, those of guests first.
    pub(crate) const UNUSED: &str = "SELECT name, label, most_mailboxes, most_slots, most_octets, \
        mailboxes, slots, octets, made, ends, revoked, parent, seal FROM passes \
        WHERE mailboxes = 0 AND slots = 0 AND octets = 0 \
        AND (revoked <> 0 OR ends <= ?1 OR parent IS NOT NULL) ORDER BY (parent IS NULL) LIMIT ?2";
    /// Inserts one.
    pub(crate) const INSERT: &str = "INSERT INTO passes (name, label, most_mailboxes, most_slots, \
        most_octets, mailboxes, slots, octets, made, ends, revoked, parent, seal) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
        ON CONFLICT (name) DO NOTHING";
    /// Writes one back.
    pub(crate) const UPDATE: &str = "UPDATE passes SET label = ?2, most_mailboxes = ?3, \
        most_slots = ?4, most_octets = ?5, mailboxes = ?6, slots = ?7, octets = ?8, made = ?9, \
        ends = ?10, revoked = ?11, parent = ?12, seal = ?13 WHERE name = ?1";

    /// Reads the columns in the order above and checks the seal.
    pub(crate) fn read(row: &dyn Fields) -> Result<Self, Fault> {
        let three = |first: usize| -> Result<PassQuota, Fault> {
            Ok(PassQuota {
                mailboxes: row.number(first)?.cast_unsigned(),
                slots: row.number(first + 1)?.cast_unsigned(),
                octets: row.number(first + 2)?.cast_unsigned(),
            })
        };
        let pass = Pass {
            id: PassId::new(row.array(0)?),
            name: text(row.octets(1)?)?,
            quota: three(2)?,
            used: three(5)?,
            made: UnixMillis(row.number(8)?),
            ends: row.maybe_number(9)?.map(UnixMillis),
            revoked: flag(row, 10)?,
            parent: row.maybe_array(11)?.map(PassId::new),
        };
        let read = Self { pass };
        check(read.seal(), row.array(12)?, "pass", None)?;
        Ok(read)
    }

    fn numbers(&self) -> [i64; 8] {
        let Pass { quota, used, made, revoked, .. } = &self.pass;
        [
            quota.mailboxes.cast_signed(),
            quota.slots.cast_signed(),
            quota.octets.cast_signed(),
            used.mailboxes.cast_signed(),
            used.slots.cast_signed(),
            used.octets.cast_signed(),
            made.0,
            i64::from(*revoked),
        ]
    }

    /// All columns.
    pub(crate) fn values<'a>(&'a self, seal: &'a Seal) -> [Value<'a>; 13] {
        let [most_mailboxes, most_slots, most_octets, mailboxes, slots, octets, made, revoked] =
            self.numbers().map(Value::Number);
        let (name, label) = (self.pass.id.as_bytes().into(), self.pass.name.as_bytes().into());
        let ends = self.pass.ends.map(|ends| ends.0).into();
        let parent = self.pass.parent.as_ref().map(PassId::as_bytes).into();
        [
            name,
            label,
            most_mailboxes,
            most_slots,
            most_octets,
            mailboxes,
            slots,
            octets,
            made,
            ends,
            revoked,
            parent,
            seal.into(),
        ]
    }

    /// Its own hash.
    pub(crate) fn seal(&self) -> Seal {
        let sealer = Sealer::new("pass")
            .octets(self.pass.id.as_bytes())
            .octets(self.pass.name.as_bytes())
            .maybe_number(self.pass.ends.map(|ends| ends.0))
            .maybe_octets(self.pass.parent.as_ref().map(PassId::as_bytes));
        self.numbers().into_iter().fold(sealer, Sealer::number).finish()
    }
}

/// A row of `subscriptions`.
#[derive(Debug, Clone)]
pub(crate) struct SubscriptionRow {
    pub(crate) name: SubscriptionId,
    pub(crate) mailbox: i64,
    pub(crate) target: String,
    pub(crate) confirmed: bool,
    /// Its end, as long as it is not confirmed.
    pub(crate) ends: Option<i64>,
    /// When its job is due, or its lease ends.
    pub(crate) due: Option<i64>,
    pub(crate) tries: i64,
    pub(crate) sent: Option<i64>,
    /// Counts the takings.
    pub(crate) ticket: i64,
    /// It is taken.
    pub(crate) leased: bool,
    /// Something became visible since it was taken.
    pub(crate) again: bool,
}

impl SubscriptionRow {
    /// Finds one.
    pub(crate) const BY_NAME: &str = "SELECT name, mailbox, target, confirmed, ends, due, tries, \
        sent, ticket, leased, again, seal FROM subscriptions WHERE name = ?1";
    /// Those of a mailbox.
    pub(crate) const BY_MAILBOX: &str = "SELECT name, mailbox, target, confirmed, ends, due, \
        tries, sent, ticket, leased, again, seal FROM subscriptions WHERE mailbox = ?1 ORDER BY name";
    /// Those with a job that is due.
    pub(crate) const DUE: &str = "SELECT name, mailbox, target, confirmed, ends, due, tries, \
        sent, ticket, leased, again, seal FROM subscriptions WHERE due <= ?1 ORDER BY due, name \
        LIMIT ?2";
    /// Those that were not confirmed in time.
    pub(crate) const OVER: &str = "SELECT name, mailbox, target, confirmed, ends, due, tries, \
        sent, ticket, leased, again, seal FROM subscriptions WHERE ends <= ?1 LIMIT ?2";
    /// All that have a time to move.
    pub(crate) const TIMED: &str = "SELECT name, mailbox, target, confirmed, ends, due, tries, \
        sent, ticket, leased, again, seal FROM subscriptions \
        WHERE ends IS NOT NULL OR due IS NOT NULL OR sent IS NOT NULL";
    /// Inserts one.
    pub(crate) const INSERT: &str = "INSERT INTO subscriptions (name, mailbox, target, confirmed, \
        ends, due, tries, sent, ticket, leased, again, seal) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (name) DO NOTHING";
    /// Writes one back.
    pub(crate) const UPDATE: &str = "UPDATE subscriptions SET mailbox = ?2, target = ?3, \
        confirmed = ?4, ends = ?5, due = ?6, tries = ?7, sent = ?8, ticket = ?9, leased = ?10, \
        again = ?11, seal = ?12 WHERE name = ?1";
    /// Removes one.
    pub(crate) const REMOVE: &str = "DELETE FROM subscriptions WHERE name = ?1";

    /// Reads the columns in the order above and checks the seal.
    pub(crate) fn read(row: &dyn Fields) -> Result<Self, Fault> {
        let read = Self {
            name: SubscriptionId::new(row.array(0)?),
            mailbox: row.number(1)?,
            target: text(row.octets(2)?)?,
            confirmed: flag(row, 3)?,
            ends: row.maybe_number(4)?,
            due: row.maybe_number(5)?,
            tries: row.number(6)?,
            sent: row.maybe_number(7)?,
            ticket: row.number(8)?,
            leased: flag(row, 9)?,
            again: flag(row, 10)?,
        };
        check(read.seal(), row.array(11)?, "subscription", None)?;
        Ok(read)
    }

    /// All columns.
    pub(crate) fn values<'a>(&'a self, seal: &'a Seal) -> [Value<'a>; 12] {
        [
            self.name.as_bytes().into(),
            self.mailbox.into(),
            self.target.as_bytes().into(),
            i64::from(self.confirmed).into(),
            self.ends.into(),
            self.due.into(),
            self.tries.into(),
            self.sent.into(),
            self.ticket.into(),
            i64::from(self.leased).into(),
            i64::from(self.again).into(),
            seal.into(),
        ]
    }

    /// Its own hash.
    pub(crate) fn seal(&self) -> Seal {
        Sealer::new("subscription")
            .octets(self.name.as_bytes())
            .number(self.mailbox)
            .octets(self.target.as_bytes())
            .number(i64::from(self.confirmed))
            .maybe_number(self.ends)
            .maybe_number(self.due)
            .number(self.tries)
            .maybe_number(self.sent)
            .number(self.ticket)
            .number(i64::from(self.leased))
            .number(i64::from(self.again))
            .finish()
    }

    /// For its mailbox's owner.
    pub(crate) fn state(&self, mailbox: MailboxId) -> SubscriptionState {
        SubscriptionState {
            subscription: self.subscription(mailbox),
            sent: self.sent.map(UnixMillis),
            due: self.due.map(UnixMillis),
            tries: u32::try_from(self.tries).unwrap_or(u32::MAX),
        }
    }

    /// Who is told of what.
    pub(crate) fn subscription(&self, mailbox: MailboxId) -> Subscription {
        let (id, target, confirmed) = (self.name, self.target.clone(), self.confirmed);
        Subscription { id, mailbox, target, confirmed }
    }
}

/// Yes or no, as 1 or 0.
fn flag(row: &dyn Fields, column: usize) -> Result<bool, Fault> {
    match row.number(column)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(damaged("a yes or no is neither", None)),
    }
}

fn text(octets: &[u8]) -> Result<String, Fault> {
    let text = std::str::from_utf8(octets);
    text.map(str::to_owned).map_err(|_| damaged("a text is not UTF-8", None))
}
