//! Reads and hashes everything, and holds the records against each other.

use super::Fault;
use super::database::Fields;
use super::rows::{
    MailboxRow, MessageRow, PassRow, SlotRow, SubscriptionRow, VetoRow, check_body, damaged,
};
use super::tables::{Owned, TABLES, Table, Values, Walk};
use crate::store::{Bad, Checked, PassQuota, Right};
use recovery_core::ids::PassId;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Checks all records; tells of each that is damaged.
pub(crate) fn verify(db: &mut impl Walk, tell: &mut dyn FnMut(Bad)) -> Result<Checked, Fault> {
    let mut check = Check { tell, done: Checked::default(), counts: Counts::default() };
    for table in &TABLES {
        check.table(db, table)?;
    }
    check.compare();
    Ok(check.done)
}

/// What was found in the records, to be held against what they say of each other.
#[derive(Default)]
struct Counts {
    mailboxes: HashMap<i64, Contents>,
    passes: HashMap<PassId, (Values, PassQuota, PassQuota)>,
}

/// A mailbox, and what was found in it.
struct Contents {
    row: MailboxRow,
    values: Values,
    messages: i64,
    octets: i64,
    subscribers: i64,
    last_seq: i64,
}

struct Check<'a> {
    tell: &'a mut dyn FnMut(Bad),
    done: Checked,
    counts: Counts,
}

