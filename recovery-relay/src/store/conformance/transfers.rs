//! From one store into another.

use super::*;
use crate::store::transfer::{TransferError, backup, copy, restore};
use std::path::Path;

const WITH: Right = Right::Pass(PassId::new([1; 32]));

/// Fills a store with some of everything.
fn furnish(store: &dyn Store) {
    let quota = PassQuota { mailboxes: 200, slots: 9, octets: 1_000_000 };
    let id = PassId::new([1; 32]);
    let subscription = Subscription {
        id: SubscriptionId::new([1; 32]),
        mailbox: mailbox(1),
        target: "somewhere".into(),
        confirmed: true,
    };
    let put = |id, text: &str| Write::PutSlot {
        id: slot(id),
        body: body(text),
        condition: Condition::Absent,
        ttl_millis: Some(DAY),
        right: WITH,
    };
    let mut batch = vec![
        Write::AddPass { id, name: "family".into(), quota, ttl_millis: None, parent: None },
        Write::OpenMailbox { id: mailbox(1), ttl_millis: None, right: WITH },
        open_for(2, DAY),
        Write::Subscribe(subscription),
        put(1, "slot"),
        put(2, ""),
        veto(9),
        post_held(2, "second", 1, 50),
        post_held(2, "first", 1, 10),
        post_held(2, "third", 1, 50),
    ];
    batch.extend((0..200).map(|n| post(1, &format!("message {n}"))));
    batch.extend([delete(1, 7), delete(1, 8)]);
    assert!(store.apply(&batch, T0).unwrap().iter().all(Result::is_ok));
}

/// Whatever can be asked is answered alike, before and after what is held falls due.
fn same(one: &dyn Store, other: &dyn Store) {
    assert_ne!(one.epoch(), other.epoch());
    assert_eq!(one.stats().unwrap(), other.stats().unwrap());
    assert_eq!(one.passes().unwrap(), other.passes().unwrap());
    let then = T0.plus(100);
    for id in 1..=2 {
        assert_eq!(one.slot(&slot(id), T0).unwrap(), other.slot(&slot(id), T0).unwrap());
        let of = |store: &dyn Store| store.subscriptions(&mailbox(id)).unwrap();
        assert_eq!(of(one), of(other));
    }
    for write in [Write::Release, post(1, "message 7"), post(1, "new"), post_held(2, "x", 9, 1)] {
        let write = [write];
        assert_eq!(one.apply(&write, then).unwrap(), other.apply(&write, then).unwrap());
    }
    for id in 1..=2 {
        let query = Query { mailbox: mailbox(id), after: 0, limit: 500, octets: usize::MAX };
        assert_eq!(one.messages(&query, then).unwrap(), other.messages(&query, then).unwrap());
    }
}

fn receive(folder: &TempDir, name: &str) -> SqliteStore {
    SqliteStore::receive(&folder.path().join(name), Quota::default()).unwrap()
}

fn reopen(folder: &TempDir, name: &str) -> Result<SqliteStore, super::super::sqlite::OpenError> {
    SqliteStore::open(&folder.path().join(name), Quota::default())
}

#[test]
fn a_backup_is_a_store_like_the_one_it_is_of() {
    let folder = TempDir::new().unwrap();
    let store = reopen(&folder, "relay.db").unwrap();
    furnish(&store);
    let file = folder.path().join("backup.db");
    let checked = backup(&store, &file).unwrap();
    assert_eq!((checked.bad, checked.records), (0, 1 + 2 + 1 + 1 + 2 + 203));
    assert!(matches!(backup(&store, &file), Err(TransferError::Exists(_))));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
    let part = |name: &Path| name.to_string_lossy().contains(".part");
    assert!(!left.iter().any(|file| part(&file.path())), "{left:?}");
    let into = receive(&folder, "restored.db");
    let mut told = 0;
    restore(&file, &into, &mut |count| told = count).unwrap();
    assert_eq!(told, checked.records);
    into.close().unwrap();
    drop(into);
    same(&store, &reopen(&folder, "restored.db").unwrap());
}

