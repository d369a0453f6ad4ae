//! Makes, checks, locks and opens the file.
//!
//! A new store is made under another name, synced and only then given its own, so that a stop at any instant
//! leaves either no store or a whole one.

use super::database::Sql;
use super::schema::{APPLICATION_ID, LAYOUTS, VERSION};
use super::{SqliteStore, sort};
use crate::store::sql::{rows, seen::Seen};
use crate::store::{Epoch, Quotas, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another relay has it open.
    #[error("another relay is using the store {0}")]
    Locked(PathBuf),
    /// The file is something else.
    #[error("{0} is not a relay's store")]
    NotAStore(PathBuf),
    /// A newer relay made it.
    #[error("the store {path} has layout {found}; this version knows layouts up to {VERSION}")]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its layout.
        found: i32,
    },
    /// An older relay made it, and no new one has opened it yet.
    #[error("the store {path} has layout {found}; this version works on layout {VERSION}")]
    Older {
        /// Which file.
        path: PathBuf,
        /// Its layout.
        found: i32,
    },
    /// The file's structure is damaged.
    #[error("the store {path} is damaged: {what}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        what: String,
    },
    /// A copy into it was begun and not brought to its end.
    #[error("the store {0} was only copied in part")]
    HalfCopied(PathBuf),
    /// The store's log is there, but the store is not.
    #[error("{0} belongs to a store that is missing")]
    Orphan(PathBuf),
    /// A file or folder could not be made, opened or synced.
    #[error("{path}: {source}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// SQLite could not open or set up the file.
    #[error("{path}: {source}")]
    Sql {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The operating system gave no randomness.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OpenError {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Locked(_) => "stop the other relay, or name another file with --store".into(),
            Self::NotAStore(_) => "name another file with --store; this one was not touched".into(),
            Self::Older { .. } => "start the relay once: it brings the store up to date".into(),
            Self::Newer { .. } => "install the newer recovery-relay that made it".into(),
            Self::Damaged { .. } => {
                "keep this file, put a backup in its place, and check the disk".into()
            }
            Self::HalfCopied(_) => "run the same copy or restore again: it goes on".into(),
            Self::Orphan(path) => format!(
                "put the store back beside it, or move {} away to begin an empty store",
                path.display()
            ),
            Self::Io { .. } | Self::Sql { .. } => {
                "check that the folder exists, may be written by this user and has room".into()
            }
            Self::Store(_) => "try again".into(),
        }
    }
}

/// Opens the store, or makes it. See [`SqliteStore::open`].
pub(super) fn open(path: &Path, quotas: Quotas, receiving: bool) -> Result<SqliteStore, OpenError> {
    let path = real_path(path)?;
    let lock = lock(&path)?;
    if !path.try_exists().map_err(|source| io_error(&path, source))? {
        create(&path)?;
    }
    let (writer, epoch) = checked(&path)?;
    let copy = copy_under_way(&writer).map_err(|source| sorted(&path, source))?;
    if copy.is_some() && !receiving {
        return Err(OpenError::HalfCopied(path));
    }
    Ok(opened(path, writer, (epoch, quotas), Some(lock)))
}

/// Opens a store that is there, without its lock. See [`SqliteStore::beside`].
pub(super) fn beside(path: &Path, quotas: Quotas) -> Result<SqliteStore, OpenError> {
    let path = path.canonicalize().map_err(|source| io_error(path, source))?;
    let (writer, layout) = known(&path)?;
    if layout < VERSION {
        return Err(OpenError::Older { path, found: layout });
    }
    let epoch = epoch(&writer).map_err(|source| sorted(&path, source))?;
    Ok(opened(path, writer, (epoch, quotas), None))
}

fn opened(
    path: PathBuf,
    writer: Connection,
    (epoch, quotas): (Epoch, Quotas),
    lock: Option<File>,
) -> SqliteStore {
    SqliteStore {
        path,
        epoch,
        quotas,
        writer: Mutex::new(Some(writer)),
        readers: Mutex::default(),
        damage: Seen::default(),
        closed: AtomicBool::new(false),
        lock,
    }
}

