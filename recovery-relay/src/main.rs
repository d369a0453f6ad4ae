//! The relay's program.

use clap::{CommandFactory, Parser, Subcommand};
use recovery_relay::config::{LogFormat, LogLevel, Settings, StartError};
use recovery_relay::{Relay, Running};
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Fewest threads that serve connections.
const WORKERS: usize = 4;

/// A relay for social key recovery: keeps sealed messages until they are fetched
#[derive(Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until told to stop
    Serve(Serve),
}

#[derive(clap::Args)]
struct Serve {
    /// A TOML file of settings, with the names below and _ for -
    #[arg(long, env = "RELAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

fn main() -> ExitCode {
    let Command::Serve(serve) = Cli::parse().command;
    let misspelt = unknown_variables();
    let settings = match serve.settings() {
        Ok(settings) => settings,
        Err(error) => return refuse(&error),
    };
    begin_to_log(settings.log_format.unwrap_or_default(), settings.log_level.unwrap_or_default());
    for name in misspelt {
        tracing::warn!(name, "this variable of the environment is not a setting");
    }
    // More than processors: a short read of the store may wait for the disk.
    let threads =
        std::thread::available_parallelism().map_or(WORKERS, |cores| cores.get().max(WORKERS));
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = match runtime.enable_all().worker_threads(threads).build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(error, "check the limits on threads and open files"),
    };
    runtime.block_on(async {
        let started = match settings.config() {
            Ok(config) => Relay::start(config).await,
            Err(error) => Err(error),
        };
        match started {
            Ok(running) => run(running).await,
            Err(error) => refuse(&error),
        }
    })
}

/// Variables of the environment that look like settings and are none. They are no error, since orchestrators set
/// some of their own.
fn unknown_variables() -> Vec<String> {
    let program = Cli::command();
    let known = program.get_subcommands().flat_map(clap::Command::get_arguments);
    let known: Vec<_> = known.filter_map(clap::Arg::get_env).collect();
    let set = std::env::vars_os().map(|(name, _)| name);
    let unknown = set.filter(|name| {
        name.to_string_lossy().starts_with("RELAY_") && !known.contains(&name.as_os_str())
    });
    unknown.map(|name| name.to_string_lossy().into_owned()).collect()
}

impl Serve {
    /// Flags and environment, then the file.
    fn settings(self) -> Result<Settings, StartError> {
        match &self.config {
            Some(path) => Ok(self.settings.or(Settings::read(path)?)),
            None => Ok(self.settings),
        }
    }
}

/// Serves until a signal comes or the store fails.
async fn run(running: Running) -> ExitCode {
    let signal = match Signals::listen() {
        Ok(signal) => signal,
        Err(error) => return fail(error, "the system refuses signal handlers"),
    };
    tracing::info!(public_url = running.public_url(), "serving");
    // Whoever started the relay may have closed its output; that is no reason to stop.
    let mut out = io::stdout();
    let _ = writeln!(out, "listening on {}", running.url()).and_then(|()| out.flush());
    let relay = running.relay().clone();
    tokio::select! {
        () = signal.wait() => {}
        why = relay.failed() => {
            return fail(why, "check the disk, then start the relay again: nothing acknowledged is lost");
        }
    }
    tracing::info!("stopping");
    match running.stop().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error, "nothing acknowledged is lost; the next start checks the store"),
    }
}

fn begin_to_log(format: LogFormat, level: LogLevel) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // Libraries only warn: at lower levels some of them would log requests.
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("recovery_relay", level);
    let text = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let logs = tracing_subscriber::registry().with(targets);
    match format {
        LogFormat::Text => logs.with(text.with_ansi(false)).init(),
        LogFormat::Json => logs.with(text.json().flatten_event(true)).init(),
    }
}

fn refuse(error: &StartError) -> ExitCode {
    let _ = fail(error, error.hint());
    ExitCode::from(if error.is_usage() { 2 } else { 1 })
}

/// What happened, and on a second line what to do.
fn fail(error: impl Display, hint: impl Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "recovery-relay: error: {error}\nrecovery-relay: hint: {hint}");
    ExitCode::FAILURE
}

/// The signals that ask a process to stop.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let (terminate, interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt })
    }

    #[cfg(unix)]
    async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn wait(self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
