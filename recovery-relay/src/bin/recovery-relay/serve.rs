//! `serve`: the relay until it is told to stop.

use crate::arguments::Written;
use crate::logs::{self, Level};
use crate::report::{Failure, say};
use crate::signals::{Asked, Signals};
use recovery_relay::{Relay, Running};

/// Fewest threads that serve connections.
const WORKERS: usize = 4;

/// Serves until a signal comes or the store fails.
pub(crate) fn run(written: &Written) -> Result<(), Failure> {
    let settings = written.settings()?;
    let level = logs::begin(&settings);
    for name in Written::unknown_variables() {
        tracing::warn!(name, "this variable of the environment is not a setting");
    }
    let config = settings.config()?;
    for what in config.warnings() {
        tracing::warn!("{what}");
    }
    runtime()?.block_on(async {
        let running = Relay::start(config).await?;
        serve(running, written, &level).await
    })
}

/// More threads than processors: a short read of the store may wait for the disk.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let threads =
        std::thread::available_parallelism().map_or(WORKERS, |cores| cores.get().max(WORKERS));
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().worker_threads(threads).build();
    runtime.map_err(|error| Failure::new(error, "check the limits on threads and open files"))
}

async fn serve(running: Running, written: &Written, level: &Level) -> Result<(), Failure> {
    let mut signals = Signals::listen()
        .map_err(|error| Failure::new(error, "the system refuses signal handlers"))?;
    tracing::info!(public_url = running.public_url(), "serving");
    if let Some(address) = running.metrics_address() {
        tracing::info!(%address, "figures for Prometheus are at /metrics");
    }
    // Whoever started the relay may have closed its output; that is no reason to stop.
    say(format_args!("listening on {}", running.url()));
    let relay = running.relay().clone();
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => break,
                Asked::Reload => match written.settings() {
                    Ok(settings) => level.change(&settings),
                    Err(error) => tracing::error!(%error, "the settings can't be read again"),
                },
            },
            why = relay.failed() => {
                return Err(Failure::new(
                    why,
                    "check the disk, then start the relay again: nothing acknowledged is lost",
                ));
            }
        }
    }
    tracing::info!("stopping");
    let stopped = running.stop().await;
    stopped.map_err(|error| {
        Failure::new(error, "nothing acknowledged is lost; the next start checks the store")
    })
}
