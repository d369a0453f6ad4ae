//! Figures about the relay, for Prometheus. None names a person, a mailbox or an address.

use crate::checks::late;
use crate::clock::UnixMillis;
use crate::store::Stats;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the text for Prometheus is called.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The store is not counted more often than this.
const COUNT_EVERY: Duration = Duration::from_secs(10);

/// Seconds that tell a quick answer from a slow one; the last is a long poll.
const SECONDS: [f64; 12] =
    [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    call: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Called {
    call: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Told {
    way: &'static str,
    outcome: &'static str,
}

/// All that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    answers: Family<Answered, Counter>,
    seconds: Family<Called, Histogram, fn() -> Histogram>,
    connections: Gauge,
    limited: Counter,
    notices: Family<Told, Counter>,
    store: StoreFigures,
    counted: Mutex<Option<Instant>>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        let mut metrics = Self {
            registry: Registry::with_prefix("recovery_relay"),
            answers: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            connections: Gauge::default(),
            limited: Counter::default(),
            notices: Family::default(),
            store: StoreFigures::default(),
            counted: Mutex::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("answers", "Answers by call and status", self.answers.clone());
        registry.register(
            "answer_seconds",
            "From a request's head to its answer's, long polls among them",
            self.seconds.clone(),
        );
        registry.register("connections", "Connections that are open", self.connections.clone());
        registry.register(
            "limited",
            "Calls refused because of an address's rate",
            self.limited.clone(),
        );
        registry.register(
            "notices",
            "Notices by way and what became of them",
            self.notices.clone(),
        );
        self.store.register(registry);
    }

    /// A notice was sent, failed, or was given up.
    pub(crate) fn notice(&self, way: &'static str, outcome: &'static str) {
        self.notices.get_or_create(&Told { way, outcome }).inc();
    }

    /// What the store holds, as last counted.
    pub(crate) const fn store(&self) -> &StoreFigures {
        &self.store
    }

    /// Whether the store was last counted long enough ago to do it again; counting reads much.
    pub(crate) fn is_time_to_count(&self) -> bool {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = counted.is_none_or(|counted| counted.elapsed() >= COUNT_EVERY);
        if is_time {
            *counted = Some(Instant::now());
        }
        is_time
    }

    /// A call was answered.
    pub(crate) fn answered(&self, call: &'static str, status: u16, after: Duration) {
        self.answers.get_or_create(&Answered { call, status }).inc();
        self.seconds.get_or_create(&Called { call }).observe(after.as_secs_f64());
    }

    /// A call was one too many.
    pub(crate) fn limited(&self) {
        self.limited.inc();
    }

    /// Counts a connection until dropped.
    pub(crate) fn connection(&self) -> Counted {
        self.connections.inc();
        Counted(self.connections.clone())
    }

    /// All figures as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a text can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

macro_rules! store_figures {
    ($($name:ident $help:literal)*) => {
        /// What the store holds.
        #[derive(Default)]
        pub(crate) struct StoreFigures { $(pub(crate) $name: Gauge,)* }

        impl StoreFigures {
            fn register(&self, registry: &mut Registry) {
                $(registry.register(stringify!($name), $help, self.$name.clone());)*
            }
        }
    };
}

store_figures! {
    mailboxes "Mailboxes"
    messages "Messages that can be read"
    held_messages "Messages that wait for their time"
    message_octets "Octets of messages"
    slots "Slots"
    slot_octets "Octets of slots"
    passes "Passes"
    subscriptions "Subscriptions"
    notices_queued "Notices that wait"
    notices_failing "Notices that failed at least once and are tried again"
    notices_late_seconds "How long the oldest notice has been due"
    messages_late_seconds "How long the oldest held message has been due"
    ready "1 if the relay takes writes, 0 if not"
    disk_free_octets "Free octets where the store is; -1 if unknown"
}

impl StoreFigures {
    /// Takes over what was counted.
    pub(crate) fn note(&self, stats: &Stats, now: UnixMillis) {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for (gauge, value) in [
            (&self.mailboxes, count(stats.mailboxes)),
            (&self.messages, count(stats.messages)),
            (&self.held_messages, count(stats.held)),
            (&self.message_octets, count(stats.message_octets)),
            (&self.slots, count(stats.slots)),
            (&self.slot_octets, count(stats.slot_octets)),
            (&self.passes, count(stats.passes)),
            (&self.subscriptions, count(stats.subscriptions)),
            (&self.notices_queued, count(stats.jobs)),
            (&self.notices_failing, count(stats.jobs_failing)),
            (&self.notices_late_seconds, late(stats.oldest_job, now) / 1_000),
            (&self.messages_late_seconds, late(stats.next_due, now) / 1_000),
        ] {
            gauge.set(value);
        }
    }
}

/// One connection, as long as it is open.
pub(crate) struct Counted(Gauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
