//! The relay's program in trouble: killed at single system calls, without room on its disk, beside another one.
//!
//! `RECOVERY_KILL_STEPS=all` kills it at every system call that changes something; otherwise at every twentieth,
//! beginning at `RECOVERY_KILL_OFFSET` (by default another one each hour).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that can't go on ends with a panic"
)]

#[expect(dead_code, reason = "other tests use more of it")]
#[path = "support/client.rs"]
mod client;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "support/cluster.rs"]
mod cluster;

use self::client::{Client, Round, kill, sqlite, start};
use self::cluster::Database;
use recovery_core::ids::HoldToken;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// What is posted at one relay wakes who waits at another one on the same database, and a veto at one holds at both.
#[test]
fn two_relays_on_one_database_are_one() {
    let Some(database) = Database::fresh() else { return };
    let [(one, here), (other, there)] = [start(&database.url()), start(&database.url())];
    let (mut near, mut far) = (Client::new(&here).unwrap(), Client::new(&there).unwrap());
    let round = Round(1);
    let (path, auth) = round.mailbox(1);
    assert_eq!(near.call(&format!("PUT {path}\n{auth}"), b"").unwrap().0, 201);
    assert_eq!(far.call(&format!("PUT {path}\n{auth}"), b"").unwrap().0, 200);
    for n in 0..10_u64 {
        let head = format!("GET {path}/messages?after={n}&wait=30\n{auth}");
        thread::scope(|scope| {
            let poll = scope.spawn(|| far.call(&head, b"").unwrap());
            thread::sleep(Duration::from_millis(20 * (n % 3)));
            let post = near.call(&format!("POST {path}/messages"), &n.to_be_bytes()).unwrap();
            assert_eq!(post.0, 201);
            let (status, _, body) = poll.join().unwrap();
            assert!(status == 200 && body.len() > 10, "{status}");
        });
    }
    let hold = HoldToken::new(round.token(0));
    let held = format!("POST {path}/messages\nRecovery-Hold: {}; for=1", hold.id());
    assert_eq!(near.call(&held, b"dropped").unwrap().0, 202);
    let veto =
        format!("POST /v1/holds/{}/veto\nAuthorization: Bearer {}", hold.id(), hold.expose());
    assert_eq!(far.call(&veto, b"").unwrap().0, 204);
    assert_eq!(near.call(&held, b"refused").unwrap().0, 409);
    let other_hold = HoldToken::new(round.token(7)).id();
    let held = format!("POST {path}/messages\nRecovery-Hold: {other_hold}; for=1");
    assert_eq!(near.call(&held, b"kept").unwrap().0, 202);
    let head = format!("GET {path}/messages?after=10&wait=30\n{auth}");
    let (_, _, body) = far.call(&head, b"").unwrap();
    assert!(body.windows(4).any(|part| part == b"kept"));
    let all = round.messages(&mut near, 1);
    assert_eq!(all.len(), 11);
    kill(one);
    kill(other);
}

/// A small disk of its own; `None` where it can't be made.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"]).arg(folder.path());
        if mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        assert!(std::env::var_os("CI").is_none(), "a small disk can't be mounted");
        eprintln!("SKIPPED: a small disk can't be mounted");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Without room the relay refuses and goes on reading; with room again it writes, by itself.
