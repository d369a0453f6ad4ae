//! The `recovery` command: reads arguments, runs one command, gives its exit code.

mod cli;
mod commands;
mod ui;
mod words;

use clap::{Parser, error::ErrorKind};
use cli::Cli;
use std::process::ExitCode;
use ui::Ui;
use words::Failure;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return wrong_usage(&error),
    };
    let ui = Ui::new(&cli.options);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(cli, ui.clone())),
        Err(error) => Err(Failure::new("failed", format!("can't start: {error}"), String::new())),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            ui.fail(&failure);
            ExitCode::from(failure.exit())
        }
    }
}

/// Help and version are results; everything else is an error with exit code 2.
fn wrong_usage(error: &clap::Error) -> ExitCode {
    let help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let wants_json = std::env::args_os().any(|arg| arg == "--json");
    if help || !wants_json {
        let _ = error.print();
        return if help { ExitCode::SUCCESS } else { ExitCode::from(2) };
    }
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    ui::print_failure(&Failure::usage(line, "Run it with --help to see what it takes."));
    ExitCode::from(2)
}
