//! The log: to standard error, as text or JSON, at a level that can change.

use recovery_relay::config::Settings;
use recovery_relay::config::table::Setting;
use std::io;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, reload};

/// The way to change the level.
pub(crate) struct Level(reload::Handle<Targets, Registry>);

impl Level {
    /// Logs at the level of these settings from now on.
    pub(crate) fn change(&self, settings: &Settings) {
        let level = level(settings);
        let _ = self.0.reload(targets(level));
        tracing::info!(%level, "the log has a new level");
    }
}

/// Begins to log.
pub(crate) fn begin(settings: &Settings) -> Level {
    let (targets, handle) = reload::Layer::new(targets(level(settings)));
    let text = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let logs = tracing_subscriber::registry().with(targets);
    match settings.get(Setting::LogFormat).map(|given| given.text.as_str()) {
        Some("json") => logs.with(text.json().flatten_event(true)).init(),
        _ => logs.with(text.with_ansi(false)).init(),
    }
    Level(handle)
}

fn level(settings: &Settings) -> LevelFilter {
    let given = settings.get(Setting::LogLevel);
    given.and_then(|given| given.text.parse().ok()).unwrap_or(LevelFilter::INFO)
}

/// Libraries only warn: at lower levels some of them would log requests.
fn targets(level: LevelFilter) -> Targets {
    Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("recovery_relay", level)
}