impl Check<'_> {
    fn table(&mut self, db: &mut impl Walk, table: &Table) -> Result<(), Fault> {
        let mut after = None;
        loop {
            let page = match db.page(table, after.as_ref()) {
                Ok(page) => page,
                Err(Fault::Damaged(damage)) => {
                    self.bad("file", &Vec::new(), &format!("{}: {damage}", table.name));
                    return Ok(());
                }
                Err(fault) => return Err(fault),
            };
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            // In a file whose order is damaged a walk could go in circles.
            if after.as_ref().is_some_and(|after| !is_after(last, after)) {
                self.bad("file", &Vec::new(), &format!("{}: out of order", table.name));
                return Ok(());
            }
            after = Some(last.clone());
            for (_, values) in page {
                self.done.records += 1;
                match self.record(table, &values) {
                    Ok(()) => {}
                    Err(Fault::Damaged(damage)) => self.bad(table.kind, &values, &damage.what),
                    Err(fault) => return Err(fault),
                }
            }
        }
    }

    fn record(&mut self, table: &Table, values: &Values) -> Result<(), Fault> {
        match table.name {
            "passes" => self.pass(values),
            "mailboxes" => self.mailbox(values),
            "subscriptions" => self.subscription(values),
            "vetoes" => VetoRow::read(values).map(drop),
            "slots" => self.slot(values),
            _ => self.message(values),
        }
    }

    fn pass(&mut self, values: &Values) -> Result<(), Fault> {
        let PassRow { pass } = PassRow::read(values)?;
        if let Some(parent) = pass.parent {
            self.count(Right::Pass(parent), pass.quota);
        }
        let found =
            self.counts.passes.remove(&pass.id).map_or_else(PassQuota::default, |seen| seen.2);
        self.counts.passes.insert(pass.id, (values.clone(), pass.used, found));
        Ok(())
    }

    fn mailbox(&mut self, values: &Values) -> Result<(), Fault> {
        let row = MailboxRow::read(values)?;
        // What a message takes is counted below; here only that there is a mailbox.
        self.count(row.right(), PassQuota { mailboxes: 1, ..PassQuota::default() });
        let values = values.clone();
        let contents =
            Contents { row, values, messages: 0, octets: 0, subscribers: 0, last_seq: 0 };
        self.counts.mailboxes.insert(row.id, contents);
        Ok(())
    }

    fn subscription(&mut self, values: &Values) -> Result<(), Fault> {
        let row = SubscriptionRow::read(values)?;
        let mailbox = self.counts.mailboxes.get_mut(&row.mailbox);
        mailbox.ok_or_else(|| damaged("subscription: without a mailbox", None))?.subscribers += 1;
        Ok(())
    }

    fn slot(&mut self, values: &Values) -> Result<(), Fault> {
        let row = SlotRow::read(values)?;
        let body = values.octets(7)?;
        self.done.octets += body.len() as u64;
        check_body(body, &row.hash, None)?;
        self.count(row.right(), PassQuota { mailboxes: 0, slots: 1, octets: body.len() as u64 });
        Ok(())
    }

    fn message(&mut self, values: &Values) -> Result<(), Fault> {
        let in_order = [0, 3, 4, 5, 6, 7, 8, 1, 9];
        let columns = in_order.iter().map(|at| values.get(*at).cloned().unwrap_or(Owned::Null));
        let row = MessageRow::read(&columns.collect::<Values>())?;
        let body = values.octets(10)?;
        self.done.octets += body.len() as u64;
        match row.gone {
            None => check_body(body, &row.hash, row.seq)?,
            Some(_) if !body.is_empty() => {
                return Err(damaged("message: deleted, and there", None));
            }
            Some(_) => {}
        }
        let mailbox = self.counts.mailboxes.get_mut(&row.mailbox);
        let mailbox = mailbox.ok_or_else(|| damaged("message: without a mailbox", None))?;
        if row.gone.is_none() {
            mailbox.messages += 1;
            mailbox.octets += body.len() as i64;
        }
        mailbox.last_seq = mailbox.last_seq.max(row.seq.unwrap_or(0));
        let right = mailbox.row.right();
        self.count(right, PassQuota { octets: body.len() as u64, ..PassQuota::default() });
        row.answer().map(drop)
    }

    /// Adds up what is there under a pass.
    fn count(&mut self, right: Right, more: PassQuota) {
        if let Right::Pass(id) = right {
            let missing = || (Vec::new(), PassQuota::default(), PassQuota::default());
            let (_, _, found) = self.counts.passes.entry(id).or_insert_with(missing);
            found.mailboxes += more.mailboxes;
            found.slots += more.slots;
            found.octets += more.octets;
        }
    }

    /// Holds what records say of others against those.
    fn compare(&mut self) {
        let mut bad: Vec<(&str, Values, &str)> = Vec::new();
        for contents in std::mem::take(&mut self.counts.mailboxes).into_values() {
            let Contents { row, values, messages, octets, subscribers, last_seq } = contents;
            if (row.messages, row.octets) != (messages, octets) {
                bad.push(("mailbox", values, "it counts other messages than there are"));
            } else if row.subscribers != subscribers {
                bad.push(("mailbox", values, "it counts other subscriptions than there are"));
            } else if row.last_seq < last_seq {
                bad.push(("mailbox", values, "it has a message from after its last one"));
            }
        }
        for (values, used, found) in std::mem::take(&mut self.counts.passes).into_values() {
            if values.is_empty() {
                bad.push(("pass", values, "it is missing, and something was opened with it"));
            } else if used != found {
                bad.push(("pass", values, "it counts other things than were opened with it"));
            }
        }
        for (kind, values, what) in bad {
            self.bad(kind, &values, what);
        }
    }

    fn bad(&mut self, kind: &'static str, values: &Values, what: &str) {
        self.done.bad += 1;
        let mut hash = Sha256::new();
        for value in values.iter().take(2) {
            match value {
                Owned::Number(number) => hash.update(number.to_be_bytes()),
                Owned::Octets(octets) => hash.update(octets),
                Owned::Null | Owned::Other(_) => {}
            }
        }
        let name = hash.finalize().iter().take(6).map(|octet| format!("{octet:02x}")).collect();
        (self.tell)(Bad { kind, name, what: what.to_owned() });
    }
}

/// Whether one place comes after another.
fn is_after(one: &[Owned], other: &[Owned]) -> bool {
    let order = |value: &Owned| match value {
        Owned::Number(number) => (Some(*number), None),
        Owned::Octets(octets) => (None, Some(octets.clone())),
        Owned::Null | Owned::Other(_) => (None, None),
    };
    one.iter().map(order).gt(other.iter().map(order))
}
