//! `stats`: how much is there.

use crate::arguments::{OfStore, Written};
use crate::report::{Failure, failed, say};
use recovery_relay::clock::UnixMillis;
use recovery_relay::store::{self, Store};
use serde_json::{Value, json};

#[derive(clap::Args)]
pub(crate) struct Stats {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: OfStore,
}

/// The store that the settings name, beside a relay that may be using it.
pub(crate) fn open(written: &Written) -> Result<Box<dyn Store>, Failure> {
    Ok(written.settings()?.config()?.store.open_beside()?)
}

/// Counts and says it.
pub(crate) fn run(stats: &Stats) -> Result<(), Failure> {
    let counted = open(&stats.store.0)?.stats().map_err(failed)?;
    let counted = table(&counted);
    match stats.json {
        true => say(Value::from_iter(counted)),
        false => counted.into_iter().for_each(|(name, value)| say(format_args!("{name}: {value}"))),
    }
    Ok(())
}

fn table(stats: &store::Stats) -> Vec<(&'static str, Value)> {
    let seconds = |time: Option<UnixMillis>| json!(time.map(UnixMillis::seconds));
    vec![
        ("mailboxes", json!(stats.mailboxes)),
        ("messages", json!(stats.messages)),
        ("held", json!(stats.held)),
        ("deleted", json!(stats.deleted)),
        ("message_octets", json!(stats.message_octets)),
        ("oldest_message", seconds(stats.oldest_message)),
        ("next_due", seconds(stats.next_due)),
        ("slots", json!(stats.slots)),
        ("slot_octets", json!(stats.slot_octets)),
        ("vetoes", json!(stats.vetoes)),
        ("passes", json!(stats.passes)),
        ("subscriptions", json!(stats.subscriptions)),
        ("unconfirmed", json!(stats.unconfirmed)),
        ("notices", json!(stats.jobs)),
        ("notices_failing", json!(stats.jobs_failing)),
        ("oldest_notice", seconds(stats.oldest_job)),
    ]
}
