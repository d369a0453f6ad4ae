//! Somebody between people and their relay, who changes what passes.

use crate::Relay;
use std::{
    collections::BTreeSet,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// What is done to what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evil {
    /// Nothing.
    None,
    /// Each message and slot that somebody writes is another one by a bit.
    ChangesWrites,
    /// Each message and slot that somebody reads is another one by a bit.
    ChangesReads,
    /// In place of each message and slot that somebody writes, another one of the same size is written.
    Swaps,
    /// Whoever reads is shown everything from the beginning.
    Repeats,
}

/// A call that was made: its path and its body.
type Call = (String, Vec<u8>);

#[derive(Debug)]
struct State {
    relay: SocketAddr,
    evil: Mutex<Evil>,
    posts: Mutex<Vec<Call>>,
    writes: Mutex<Vec<Call>>,
    touched: Mutex<usize>,
    over: AtomicBool,
}

/// It stands in front of a relay, under an address of its own; gone when dropped.
#[derive(Debug)]
pub struct Middle {
    state: Arc<State>,
    address: SocketAddr,
}

impl Middle {
    /// Between this relay and everybody who is told the address of this.
    #[must_use]
    pub fn before(relay: &Relay) -> Self {
        let relay = relay.url().trim_start_matches("http://").parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its own address");
        let state = Arc::new(State {
            relay,
            evil: Mutex::new(Evil::None),
            posts: Mutex::default(),
            writes: Mutex::default(),
            touched: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
                let state = Arc::clone(&shared);
                // Who hangs up, or can't be reached, is no matter of a test.
                thread::spawn(move || drop(state.pass(stream)));
            }
        });
        Self { state, address }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it does this; gives how often it did what it did until now.
    pub fn does(&self, evil: Evil) -> usize {
        *lock(&self.state.evil) = evil;
        std::mem::take(&mut *lock(&self.state.touched))
    }

    /// Posts every message that ever passed to every mailbox that any was posted to. Gives how many calls that
    /// took.
    pub fn posts_everything_again(&self) -> usize {
        let posts = lock(&self.state.posts).clone();
        let places: BTreeSet<&String> = posts.iter().map(|(path, _)| path).collect();
        for place in &places {
            for (_, body) in &posts {
                let head = format!(
                    "POST {place} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/octet-stream\r\n\
                     Content-Length: {}\r\nConnection: close\r\n\r\n",
                    self.state.relay,
                    body.len()
                );
                let _ = self.state.ask(head.as_bytes(), body);
            }
        }
        posts.len() * places.len()
    }
}

impl Drop for Middle {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for the next one.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    /// One call: read, changed, passed on, and its answer back.
    fn pass(&self, stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let length = lines.iter().find_map(|line| field(line, "content-length")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let first = lines.first().cloned().unwrap_or_default();
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        self.changes(method, path, &mut body);
        let path = self.repeats(method, path);
        let kept = lines.iter().skip(1).filter(|line| field(line, "connection").is_none());
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        kept.for_each(|line| head.extend([line.as_str(), "\r\n"]));
        head.push_str("Connection: close\r\n\r\n");
        let mut answer = self.ask(head.as_bytes(), &body)?;
        self.changes_answer(method, path.as_str(), &mut answer);
        (&stream).write_all(&answer)
    }

    /// One call to the relay.
    fn ask(&self, head: &[u8], body: &[u8]) -> io::Result<Vec<u8>> {
        let mut relay = TcpStream::connect(self.relay)?;
        relay.write_all(head)?;
        relay.write_all(body)?;
        let mut answer = Vec::new();
        relay.read_to_end(&mut answer)?;
        Ok(answer)
    }

    /// What somebody writes.
    fn changes(&self, method: &str, path: &str, body: &mut Vec<u8>) {
        let writes = matches!((method, body.len()), ("POST" | "PUT", 1..));
        if !writes {
            return;
        }
        let call = (path.to_owned(), body.clone());
        let mut known = lock(&self.writes);
        let other = known.iter().rev().find(|(at, other)| at != path && other.len() == body.len());
        match *lock(&self.evil) {
            Evil::ChangesWrites => self.flips(body),
            Evil::Swaps => match other {
                Some((_, other)) => {
                    body.clone_from(other);
                    *lock(&self.touched) += 1;
                }
                None => self.flips(body),
            },
            _ => {}
        }
        if method == "POST" {
            lock(&self.posts).push(call.clone());
        }
        known.push(call);
    }

    /// What somebody reads.
    fn changes_answer(&self, method: &str, path: &str, answer: &mut Vec<u8>) {
        let content = path.starts_with("/v1/slots/") || path.contains("/messages");
        let start = answer.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        let reads = *lock(&self.evil) == Evil::ChangesReads && method == "GET" && content;
        let Some(start) = start.filter(|_| reads && answer.starts_with(b"HTTP/1.1 200")) else {
            return;
        };
        let mut body = answer.split_off(start);
        if body.len() > 1_000 {
            self.flips(&mut body);
        }
        answer.extend(body);
    }

    /// Somebody reads from the beginning.
    fn repeats(&self, method: &str, path: &str) -> String {
        let again = *lock(&self.evil) == Evil::Repeats && method == "GET";
        let Some((place, query)) = path.split_once('?').filter(|_| again) else {
            return path.to_owned();
        };
        let kept = query.split('&').filter(|one| !one.starts_with("after="));
        *lock(&self.touched) += 1;
        format!("{place}?{}", kept.collect::<Vec<_>>().join("&"))
    }

    fn flips(&self, body: &mut [u8]) {
        let middle = body.len() / 2;
        if let Some(octet) = body.get_mut(middle) {
            *octet ^= 1;
            *lock(&self.touched) += 1;
        }
    }
}

/// The value of a field of this name, if the line is one.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = line.split_once(':')?;
    found.eq_ignore_ascii_case(name).then(|| value.trim())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
