//! Files that are whole or absent, and nobody else's business.

use super::error::FileError;
use std::{
    fs::{self, File, OpenOptions},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Writes a secret to a new file that only this user can read (mode 0600), whole or not at all.
///
/// With `replace`, an existing plain file gives way; a folder, link, device or pipe never does. The
/// octets first go to a hidden file beside it, which the next write to the same name clears away
/// should this one be killed.
///
/// # Errors
/// [`FileError::Exists`] without `replace`; [`FileError::NotAFile`]; [`FileError::Missing`] without a
/// folder to put it in; or what the system says. Then nothing was changed.
pub fn write_private(path: &Path, octets: &[u8], replace: bool) -> Result<(), FileError> {
    let doing = "write";
    let name =
        path.file_name().ok_or(FileError::NotAFile { path: path.into(), what: "a folder" })?;
    let dir = parent(path);
    if !fs::metadata(dir).map_err(|e| FileError::new(doing, dir, e))?.is_dir() {
        return Err(FileError::NotAFolder { path: dir.into() });
    }
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let part = dir.join(format!(".recovery-{:016x}.part", hasher.finish()));
    let replace = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(FileError::new(doing, path, error)),
        Ok(there) => match kind(&there) {
            Some(what) => {
                return Err(FileError::NotAFile { path: path.into(), what });
            }
            None if replace || fs::symlink_metadata(&part).is_ok_and(|p| same_file(&there, &p)) => {
                true
            }
            None => return Err(FileError::Exists { path: path.into() }),
        },
    };
    remove_if_there(&part)?;
    let done = write_synced(&part, octets)
        .and_then(|()| if replace { fs::rename(&part, path) } else { publish(&part, path) });
    finish(done, doing, &part, path)
}

/// Reads a file (or pipe) of at most `max` octets. The octets are wiped when dropped.
///
/// # Errors
/// [`FileError::Missing`], [`FileError::NotAFile`] for a folder, [`FileError::TooLarge`], or what the
/// system says.
pub fn read_limited(path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let error = |source| FileError::new("read", path, source);
    let found = fs::metadata(path).map_err(error)?;
    if found.is_dir() {
        return Err(FileError::NotAFile { path: path.into(), what: "a folder" });
    }
    let too_large = || FileError::TooLarge { path: path.into(), max };
    if found.len() > max as u64 {
        return Err(too_large());
    }
    let mut file = File::open(path).map_err(error)?;
    let expected = usize::try_from(found.len()).unwrap_or(max);
    read_up_to(&mut file, expected, max).map_err(error)?.ok_or_else(too_large)
}

/// Reads to the end, growing by hand so that no unwiped copy stays behind; `None` beyond `max`.
fn read_up_to(
    file: &mut File,
    expected: usize,
    max: usize,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut octets = Zeroizing::new(vec![0; expected.saturating_add(1)]);
    let mut filled = 0;
    loop {
        if filled > max {
            return Ok(None);
        }
        if filled == octets.len() {
            let mut larger = Zeroizing::new(vec![0; octets.len().saturating_mul(2).max(4_096)]);
            if let Some(start) = larger.get_mut(..filled) {
                start.copy_from_slice(&octets);
            }
            octets = larger;
        }
        match file.read(octets.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    octets.truncate(filled);
    Ok(Some(octets))
}

/// Puts `octets` in the place of `dir/name`, durably, by way of `dir/name.new`. Only the holder of
/// the home's lock may call this.
pub(super) fn replace(dir: &Path, name: &str, octets: &[u8]) -> Result<(), FileError> {
    let (path, part) = (dir.join(name), dir.join(format!("{name}{UNFINISHED}")));
    remove_if_there(&part)?;
    let done = write_synced(&part, octets).and_then(|()| fs::rename(&part, &path));
    finish(done, "write", &part, &path)
}

/// How an unfinished file of a home ends.
pub(super) const UNFINISHED: &str = ".new";

/// After a write: makes the name durable, or takes the unfinished file away.
fn finish(
    done: io::Result<()>,
    doing: &'static str,
    part: &Path,
    path: &Path,
) -> Result<(), FileError> {
    if let Err(error) = done {
        // Nothing better to do than to leave it if even this fails: the next write removes it.
        let _ = fs::remove_file(part);
        return Err(FileError::new(doing, path, error));
    }
    sync_dir(parent(path)).map_err(|e| FileError::new(doing, path, e))
}

/// A new file of mode 0600 with these octets, on the disk when this returns.
fn write_synced(part: &Path, octets: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(part)?;
    // Whatever the umask took away.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(octets)?;
    file.sync_all()
}

/// Gives `part` the name `path` unless that is taken.
fn publish(part: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(part, path) {
        Ok(()) => fs::remove_file(part),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Not every file system knows hard links; the name was free a moment ago.
        Err(_) => fs::rename(part, path),
    }
}

/// Removes a file; fine if there is none.
pub(super) fn remove_if_there(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::new("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

/// Makes a folder, and those above it, for this user only. Fine if it is there.
pub(super) fn make_dir(dir: &Path) -> Result<(), FileError> {
    let error = |source| FileError::new("make the folder", dir, source);
    match fs::metadata(dir) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => return Err(FileError::NotAFolder { path: dir.into() }),
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => {}
        Err(problem) => return Err(error(problem)),
    }
    let above = parent(dir);
    make_dir(above)?;
    match fs::create_dir(dir) {
        Err(problem) if problem.kind() != io::ErrorKind::AlreadyExists => {
            return Err(error(problem));
        }
        _ => {}
    }
    set_mode(dir, 0o700).and_then(|()| sync_dir(above)).map_err(error)
}

/// The folder a path lies in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    }
}

/// What a thing is if it is no plain file.
pub(super) fn kind(found: &fs::Metadata) -> Option<&'static str> {
    match found.file_type() {
        kind if kind.is_file() => None,
        kind if kind.is_dir() => Some("a folder"),
        kind if kind.is_symlink() => Some("a link"),
        _ => Some("a device or pipe"),
    }
}

/// What others may do with a file: the last six permission bits. None on systems without such bits.
#[cfg(unix)]
pub(super) fn others_mode(found: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o077
}

#[cfg(not(unix))]
pub(super) fn others_mode(_: &fs::Metadata) -> u32 {
    0
}

#[cfg(unix)]
pub(super) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
pub(super) fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

/// Two names of one file.
#[cfg(unix)]
pub(super) fn same_file(a: &fs::Metadata, b: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
pub(super) fn same_file(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    false
}

/// The files of a folder by name; empty if it cannot be listed.
pub(super) fn names_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| PathBuf::from(entry.file_name())).collect()
}