#[test]
fn a_full_disk_is_told_and_got_over() {
    let Some(disk) = SmallDisk::new() else { return };
    let (child, address) = start(&sqlite(disk.0.path()));
    let mut client = Client::new(&address).unwrap();
    let (path, auth) = Round(1).mailbox(1);
    assert_eq!(client.call(&format!("PUT {path}\n{auth}"), b"").unwrap().0, 201);
    let filling = disk.0.path().join("filling");
    let post = |client: &mut Client, n: u64| {
        let body: Vec<u8> = n.to_be_bytes().into_iter().cycle().take(60_000).collect();
        client.call(&format!("POST {path}/messages"), &body).unwrap().0
    };
    let mut kept = 0;
    for n in 0..3 {
        assert_eq!(post(&mut client, n), 201);
        kept += 1;
    }
    let room = vec![0; 64 * 1_024];
    let mut file = fs::File::create(&filling).unwrap();
    while std::io::Write::write_all(&mut file, &room).is_ok() {}
    let refused = (100..200).map(|n| (n, post(&mut client, n))).find(|(_, status)| *status != 201);
    let (n, status) = refused.unwrap();
    kept += n - 100;
    assert_eq!(status, 507);
    assert_eq!(client.call("GET /readyz", b"").unwrap().0, 507);
    assert_eq!(client.call("GET /healthz", b"").unwrap().0, 200);
    assert_eq!(Round(1).messages(&mut client, 1).len() as u64, kept, "reading goes on");
    fs::remove_file(&filling).unwrap();
    drop(file);
    let begun = Instant::now();
    while client.call("GET /readyz", b"").unwrap().0 != 200 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not get over it");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(post(&mut client, n), 201);
    assert_eq!(Round(1).messages(&mut client, 1).len() as u64, kept + 1);
    kill(child);
    let (child, address) = start(&sqlite(disk.0.path()));
    let mut client = Client::new(&address).unwrap();
    assert_eq!(Round(1).messages(&mut client, 1).len() as u64, kept + 1, "and it is there later");
    kill(child);
}

/// Damage that a read meets is told with the record's number, and `/readyz` shows it; damage of the file's structure is
/// told at the start, with the way back.
#[test]
fn damage_is_told_and_never_a_crash_without_a_word() {
    let folder = TempDir::new().unwrap();
    let store = sqlite(folder.path());
    let file = folder.path().join("relay.db");
    let (child, address) = start(&store);
    assert_eq!(post_some(&address, 3), 3);
    kill(child);
    let tampered = rusqlite::Connection::open(&file).unwrap();
    tampered.execute("UPDATE messages SET body = x'00' WHERE seq = 2", []).unwrap();
    drop(tampered);
    let (child, address) = start(&store);
    let mut client = Client::new(&address).unwrap();
    let (path, auth) = Round(1).mailbox(1);
    assert_eq!(client.call("GET /readyz", b"").unwrap().0, 200, "nobody saw it yet");
    let (status, _, body) =
        client.call(&format!("GET {path}/messages?after=1\n{auth}"), b"").unwrap();
    let told = String::from_utf8(body).unwrap();
    assert!(status == 503 && told.contains("\"seq\":2"), "{status} {told}");
    assert_eq!(client.call(&format!("GET {path}/messages?after=2\n{auth}"), b"").unwrap().0, 200);
    let (status, _, body) = client.call("GET /readyz", b"").unwrap();
    let told = String::from_utf8(body).unwrap();
    assert!(status == 503 && told.contains("record-damaged"), "{status} {told}");
    kill(child);
    let mut octets = fs::read(&file).unwrap();
    octets[100..4_096].fill(0xff);
    fs::write(&file, octets).unwrap();
    for end in ["relay.db-wal", "relay.db-shm"] {
        let _ = fs::remove_file(folder.path().join(end));
    }
    let ended = Command::new(env!("CARGO_BIN_EXE_recovery-relay"))
        .args(["serve", "--listen", "127.0.0.1:0", "--store", &store])
        .output()
        .unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("is damaged") && told.contains("put a backup in its place"), "{told}");
}

/// The system calls that change what is on disk.
const MUTATING: [&str; 10] = [
    "openat",
    "mkdir",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "rename",
    "unlink",
    "flock",
];

/// The relay under `strace` with these arguments, its output going to `told`.
fn traced(store: &str, args: &[String], told: &Path) -> Child {
    Command::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(told)
        .args(args)
        .arg(env!("CARGO_BIN_EXE_recovery-relay"))
        .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "error"])
        .env("RELAY_STORE", store)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Where it listens, unless it ended before.
fn listens(child: &mut Child) -> Option<String> {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line.trim().strip_prefix("listening on http://").map(str::to_owned)
}

