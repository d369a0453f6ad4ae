//! What only a store on disk can suffer: damage, no room, wrong files, unclean stops.

mod flips;

use super::SqliteStore;
use super::open::OpenError;
use crate::store::conformance::{T0, body, mailbox, open, post};
use crate::store::{Condition, Done, Hold, Query, Quota, Refusal, Right, Store, StoreError, Write};
use recovery_core::ids::{HoldId, SlotId};
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("relay.db")
    }

    fn open(&self) -> Result<SqliteStore, OpenError> {
        SqliteStore::open(&self.path(), Quota::default())
    }

    /// Changes the closed file behind the store's back.
    fn tamper(&self, sql: &str) {
        let connection = Connection::open(self.path()).unwrap();
        assert!(connection.execute(sql, []).unwrap() > 0, "{sql}");
    }
}

fn read(store: &SqliteStore, after: u64) -> Result<Option<Vec<u64>>, StoreError> {
    let query = Query { mailbox: mailbox(1), after, limit: 100, octets: usize::MAX };
    let page = store.messages(&query, T0)?;
    Ok(page.map(|page| page.messages.iter().map(|message| message.seq).collect()))
}

/// A closed store with mailbox 1 and its messages 1 to 3, a held one, a slot and a veto.
fn furnished() -> Place {
    let place = Place::new();
    let store = place.open().unwrap();
    let hold = Hold { first: HoldId::new([1; 32]), second: None, millis: 10 };
    let slot = Write::PutSlot {
        id: SlotId::new([1; 32]),
        body: body("slot"),
        condition: Condition::Absent,
        ttl_millis: None,
        right: Right::Open,
    };
    let batch = [
        open(1),
        post(1, "one"),
        post(1, "two"),
        post(1, "three"),
        Write::Post { mailbox: mailbox(1), body: body("held"), hold: Some(hold) },
        slot,
        Write::Veto { hold: HoldId::new([2; 32]), mailbox: None },
    ];
    assert!(store.apply(&batch, T0).unwrap().iter().all(Result::is_ok));
    store.close().unwrap();
    place
}

fn is_damaged<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Option<u64> {
    match result {
        Err(StoreError::Damaged(damage)) => damage.seq,
        other => panic!("served: {other:?}"),
    }
}

#[test]
fn everything_is_there_after_opening_again() {
    let place = furnished();
    let store = place.open().unwrap();
    let epoch = store.epoch();
    assert_eq!(read(&store, 0).unwrap().unwrap(), [1, 2, 3]);
    assert_eq!(store.next_due().unwrap(), Some(T0.plus(10)));
    assert!(store.slot(&SlotId::new([1; 32]), T0).unwrap().is_some());
    drop(store);
    assert_eq!(place.open().unwrap().epoch(), epoch, "also after an unclean stop");
}

#[test]
fn a_damaged_message_is_named_and_never_served() {
    for tamper in [
        "UPDATE messages SET body = x'00' WHERE seq = 2",
        "UPDATE messages SET posted = posted + 1 WHERE seq = 2",
        "UPDATE messages SET hash = zeroblob(32) WHERE seq = 2",
        "UPDATE messages SET seal = zeroblob(16) WHERE seq = 2",
        "UPDATE messages SET due = 5 WHERE seq = 2",
    ] {
        let place = furnished();
        place.tamper(tamper);
        let store = place.open().unwrap();
        assert_eq!(read(&store, 0).unwrap().unwrap(), [1], "{tamper}");
        assert_eq!(is_damaged(read(&store, 1)), Some(2), "{tamper}");
        assert_eq!(read(&store, 2).unwrap().unwrap(), [3], "{tamper}");
        let delete = Write::DeleteMessage { mailbox: mailbox(1), seq: 2 };
        assert_eq!(store.apply(&[delete], T0).unwrap(), [Ok(Done::Gone)]);
        assert_eq!(read(&store, 0).unwrap().unwrap(), [1, 3], "{tamper}");
    }
}

#[test]
fn a_value_of_another_type_is_damage() {
    for tamper in [
        "UPDATE messages SET body = 7 WHERE seq = 1",
        "UPDATE messages SET posted = 'x' WHERE seq = 1",
        "UPDATE messages SET hash = x'00' WHERE seq = 1",
        "UPDATE mailboxes SET last_seq = 'x'",
        "UPDATE mailboxes SET seal = x'01'",
    ] {
        let place = furnished();
        place.tamper(tamper);
        is_damaged(read(&place.open().unwrap(), 0));
    }
}

