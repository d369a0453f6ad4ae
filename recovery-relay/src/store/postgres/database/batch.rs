//! What a batch will need, read and locked at once; and what it writes, written at once.
//!
//! Rows are locked in the order of their names, so that two processes wait for each other but never in a circle,
//! where that can be known beforehand.

use super::{Fetched, Postgres};
use crate::store::postgres::connect::{Session, Trouble};
use crate::store::sql::Fault;
use crate::store::sql::database::Fields;
use crate::store::sql::rows::{MailboxRow, MessageRow, Seal};
use crate::store::{Body, Right, Write};
use futures_util::future::{try_join, try_join3};
use recovery_core::ids::MailboxId;
use std::collections::{BTreeSet, HashMap, HashSet};
use tokio_postgres::types::ToSql;

/// What was read for the batch.
#[derive(Default)]
pub(in crate::store::postgres) struct Loaded {
    mailboxes: HashMap<MailboxId, Result<Option<MailboxRow>, Fault>>,
    messages: HashMap<(i64, [u8; 32]), Result<MessageRow, Fault>>,
    /// What was looked for, whether it was there or not.
    looked_for: HashSet<(i64, [u8; 32])>,
}

impl Loaded {
    /// A mailbox's record, if it was read and not yet given away.
    pub(super) fn take_mailbox(
        &mut self,
        name: &MailboxId,
    ) -> Option<Result<Option<MailboxRow>, Fault>> {
        self.mailboxes.remove(name)
    }

    /// A message, if that is known; `Some(Ok(None))` if there is none for certain.
    pub(super) fn message(
        &mut self,
        mailbox: i64,
        hash: &[u8],
    ) -> Option<Result<Option<MessageRow>, Fault>> {
        let key = (mailbox, hash.try_into().ok()?);
        if !self.looked_for.contains(&key) {
            return None;
        }
        Some(match self.messages.get(&key) {
            None => Ok(None),
            Some(Ok(row)) => Ok(Some(*row)),
            Some(Err(Fault::Damaged(damage))) => Err(Fault::Damaged(damage.clone())),
            Some(Err(_)) => return None,
        })
    }

    /// A message that was deleted is no longer remembered.
    pub(super) fn forget(&mut self, mailbox: i64, seq: i64) {
        self.messages.retain(|_, row| match row {
            Ok(row) => row.mailbox != mailbox || row.seq != Some(seq) || row.gone.is_none(),
            Err(_) => true,
        });
    }

    pub(super) fn forget_messages(&mut self) {
        self.messages.clear();
        self.looked_for.clear();
    }
}

/// What is to be written.
#[derive(Default)]
pub(in crate::store::postgres) struct Pending {
    forgotten: Vec<(i64, i64)>,
    messages: Vec<(MessageRow, Body)>,
    places: HashMap<(i64, [u8; 32]), usize>,
    mailboxes: Vec<MailboxRow>,
}

impl Pending {
    pub(super) fn message(&self, mailbox: i64, hash: &[u8]) -> Option<MessageRow> {
        let place = self.places.get(&(mailbox, hash.try_into().ok()?))?;
        self.messages.get(*place).map(|(row, _)| *row)
    }

    pub(super) fn insert(&mut self, row: MessageRow, body: Body) {
        self.places.insert((row.mailbox, row.hash), self.messages.len());
        self.messages.push((row, body));
    }

    pub(super) fn forget(&mut self, mailbox: i64, seq: i64) {
        self.forgotten.push((mailbox, seq));
    }

    pub(super) fn save(&mut self, rows: &[MailboxRow]) {
        self.mailboxes.extend_from_slice(rows);
    }
}

