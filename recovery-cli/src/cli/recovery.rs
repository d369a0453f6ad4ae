//! What the commands of a recovery take: `restore`, `approve`, `decline`.

use super::{
    ProtectionArgs,
    parse::{duration, name, parse_id},
};
use clap::Args;
use recovery_core::name::Name;
use std::{path::PathBuf, time::Duration};

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Your name, as your friends know you
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) name: Option<Name>,
    /// What this device is, for your friends to see
    #[arg(long, value_name = "TEXT", value_parser = name)]
    pub(crate) device: Option<Name>,
    /// Look once and come back later
    #[arg(long, conflicts_with = "wait")]
    pub(crate) no_wait: bool,
    /// Wait this long: 90s, 15m, 48h, 7d
    #[arg(long, value_name = "DUR", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
    /// Approvals and other messages that came as files
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) import: Vec<PathBuf>,
    /// Write the request into a file for your friends; needs --relay files
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Only the key of this owner id
    // One id in 64 begins with a hyphen.
    #[arg(long, value_name = "ID", value_parser = parse_id, allow_hyphen_values = true)]
    pub(crate) owner_id: Option<recovery_core::ids::ContactId>,
    /// Read the passphrase of the divided key from a file (or set RECOVERY_CIRCLE_PASSPHRASE)
    #[arg(long, value_name = "FILE")]
    pub(crate) circle_passphrase_file: Option<PathBuf>,
    /// Take an older vault than a contact knows of
    #[arg(long)]
    pub(crate) accept_older_vault: bool,
    /// Show the code that a friend beside you can scan
    #[arg(long)]
    pub(crate) qr: bool,
    /// End the recovery and tell the contacts
    #[arg(long)]
    pub(crate) cancel: bool,
    #[command(flatten)]
    pub(crate) protection: ProtectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The link, or - to read it from standard input; asked for if left out
    pub(crate) link: Option<String>,
    /// Whose request you believe it is, as you call them
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) owner: Option<Name>,
    /// The 15 digits that they read to you
    #[arg(long, value_name = "N", conflicts_with = "scanned")]
    pub(crate) number: Option<String>,
    /// The link was scanned off the screen of the new device, beside you
    #[arg(long)]
    pub(crate) scanned: bool,
    /// Approve although it was stopped; only after meeting the person, with --scanned
    #[arg(long = "override", requires = "scanned", conflicts_with = "number")]
    pub(crate) overrides: bool,
    /// Write the approval to a file instead of sending it
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Messages that came as files
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) import: Vec<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Decline {
    /// The link, or - to read it from standard input; asked for if left out
    pub(crate) link: Option<String>,
    /// Whose request it claims to be, as you call them
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) owner: Option<Name>,
    /// Why; your friend's own devices will show it
    #[arg(long, value_name = "TEXT", value_parser = name)]
    pub(crate) reason: Option<Name>,
    /// The 15 digits: with the right ones the person who asks is told too
    #[arg(long, value_name = "N", conflicts_with = "impostor")]
    pub(crate) number: Option<String>,
    /// Messages that came as files
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) import: Vec<PathBuf>,
    /// This is not the person it claims to be: warn them and their other contacts
    #[arg(long)]
    pub(crate) impostor: bool,
}
