//! What measures: a connection that costs little, counts, and the speed of the disk.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What can end a measurement.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The middle value.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Writes a line where tables go.
pub(crate) fn say(line: impl std::fmt::Display) -> Outcome<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// What a measurement counted.
pub(crate) struct Run {
    span: Duration,
    took: Vec<Duration>,
}

impl Run {
    pub(crate) fn new(span: Duration, mut took: Vec<Duration>) -> Self {
        took.sort();
        Self { span, took }
    }

    /// How many a second.
    pub(crate) fn rate(&self) -> f64 {
        self.took.len() as f64 / self.span.as_secs_f64()
    }

    /// How long half of them took at most, in seconds.
    pub(crate) fn half(&self) -> f64 {
        self.percentile(50).as_secs_f64()
    }

    /// How long the slowest took.
    pub(crate) fn longest(&self) -> Duration {
        self.took.last().copied().unwrap_or_default()
    }

    /// How long all but the slowest took.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        self.took.get(self.took.len() * percent / 100).copied().unwrap_or_default()
    }
}

/// How long and how often is measured.
pub(crate) struct Plan {
    rounds: u64,
    /// One measurement.
    pub(crate) span: Duration,
    /// From then on each part has one round left.
    hurry: Instant,
}

impl Plan {
    pub(crate) fn new(rounds: u64, span: Duration, bound: Duration) -> Self {
        Self { rounds, span, hurry: Instant::now() + bound }
    }

    /// Numbers of rounds, at least one.
    pub(crate) fn rounds(&self) -> impl Iterator<Item = u64> {
        (0..self.rounds).take_while(|round| *round == 0 || Instant::now() < self.hurry)
    }
}

/// The middle of what several rounds gave: how many a second, and how long half and all but one in a hundred took.
pub(crate) fn rate_and_times(runs: &[Run]) -> String {
    let middle = |of: &dyn Fn(&Run) -> f64| median(runs.iter().map(of).collect());
    let at = |percent| middle(&|run| run.percentile(percent).as_secs_f64());
    let (rate, p50, p99) = (middle(&Run::rate), time(at(50)), time(at(99)));
    format!("{rate:.0} | {p50} | {p99}")
}

/// A time with three digits.
pub(crate) fn time(seconds: f64) -> String {
    match seconds * 1e3 {
        millis if millis >= 100.0 => format!("{millis:.0} ms"),
        millis if millis >= 10.0 => format!("{millis:.1} ms"),
        millis => format!("{millis:.2} ms"),
    }
}

/// The middle of the rounds' ratios, and from where to where they went.
pub(crate) fn ratio(ours: &[Run], theirs: &[Run], of: fn(&Run) -> f64) -> String {
    let ratios = ours.iter().zip(theirs).map(|(ours, theirs)| of(ours) / of(theirs));
    let ratios: Vec<f64> = ratios.collect();
    let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let high = ratios.iter().copied().fold(0.0, f64::max);
    format!("{:.2} ({low:.2} to {high:.2})", median(ratios))
}

/// A connection that reads answers with as little work as it can.
pub(crate) struct Connection {
    stream: TcpStream,
    pub(crate) buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn new(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 16_384] })
    }

    /// Sends a request and reads the whole answer; returns its length.
    pub(crate) async fn call(&mut self, request: &[u8], expected: &[u8]) -> Outcome<usize> {
        self.stream.write_all(request).await?;
        let mut have = 0;
        let mut need = None;
        loop {
            have += match self.stream.read(&mut self.buffer[have..]).await? {
                0 => return Err("the relay ended the connection".into()),
                read => read,
            };
            let answer = &self.buffer[..have];
            if need.is_none()
                && let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n")
            {
                if !answer.starts_with(expected) {
                    return Err(String::from_utf8_lossy(answer).into());
                }
                need = Some(end + 4 + length(&answer[..end]).unwrap_or(0));
            }
            if need.is_some_and(|need| have >= need) {
                return Ok(have);
            }
        }
    }
}

/// What `Content-Length` says.
pub(crate) fn length(head: &[u8]) -> Option<usize> {
    let field = b"content-length: ";
    let at = head.windows(field.len()).position(|window| window == field)?;
    let digits = head[at + field.len()..].iter().take_while(|octet| octet.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0')))
}

/// How long the disk takes to sync 4 KiB.
pub(crate) fn sync_time() -> Outcome<String> {
    let folder = TempDir::new()?;
    let took = sync_times(folder.path())?;
    let at = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or_default();
    Ok(format!("p50 {:.1?}, p99 {:.1?}", at(50), at(99)))
}

fn sync_times(folder: &Path) -> Outcome<Vec<Duration>> {
    let mut file = std::fs::File::create(folder.join("sync"))?;
    let mut took = Vec::new();
    for _ in 0..200 {
        file.write_all(&[0; 4_096])?;
        let begun = Instant::now();
        file.sync_data()?;
        took.push(begun.elapsed());
    }
    took.sort();
    Ok(took)
}