impl Postgres<'_> {
    /// Reads and locks what these writes will ask for.
    pub(in crate::store::postgres) fn load(&mut self, writes: &[Write]) -> Result<(), Fault> {
        let mailboxes: BTreeSet<_> = writes.iter().filter_map(named_mailbox).collect();
        let posts: Vec<_> = writes.iter().filter_map(posted).collect();
        let slots: BTreeSet<_> = writes.iter().filter_map(named_slot).collect();
        let session = self.session;
        let loading = async {
            try_join(lock_mailboxes(session, &mailboxes, &posts), lock_slots(session, &slots)).await
        };
        let loaded = self.handle.block_on(loading);
        let ((rows, found), slot_passes) = self.noted(loaded)?;
        let mut passes: BTreeSet<Vec<u8>> = slot_passes.into_iter().collect();
        passes.extend(writes.iter().filter_map(named_pass));
        for row in rows.into_iter().map(Fetched) {
            let row: &dyn Fields = &row;
            let name = MailboxId::new(row.array(1)?);
            let row = MailboxRow::read(row);
            passes.extend(row.iter().filter_map(|row| row.pass).map(Vec::from));
            self.loaded.mailboxes.insert(name, row.map(Some));
        }
        for name in mailboxes {
            self.loaded.mailboxes.entry(name).or_insert(Ok(None));
        }
        let known = &self.loaded.mailboxes;
        let id =
            |name| known.get(name).and_then(|row| row.as_ref().ok()?.as_ref()).map(|row| row.id);
        let looked_for = posts.iter().filter_map(|(name, hash)| Some((id(name)?, *hash)));
        self.loaded.looked_for = looked_for.collect();
        for row in found.into_iter().map(Fetched) {
            let row: &dyn Fields = &row;
            self.loaded.messages.insert((row.number(0)?, row.array(7)?), MessageRow::read(row));
        }
        let locked = self.handle.block_on(lock_passes(self.session, &passes));
        self.noted(locked)
    }

    /// Writes what waits of messages, so that statements find it.
    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        let (forgotten, messages) = (
            std::mem::take(&mut self.pending.forgotten),
            std::mem::take(&mut self.pending.messages),
        );
        self.pending.places.clear();
        if forgotten.is_empty() && messages.is_empty() {
            return Ok(());
        }
        self.loaded.forget_messages();
        let session = self.session;
        let written = self.handle.block_on(async {
            forget(session, &forgotten).await?;
            insert(session, &messages).await
        });
        self.noted(written)
    }

    /// Writes everything that waits and commits, in one flight.
    pub(in crate::store::postgres) fn commit(&mut self) -> Result<(), Fault> {
        let pending = std::mem::take(&mut self.pending);
        let session = self.session;
        let committed = self.handle.block_on(async {
            let written = try_join3(
                forget(session, &pending.forgotten),
                insert(session, &pending.messages),
                update(session, &pending.mailboxes),
            );
            written.await?;
            session.simple("COMMIT").await
        });
        self.noted(committed)
    }
}

fn named_mailbox(write: &Write) -> Option<MailboxId> {
    match write {
        Write::OpenMailbox { id, .. } | Write::CloseMailbox { id } => Some(*id),
        Write::Post { mailbox, .. } | Write::DeleteMessage { mailbox, .. } => Some(*mailbox),
        Write::Subscribe(subscription) => Some(subscription.mailbox),
        _ => None,
    }
}

fn posted(write: &Write) -> Option<(MailboxId, [u8; 32])> {
    match write {
        Write::Post { mailbox, body, .. } => Some((*mailbox, *body.hash())),
        _ => None,
    }
}

fn named_slot(write: &Write) -> Option<[u8; 32]> {
    match write {
        Write::PutSlot { id, .. } | Write::DeleteSlot { id } => Some(*id.as_bytes()),
        _ => None,
    }
}

fn named_pass(write: &Write) -> Option<Vec<u8>> {
    match write {
        Write::OpenMailbox { right: Right::Pass(id), .. }
        | Write::PutSlot { right: Right::Pass(id), .. }
        | Write::AddPass { parent: Some(id), .. }
        | Write::RevokePass { id } => Some(id.as_bytes().to_vec()),
        _ => None,
    }
}

type Rows = Vec<tokio_postgres::Row>;

/// Locks mailboxes, then looks for the messages: only then is what is found there to stay.
async fn lock_mailboxes(
    session: &Session,
    mailboxes: &BTreeSet<MailboxId>,
    posts: &[(MailboxId, [u8; 32])],
) -> Result<(Rows, Rows), Trouble> {
    let names: Vec<&[u8]> = mailboxes.iter().map(|name| name.as_bytes().as_slice()).collect();
    if names.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let sql = "SELECT id, name, last_seq, messages, octets, ends, session, pass, subscribers, \
        seal FROM mailboxes WHERE name = ANY($1) ORDER BY name FOR UPDATE";
    let boxes: Vec<&[u8]> = posts.iter().map(|(name, _)| name.as_bytes().as_slice()).collect();
    let hashes: Vec<&[u8]> = posts.iter().map(|(_, hash)| hash.as_slice()).collect();
    let find = "SELECT s.mailbox, s.seq, s.posted, s.due, s.hold_a, s.hold_b, s.gone, s.hash, \
        s.seal FROM UNNEST($1::BYTEA[], $2::BYTEA[]) AS q (name, hash) \
        JOIN mailboxes m ON m.name = q.name JOIN messages s ON s.mailbox = m.id AND s.hash = q.hash";
    // Prepared beforehand, so that both go out together and arrive in this order.
    session.prepared(sql).await?;
    session.prepared(find).await?;
    let names: [&(dyn ToSql + Sync); 1] = [&names];
    let pairs: [&(dyn ToSql + Sync); 2] = [&boxes, &hashes];
    let found = async {
        match boxes.is_empty() {
            true => Ok(Vec::new()),
            false => session.query(find, &pairs).await,
        }
    };
    try_join(session.query(sql, &names), found).await
}

/// Locks slots; the passes they were made with.
async fn lock_slots(
    session: &Session,
    slots: &BTreeSet<[u8; 32]>,
) -> Result<Vec<Vec<u8>>, Trouble> {
    if slots.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&[u8]> = slots.iter().map(<[u8; 32]>::as_slice).collect();
    let sql = "SELECT pass FROM slots WHERE name = ANY($1) ORDER BY name FOR UPDATE";
    let rows = session.query(sql, &[&names]).await?;
    let passes: Result<Vec<Option<Vec<u8>>>, _> = rows.iter().map(|row| row.try_get(0)).collect();
    Ok(passes?.into_iter().flatten().collect())
}

