//! Many who mean harm at once: slow connections, huge bodies, heads without end, requests with octets changed. The relay
//! answers them with 4xx or hangs up, keeps little memory, and goes on serving who means well.
//!
//! A tenth of the size by default; all of it with `RECOVERY_HOSTILE=full`. How long the honest client waited is printed;
//! it is held to a limit only in the full run, on a machine with nothing else to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that can't go on ends with a panic"
)]

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use recovery_core::ids::MailboxToken;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Most memory that the relay may hold: 256 MiB.
const MEMORY_MAX: u64 = 256 * 1_024 * 1_024;
/// What an honest client may wait for at most, but for one call in a hundred.
const P99: Duration = Duration::from_millis(500);

/// Longer than the relay lets anything take.
const PATIENCE: Duration = Duration::from_secs(100);

struct Relay {
    child: Child,
    address: String,
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(folder: &std::path::Path) -> Relay {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recovery-relay"));
    command.env_clear().current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::null());
    command.args(["serve", "--listen", "127.0.0.1:0", "--store", "sqlite:relay.db"]);
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.strip_prefix("listening on http://").unwrap().trim().to_owned();
    Relay { child, address }
}

/// The most memory that a process ever held, in octets.
fn memory(process: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1_024)
}

/// Sends all and gives the status of what comes back; 0 for none.
async fn send(address: &str, octets: &[u8]) -> u16 {
    timeout(PATIENCE, send_and(address, octets, false)).await.ok().flatten().unwrap_or(0)
}

async fn send_and(address: &str, octets: &[u8], hang_up: bool) -> Option<u16> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let _ = stream.write_all(octets).await;
    if hang_up {
        let _ = stream.shutdown().await;
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.ok()?;
    std::str::from_utf8(&answer[9..]).ok()?.parse().ok()
}

/// A mailbox's path and its owner's field.
fn mailbox(n: u8) -> (String, String) {
    let token = MailboxToken::new([n; 32]);
    (format!("/v1/mailboxes/{}", token.id()), format!("Authorization: Bearer {}", token.expose()))
}

/// Letters one by one, until the test is over.
async fn slow(address: String, over: Arc<AtomicBool>) {
    let Ok(mut stream) = TcpStream::connect(&address).await else { return };
    for letter in b"GET /healthz HTTP/1.1\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'a')) {
        if over.load(Ordering::Relaxed) || stream.write_all(&[*letter]).await.is_err() {
            return;
        }
        sleep(Duration::from_millis(900)).await;
    }
}

