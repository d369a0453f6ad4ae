//! The task that takes notices from the store and sends them.

use super::{Kind, NotTold, Notice, Notifier, Target};
use crate::clock::UnixMillis;
use crate::relay::Relay;
use crate::store::{Done, Job, Settled, Write};
use recovery_core::ids::SubscriptionToken;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How often the task looks for what is due: another relay may have written it.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Most notices under way at a time.
const AT_ONCE: usize = 16;
/// How long a notice may take before another relay takes it up; longer than all patience together.
const LEASE_MILLIS: i64 = 120_000;
/// For one notice.
const PATIENCE: Duration = Duration::from_secs(90);

/// Minutes between tries. After the last one it is given up; the next message begins anew.
const PAUSES: [i64; 8] = [1, 5, 15, 60, 180, 360, 720, 1_440];

/// Sends what is due until the relay stops.
pub(crate) async fn run(relay: Relay, notifier: Arc<Notifier>, public_url: String) {
    let mut under_way = JoinSet::new();
    while timeout(LOOK_EVERY, relay.stopped()).await.is_err() {
        while under_way.try_join_next().is_some() {}
        let room = AT_ONCE - under_way.len().min(AT_ONCE);
        for job in due(&relay, room).await {
            let (relay, notifier) = (relay.clone(), Arc::clone(&notifier));
            let public_url = public_url.clone();
            under_way.spawn(async move { send(&relay, &notifier, &public_url, job).await });
        }
    }
    // What is under way is leased, and sent again after the next start.
    under_way.shutdown().await;
}

/// Takes what is due.
async fn due(relay: &Relay, limit: usize) -> Vec<Job> {
    let next = relay.next_job().await;
    if limit == 0 || next.is_none_or(|next| next > relay.now()) {
        return Vec::new();
    }
    match relay.write(Write::TakeJobs { limit, lease_millis: LEASE_MILLIS }).await {
        Ok(Done::Jobs(jobs)) => jobs,
        _ => Vec::new(),
    }
}

async fn send(relay: &Relay, notifier: &Notifier, public_url: &str, job: Job) {
    let subscription = &job.subscription;
    let (told, kind) = match read(&subscription.target) {
        Some((token, target)) => {
            let link = format!("{public_url}/s/{}", token.expose());
            let notice = Notice { asks: !subscription.confirmed, link };
            let told = timeout(PATIENCE, notifier.tell(&target, &notice)).await;
            let told = told.unwrap_or(Err(NotTold::Unreachable("no answer in time")));
            (told, target.kind().name())
        }
        None => (Err(NotTold::NotOffered), "unknown"),
    };
    let settled = settled(&told, job.tries, relay.now());
    let outcome = match settled {
        Settled::Sent => "sent",
        Settled::Retry(_) => "failed",
        Settled::GivenUp => "given-up",
    };
    relay.metrics().notice(kind, outcome);
    if let Err(why) = told {
        tracing::warn!(kind, outcome, tries = job.tries + 1, %why, "somebody was not told");
    }
    let _ =
        relay.write(Write::SettleJob { id: subscription.id, ticket: job.ticket, settled }).await;
}

/// What becomes of a job. What can't get better by waiting is given up at once.
fn settled(told: &Result<(), NotTold>, tries: u32, now: UnixMillis) -> Settled {
    let pause = usize::try_from(tries).ok().and_then(|tries| PAUSES.get(tries));
    match (told, pause) {
        (Ok(()), _) => Settled::Sent,
        (Err(NotTold::NotOffered | NotTold::NotPublic), _) | (Err(_), None) => Settled::GivenUp,
        (Err(_), Some(minutes)) => Settled::Retry(now.plus(minutes * 60_000)),
    }
}

/// A subscription's target as the store keeps it: the token of its link, a blank, the target.
///
/// The token confirms and ends the subscription and does nothing else, so it is no secret from a store that holds the
/// target itself.
pub(crate) fn keep(token: &SubscriptionToken, target: &Target) -> String {
    format!("{} {}", token.expose(), target.as_str())
}

/// Reads what [`keep`] wrote.
pub(crate) fn read(kept: &str) -> Option<(SubscriptionToken, Target)> {
    let (token, target) = kept.split_once(' ')?;
    Some((token.parse().ok()?, target.parse().ok()?))
}

/// The kind of a kept target.
pub(crate) fn kind(kept: &str) -> Option<Kind> {
    read(kept).map(|(_, target)| target.kind())
}

#[cfg(test)]
mod tests {
    use super::{NotTold, PAUSES, keep, read, settled};
    use crate::clock::UnixMillis;
    use crate::store::Settled;
    use recovery_core::ids::SubscriptionToken;

    #[test]
    fn what_fails_is_tried_again_later_and_later() {
        let now = UnixMillis(1_000);
        assert_eq!(settled(&Ok(()), 5, now), Settled::Sent);
        let mut last = now;
        for tries in 0..PAUSES.len() as u32 {
            let Settled::Retry(at) = settled(&Err(NotTold::Answered(503)), tries, now) else {
                panic!("try {tries}");
            };
            assert!(at > last);
            last = at;
        }
        let tries = PAUSES.len() as u32;
        assert_eq!(settled(&Err(NotTold::Answered(503)), tries, now), Settled::GivenUp);
        assert_eq!(settled(&Err(NotTold::NotPublic), 0, now), Settled::GivenUp);
    }

    #[test]
    fn a_target_is_kept_with_its_token() {
        let token = SubscriptionToken::new([7; 32]);
        let target = "mailto:anna@example.org".parse().unwrap();
        assert_eq!(read(&keep(&token, &target)), Some((token, target)));
        assert_eq!(read("mailto:anna@example.org"), None);
    }
}
