//! Two relays on one database: how soon a long poll on one hears of a post on the other.

use crate::cluster::Cluster;
use crate::load::{self, Posts, body, client, mailbox};
use crate::places::{Kind, Place, Program};
use crate::tools::{Connection, Outcome, Run, say, time};
use std::time::{Duration, Instant};
use tokio::time::sleep;

const SAMPLES: u64 = 300;
/// From sending a long poll until the post: by then it waits.
const BEFORE: Duration = Duration::from_millis(20);
/// Mailboxes of others.
const OTHERS: u64 = 256;
/// Writers on each relay, where others write, too.
const WRITERS: usize = 32;

/// Alone, and while 64 others write.
pub(crate) fn all(cluster: &Cluster) -> Outcome<()> {
    say(
        "| a post on one relay wakes a long poll on the other, from sending to hearing | p50 | p99 | longest |",
    )?;
    say("|---|--:|--:|--:|")?;
    for (what, busy) in
        [("nobody else writes", false), ("64 others write as fast as they can", true)]
    {
        let place = Place::new(Kind::Postgres(cluster))?;
        place.fill(OTHERS + 1, 0)?;
        let (here, there) = (Program::start(&place, &[])?, Program::start(&place, &[])?);
        let run = match busy {
            false => client()?.block_on(samples(&here, &there))?,
            true => while_others_write(&here, &there)?,
        };
        here.stop()?;
        there.stop()?;
        let at = |percent| time(run.percentile(percent).as_secs_f64());
        let (p50, p99, longest) = (at(50), at(99), time(run.longest().as_secs_f64()));
        say(format_args!("| {what} | {p50} | {p99} | {longest} |"))?;
    }
    say("")
}

/// Bound by time: a mailbox takes so many messages, and the samples take some seconds.
fn while_others_write(here: &Program, there: &Program) -> Outcome<Run> {
    let posts = Posts::new(OTHERS, 0);
    let span = Duration::from_secs(10);
    std::thread::scope(|scope| {
        let others = [here, there].map(|relay| {
            let posts = &posts;
            scope.spawn(move || load::posts(&relay.address, posts, WRITERS, span))
        });
        let run = client()?.block_on(samples(here, there));
        for other in others {
            other.join().map_err(|_| "a writer broke off")??;
        }
        run
    })
}

/// One after the other: poll here, post there. Ends after ten seconds also with fewer than wanted.
async fn samples(here: &Program, there: &Program) -> Outcome<Run> {
    let (mut polling, mut posting) =
        (Connection::new(&here.address).await?, Connection::new(&there.address).await?);
    let (token, begun, mut took) = (mailbox(OTHERS), Instant::now(), Vec::new());
    while (took.len() as u64) < SAMPLES && begun.elapsed() < Duration::from_secs(10) {
        let after = took.len() as u64;
        let poll = format!(
            "GET /v1/mailboxes/{}/messages?after={after}&wait=60 HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer {}\r\n\r\n",
            token.id(),
            token.expose()
        );
        let body = body(u64::MAX - after);
        let head = format!(
            "POST /v1/mailboxes/{}/messages HTTP/1.1\r\nHost: relay\r\nContent-Length: {}\r\n\r\n",
            token.id(),
            body.len()
        );
        let post = [head.as_bytes(), &body].concat();
        let heard = async {
            polling.call(poll.as_bytes(), b"HTTP/1.1 200").await?;
            Outcome::Ok(Instant::now())
        };
        let posted = async {
            sleep(BEFORE).await;
            let sent = Instant::now();
            posting.call(&post, b"HTTP/1.1 201").await?;
            Outcome::Ok(sent)
        };
        let (heard, sent) = tokio::try_join!(heard, posted)?;
        took.push(heard.checked_duration_since(sent).ok_or("heard before it was posted")?);
    }
    Ok(Run::new(begun.elapsed(), took))
}
