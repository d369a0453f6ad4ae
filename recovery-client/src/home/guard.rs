//! Files that others can read: closed where possible, told in any case.

use super::{error::HomeError, files};
use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

/// Something about a home's files that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HomeWarning {
    /// Others could read it; now they can't.
    WasOpen(PathBuf),
    /// Others can read it or look into it, and that could not, or should not, be changed.
    IsOpen(PathBuf),
}

impl fmt::Display for HomeWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WasOpen(path) => {
                write!(f, "others could read {path:?}; its permissions were corrected")
            }
            Self::IsOpen(path) => write!(f, "others on this machine can read or list {path:?}"),
        }
    }
}

/// Closes a folder to others if nothing but the home is in it; otherwise only says that it is open.
pub(super) fn folder(dir: &Path, own_names: &[&str]) -> Result<Vec<HomeWarning>, HomeError> {
    let open = |dir: &Path| fs::metadata(dir).map_or(0, |found| files::others_mode(&found));
    if open(dir) == 0 {
        return Ok(Vec::new());
    }
    let only_ours =
        files::names_in(dir).iter().all(|name| own_names.iter().any(|own| name == Path::new(own)));
    if only_ours && files::set_mode(dir, 0o700).is_ok() {
        return Ok(Vec::new());
    }
    if open(dir) & 0o002 != 0 {
        return Err(HomeError::Permissions { dir: dir.into() });
    }
    Ok(vec![HomeWarning::IsOpen(dir.into())])
}

/// Closes a file to others, and says that it was open.
pub(super) fn file(path: &Path) -> Option<HomeWarning> {
    let found = fs::metadata(path).ok()?;
    if files::others_mode(&found) == 0 {
        return None;
    }
    let corrected = files::set_mode(path, 0o600).is_ok();
    Some(if corrected {
        HomeWarning::WasOpen(path.into())
    } else {
        HomeWarning::IsOpen(path.into())
    })
}