/// The path without symbolic links, so that two names of one store share a lock; makes its folder.
fn real_path(path: &Path) -> Result<PathBuf, OpenError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    make_folder(folder).map_err(|source| io_error(folder, source))?;
    if path.is_symlink() {
        return path.canonicalize().map_err(|source| io_error(path, source));
    }
    let name = path.file_name().ok_or_else(|| OpenError::NotAStore(path.to_owned()))?;
    let folder = folder.canonicalize().map_err(|source| io_error(folder, source))?;
    Ok(folder.join(name))
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Takes the lock file, which stays; the lock itself ends with the process.
fn lock(path: &Path) -> Result<File, OpenError> {
    let file_of_lock = beside_path(path, ".lock");
    let file = private(OpenOptions::new().create(true).truncate(false))
        .open(&file_of_lock)
        .map_err(|source| io_error(&file_of_lock, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(io_error(&file_of_lock, source)),
    }
}

/// Makes an empty store in the file's place; its place is empty until it is whole.
fn create(path: &Path) -> Result<(), OpenError> {
    for end in ["-wal", "-journal"] {
        // SQLite would apply an old log to the new file.
        let log = beside_path(path, end);
        if log.try_exists().map_err(|source| io_error(&log, source))? {
            return Err(OpenError::Orphan(log));
        }
    }
    let new = beside_path(path, ".new");
    // What an earlier start left that did not get to the end.
    remove(&new)?;
    let file = private(OpenOptions::new().create_new(true))
        .open(&new)
        .map_err(|source| io_error(&new, source))?;
    fill(&new, Epoch::draw()?).map_err(|source| sql_error(&new, source))?;
    let settled = || {
        file.sync_all()?;
        fs::rename(&new, path)?;
        sync_folder(path)
    };
    settled().map_err(|source| io_error(path, source))?;
    tracing::info!(path = %path.display(), "made an empty store");
    Ok(())
}

fn fill(path: &Path, epoch: Epoch) -> rusqlite::Result<()> {
    let mut connection = Connection::open_with_flags(path, flags())?;
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    let change = connection.transaction()?;
    for layout in LAYOUTS {
        change.execute_batch(layout)?;
    }
    change.execute("INSERT INTO meta (name, value) VALUES ('clean', 1)", [])?;
    put_epoch(&change, epoch)?;
    change.pragma_update(None, "application_id", APPLICATION_ID)?;
    change.pragma_update(None, "user_version", VERSION)?;
    change.commit()?;
    connection.close().map_err(|(_, error)| error)
}

/// Opens the writing connection; after an unclean stop, only if the whole file is sound.
fn checked(path: &Path) -> Result<(Connection, Epoch), OpenError> {
    let (mut connection, layout) = known(path)?;
    let sql = |source| sorted(path, source);
    if !was_clean(&connection).map_err(sql)? {
        tracing::warn!("the relay was not stopped cleanly: checking the store");
        quick_check(&connection, path).map_err(sql)??;
    }
    if layout < VERSION {
        migrate(&mut connection, path, layout).map_err(sql)?;
    }
    let epoch = epoch(&connection).map_err(sql)?;
    mark_clean(&connection, false).map_err(sql)?;
    Ok((connection, epoch))
}

/// Opens a file if it is a store of a layout that is known.
fn known(path: &Path) -> Result<(Connection, i32), OpenError> {
    let meta = fs::metadata(path).map_err(|source| io_error(path, source))?;
    if !meta.is_file() || meta.len() == 0 {
        return Err(OpenError::NotAStore(path.to_owned()));
    }
    let sql = |source| sorted(path, source);
    let connection = Connection::open_with_flags(path, flags()).map_err(sql)?;
    set_up(&connection).map_err(sql)?;
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let application = match pragma("application_id") {
        Ok(id) => id,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(OpenError::NotAStore(path.to_owned()));
        }
        Err(error) => return Err(sql(error)),
    };
    let layout = pragma("user_version").map_err(sql)?;
    match (application, layout) {
        (APPLICATION_ID, 1..=VERSION) => {}
        (APPLICATION_ID, found) if found > VERSION => {
            return Err(OpenError::Newer { path: path.to_owned(), found });
        }
        _ => return Err(OpenError::NotAStore(path.to_owned())),
    }
    set_up_writer(&connection).map_err(sql)?;
    if layout == VERSION && !has_all_tables(&connection).map_err(sql)? {
        let what = format!("its tables are not those of layout {VERSION}");
        return Err(OpenError::Damaged { path: path.to_owned(), what });
    }
    Ok((connection, layout))
}

/// Whether every table and index is as this program makes it: a flipped bit may have hit what describes them.
fn has_all_tables(connection: &Connection) -> rusqlite::Result<bool> {
    let described = |connection: &Connection| -> rusqlite::Result<Vec<(String, String)>> {
        let sql =
            "SELECT type || ' ' || name || ' ' || tbl_name, coalesce(sql, '') FROM sqlite_schema";
        let mut select = connection.prepare(sql)?;
        select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    let fresh = Connection::open_in_memory()?;
    LAYOUTS.iter().try_for_each(|layout| fresh.execute_batch(layout))?;
    let found = described(connection)?;
    Ok(described(&fresh)?.iter().all(|wanted| found.contains(wanted)))
}

/// Brings an older layout up to date, all of it or nothing; what it was before stays beside it.
fn migrate(connection: &mut Connection, path: &Path, layout: i32) -> rusqlite::Result<()> {
    let copy = beside_path(path, &format!(".layout-{layout}"));
    if !copy.exists() {
        connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    }
    let change = connection.transaction()?;
    for layout in LAYOUTS.iter().skip(usize::try_from(layout).unwrap_or_default()) {
        change.execute_batch(layout)?;
    }
    // Layout 1 did not seal when a message was deleted.
    if layout < 2 {
        rows::seal_deleted(&mut Sql(&change)).map_err(|_| rusqlite::Error::InvalidQuery)?;
        let sql = "SELECT value FROM meta WHERE name = 'epoch'";
        put_epoch(&change, change.query_row(sql, [], |row| row.get(0).map(Epoch))?)?;
    }
    change.pragma_update(None, "user_version", VERSION)?;
    change.commit()?;
    tracing::info!(from = layout, to = VERSION, before = %copy.display(), "the store has a new layout");
    Ok(())
}

/// The epoch, if it matches its hash.
pub(super) fn epoch(connection: &Connection) -> rusqlite::Result<Epoch> {
    let get = |name: &str| -> rusqlite::Result<[u8; 16]> {
        let sql = "SELECT value FROM meta WHERE name = ?1";
        connection.query_row(sql, [name], |row| row.get(0))
    };
    let epoch = Epoch(get("epoch")?);
    match get("epoch_seal")? == rows::seal_epoch(epoch) {
        true => Ok(epoch),
        // Sorted as damage, like every value that can't be.
        false => Err(rusqlite::Error::IntegralValueOutOfRange(0, 0)),
    }
}

fn put_epoch(connection: &Connection, epoch: Epoch) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta (name, value) VALUES ('epoch', ?1), ('epoch_seal', ?2)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    connection.execute(sql, params![epoch.0, rows::seal_epoch(epoch)]).map(drop)
}

