//! What only a store on disk can suffer: damage, no room, wrong files, unclean stops.

use super::SqliteStore;
use super::open::OpenError;
use crate::clock::UnixMillis;
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

/// Draws numbers from a seed, the same on every machine.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % end
    }
}

/// Opens a file that was changed, and reads all there is: what is served must be what was stored.
fn survey(path: &Path, full: &[(u64, Vec<u8>)]) -> &'static str {
    let Ok(store) = SqliteStore::open(path, Quota::default()) else {
        return "refused";
    };
    let mut served = Vec::new();
    let mut outcome = "served";
    let mut after = 0;
    loop {
        let query = Query { mailbox: mailbox(1), after, limit: 10, octets: usize::MAX };
        match store.messages(&query, UnixMillis(T0.0)) {
            Ok(Some(page)) if page.messages.is_empty() => break,
            Ok(Some(page)) => {
                after = page.messages.last().map_or(after, |message| message.seq);
                served.extend(page.messages.into_iter().map(|m| (m.seq, m.body.to_vec())));
            }
            Ok(None) => return "lost",
            Err(StoreError::Damaged(damage)) => {
                outcome = "named";
                match damage.seq {
                    Some(seq) if seq > after => after = seq,
                    _ => break,
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
    for message in &served {
        assert!(full.contains(message), "a changed message was served");
    }
    assert!(served.windows(2).all(|pair| pair[0].0 < pair[1].0));
    match outcome == "served" && served.len() < full.len() {
        true => "lost",
        false => outcome,
    }
}

/// A closed file with 100 messages, and these.
fn hundred() -> (Place, Vec<(u64, Vec<u8>)>) {
    let place = Place::new();
    let store = place.open().unwrap();
    let text = |n: u64| format!("{n:04} {}", "text ".repeat(100));
    let mut batch = vec![open(1)];
    batch.extend((1..=100).map(|n| post(1, &text(n))));
    store.apply(&batch, T0).unwrap();
    store.close().unwrap();
    (place, (1..=100).map(|n| (n, text(n).into_bytes())).collect())
}

#[test]
fn no_flipped_bit_is_served() {
    let (place, full) = hundred();
    let sound = fs::read(place.path()).unwrap();
    let mut counts = std::collections::BTreeMap::new();
    let mut draws = Draws(1);
    for _ in 0..400 {
        let mut file = sound.clone();
        let bit = draws.below(file.len() * 8);
        file[bit / 8] ^= 1 << (bit % 8);
        fs::write(place.path(), file).unwrap();
        *counts.entry(survey(&place.path(), &full)).or_insert(0) += 1;
    }
    println!("400 flipped bits: {counts:?}");
}

#[test]
fn no_zeroed_page_and_no_truncation_is_served() {
    let (place, full) = hundred();
    let sound = fs::read(place.path()).unwrap();
    let mut counts = std::collections::BTreeMap::new();
    for page in 0..sound.len() / 4_096 {
        let mut file = sound.clone();
        file[page * 4_096..(page + 1) * 4_096].fill(0);
        fs::write(place.path(), file).unwrap();
        *counts.entry(survey(&place.path(), &full)).or_insert(0) += 1;
    }
    let mut draws = Draws(2);
    for _ in 0..60 {
        fs::write(place.path(), &sound[..draws.below(sound.len())]).unwrap();
        *counts.entry(survey(&place.path(), &full)).or_insert(0) += 1;
    }
    println!("zeroed pages and truncations: {counts:?}");
}