/// Opens a mailbox and posts so many messages, one after the other; how many were acknowledged.
fn post_some(address: &str, count: u64) -> u64 {
    let Some(mut client) = Client::new(address) else { return 0 };
    let (path, auth) = Round(1).mailbox(1);
    if client.call(&format!("PUT {path}\n{auth}"), b"").is_none() {
        return 0;
    }
    (0..count)
        .take_while(|n| {
            let posted = client.call(&format!("POST {path}/messages"), &n.to_be_bytes());
            posted.is_some_and(|(status, ..)| status < 300)
        })
        .count() as u64
}

/// How often one thread made each system call, at most, while the store was made and `posts` were posted.
fn calls(posts: u64) -> Vec<(&'static str, usize)> {
    let folder = TempDir::new().unwrap();
    let told = folder.path().join("trace");
    let trace = format!("trace={}", MUTATING.join(","));
    let mut child = traced(&sqlite(&folder.path().join("a")), &["-e".into(), trace], &told);
    let address = listens(&mut child).unwrap();
    assert_eq!(post_some(&address, posts), posts);
    let ends = Command::new("pkill").args(["-TERM", "-P", &child.id().to_string()]).status();
    assert!(ends.unwrap().success());
    child.wait().unwrap();
    let trace = fs::read_to_string(told).unwrap();
    let mut most = Vec::new();
    for name in MUTATING {
        let mut by_thread = std::collections::HashMap::<&str, usize>::new();
        for line in trace.lines().filter(|line| line.contains(&format!(" {name}("))) {
            *by_thread.entry(line.split_whitespace().next().unwrap()).or_default() += 1;
        }
        most.push((name, by_thread.into_values().max().unwrap_or(0)));
    }
    most
}

/// Every point, or every twentieth.
fn chosen(points: Vec<(&'static str, usize)>) -> Vec<(&'static str, usize)> {
    if std::env::var("RECOVERY_KILL_STEPS").is_ok_and(|steps| steps == "all") {
        return points;
    }
    let hour = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as usize / 3_600;
    let offset = std::env::var("RECOVERY_KILL_OFFSET").ok().and_then(|offset| offset.parse().ok());
    points.into_iter().skip(offset.unwrap_or(hour) % 20).step_by(20).collect()
}

/// Killed at any system call while the store is made or a message is written: it starts again, and all that was
/// acknowledged is there.
#[test]
fn a_kill_at_any_system_call_loses_nothing() {
    let there = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "strace is not installed");
        eprintln!("SKIPPED: strace is not installed");
        return;
    }
    const POSTS: u64 = 50;
    let most = calls(POSTS);
    let all: Vec<_> =
        most.iter().flat_map(|(name, most)| (1..=*most).map(move |n| (*name, n))).collect();
    let (count, points) = (all.len(), chosen(all));
    let (mut killed, mut kept) = (0, 0);
    for (name, n) in &points {
        let folder = TempDir::new().unwrap();
        let store = sqlite(&folder.path().join("a"));
        let inject = format!("inject={name}:signal=KILL:when={n}");
        let args = ["-e".into(), format!("trace={name}"), "-e".into(), inject];
        let mut child = traced(&store, &args, &folder.path().join("trace"));
        let acknowledged = listens(&mut child).map_or(0, |address| post_some(&address, POSTS));
        // What was not killed, because it took another way this time, ends now.
        let _ = Command::new("pkill").args(["-KILL", "-P", &child.id().to_string()]).status();
        child.wait().unwrap();
        killed += u64::from(acknowledged < POSTS);
        let (child, address) = start(&store);
        let mut client = Client::new(&address).unwrap();
        let (path, auth) = Round(1).mailbox(1);
        assert!(client.call(&format!("PUT {path}\n{auth}"), b"").unwrap().0 < 300);
        let found = Round(1).messages(&mut client, 1);
        for n in 0..acknowledged {
            assert_eq!(found.get(&(n + 1)), Some(&n.to_be_bytes().to_vec()), "{name} {n}: lost");
        }
        assert!(found.len() as u64 <= acknowledged + 1, "{name} {n}: more than was sent");
        kept += acknowledged;
        kill(child);
    }
    println!(
        "{} of {count} points, {killed} killed before the end, {kept} acknowledged, 0 lost",
        points.len()
    );
}