/// Where the copy into this store is, if one is under way; empty at its beginning.
pub(super) fn copy_under_way(connection: &Connection) -> rusqlite::Result<Option<Vec<u8>>> {
    let sql = "SELECT value FROM meta WHERE name = 'copy'";
    connection.query_row(sql, [], |row| row.get(0)).optional()
}

/// Notes where the copy into this store is.
pub(super) fn note_copy(connection: &Connection, at: &[u8]) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta (name, value) VALUES ('copy', ?1)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    connection.execute(sql, [at]).map(drop)
}

/// The copy is complete: the store is one of its own.
pub(super) fn end_copy(connection: &Connection, epoch: Epoch) -> rusqlite::Result<()> {
    put_epoch(connection, epoch)?;
    connection.execute("DELETE FROM meta WHERE name = 'copy'", []).map(drop)
}

/// Removes a closed store with all that belongs to it.
pub(super) fn remove(path: &Path) -> Result<(), OpenError> {
    for end in ["", "-journal", "-wal", "-shm", ".lock"] {
        let left = beside_path(path, end);
        match fs::remove_file(&left) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(io_error(&left, source));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Gives a closed store another name, durably.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), OpenError> {
    let settled = || {
        File::open(from)?.sync_all()?;
        fs::rename(from, to)?;
        sync_folder(&to.canonicalize()?)
    };
    settled().map_err(|source| io_error(to, source))?;
    remove(from)
}

/// What SQLite's failure says about the file.
fn sorted(path: &Path, source: rusqlite::Error) -> OpenError {
    match sort(&source) {
        StoreError::Damaged(damage) => {
            OpenError::Damaged { path: path.to_owned(), what: damage.what }
        }
        StoreError::Busy => OpenError::Locked(path.to_owned()),
        _ => sql_error(path, source),
    }
}

/// Settings of the writing connection. Each commit syncs the log once; what is deleted is overwritten.
fn set_up_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // On macOS a plain sync does not reach the platter; elsewhere these two do nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1_024 * 1_024)
}

/// Settings of every connection.
fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // Otherwise statements are planned anew for other values of their parameters.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Opens a connection that only reads.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags())?;
    set_up(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -4_096)?;
    Ok(connection)
}

/// One connection is used by one thread at a time; a path is a path, never a URI.
fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

fn was_clean(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT value FROM meta WHERE name = 'clean'", [], |row| row.get(0))
}

/// Notes whether the next start may trust the file without checking it.
pub(super) fn mark_clean(connection: &Connection, clean: bool) -> rusqlite::Result<()> {
    connection.execute("UPDATE meta SET value = ?1 WHERE name = 'clean'", [clean]).map(drop)
}

fn quick_check(connection: &Connection, path: &Path) -> rusqlite::Result<Result<(), OpenError>> {
    let what: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(match what.as_str() {
        "ok" => Ok(()),
        _ => Err(OpenError::Damaged { path: path.to_owned(), what }),
    })
}

/// What is wrong with the file's structure: tables and indexes that do not agree, pages that make no sense.
pub(super) fn structure(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = connection.prepare("PRAGMA integrity_check(100)")?;
    let found: rusqlite::Result<Vec<String>> = check.query_map([], |row| row.get(0))?.collect();
    let found = match found {
        Ok(found) => found,
        Err(error) if matches!(sort(&error), StoreError::Damaged(_)) => vec![error.to_string()],
        Err(error) => return Err(error),
    };
    Ok(found.into_iter().filter(|what| what != "ok").collect())
}

/// Readable by this user only; SQLite gives its logs the same permissions.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// After a rename: the folder's entry is on disk, too.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn beside_path(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    PathBuf::from(name)
}

fn io_error(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { path: path.to_owned(), source }
}

fn sql_error(path: &Path, source: rusqlite::Error) -> OpenError {
    OpenError::Sql { path: path.to_owned(), source }
}
