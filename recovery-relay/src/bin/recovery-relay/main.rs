//! The relay's program: one file per command.

mod arguments;
mod check_config;
mod doctor;
mod health;
mod logs;
mod pass;
mod report;
mod serve;
mod signals;
mod stats;
mod transfer;
mod verify;

use arguments::{Every, OfAddress, OfStore};
use clap::{Parser, Subcommand};
use report::Failure;
use std::path::PathBuf;
use std::process::ExitCode;

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
    /// Say whether the settings are good, without serving
    CheckConfig(Every),
    /// Write everything into a file; the relay may serve meanwhile
    Backup(ToFile),
    /// Make the store anew from a file that `backup` wrote
    Restore(ToFile),
    /// Read everything and name what is damaged; the relay may serve meanwhile
    Verify(OfStore),
    /// Copy everything from one store into another, new one
    Copy(transfer::Copy),
    /// Make, list and revoke passes for a closed relay
    #[command(subcommand)]
    Pass(pass::Pass),
    /// Count what is there
    Stats(stats::Stats),
    /// Look at everything that can be wrong; what it prints holds no secret, id or address
    Doctor(Every),
    /// Ask a running relay on this machine whether it is ready
    Health(OfAddress),
}

#[derive(clap::Args)]
struct Serve {
    /// Print each setting and where it comes from, instead of serving
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    every: Every,
}

#[derive(clap::Args)]
struct ToFile {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    store: OfStore,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(Serve { print_config: true, every }) => check_config::print(&every.0),
        Command::Serve(Serve { every, .. }) => serve::run(&every.0),
        Command::CheckConfig(every) => check_config::run(&every.0),
        Command::Backup(ToFile { file, store }) => transfer::backup(&store.0, &file),
        Command::Restore(ToFile { file, store }) => transfer::restore(&store.0, &file),
        Command::Verify(store) => verify::run(&store.0),
        Command::Copy(copy) => transfer::copy(&copy),
        Command::Pass(pass) => pass::run(&pass),
        Command::Stats(stats) => stats::run(&stats),
        Command::Doctor(every) => doctor::run(&every.0),
        Command::Health(address) => health::run(&address.0),
    };
    done.map_or_else(Failure::tell, |()| ExitCode::SUCCESS)
}