#[test]
fn a_copy_goes_to_postgres_and_back() {
    let folder = TempDir::new().unwrap();
    let store = reopen(&folder, "relay.db").unwrap();
    furnish(&store);
    let Some(database) = Database::fresh() else { return };
    let url = database.url().parse().unwrap();
    let there = super::super::postgres::PostgresStore::receive(&url, Quota::default()).unwrap();
    copy(&store, &there, &mut |_| {}).unwrap();
    drop(there);
    let there = other_store(&database, Quota::default());
    let back = receive(&folder, "back.db");
    copy(&there, &back, &mut |_| {}).unwrap();
    back.close().unwrap();
    drop(back);
    same(&there, &reopen(&folder, "back.db").unwrap());
    same_again(&store, &there);
}

/// After [`same`] the one has what the other is given here.
fn same_again(store: &dyn Store, there: &dyn Store) {
    let then = T0.plus(100);
    for write in [Write::Release, post(1, "message 7"), post(1, "new"), post_held(2, "x", 9, 1)] {
        let _ = store.apply(&[write], then).unwrap();
    }
    for id in 1..=2 {
        let query = Query { mailbox: mailbox(id), after: 0, limit: 500, octets: usize::MAX };
        assert_eq!(store.messages(&query, then).unwrap(), there.messages(&query, then).unwrap());
    }
}

#[test]
fn a_copy_that_broke_off_goes_on() {
    let folder = TempDir::new().unwrap();
    let store = reopen(&folder, "relay.db").unwrap();
    furnish(&store);
    let into = receive(&folder, "copy.db");
    let door = into.transfer().unwrap().0;
    let source = store.transfer().unwrap().0;
    assert_eq!(door.begin().unwrap(), Ok(None));
    let mut pages = 0;
    let broken = source.export(None, &mut |records| {
        pages += 1;
        if pages > 6 {
            return Err(StoreError::Full);
        }
        door.import(&records)
    });
    assert_eq!(broken, Err(StoreError::Full));
    into.close().unwrap();
    drop(into);
    let half = reopen(&folder, "copy.db");
    assert!(matches!(half, Err(super::super::sqlite::OpenError::HalfCopied(_))));
    let into = receive(&folder, "copy.db");
    let mut told = 0;
    copy(&store, &into, &mut |count| told = count).unwrap();
    assert!(told > 0 && told < 203, "only what was missing: {told}");
    into.close().unwrap();
    drop(into);
    same(&store, &reopen(&folder, "copy.db").unwrap());
}

#[test]
fn nothing_is_copied_onto_something_or_out_of_memory() {
    let folder = TempDir::new().unwrap();
    let store = reopen(&folder, "relay.db").unwrap();
    let other = reopen(&folder, "other.db").unwrap();
    other.apply(&[open(1)], T0).unwrap();
    let refused = copy(&store, &other, &mut |_| {});
    assert!(matches!(refused, Err(TransferError::NotEmpty)), "{refused:?}");
    let memory = MemoryStore::new(Quota::default()).unwrap();
    assert!(matches!(copy(&memory, &store, &mut |_| {}), Err(TransferError::Memory)));
}

#[test]
fn damage_in_a_backup_is_found_before_it_counts() {
    let folder = TempDir::new().unwrap();
    let store = reopen(&folder, "relay.db").unwrap();
    furnish(&store);
    let file = folder.path().join("backup.db");
    backup(&store, &file).unwrap();
    let tamper = rusqlite::Connection::open(&file).unwrap();
    tamper.execute("UPDATE messages SET body = x'00' WHERE seq = 3", []).unwrap();
    drop(tamper);
    let refused = restore(&file, &receive(&folder, "restored.db"), &mut |_| {});
    assert!(matches!(refused, Err(TransferError::Damaged(_))), "{refused:?}");
    assert!(reopen(&folder, "restored.db").is_err());
}
