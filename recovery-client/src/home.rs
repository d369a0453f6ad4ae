//! The home of a person on disk: encrypted, locked, and whole at any instant.
//!
//! A folder of mode 0700 with
//! - `state`: the encrypted state, written beside itself as `state.new` and renamed (see `home/format.rs`);
//! - `key`: 32 random octets, mode 0600, only if there is no passphrase;
//! - `lock`: empty; who holds its advisory lock may use the home.
//!
//! A kill at any instruction leaves the old state or the new one. [`Home::create`] writes `state` last,
//! so a half-made home is no home and is simply made again.

mod error;
mod files;
mod format;
mod guard;
mod lock;

pub use error::{FileError, HomeError};
pub use files::{read_limited, write_private};
pub use guard::HomeWarning;

use format::{FormatError, Header};
use lock::Lock;
use rand_core::CryptoRng;
use recovery_core::{
    kdf::{self, KdfCost},
    secret::Secret,
};
use std::{
    fs,
    path::{self, Path, PathBuf},
    time::Duration,
};
use zeroize::Zeroizing;

const STATE: &str = "state";
const KEY: &str = "key";
const LOCK: &str = "lock";
/// All names a home has.
const OWN: [&str; 5] = [STATE, KEY, LOCK, "state.new", "key.new"];

/// What keeps a stranger with the disk from reading a new home.
#[derive(Debug)]
pub enum Protection {
    /// Nothing but file permissions: the key lies beside the state, so that a copied home works.
    None,
    /// A passphrase, through Argon2id.
    Passphrase {
        /// The passphrase; not empty.
        passphrase: Zeroizing<String>,
        /// What trying one passphrase costs: [`KdfCost::STANDARD`], except in tests.
        cost: KdfCost,
    },
}

/// An open home. Nobody else can open it until it is dropped.
#[derive(Debug)]
pub struct Home {
    key: HomeKey,
    warnings: Vec<HomeWarning>,
    _lock: Lock,
}

/// What opens a home again without asking for the passphrase: for long-running programs that let go
/// of the lock between two steps. Wiped when dropped; never leaves the process.
#[derive(Clone, Debug)]
pub struct HomeKey {
    dir: PathBuf,
    header: Header,
    secret: Secret<32>,
}

impl Home {
    /// Longest state, in octets: a little less than 64 MiB.
    pub const STATE_MAX: usize = format::STATE_MAX;

    /// Whether there is a home in `dir`; also `true` if that can't be told, so that opening says why.
    #[must_use]
    pub fn exists(dir: &Path) -> bool {
        dir.join(STATE).try_exists().unwrap_or(true)
    }

