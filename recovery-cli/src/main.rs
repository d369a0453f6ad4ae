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
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(cli, ui.clone())),
        Err(error) => {
            let message = format!("This program can't start: {error}.");
            Err(Failure::new("failed", message, words::AGAIN.to_owned()))
        }
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
    let wants_json = std::env::args_os().any(|arg| arg == "--json");
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !wants_json => {
            let _ = error.print();
        }
        _ => ui::print_failure(&words::wrong_usage(error), wants_json),
    }
    ExitCode::from(2)
}
