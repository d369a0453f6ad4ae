//! What it costs to have ten thousand people wait for messages.

use crate::load::{Posts, client, mailbox, posts};
use crate::million::mebibytes;
use crate::places::{Kind, Place, Program};
use crate::tools::{Outcome, say};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

const POLLS: u64 = 10_000;
/// The setting's default leaves none for anybody else.
const SETTINGS: [&str; 2] = ["--connections", "10100"];
/// How long memory is looked at once all wait.
const LOOKS: u32 = 10;

/// Memory with this many idle long polls, each of a mailbox of its own.
pub(crate) fn all(kinds: &[Kind<'_>]) -> Outcome<()> {
    raise_limit()?;
    say("| store | before | with 10,000 idle long polls | of which idle at the end | opened in |")?;
    say("|---|--:|--:|--:|--:|")?;
    for kind in kinds {
        let place = Place::new(*kind)?;
        place.fill(POLLS, 0)?;
        place.settle();
        let program = Program::start(&place, &SETTINGS)?;
        let before = mebibytes(program.memory());
        let (most, idle, opened) = client()?.block_on(wait(&program))?;
        let most = mebibytes(most);
        // The relay still serves others.
        posts(&program.address, &Posts::new(POLLS, 0), 1, Duration::from_millis(50))?;
        program.stop()?;
        let name = kind.name();
        say(format_args!("| {name} | {before} | {most} | {idle} | {opened:.1?} |"))?;
    }
    say("")
}

/// The most memory while all wait, how many still do at the end, and how long it took to open them.
async fn wait(program: &Program) -> Outcome<(Option<f64>, usize, Duration)> {
    let (begun, mut polls) = (Instant::now(), Vec::new());
    for n in 0..POLLS {
        let mut stream = TcpStream::connect(&program.address).await?;
        let token = mailbox(n);
        let request = format!(
            "GET /v1/mailboxes/{}/messages?wait=60 HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer {}\r\n\r\n",
            token.id(),
            token.expose()
        );
        stream.write_all(request.as_bytes()).await?;
        polls.push(stream);
    }
    let (opened, mut most) = (begun.elapsed(), None);
    for _ in 0..LOOKS {
        sleep(Duration::from_secs(1)).await;
        most = program.memory().into_iter().chain(most).reduce(f64::max);
    }
    let is_idle = |poll: &&TcpStream| {
        let read = poll.try_read(&mut [0; 1]);
        read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    };
    Ok((most, polls.iter().filter(is_idle).count(), opened))
}
/// As many open files as the system allows: this process holds the other ends.
fn raise_limit() -> Outcome<()> {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files)?;
    match files.current.is_none_or(|files| files > POLLS + 500) {
        true => Ok(()),
        false => Err("not enough open files are allowed: see `ulimit -Hn`".into()),
    }
}