    /// Makes a home in `dir`, which need not exist, with a first state.
    ///
    /// # Errors
    /// [`HomeError::Exists`], [`HomeError::Busy`], [`HomeError::EmptyPassphrase`],
    /// [`HomeError::Permissions`], or what the disk says. Then there is no home, and it can be tried again.
    pub fn create(
        dir: &Path,
        protection: Protection,
        state: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, HomeError> {
        let dir = absolute(dir)?;
        files::make_dir(&dir)?;
        let warnings = guard::folder(&dir, &OWN)?;
        let lock = Lock::take(&dir, LOCK, Duration::ZERO)?;
        if Self::exists(&dir) {
            return Err(HomeError::Exists { dir });
        }
        let (header, key) = match protection {
            Protection::None => (Header::KeyFile, Secret::random(rng)),
            Protection::Passphrase { passphrase, cost } => {
                let mut salt = [0; 16];
                rng.fill_bytes(&mut salt);
                let header = Header::Passphrase { salt, cost };
                (header, passphrase_key(&dir, &passphrase, &salt, cost)?)
            }
        };
        match header {
            Header::KeyFile => files::replace(&dir, KEY, key.expose())?,
            // Left over from a home that was never finished.
            Header::Passphrase { .. } => files::remove_if_there(&dir.join(KEY))?,
        }
        let secret = header.bind(&key);
        let mut home = Self { key: HomeKey { dir, header, secret }, warnings, _lock: lock };
        home.write(state, rng)?;
        Ok(home)
    }

    /// Opens the home in `dir`: gives it and its state.
    ///
    /// `passphrase` is asked only if the home has one, and before the lock is taken, so that a person
    /// thinking keeps nobody waiting. Another command using the home is waited for, at most `wait`.
    /// The error type is the caller's, so that a question can fail in the caller's own way.
    ///
    /// # Errors
    /// Any [`HomeError`] except [`HomeError::Exists`] and [`HomeError::EmptyPassphrase`].
    pub fn open<E: From<HomeError>>(
        dir: &Path,
        passphrase: impl FnOnce() -> Result<Zeroizing<String>, E>,
        wait: Duration,
    ) -> Result<(Self, Zeroizing<Vec<u8>>), E> {
        let dir = absolute(dir)?;
        let passphrase = match read_state(&dir, |header, _| Ok(header))? {
            Header::KeyFile => None,
            Header::Passphrase { .. } => Some(passphrase()?),
        };
        let key_of = |header: Header| {
            let key = match (header, &passphrase) {
                (Header::KeyFile, _) => read_key(&dir)?,
                (Header::Passphrase { salt, cost }, Some(given)) => {
                    passphrase_key(&dir, given, &salt, cost)?
                }
                (Header::Passphrase { .. }, None) => return Err(HomeError::PassphraseNeeded),
            };
            Ok(HomeKey { dir: dir.clone(), header, secret: header.bind(&key) })
        };
        let refused = |header: Header| match header {
            Header::KeyFile => damaged(&dir, KEY, "it does not open the state beside it"),
            Header::Passphrase { .. } => HomeError::WrongPassphrase,
        };
        Ok(Self::unlock(&dir, key_of, refused, wait)?)
    }

    /// Opens a home again with the key of its last opening.
    ///
    /// # Errors
    /// As [`Home::open`]; [`HomeError::Replaced`] if the key is of another home by now.
    pub fn reopen(key: &HomeKey, wait: Duration) -> Result<(Self, Zeroizing<Vec<u8>>), HomeError> {
        let replaced = |_| HomeError::Replaced { dir: key.dir.clone() };
        let same = |header| {
            if header == key.header { Ok(key.clone()) } else { Err(replaced(header)) }
        };
        Self::unlock(&key.dir, same, replaced, wait)
    }

    /// Takes the lock, clears away what a killed command left, opens the state.
    fn unlock(
        dir: &Path,
        key_of: impl FnOnce(Header) -> Result<HomeKey, HomeError>,
        refused: impl FnOnce(Header) -> HomeError,
        wait: Duration,
    ) -> Result<(Self, Zeroizing<Vec<u8>>), HomeError> {
        let lock = Lock::take(dir, LOCK, wait)?;
        let mut warnings = guard::folder(dir, &OWN)?;
        for name in [STATE, KEY] {
            files::remove_if_there(&dir.join(format!("{name}{}", files::UNFINISHED)))?;
            warnings.extend(guard::file(&dir.join(name)));
        }
        let (key, state) = read_state(dir, |header, boxed| {
            let key = key_of(header)?;
            let state = format::open(&key.secret, boxed).ok_or_else(|| refused(header))?;
            Ok((key, state))
        })?;
        Ok((Self { key, warnings, _lock: lock }, state))
    }

    /// Puts `state` in the place of the last one. When this returns, it is on the disk.
    ///
    /// # Errors
    /// [`HomeError::StateTooLarge`], or what the disk says; then the last state is still there.
    pub fn write(&mut self, state: &[u8], rng: &mut impl CryptoRng) -> Result<(), HomeError> {
        if state.len() > Self::STATE_MAX {
            return Err(HomeError::StateTooLarge { length: state.len(), max: Self::STATE_MAX });
        }
        let HomeKey { dir, header, secret } = &self.key;
        Ok(files::replace(dir, STATE, &format::seal(header, secret, state, rng))?)
    }

    /// Lets go of the home, and keeps what opens it again.
    #[must_use]
    pub fn close(self) -> HomeKey {
        self.key
    }

    /// Removes the home: the state first, so that a kill on the way leaves none. What else is in the
    /// folder stays, and then the folder does too.
    ///
    /// # Errors
    /// What the disk says.
    pub fn remove(self) -> Result<(), HomeError> {
        let dir = &self.key.dir;
        files::remove_if_there(&dir.join(STATE))?;
        files::sync_dir(dir).map_err(|e| FileError::new("write", dir, e))?;
        files::remove_if_there(&dir.join(KEY))?;
        if cfg!(unix) {
            files::remove_if_there(&dir.join(LOCK))?;
            let _ = fs::remove_dir(dir);
        }
        Ok(())
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.key.dir
    }

    /// Whether a passphrase protects it.
    #[must_use]
    pub fn has_passphrase(&self) -> bool {
        matches!(self.key.header, Header::Passphrase { .. })
    }

    /// What a person should know about the home's files; each is told once per opening.
    #[must_use]
    pub fn warnings(&self) -> &[HomeWarning] {
        &self.warnings
    }
}

/// So that a later change of the working folder changes nothing.
fn absolute(dir: &Path) -> Result<PathBuf, HomeError> {
    path::absolute(dir).map_err(|e| FileError::new("find", dir, e).into())
}

/// Reads the state file and hands its parts to `use_parts`.
fn read_state<T>(
    dir: &Path,
    use_parts: impl FnOnce(Header, &[u8]) -> Result<T, HomeError>,
) -> Result<T, HomeError> {
    let path = dir.join(STATE);
    let file = read_own(&path, format::FILE_MAX)?
        .ok_or_else(|| HomeError::NotFound { dir: dir.into() })?;
    match format::parse(&file) {
        Ok((header, boxed)) => use_parts(header, boxed),
        Err(FormatError::Cost(source)) => Err(HomeError::KdfCost { path, source }),
        Err(FormatError::Damaged(why)) => Err(HomeError::Damaged { path, why }),
        Err(FormatError::Newer(version)) => Err(HomeError::NewerVersion { path, version }),
    }
}

/// The key beside the state.
fn read_key(dir: &Path) -> Result<Secret<32>, HomeError> {
    let octets = read_own(&dir.join(KEY), 32)?
        .ok_or_else(|| damaged(dir, KEY, "it is missing, and nothing else opens the state"))?;
    Secret::from_slice(&octets).ok_or_else(|| damaged(dir, KEY, "it has not 32 octets"))
}

/// Reads a plain file of the home; `None` if there is none.
fn read_own(path: &Path, max: usize) -> Result<Option<Zeroizing<Vec<u8>>>, HomeError> {
    let what = fs::symlink_metadata(path).ok().and_then(|found| files::kind(&found));
    if what.is_some_and(|what| what != "a link") {
        return Err(HomeError::Damaged { path: path.into(), why: "it is no plain file" });
    }
    match read_limited(path, max) {
        Ok(octets) => Ok(Some(octets)),
        Err(FileError::Missing { .. }) => Ok(None),
        Err(FileError::TooLarge { path, .. }) => {
            Err(HomeError::Damaged { path, why: "it is too large" })
        }
        Err(error) => Err(error.into()),
    }
}

fn passphrase_key(
    dir: &Path,
    passphrase: &str,
    salt: &[u8],
    cost: KdfCost,
) -> Result<Secret<32>, HomeError> {
    if passphrase.is_empty() {
        return Err(HomeError::EmptyPassphrase);
    }
    let key = cost.check_stored().and_then(|cost| kdf::argon2id(passphrase.as_bytes(), salt, cost));
    key.map_err(|source| HomeError::KdfCost { path: dir.join(STATE), source })
}

fn damaged(dir: &Path, name: &str, why: &'static str) -> HomeError {
    HomeError::Damaged { path: dir.join(name), why }
}
