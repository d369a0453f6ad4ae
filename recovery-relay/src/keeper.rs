//! The time keeper: a task that releases what is due, collects what is expired, and watches the clock.

use crate::relay::{Inner, Relay};
use std::sync::Weak;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often it looks at the clock, and at the latest for what is due.
pub(crate) const ROUND: Duration = Duration::from_secs(1);
/// How often it looks for what is expired.
const COLLECT_EVERY: Duration = Duration::from_secs(60);
/// From how many milliseconds on a difference between the clocks counts as the clock having been set.
const JUMP_MILLIS: i64 = 2_000;

/// How often another relay's news is asked for, if nobody notifies of it.
const ASK_OFTEN: Duration = Duration::from_millis(200);
/// And if somebody does: for what got lost on the way.
const ASK_ANYWAY: Duration = Duration::from_secs(5);

/// Asks for what other relays on the same store made visible, until the relay stops or is dropped.
pub(crate) async fn ask_for_news(relay: Weak<Inner>) {
    let mut pause = ASK_OFTEN;
    loop {
        let Some(relay) = relay.upgrade().map(Relay::revive) else {
            return;
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = relay.stopped() => return,
        }
        pause = if relay.ring_for_news().await { ASK_ANYWAY } else { ASK_OFTEN };
    }
}

/// Runs until the relay stops or is dropped.
pub(crate) async fn keep_time(relay: Weak<Inner>) {
    let mut collect_at = Instant::now() + COLLECT_EVERY;
    loop {
        let Some(relay) = relay.upgrade().map(Relay::revive) else {
            return;
        };
        if relay.is_stopping() || relay.failure().is_some() {
            return;
        }
        let skew = relay.skew();
        if skew.abs() >= JUMP_MILLIS {
            relay.shift(skew).await;
        }
        let mut due = relay.next_due().await;
        if due.is_some_and(|due| due <= relay.now()) {
            relay.release().await;
            due = relay.next_due().await;
        }
        if Instant::now() >= collect_at {
            relay.limiter().forget();
            // A short round if there is more, so that other writes come in between.
            let more = relay.collect().await;
            collect_at = Instant::now() + if more { ROUND / 20 } else { COLLECT_EVERY };
        }
        relay.probe().await;
        let until_due = due.map_or(ROUND, |due| match due.0.saturating_sub(relay.now().0) {
            // It could not be released, for want of room: no hurry.
            ..=0 => ROUND / 4,
            millis => Duration::from_millis(millis.cast_unsigned()),
        });
        let until_collect = collect_at.saturating_duration_since(Instant::now());
        let nap = ROUND.min(until_due).min(until_collect);
        tokio::select! {
            () = sleep(nap) => {}
            () = relay.soon() => {}
            () = relay.stopped() => {}
        }
    }
}
