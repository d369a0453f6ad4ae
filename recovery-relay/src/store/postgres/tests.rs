//! A database for tests, and what only this store can suffer.

#[expect(dead_code, reason = "tests of whole programs use more of it")]
#[path = "../../../tests/support/cluster.rs"]
mod cluster;

pub(crate) use cluster::Database;

use super::{PostgresStore, PostgresUrl};
use crate::store::Quota;

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