#[test]
fn a_damaged_mailbox_answers_nothing_but_its_removal() {
    for column in ["last_seq", "messages", "octets"] {
        let place = furnished();
        place.tamper(&format!("UPDATE mailboxes SET {column} = {column} + 1"));
        let store = place.open().unwrap();
        is_damaged(read(&store, 0));
        let refused = store.apply(&[post(1, "four"), open(2), open(1)], T0).unwrap();
        let new = Ok(Done::Opened { new: true });
        assert_eq!(refused, [Err(Refusal::Damaged), new, Err(Refusal::Damaged)], "{column}");
        let close = Write::CloseMailbox { id: mailbox(1) };
        assert_eq!(store.apply(&[close, open(1)], T0).unwrap()[1], Ok(Done::Opened { new: true }));
    }
}

#[test]
fn a_damaged_held_message_stays_hidden_and_holds_up_no_other() {
    let place = furnished();
    let store = place.open().unwrap();
    let hold = Hold { first: HoldId::new([1; 32]), second: None, millis: 10 };
    let sound = Write::Post { mailbox: mailbox(1), body: body("sound"), hold: Some(hold) };
    store.apply(&[sound], T0).unwrap();
    store.close().unwrap();
    drop(store);
    place.tamper(
        "UPDATE messages SET due = due - 5 WHERE seq IS NULL AND hash = (
        SELECT hash FROM messages WHERE seq IS NULL ORDER BY id LIMIT 1)",
    );
    let store = place.open().unwrap();
    let done = store.apply(&[Write::Release], T0.plus(10)).unwrap().remove(0).unwrap();
    assert_eq!(done, Done::Released { mailboxes: vec![mailbox(1)], more: false });
    assert_eq!(read(&store, 0).unwrap().unwrap(), [1, 2, 3, 4]);
    assert_eq!(store.next_due().unwrap(), None, "it is not tried again");
}

#[test]
fn a_damaged_slot_or_veto_is_not_believed() {
    let place = furnished();
    place.tamper("UPDATE slots SET body = x'00'");
    place.tamper("UPDATE vetoes SET ends = 0");
    let store = place.open().unwrap();
    let id = SlotId::new([1; 32]);
    is_damaged(store.slot(&id, T0));
    assert_eq!(store.apply(&[Write::DeleteSlot { id }], T0).unwrap(), [Ok(Done::Gone)]);
    assert_eq!(store.slot(&id, T0).unwrap(), None);
    let hold = Hold { first: HoldId::new([2; 32]), second: None, millis: 10 };
    let post = Write::Post { mailbox: mailbox(1), body: body("x"), hold: Some(hold) };
    assert_eq!(store.apply(&[post], T0).unwrap(), [Err(Refusal::Damaged)]);
}

#[test]
fn a_full_disk_refuses_and_spoils_nothing() {
    let place = furnished();
    let store = place.open().unwrap();
    let limit = |pages: i64| {
        let writer = store.writer.lock().unwrap();
        let pragma = format!("PRAGMA max_page_count = {pages}");
        writer.as_ref().unwrap().query_row(&pragma, [], |_| Ok(())).unwrap();
    };
    limit(1);
    let large = "x".repeat(60_000);
    assert_eq!(store.apply(&[open(2), post(1, &large)], T0), Err(StoreError::Full));
    assert_eq!(read(&store, 0).unwrap().unwrap(), [1, 2, 3]);
    limit(1_000_000);
    let outcomes = store.apply(&[open(2), post(1, &large)], T0).unwrap();
    assert_eq!(outcomes[0], Ok(Done::Opened { new: true }), "nothing of the batch was left");
    assert_eq!(read(&store, 0).unwrap().unwrap(), [1, 2, 3, 4]);
}

#[test]
fn a_second_relay_is_refused() {
    let place = Place::new();
    let store = place.open().unwrap();
    assert!(matches!(place.open(), Err(OpenError::Locked(_))));
    #[cfg(unix)]
    {
        let alias = place.folder.path().join("alias.db");
        std::os::unix::fs::symlink(place.path(), &alias).unwrap();
        let second = SqliteStore::open(&alias, Quota::default());
        assert!(matches!(second, Err(OpenError::Locked(_))), "under another name, too");
    }
    drop(store);
    assert!(place.open().is_ok());
}

