//! Single files: written whole and private, read within a limit.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test that panics has said what it has to say"
)]

mod home_support;

use home_support::Folder;
use recovery_client::home::{FileError, read_limited, write_private};
use std::{fs, path::Path, time::Duration};

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_written_once_unless_it_may_be_replaced() {
    let folder = Folder::new();
    let path = folder.join("key with space.ü");
    write_private(&path, b"one", false).unwrap();
    assert!(matches!(write_private(&path, b"two", false), Err(FileError::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"one");
    write_private(&path, b"two", true).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    write_private(&folder.join("new"), b"", true).unwrap();
    let long = "n".repeat(255);
    write_private(&folder.join(&long), b"long name", false).unwrap();
    assert_eq!(names(folder.path()), ["key with space.ü", "new", &long]);
}

#[test]
fn a_place_that_cannot_hold_a_file_is_named() {
    let folder = Folder::new();
    let error = |path: &Path, replace| write_private(path, b"x", replace).unwrap_err();
    for replace in [false, true] {
        assert!(matches!(error(folder.path(), replace), FileError::NotAFile { .. }));
        assert!(
            matches!(error(&folder.join("none/x"), replace), FileError::Missing { path } if path.ends_with("none"))
        );
        assert!(matches!(error(Path::new("/"), replace), FileError::NotAFile { .. }));
        assert!(matches!(error(Path::new(""), replace), FileError::NotAFile { .. }));
        fs::write(folder.join("file"), b"").unwrap();
        assert!(
            matches!(error(&folder.join("file/x"), replace), FileError::NotAFolder { path } if path.ends_with("file"))
        );
        let long = folder.join(&"n".repeat(256));
        assert!(write_private(&long, b"x", replace).is_err());
    }
    assert_eq!(names(folder.path()), ["file"]);
}

#[test]
fn reading_stops_at_the_limit() {
    let folder = Folder::new();
    let path = folder.join("file");
    for length in [0, 1, 4_095, 4_096, 10_000] {
        fs::write(&path, vec![7; length]).unwrap();
        assert_eq!(*read_limited(&path, length).unwrap(), vec![7; length]);
        assert_eq!(*read_limited(&path, 1 << 20).unwrap(), vec![7; length]);
        if length > 0 {
            assert!(matches!(read_limited(&path, length - 1), Err(FileError::TooLarge { .. })));
        }
    }
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    assert!(matches!(read_limited(&path, 1 << 20), Err(FileError::TooLarge { .. })));
    assert!(matches!(read_limited(folder.path(), 10), Err(FileError::NotAFile { .. })));
    assert!(matches!(read_limited(&folder.join("none"), 10), Err(FileError::Missing { .. })));
    assert!(matches!(read_limited(&path.join("x"), 10), Err(FileError::NotAFolder { .. })));
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::{
        os::unix::fs::{PermissionsExt as _, symlink},
        process::Command,
        thread,
    };

    #[test]
    fn it_is_private_and_replacing_makes_it_so() {
        let folder = Folder::new();
        let path = folder.join("key");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        write_private(&path, b"one", false).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_private(&path, b"two", true).unwrap();
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn links_devices_and_pipes_are_never_replaced() {
        let folder = Folder::new();
        fs::write(folder.join("target"), b"kept").unwrap();
        symlink(folder.join("target"), folder.join("link")).unwrap();
        symlink(folder.join("nowhere"), folder.join("dangling")).unwrap();
        symlink(folder.join("loop"), folder.join("loop")).unwrap();
        assert!(Command::new("mkfifo").arg(folder.join("fifo")).status().unwrap().success());
        for name in ["link", "dangling", "loop", "fifo"] {
            for replace in [false, true] {
                let error = write_private(&folder.join(name), b"x", replace).unwrap_err();
                assert!(matches!(error, FileError::NotAFile { .. }), "{name}: {error}");
            }
        }
        assert!(matches!(
            write_private(Path::new("/dev/null"), b"x", true),
            Err(FileError::NotAFile { .. })
        ));
        assert_eq!(fs::read(folder.join("target")).unwrap(), b"kept");
        assert_eq!(names(folder.path()), ["dangling", "fifo", "link", "loop", "target"]);
    }

    #[test]
    fn what_a_killed_write_left_is_cleared_away() {
        let folder = Folder::new();
        let path = folder.join("key");
        write_private(&path, b"one", false).unwrap();
        let part = {
            // The name of the unfinished file: the only one that blocks the write as a folder.
            let hash = {
                use std::hash::{DefaultHasher, Hash as _, Hasher as _};
                let mut hasher = DefaultHasher::new();
                path.file_name().unwrap().hash(&mut hasher);
                hasher.finish()
            };
            folder.join(&format!(".recovery-{hash:016x}.part"))
        };
        // Killed before the name was given: the next write goes its way.
        fs::remove_file(&path).unwrap();
        fs::write(&part, b"ha").unwrap();
        write_private(&path, b"one", false).unwrap();
        assert_eq!(names(folder.path()), ["key"]);
        // Killed after the name was given, before the first was taken away: no stranger's file.
        fs::hard_link(&path, &part).unwrap();
        write_private(&path, b"again", false).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"again");
        assert_eq!(names(folder.path()), ["key"]);
    }

    #[test]
    fn a_pipe_is_read_and_an_endless_one_is_not() {
        let folder = Folder::new();
        let fifo = folder.join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut writer = fs::OpenOptions::new().write(true).open(&fifo).unwrap();
                for part in [vec![1; 3_000], vec![2; 3_000]] {
                    std::io::Write::write_all(&mut writer, &part).unwrap();
                    thread::sleep(Duration::from_millis(20));
                }
            });
            assert_eq!(
                *read_limited(&fifo, 10_000).unwrap(),
                [vec![1; 3_000], vec![2; 3_000]].concat()
            );
        });
        assert!(matches!(
            read_limited(Path::new("/dev/zero"), 100_000),
            Err(FileError::TooLarge { .. })
        ));
        symlink(folder.join("loop"), folder.join("loop")).unwrap();
        assert!(read_limited(&folder.join("loop"), 10).is_err());
    }
}