/// 100 MiB to a call that takes 64 KiB, and fields without end.
async fn large(address: String) -> Vec<u16> {
    let (path, _) = mailbox(1);
    let mut statuses = Vec::new();
    for head in [
        format!("POST {path}/messages HTTP/1.1\r\nContent-Length: 104857600\r\n\r\n"),
        format!("POST {path}/messages HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n6400000\r\n"),
    ] {
        let body = [head.as_bytes(), &vec![b'x'; 100 * 1_024 * 1_024]].concat();
        statuses.push(send(&address, &body).await);
    }
    let fields: String = (0..200_000).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let bombs = [
        format!("GET /healthz HTTP/1.1\r\n{fields}\r\n"),
        format!("GET /healthz HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(5_000_000)),
        format!("GET /{} HTTP/1.1\r\n\r\n", "z".repeat(5_000_000)),
    ];
    for bomb in bombs {
        statuses.push(send(&address, bomb.as_bytes()).await);
    }
    statuses
}

/// A request that would be good, with some octets changed, left out, doubled or put elsewhere.
fn mutated(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let (path, auth) = mailbox(2);
    let pick = |rng: &mut ChaCha8Rng, n: usize| rng.next_u32() as usize % n;
    let good = [
        format!("PUT {path} HTTP/1.1\r\nHost: x\r\n{auth}\r\n\r\n"),
        format!("POST {path}/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"),
        format!(
            "POST {path}/messages HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        ),
        format!("GET {path}/messages?after=0&limit=9 HTTP/1.1\r\nHost: x\r\n{auth}\r\n\r\n"),
        format!("DELETE {path}/messages/1 HTTP/1.1\r\nHost: x\r\n{auth}\r\n\r\n"),
        format!(
            "POST {path}/subscriptions HTTP/1.1\r\n{auth}\r\nContent-Length: 9\r\n\r\nmailto:a@b"
        ),
        "POST /v1/passes HTTP/1.1\r\nHost: x\r\nRecovery-Pass: x\r\n\r\n".to_owned(),
    ];
    let mut octets = good[pick(rng, good.len())].clone().into_bytes();
    for _ in 0..=pick(rng, 4) {
        let at = pick(rng, octets.len());
        match pick(rng, 4) {
            0 => octets[at] = rng.next_u32() as u8,
            1 => drop(octets.remove(at)),
            2 => octets.insert(at, rng.next_u32() as u8),
            _ => {
                let piece = octets[at..octets.len().min(at + 20)].to_vec();
                let to = pick(rng, octets.len());
                octets.splice(to..to, piece);
            }
        }
    }
    octets
}

/// Sends requests with octets changed; how many got each hundred of statuses, and none.
async fn mutations(address: String, seed: u64, count: u32) -> [u64; 6] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut counts = [0; 6];
    for _ in 0..count {
        let request = mutated(&mut rng);
        // Hung up, so that what the relay still waits for never comes.
        let sent = timeout(PATIENCE, send_and(&address, &request, true)).await;
        let status = sent.expect("an answer or an end").unwrap_or(0);
        assert!(status < 500, "{status} for {:?}", String::from_utf8_lossy(&request));
        counts[usize::from(status / 100)] += 1;
    }
    counts
}

/// Posts and reads until the others are done; how long each took.
async fn honest(address: String, over: Arc<AtomicBool>) -> Vec<Duration> {
    let (path, auth) = mailbox(3);
    let put = format!("PUT {path} HTTP/1.1\r\n{auth}\r\n\r\n");
    assert_eq!(send(&address, put.as_bytes()).await, 201);
    let mut times = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let body = format!("{:08}", times.len());
        let begun = Instant::now();
        let post = format!("POST {path}/messages HTTP/1.1\r\nContent-Length: 8\r\n\r\n{body}");
        let status = send(&address, post.as_bytes()).await;
        assert!(matches!(status, 201 | 507), "an honest post got {status}");
        times.push(begun.elapsed());
        sleep(Duration::from_millis(20)).await;
    }
    times.sort();
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_means_well_is_served_among_many_who_do_not() {
    let full = std::env::var("RECOVERY_HOSTILE").is_ok_and(|size| size == "full");
    let part = if full { 1 } else { 10 };
    let folder = tempfile::TempDir::new().unwrap();
    let relay = start(folder.path());
    let over = Arc::new(AtomicBool::new(false));
    let mut slow_ones = JoinSet::new();
    for _ in 0..2_000 / part {
        slow_ones.spawn(slow(relay.address.clone(), Arc::clone(&over)));
    }
    let honest = tokio::spawn(honest(relay.address.clone(), Arc::clone(&over)));
    let large = tokio::spawn(large(relay.address.clone()));
    let mut changed = JoinSet::new();
    let senders = 20;
    for seed in 0..senders {
        changed.spawn(mutations(relay.address.clone(), seed, 100_000 / part / senders as u32));
    }
    let mut counts = [0_u64; 6];
    for some in changed.join_all().await {
        counts.iter_mut().zip(some).for_each(|(count, some)| *count += some);
    }
    let large = large.await.unwrap();
    over.store(true, Ordering::Relaxed);
    let times = honest.await.unwrap();
    slow_ones.shutdown().await;
    assert!(large.iter().all(|status| matches!(status, 0 | 400..500)), "{large:?}");
    println!(
        "changed requests: {} ended without an answer, 2xx {}, 4xx {}",
        counts[0], counts[2], counts[4]
    );
    assert!(counts[4] > counts[2], "most are refused");
    let p99 = times[times.len() * 99 / 100];
    println!(
        "the honest client: {} posts, p50 {:?}, p99 {p99:?}",
        times.len(),
        times[times.len() / 2]
    );
    if full {
        assert!(p99 <= P99, "{p99:?}");
    }
    if let Some(memory) = memory(&relay.child) {
        println!("most memory: {} MiB, of {}", memory >> 20, MEMORY_MAX >> 20);
        assert!(memory < MEMORY_MAX, "{memory}");
    }
    let ready = send(&relay.address, b"GET /readyz HTTP/1.1\r\n\r\n").await;
    assert_eq!(ready, 200);
}
