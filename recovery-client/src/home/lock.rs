//! One command at a time.

use super::{
    error::{FileError, HomeError},
    files,
};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::ErrorKind,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// How often a taken lock is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// The lock of a home; the system lets go of it when this is dropped or the process ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held for its drop")] File);

impl Lock {
    /// Takes the lock, waiting at most `wait` for another command.
    pub(super) fn take(dir: &Path, name: &str, wait: Duration) -> Result<Self, HomeError> {
        let (path, start) = (dir.join(name), Instant::now());
        let failed = |error| FileError::new("lock", &path, error);
        let mut file = lock_file(dir, &path)?;
        loop {
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => return Ok(Self(file)),
                // The one who held it removed the home; there may be another by now.
                Ok(()) => file = lock_file(dir, &path)?,
                Err(TryLockError::WouldBlock) => {
                    let left = wait.saturating_sub(start.elapsed());
                    if left.is_zero() {
                        return Err(HomeError::Busy { dir: dir.into() });
                    }
                    thread::sleep(left.min(PAUSE));
                }
                Err(TryLockError::Error(error)) => return Err(failed(error).into()),
            }
        }
    }
}

/// The file to lock, made if it is not there.
fn lock_file(dir: &Path, path: &Path) -> Result<File, HomeError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => HomeError::NotFound { dir: dir.into() },
        _ => FileError::new("write", path, error).into(),
    })?;
    if file.metadata().is_ok_and(|found| files::others_mode(&found) != 0) {
        // There is nothing in it to read, but others holding it could stop every command.
        let _ = files::set_mode(path, 0o600);
    }
    Ok(file)
}

/// Whether the file is still the one at this path.
fn is_at(file: &File, path: &Path) -> bool {
    let same = |found| file.metadata().is_ok_and(|own| files::same_file(&own, &found));
    cfg!(not(unix)) || fs::metadata(path).is_ok_and(same)
}
