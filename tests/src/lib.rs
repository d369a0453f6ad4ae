//! Whole stories over real processes: a relay, and people who run `recovery`, each with a home of
//! their own. The stories are in `tests/story_*.rs`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a harness for tests: what fails here fails the test"
)]

mod binaries;
mod family;
pub mod kill;
mod middle;
mod out;
mod person;
mod relay;
mod search;
mod terminal;

pub use binaries::{binary, example};
pub use family::{Family, SECRET};
pub use middle::{Evil, Middle};
pub use out::Out;
pub use person::{Person, by_number};
pub use relay::Relay;
pub use search::{after_hash, look_for};
pub use terminal::Terminal;

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

/// A folder in which a story takes place; gone when it ends.
#[derive(Debug)]
pub struct World(TempDir);

impl World {
    /// An empty one.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a world is not a value with a default")]
    pub fn new() -> Self {
        Self(TempDir::with_prefix("recovery-story-").expect("a folder for the story"))
    }

    /// A path in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file in it.
    #[must_use]
    pub fn file(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, octets).expect("a file of the story is written");
        path
    }

    /// Somebody without a home yet.
    #[must_use]
    pub fn person(&self, name: &str) -> Person {
        Person::new(self, name)
    }

    /// A relay with a store of its own.
    #[must_use]
    pub fn relay(&self, name: &str) -> Relay {
        Relay::start(&self.path(name), &[])
    }
}

/// Copies a folder and the plain files in it.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder is made");
    for entry in fs::read_dir(from).expect("a folder is listed") {
        let entry = entry.expect("a folder is listed");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a file is copied");
    }
}

/// Unix seconds.
#[must_use]
pub fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().expect("a clock after 1970").as_secs()
}

/// Waits for a time in Unix seconds.
pub fn wait_until(time: u64) {
    while now() < time {
        sleep(Duration::from_millis(50));
    }
}

/// What stands under `field` in each entry of the list `list`.
#[must_use]
pub fn texts<'a>(value: &'a Value, list: &str, field: &str) -> Vec<&'a str> {
    let entries = value.get(list).and_then(Value::as_array);
    let entries = entries.unwrap_or_else(|| panic!("no {list} in {value}"));
    entries.iter().filter_map(|entry| entry.get(field)?.as_str()).collect()
}
