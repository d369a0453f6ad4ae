//! A server that says what each test wants.
#![allow(dead_code, reason = "each test binary uses its part")]

use recovery_client::relays::{If, Put, Read, Relays, Timeouts};
use recovery_core::{
    address::RelayUrl,
    ids::{MailboxToken, SlotToken},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What the server does with one connection, after it read the request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Says these octets and closes.
    Say(Vec<u8>),
    /// Says these octets, then nothing more, and stays.
    Stall(Vec<u8>),
    /// Says these octets, then the others for ever.
    Flood(Vec<u8>, Vec<u8>),
    /// Says these octets, then one of the others now and then.
    Drip(Vec<u8>, u8),
    /// Closes without a word.
    Close,
}

pub(crate) struct Server {
    pub(crate) url: RelayUrl,
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
    pub(crate) flooded: Arc<AtomicUsize>,
}

impl Server {
    /// Answers one connection after the other; the last act is repeated.
    pub(crate) async fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let (requests, flooded) =
            (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicUsize>::default());
        let (kept, count) = (Arc::clone(&requests), Arc::clone(&flooded));
        tokio::spawn(async move {
            for turn in 0.. {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                let act = acts[turn.min(acts.len() - 1)].clone();
                tokio::spawn(serve(stream, act, Arc::clone(&kept), Arc::clone(&count)));
            }
        });
        Self { url, requests, flooded }
    }

    pub(crate) async fn say(answer: &[u8]) -> Self {
        Self::start(vec![Act::Say(answer.to_vec())]).await
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    act: Act,
    kept: Arc<Mutex<Vec<String>>>,
    count: Arc<AtomicUsize>,
) {
    let request = read_request(&mut stream).await;
    kept.lock().unwrap().push(request);
    match act {
        Act::Say(octets) => {
            let _ = stream.write_all(&octets).await;
            let _ = stream.shutdown().await;
        }
        Act::Stall(octets) => {
            let _ = stream.write_all(&octets).await;
            std::future::pending::<()>().await;
        }
        Act::Flood(first, more) => {
            let _ = stream.write_all(&first).await;
            while stream.write_all(&more).await.is_ok() {
                count.fetch_add(more.len(), Ordering::Relaxed);
            }
        }
        Act::Drip(first, octet) => {
            let _ = stream.write_all(&first).await;
            while stream.write_all(&[octet]).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Act::Close => {}
    }
}

/// Head and body, as text.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let mut part = [0; 4_096];
        let read = stream.read(&mut part).await.unwrap_or(0);
        request.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&request);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if read == 0 || (text.contains("\r\n\r\n") && body.len() >= length.unwrap_or(0)) {
            return text.into_owned();
        }
    }
}

/// An answer of a relay, whole.
pub(crate) fn answer(status: &str, fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status}\r\nRecovery-Epoch: e1\r\n{fields}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

pub(crate) fn problem(status: &str, fields: &str, code: &str) -> Vec<u8> {
    answer(
        status,
        fields,
        format!(r#"{{"code":"{code}","detail":"A sentence.","hint":"Do this."}}"#),
    )
}

pub(crate) fn relays() -> Relays {
    Relays::new().unwrap()
}

pub(crate) fn hasty() -> Relays {
    let timeouts =
        Timeouts { connect: Duration::from_millis(500), total: Duration::from_millis(500) };
    Relays::with_timeouts(timeouts).unwrap()
}

pub(crate) fn mailbox() -> MailboxToken {
    MailboxToken::new([1; 32])
}

pub(crate) fn slot() -> SlotToken {
    SlotToken::new([2; 32])
}

pub(crate) fn read() -> Read {
    Read { after: 0, limit: 1, wait: 0 }
}

pub(crate) fn new_slot() -> Put {
    Put { only_if: If::None, ttl: None }
}
