//! The encrypted home: what is written comes back, what was changed does not open.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test that panics has said what it has to say"
)]

mod home_support;

use home_support::{Folder, rng};
use proptest::prelude::*;
use recovery_client::home::{Home, HomeError, HomeWarning, Protection};
use recovery_core::{ids::labelled_hash, kdf::KdfCost};
use std::{
    fs,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// The least that is accepted: 19 MiB, one pass.
const CHEAP: KdfCost = KdfCost { memory_kib: 19 * 1_024, passes: 1, lanes: 1 };
/// Where the box starts in a home with a key file.
const HEADER: usize = 16;

fn passphrase(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

fn protected(text: &str) -> Protection {
    Protection::Passphrase { passphrase: passphrase(text), cost: CHEAP }
}

fn open(dir: &Path) -> Result<(Home, Vec<u8>), HomeError> {
    Home::open(dir, || Err(HomeError::PassphraseNeeded), Duration::ZERO)
        .map(|(home, state)| (home, state.to_vec()))
}

fn open_with(dir: &Path, text: &str) -> Result<Vec<u8>, HomeError> {
    Home::open(dir, || Ok::<_, HomeError>(passphrase(text)), Duration::ZERO)
        .map(|(_, state)| state.to_vec())
}

/// Makes the checksum fit again, as anyone can.
fn recheck(file: &mut Vec<u8>) {
    file.truncate(file.len() - 32);
    let checksum = labelled_hash("recovery/v1/home-checksum", &[file]);
    file.extend_from_slice(&checksum);
}

#[test]
fn without_a_passphrase_the_key_lies_beside_the_state() {
    let folder = Folder::new();
    let dir = folder.join("a/b c/ü");
    assert!(!Home::exists(&dir));
    assert!(matches!(open(&dir), Err(HomeError::NotFound { .. })));
    let mut home = Home::create(&dir, Protection::None, b"one", &mut rng(1)).unwrap();
    assert!(Home::exists(&dir) && !home.has_passphrase() && home.warnings().is_empty());
    home.write(b"two", &mut rng(2)).unwrap();
    drop(home);
    assert_eq!(open(&dir).unwrap().1, b"two");
    assert_eq!(fs::read(dir.join("key")).unwrap().len(), 32);
    // A copied home works.
    let copy = folder.join("copy");
    fs::create_dir(&copy).unwrap();
    for name in ["state", "key"] {
        fs::copy(dir.join(name), copy.join(name)).unwrap();
    }
    assert_eq!(open(&copy).unwrap().1, b"two");
    // Without its key, it does not.
    fs::remove_file(copy.join("key")).unwrap();
    assert!(matches!(open(&copy), Err(HomeError::Damaged { .. })));
    fs::write(copy.join("key"), [0; 32]).unwrap();
    assert!(matches!(open(&copy), Err(HomeError::Damaged { .. })));
    for wrong in [0, 31, 33] {
        fs::write(copy.join("key"), vec![0; wrong]).unwrap();
        assert!(matches!(open(&copy), Err(HomeError::Damaged { .. })), "{wrong}");
    }
}

#[test]
fn a_passphrase_is_asked_for_and_must_be_right() {
    let folder = Folder::new();
    let dir = folder.join("home");
    let mut home = Home::create(&dir, protected("correct horse"), b"one", &mut rng(1)).unwrap();
    assert!(home.has_passphrase() && !dir.join("key").exists());
    home.write(b"two", &mut rng(2)).unwrap();
    drop(home);
    assert_eq!(open_with(&dir, "correct horse").unwrap(), b"two");
    for wrong in ["correct horsf", "Correct horse", "correct horse "] {
        assert!(matches!(open_with(&dir, wrong), Err(HomeError::WrongPassphrase)), "{wrong:?}");
    }
    assert!(matches!(open_with(&dir, ""), Err(HomeError::EmptyPassphrase)));
    assert!(matches!(open(&dir), Err(HomeError::PassphraseNeeded)));
}

#[test]
fn the_key_of_an_opening_opens_again() {
    let folder = Folder::new();
    let dir = folder.join("home");
    let home = Home::create(&dir, protected("correct horse"), b"one", &mut rng(1)).unwrap();
    let key = home.close();
    assert!(!format!("{key:?}").contains("correct"));
    let (mut home, state) = Home::reopen(&key, Duration::ZERO).unwrap();
    assert_eq!(*state, b"one");
    home.write(b"two", &mut rng(2)).unwrap();
    let key = home.close();
    assert_eq!(*Home::reopen(&key, Duration::ZERO).unwrap().1, b"two");
    fs::remove_dir_all(&dir).unwrap();
    let gone = Home::reopen(&key, Duration::ZERO);
    assert!(matches!(gone, Err(HomeError::NotFound { .. })));
    for protection in [protected("correct horse"), Protection::None] {
        drop(Home::create(&dir, protection, b"three", &mut rng(3)).unwrap());
        assert!(matches!(Home::reopen(&key, Duration::ZERO), Err(HomeError::Replaced { .. })));
        fs::remove_dir_all(&dir).unwrap();
    }
}

#[test]
fn a_removed_home_is_none() {
    let folder = Folder::new();
    for (extra, left) in [(None, false), (Some("letter"), true)] {
        let dir = folder.join("home");
        let home = Home::create(&dir, Protection::None, b"one", &mut rng(1)).unwrap();
        if let Some(name) = extra {
            fs::write(dir.join(name), b"").unwrap();
        }
        thread::scope(|scope| {
            let (ready, started) = mpsc::channel();
            let dir = &dir;
            let waiting = scope.spawn(move || {
                ready.send(()).unwrap();
                let wait = Duration::from_secs(30);
                Home::open(dir, || Err(HomeError::PassphraseNeeded), wait).map(drop)
            });
            started.recv().unwrap();
            thread::sleep(Duration::from_millis(50));
            home.remove().unwrap();
            assert!(matches!(waiting.join().unwrap(), Err(HomeError::NotFound { .. })));
        });
        assert_eq!(
            (Home::exists(&dir), dir.exists(), dir.join("key").exists()),
            (false, left, false)
        );
    }
    drop(Home::create(&folder.join("home"), Protection::None, b"two", &mut rng(1)).unwrap());
    assert_eq!(open(&folder.join("home")).unwrap().1, b"two");
}

#[test]
fn a_home_is_made_once_and_only_with_sense() {
    let folder = Folder::new();
    let dir = folder.join("home");
    assert!(matches!(
        Home::create(&dir, protected(""), b"", &mut rng(1)),
        Err(HomeError::EmptyPassphrase)
    ));
    let weak = KdfCost { memory_kib: 8, passes: 1, lanes: 1 };
    let weak = Protection::Passphrase { passphrase: passphrase("x"), cost: weak };
    assert!(matches!(Home::create(&dir, weak, b"", &mut rng(1)), Err(HomeError::KdfCost { .. })));
    assert!(!Home::exists(&dir));
    // What an unfinished home left behind is no obstacle, and no key stays that nothing needs.
    fs::write(dir.join("key"), b"old").unwrap();
    fs::write(dir.join("state.new"), b"half").unwrap();
    drop(Home::create(&dir, protected("x"), b"", &mut rng(1)).unwrap());
    assert_eq!(open_with(&dir, "x").unwrap(), b"");
    assert!(!dir.join("key").exists() && !dir.join("state.new").exists());
    let again = Home::create(&dir, Protection::None, b"other", &mut rng(1));
    assert!(matches!(again, Err(HomeError::Exists { .. })));
    assert_eq!(open_with(&dir, "x").unwrap(), b"");
    // A file where the folder should be.
    let file = folder.join("file");
    fs::write(&file, b"").unwrap();
    for dir in [file.clone(), file.join("home")] {
        let made = Home::create(&dir, Protection::None, b"", &mut rng(1));
        assert!(made.is_err_and(|error| error.to_string().contains("is not a folder")));
        assert!(open(&dir).is_err());
    }
}

#[test]
fn every_truncation_and_flipped_bit_is_damage() {
    let folder = Folder::new();
    drop(Home::create(folder.path(), Protection::None, b"state of a person", &mut rng(1)).unwrap());
    let path = folder.join("state");
    let good = fs::read(&path).unwrap();
    let refused = |file: &[u8], what: &str| {
        fs::write(&path, file).unwrap();
        let error = open(folder.path()).map(|_| ()).unwrap_err();
        assert!(matches!(error, HomeError::Damaged { .. }), "{what}: {error}");
    };
    for length in 0..good.len() {
        refused(&good[..length], &format!("cut to {length}"));
    }
    for bit in 0..good.len() * 8 {
        let mut file = good.clone();
        file[bit / 8] ^= 1 << (bit % 8);
        refused(&file, &format!("bit {bit}"));
        // The same by someone who knows the format.
        if bit / 8 < good.len() - 32 && !(HEADER - 2..HEADER).contains(&(bit / 8)) {
            recheck(&mut file);
            refused(&file, &format!("bit {bit}, checksum made to fit"));
        }
    }
    refused(&[&good[..], b"x"].concat(), "one more");
    refused(b"", "empty");
    fs::write(&path, &good).unwrap();
    assert_eq!(open(folder.path()).unwrap().1, b"state of a person");
}

#[test]
fn a_newer_format_is_named() {
    let folder = Folder::new();
    drop(Home::create(folder.path(), Protection::None, b"state", &mut rng(1)).unwrap());
    let mut file = fs::read(folder.join("state")).unwrap();
    file[HEADER - 2] = 2;
    recheck(&mut file);
    fs::write(folder.join("state"), &file).unwrap();
    let error = open(folder.path()).map(|_| ()).unwrap_err();
    assert!(matches!(error, HomeError::NewerVersion { version: 2, .. }), "{error}");
}

#[test]
fn parameters_of_the_passphrase_cannot_be_exchanged() {
    let folder = Folder::new();
    drop(Home::create(folder.path(), protected("x"), b"state", &mut rng(1)).unwrap());
    let path = folder.join("state");
    let good = fs::read(&path).unwrap();
    // salt 16..32, memory 32..36, passes 36..40, lanes 40..44
    for (at, value, weak) in [
        (16, None, false),
        (31, None, false),
        (34, Some(80), false),
        (39, Some(2), false),
        (43, Some(2), false),
        (32, Some(0x80), true),
        (34, Some(0), true),
        (39, Some(0), true),
        (39, Some(17), true),
        (43, Some(0), true),
        (36, Some(1), true),
    ] {
        let mut file = good.clone();
        file[at] = value.unwrap_or(!file[at]);
        recheck(&mut file);
        fs::write(&path, &file).unwrap();
        let error = open_with(folder.path(), "x").unwrap_err();
        let expected = if weak {
            matches!(error, HomeError::KdfCost { .. })
        } else {
            matches!(error, HomeError::WrongPassphrase)
        };
        assert!(expected, "octet {at}: {error}");
    }
    // "There is no passphrase": then a key is looked for.
    let mut file = [&good[..15], &[0], &good[44..]].concat();
    recheck(&mut file);
    fs::write(&path, &file).unwrap();
    assert!(matches!(open(folder.path()), Err(HomeError::Damaged { .. })));
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    let folder = Folder::new();
    let mut home = Home::create(folder.path(), Protection::None, b"small", &mut rng(1)).unwrap();
    let large = vec![0; Home::STATE_MAX + 1];
    assert!(matches!(home.write(&large, &mut rng(2)), Err(HomeError::StateTooLarge { .. })));
    drop(home);
    assert_eq!(open(folder.path()).unwrap().1, b"small");
    let file = fs::OpenOptions::new().write(true).open(folder.join("state")).unwrap();
    file.set_len(1 << 40).unwrap();
    let start = Instant::now();
    assert!(matches!(open(folder.path()), Err(HomeError::Damaged { .. })));
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn the_largest_state_makes_the_largest_file() {
    let folder = Folder::new();
    drop(Home::create(folder.path(), protected("x"), b"state", &mut rng(1)).unwrap());
    let more = fs::metadata(folder.join("state")).unwrap().len() as usize - b"state".len();
    assert_eq!(Home::STATE_MAX + more, 64 << 20);
}

#[test]
fn two_writes_of_one_state_differ() {
    let folder = Folder::new();
    let mut home = Home::create(folder.path(), Protection::None, b"same", &mut rng(1)).unwrap();
    let mut rng = rng(2);
    home.write(b"same", &mut rng).unwrap();
    let first = fs::read(folder.join("state")).unwrap();
    home.write(b"same", &mut rng).unwrap();
    assert_ne!(first, fs::read(folder.join("state")).unwrap());
}

#[test]
fn the_second_waits_or_is_told() {
    let folder = Folder::new();
    let home = Home::create(folder.path(), Protection::None, b"one", &mut rng(1)).unwrap();
    let start = Instant::now();
    assert!(matches!(open(folder.path()), Err(HomeError::Busy { .. })));
    let wait = Duration::from_millis(200);
    let busy = Home::open(folder.path(), || Err(HomeError::PassphraseNeeded), wait);
    assert!(matches!(busy, Err(HomeError::Busy { .. })));
    assert!((wait..wait * 10).contains(&start.elapsed()));
    let made = Home::create(folder.path(), Protection::None, b"", &mut rng(1));
    assert!(matches!(made, Err(HomeError::Busy { .. })));
    let (ready, started) = mpsc::channel();
    thread::scope(|scope| {
        let second = scope.spawn(|| {
            ready.send(()).unwrap();
            let wait = Duration::from_secs(30);
            Home::open(folder.path(), || Err(HomeError::PassphraseNeeded), wait).unwrap().1.to_vec()
        });
        started.recv().unwrap();
        let mut home = home;
        thread::sleep(Duration::from_millis(100));
        home.write(b"two", &mut rng(2)).unwrap();
        drop(home);
        // It reads what the first wrote last, not what was there when it began to wait.
        assert_eq!(second.join().unwrap(), b"two");
    });
}

#[test]
fn nobody_loses_a_step_when_many_take_turns() {
    let folder = Folder::new();
    drop(Home::create(folder.path(), Protection::None, &0_u64.to_be_bytes(), &mut rng(1)).unwrap());
    thread::scope(|scope| {
        for seed in 0..8 {
            let folder = &folder;
            scope.spawn(move || {
                for _ in 0..5 {
                    let wait = Duration::from_secs(60);
                    let never = || Err(HomeError::PassphraseNeeded);
                    let (mut home, state) = Home::open(folder.path(), never, wait).unwrap();
                    let count = u64::from_be_bytes(state.as_slice().try_into().unwrap()) + 1;
                    home.write(&count.to_be_bytes(), &mut rng(seed)).unwrap();
                }
            });
        }
    });
    assert_eq!(open(folder.path()).unwrap().1, 40_u64.to_be_bytes());
}

#[test]
fn a_question_fails_in_the_callers_own_way() {
    #[derive(Debug)]
    enum Mine {
        Interrupted,
        Home,
    }
    impl From<HomeError> for Mine {
        fn from(_: HomeError) -> Self {
            Self::Home
        }
    }
    let folder = Folder::new();
    let ask = || Err(Mine::Interrupted);
    assert!(matches!(Home::open(folder.path(), ask, Duration::ZERO), Err(Mine::Home)));
    drop(Home::create(folder.path(), protected("x"), b"", &mut rng(1)).unwrap());
    assert!(matches!(Home::open(folder.path(), ask, Duration::ZERO), Err(Mine::Interrupted)));
}

#[test]
fn errors_are_sentences_with_a_way_out() {
    let folder = Folder::new();
    for error in [
        open(folder.path()).map(|_| ()).unwrap_err(),
        HomeError::PassphraseNeeded,
        HomeError::WrongPassphrase,
        HomeError::Busy { dir: "/home/\u{1b}[31m".into() },
    ] {
        assert!(error.hint().ends_with('.') && !error.to_string().ends_with('.'));
        assert!(!error.to_string().contains('\u{1b}'), "terminal escapes are shown, not sent");
    }
}

#[cfg(unix)]
mod permissions {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn only_its_person_can_read_a_home() {
        let folder = Folder::new();
        let dir = folder.join("x/home");
        drop(Home::create(&dir, Protection::None, b"one", &mut rng(1)).unwrap());
        assert_eq!((mode(&dir), mode(&folder.join("x"))), (0o700, 0o700));
        for name in ["state", "key", "lock"] {
            assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn what_others_could_read_is_closed_and_told() {
        let folder = Folder::new();
        let dir = folder.join("home");
        drop(Home::create(&dir, Protection::None, b"one", &mut rng(1)).unwrap());
        for path in [&dir, &dir.join("state"), &dir.join("key"), &dir.join("lock")] {
            set_mode(path, 0o755);
        }
        let (home, _) = open(&dir).unwrap();
        let told = [HomeWarning::WasOpen(dir.join("state")), HomeWarning::WasOpen(dir.join("key"))];
        assert_eq!(home.warnings(), told);
        assert_eq!(mode(&dir), 0o700);
        for name in ["state", "key", "lock"] {
            assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
        }
        drop(home);
        assert!(open(&dir).unwrap().0.warnings().is_empty());
    }

    #[test]
    fn a_folder_with_other_things_in_it_is_left_as_it_is() {
        let folder = Folder::new();
        fs::write(folder.join("letter"), b"").unwrap();
        set_mode(folder.path(), 0o755);
        let home = Home::create(folder.path(), Protection::None, b"one", &mut rng(1)).unwrap();
        assert_eq!(home.warnings(), [HomeWarning::IsOpen(folder.path().into())]);
        assert_eq!(mode(folder.path()), 0o755);
        drop(home);
        set_mode(folder.path(), 0o777);
        assert!(matches!(open(folder.path()), Err(HomeError::Permissions { .. })));
    }

    #[test]
    fn things_that_are_no_files_are_no_state() {
        let folder = Folder::new();
        let dir = folder.join("home");
        drop(Home::create(&dir, Protection::None, b"one", &mut rng(1)).unwrap());
        fs::rename(dir.join("state"), folder.join("kept")).unwrap();
        fs::create_dir(dir.join("state")).unwrap();
        assert!(matches!(open(&dir), Err(HomeError::Damaged { .. })));
        fs::remove_dir(dir.join("state")).unwrap();
        assert!(
            std::process::Command::new("mkfifo").arg(dir.join("state")).status().unwrap().success()
        );
        assert!(matches!(open(&dir), Err(HomeError::Damaged { .. })));
        fs::remove_file(dir.join("state")).unwrap();
        symlink(dir.join("state"), dir.join("state")).unwrap();
        assert!(open(&dir).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_comes_back(
        states in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..5_000), 1..6), seed: u64,
    ) {
        let folder = Folder::new();
        let mut rng = rng(seed);
        let mut home = Home::create(folder.path(), Protection::None, b"", &mut rng).unwrap();
        for state in states {
            home.write(&state, &mut rng).unwrap();
            drop(home);
            let (opened, found) = open(folder.path()).unwrap();
            prop_assert_eq!(found, state);
            home = opened;
        }
    }

    #[test]
    fn no_octets_make_it_panic(
        octets in proptest::collection::vec(any::<u8>(), 0..300), magic: bool, checked: bool,
    ) {
        let folder = Folder::new();
        let mut file = if magic { [b"recovery home\n\x01".as_slice(), &octets].concat() } else { octets };
        if checked && file.len() > 32 {
            recheck(&mut file);
        }
        fs::write(folder.join("state"), &file).unwrap();
        prop_assert!(open_with(folder.path(), "x").is_err());
    }
}