#[test]
fn other_files_are_left_alone() {
    let place = Place::new();
    for content in [&b""[..], b"short", &[7; 100_000]] {
        fs::write(place.path(), content).unwrap();
        assert!(matches!(place.open(), Err(OpenError::NotAStore(_))), "{}", content.len());
        assert_eq!(fs::read(place.path()).unwrap(), content);
    }
    fs::remove_file(place.path()).unwrap();
    Connection::open(place.path()).unwrap().execute("CREATE TABLE t (x)", []).unwrap();
    assert!(matches!(place.open(), Err(OpenError::NotAStore(_))));
    fs::remove_file(place.path()).unwrap();
    fs::create_dir(place.path()).unwrap();
    assert!(matches!(place.open(), Err(OpenError::NotAStore(_))));
}

#[test]
fn a_newer_layout_is_refused() {
    let place = furnished();
    let connection = Connection::open(place.path()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert!(matches!(place.open(), Err(OpenError::Newer { found: 99, .. })));
}

#[test]
fn a_log_without_its_store_is_not_applied_to_a_new_one() {
    let place = Place::new();
    fs::write(place.folder.path().join("relay.db-wal"), b"old").unwrap();
    assert!(matches!(place.open(), Err(OpenError::Orphan(_))));
}

#[test]
fn what_an_earlier_start_left_is_swept_away() {
    let place = Place::new();
    for name in ["relay.db.new", "relay.db.new-journal"] {
        fs::write(place.folder.path().join(name), b"half").unwrap();
    }
    assert!(place.open().is_ok());
    assert!(!place.folder.path().join("relay.db.new").exists());
}

#[cfg(unix)]
#[test]
fn only_its_user_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let nested = place.folder.path().join("a/b/relay.db");
    let store = SqliteStore::open(&nested, Quota::default()).unwrap();
    store.apply(&[open(1)], T0).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(nested.parent().unwrap()), 0o700);
    for file in fs::read_dir(nested.parent().unwrap()).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

/// A store of layout 1 is brought up to date, and what it was stays beside it.
#[test]
fn an_older_layout_is_brought_up_to_date() {
    let place = furnished();
    let store = place.open().unwrap();
    store.apply(&[Write::DeleteMessage { mailbox: mailbox(1), seq: 2 }], T0).unwrap();
    store.close().unwrap();
    drop(store);
    to_layout_1(&place.path());
    assert!(matches!(
        SqliteStore::beside(&place.path(), Quota::default()),
        Err(OpenError::Older { found: 1, .. })
    ));
    let store = place.open().unwrap();
    assert_eq!(read(&store, 0).unwrap().unwrap(), [1, 3]);
    let again = store.apply(&[post(1, "two"), post(1, "four")], T0).unwrap();
    assert!(matches!(again[0], Ok(Done::Posted { repeated: true, .. })), "{again:?}");
    let mut bad = Vec::new();
    assert_eq!(store.verify(&mut |found| bad.push(found)).unwrap().bad, 0, "{bad:?}");
    assert!(place.folder.path().join("relay.db.layout-1").exists());
}

/// Takes away what layout 2 brought.
fn to_layout_1(path: &Path) {
    let connection = Connection::open(path).unwrap();
    let sealed = "SELECT mailbox, seq, posted, due, hold_a, hold_b, NULL, hash FROM messages
        WHERE gone IS NOT NULL";
    let row = connection.query_row(sealed, [], |row| {
        Ok(crate::store::sql::rows::MessageRow {
            mailbox: row.get(0)?,
            seq: row.get(1)?,
            posted: row.get(2)?,
            due: row.get(3)?,
            hold_a: row.get(4)?,
            hold_b: row.get(5)?,
            gone: None,
            hash: row.get(7)?,
        })
    });
    let seal = row.unwrap().seal();
    connection.execute("UPDATE messages SET seal = ?1 WHERE gone IS NOT NULL", [seal]).unwrap();
    connection
        .execute_batch(
            "ALTER TABLE mailboxes DROP COLUMN session; ALTER TABLE mailboxes DROP COLUMN pass;
            ALTER TABLE mailboxes DROP COLUMN subscribers; ALTER TABLE slots DROP COLUMN session;
            ALTER TABLE slots DROP COLUMN pass; DROP TABLE passes; DROP TABLE subscriptions;
            DELETE FROM meta WHERE name = 'epoch_seal'; PRAGMA user_version = 1;",
        )
        .unwrap();
}