/// Locks passes and those they were made out of.
async fn lock_passes(session: &Session, passes: &BTreeSet<Vec<u8>>) -> Result<(), Trouble> {
    if passes.is_empty() {
        return Ok(());
    }
    let names: Vec<&[u8]> = passes.iter().map(Vec::as_slice).collect();
    let sql = "SELECT name FROM passes WHERE name = ANY($1) \
        OR name IN (SELECT parent FROM passes WHERE name = ANY($1)) ORDER BY name FOR UPDATE";
    session.query(sql, &[&names]).await.map(drop)
}

async fn forget(session: &Session, forgotten: &[(i64, i64)]) -> Result<(), Trouble> {
    if forgotten.is_empty() {
        return Ok(());
    }
    let (mailboxes, seqs): (Vec<i64>, Vec<i64>) = forgotten.iter().copied().unzip();
    let sql = "DELETE FROM messages s USING UNNEST($1::BIGINT[], $2::BIGINT[]) AS q (mailbox, seq) \
        WHERE s.mailbox = q.mailbox AND s.seq = q.seq AND s.gone IS NOT NULL";
    session.execute(sql, &[&mailboxes, &seqs]).await.map(drop)
}

async fn insert(session: &Session, messages: &[(MessageRow, Body)]) -> Result<(), Trouble> {
    if messages.is_empty() {
        return Ok(());
    }
    let seals: Vec<Seal> = messages.iter().map(|(row, _)| row.seal()).collect();
    let numbers = |of: fn(&MessageRow) -> i64| messages.iter().map(|(row, _)| of(row)).collect();
    let maybe =
        |of: fn(&MessageRow) -> Option<i64>| messages.iter().map(|(row, _)| of(row)).collect();
    let (mailbox, posted): (Vec<i64>, Vec<i64>) =
        (numbers(|row| row.mailbox), numbers(|row| row.posted));
    let (seq, due): (Vec<Option<i64>>, Vec<Option<i64>>) =
        (maybe(|row| row.seq), maybe(|row| row.due));
    let hold_a: Vec<Option<&[u8]>> =
        messages.iter().map(|(row, _)| row.hold_a.as_ref().map(<[u8; 32]>::as_slice)).collect();
    let hold_b: Vec<Option<&[u8]>> =
        messages.iter().map(|(row, _)| row.hold_b.as_ref().map(<[u8; 32]>::as_slice)).collect();
    let hash: Vec<&[u8]> = messages.iter().map(|(row, _)| row.hash.as_slice()).collect();
    let seal: Vec<&[u8]> = seals.iter().map(Seal::as_slice).collect();
    let body: Vec<&[u8]> = messages.iter().map(|(_, body)| body.octets().as_ref()).collect();
    let sql = "INSERT INTO messages (mailbox, seq, posted, due, hold_a, hold_b, hash, seal, body) \
        SELECT * FROM UNNEST($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::BYTEA[], \
        $6::BYTEA[], $7::BYTEA[], $8::BYTEA[], $9::BYTEA[])";
    let values: [&(dyn ToSql + Sync); 9] =
        [&mailbox, &seq, &posted, &due, &hold_a, &hold_b, &hash, &seal, &body];
    session.execute(sql, &values).await.map(drop)
}

async fn update(session: &Session, rows: &[MailboxRow]) -> Result<(), Trouble> {
    if rows.is_empty() {
        return Ok(());
    }
    let seals: Vec<Seal> = rows.iter().map(MailboxRow::seal).collect();
    let numbers = |of: fn(&MailboxRow) -> i64| rows.iter().map(of).collect::<Vec<i64>>();
    let ends: Vec<Option<i64>> = rows.iter().map(|row| row.ends).collect();
    let pass: Vec<Option<&[u8]>> =
        rows.iter().map(|row| row.pass.as_ref().map(<[u8; 32]>::as_slice)).collect();
    let seal: Vec<&[u8]> = seals.iter().map(Seal::as_slice).collect();
    let sql = "UPDATE mailboxes m SET last_seq = q.last_seq, messages = q.messages, \
        octets = q.octets, ends = q.ends, session = q.session, pass = q.pass, \
        subscribers = q.subscribers, seal = q.seal \
        FROM UNNEST($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], \
        $6::BIGINT[], $7::BYTEA[], $8::BIGINT[], $9::BYTEA[]) \
        AS q (id, last_seq, messages, octets, ends, session, pass, subscribers, seal) \
        WHERE m.id = q.id";
    let values: [&(dyn ToSql + Sync); 9] = [
        &numbers(|row| row.id),
        &numbers(|row| row.last_seq),
        &numbers(|row| row.messages),
        &numbers(|row| row.octets),
        &ends,
        &numbers(|row| row.session),
        &pass,
        &numbers(|row| row.subscribers),
        &seal,
    ];
    session.execute(sql, &values).await.map(drop)
}
