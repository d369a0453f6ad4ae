//! A database for tests, and what only this store can suffer.

#[expect(dead_code, reason = "tests of whole programs use more of it")]
#[path = "../../../tests/support/cluster.rs"]
mod cluster;

pub(crate) use cluster::Database;

use super::PostgresOpenError;
use super::{PostgresStore, PostgresUrl};
use crate::store::conformance::{T0, mailbox, open, post};
use crate::store::{Done, Query, Quota, Shared, Store, StoreError};
use futures_util::future::join_all;
use tokio::runtime::Builder;

/// A store in a fresh database; `None`, said loudly, where PostgreSQL is not installed, except on CI.
pub(crate) fn postgres_store(quota: Quota) -> Option<(Database, PostgresStore)> {
    let database = Database::fresh()?;
    let store = PostgresStore::open(&database.url().parse().unwrap(), quota).unwrap();
    Some((database, store))
}

/// A second store on the same database.
pub(crate) fn other_store(database: &Database, quota: Quota) -> PostgresStore {
    PostgresStore::open(&database.url().parse().unwrap(), quota).unwrap()
}

#[test]
fn a_url_never_shows_its_password() {
    let url: PostgresUrl =
        "postgres://relay:s3cret@db.example:5433/relay?sslmode=verify-full".parse().unwrap();
    for shown in [url.to_string(), format!("{url:?}")] {
        assert!(shown.contains("postgres://relay@db.example:5433/relay"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    for wrong in
        ["postgres://u:s3cret@h/d?sslmode=maybe", "postgres://u:s3cret@h:x/d", "postgres:///d"]
    {
        let error = wrong.parse::<PostgresUrl>().unwrap_err();
        assert!(!error.contains("s3cret"), "{error}");
    }
}

/// Everything in the mailbox.
fn all() -> Query {
    Query { mailbox: mailbox(1), after: 0, limit: 100, octets: usize::MAX }
}

/// Ends all connections to a database.
fn cut(database: &Database) {
    database.cluster.sql(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name = 'recovery-relay'",
    );
}

fn count(store: &PostgresStore) -> usize {
    store.messages(&all(), T0).unwrap().unwrap().messages.len()
}

/// The answer to COMMIT was lost: done again under its name, the batch has the outcomes it had, and is not doubled.
#[test]
fn a_commit_whose_answer_is_lost_is_not_done_twice() {
    let Some((_database, store)) = postgres_store(Quota::default()) else { return };
    let (name, writes) = ([7; 16], [open(1), post(1, "a")]);
    let mut done = None;
    let first = store.attempt(&name, (&writes, T0), &mut done).unwrap();
    assert_eq!(first[0], Ok(Done::Opened { new: true }));
    let mut done = Some(first.clone());
    assert_eq!(store.attempt(&name, (&writes, T0), &mut done).unwrap(), first);
    let other = store.attempt(&[8; 16], (&writes, T0), &mut None).unwrap();
    assert_eq!(other[0], Ok(Done::Opened { new: false }), "under another name it is done");
    assert_eq!(count(&store), 1);
}

#[test]
fn lost_connections_are_made_anew() {
    let Some((database, store)) = postgres_store(Quota::default()) else { return };
    store.apply(&[open(1), post(1, "a")], T0).unwrap();
    for text in ["b", "c"] {
        cut(&database);
        store.apply(&[post(1, text)], T0).unwrap();
    }
    assert_eq!(count(&store), 3);
}

#[test]
fn pages_are_read_again_after_connections_were_lost_and_not_once_closed() {
    let Some((database, store)) = postgres_store(Quota::default()) else { return };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let page = || runtime.block_on(store.page(all(), T0));
    assert_eq!(page(), Ok(None));
    for count in 1..=3 {
        store.apply(&[open(1), post(1, &count.to_string())], T0).unwrap();
        // More than there are connections, so that each has its turn.
        for _ in 0..6 {
            assert_eq!(page().unwrap().unwrap().messages.len(), count);
        }
        cut(&database);
    }
    store.close().unwrap();
    assert_eq!(page(), Err(StoreError::Closed));
}

/// The database takes 200 connections.
#[test]
fn many_who_ask_at_a_time_do_not_each_connect() {
    let Some((_database, store)) = postgres_store(Quota::default()) else { return };
    store.apply(&[open(1), post(1, "a")], T0).unwrap();
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let pages = join_all((0..400).map(|_| store.page(all(), T0)));
    for page in runtime.block_on(pages) {
        assert_eq!(page.unwrap().unwrap().messages.len(), 1);
    }
}

#[test]
fn newer_tables_are_refused_and_no_password_is_told() {
    let Some((database, store)) = postgres_store(Quota::default()) else { return };
    store.close().unwrap();
    let schema = database.url().rsplit("%3D").next().unwrap().to_owned();
    let layout = "'\\x0000000000000063'";
    let sql = format!("UPDATE {schema}.meta SET value = {layout} WHERE name = 'layout'");
    database.cluster.sql(&sql);
    let newer = PostgresStore::open(&database.url().parse().unwrap(), Quota::default());
    assert!(matches!(newer, Err(PostgresOpenError::Newer { found: 99, .. })));
    let wrong = database.url().replace("only-for-tests", "s3cret").parse().unwrap();
    let Err(refused) = PostgresStore::open(&wrong, Quota::default()) else { panic!("let in") };
    assert!(!refused.to_string().contains("s3cret"), "{refused}");
    assert!(matches!(refused, PostgresOpenError::Unusable { .. }), "{refused}");
}
