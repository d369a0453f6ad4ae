//! Every command and option: types only.

use clap::{Args, Parser, Subcommand, ValueEnum};
use recovery_core::{address::RelayUrl, name::Name};
use std::{path::PathBuf, time::Duration};

/// Where options of every command stand in the help.
const EVERYWHERE: &str = "Options of every command";

/// The whole way, for those who ask for help first.
const THE_WAY: &str = "\
Protect your key:
  recovery init --name Anna --relay URL       set up this device
  recovery add 'ssh key' ~/.ssh/id_ed25519    keep a secret
  recovery invite Bob                         for each friend: send them the link
  recovery sync                               once they accepted
  recovery protect --threshold 3              divide the key
  recovery status                             is it safe?
Help a friend:
  recovery accept LINK --name Bob             hold one piece of their key
  recovery sync                               now and then
  recovery approve LINK --owner Anna          only after you reached them yourself
Get it back, on a new device:
  recovery restore --name Anna --relay URL";

/// A way back to your key when your device is gone, through people you trust.
///
/// Your secrets are locked with one key. The key is divided among friends: each holds one piece that
/// opens nothing alone, and enough of them together bring it back on a new device.
#[derive(Debug, Parser)]
#[command(name = "recovery", version, propagate_version = true, after_help = THE_WAY)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where this person's state is kept, encrypted
    #[arg(long, global = true, env = "RECOVERY_HOME", hide_env_values = true, value_name = "DIR", help_heading = EVERYWHERE)]
    pub(crate) home: Option<PathBuf>,
    /// A relay that carries messages; may be given several times
    #[arg(long, global = true, env = "RECOVERY_RELAY", hide_env_values = true, value_name = "URL", value_delimiter = ',', value_parser = relay, help_heading = EVERYWHERE)]
    pub(crate) relay: Vec<RelayUrl>,
    /// Print one JSON object instead of text
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// Never ask; a missing answer is an error that names the option
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) no_input: bool,
    /// Print results and errors only
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
    pub(crate) quiet: bool,
    /// Print more of what happens
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
    pub(crate) verbose: bool,
    /// Colours: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_default_value = true, hide_possible_values = true, help_heading = EVERYWHERE)]
    pub(crate) color: Color,
    /// Read the passphrase of this home from a file (or set RECOVERY_PASSPHRASE)
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set up this device
    Init(Init),
    /// Keep a secret: a file, or what comes on standard input
    Add(Add),
    /// List the secrets that are kept
    List,
    /// Print a secret, or write it to a file
    Show(Show),
    /// Remove a secret
    Remove(Remove),
    /// Make an invitation link for one recovery contact
    Invite(Invite),
    /// Accept a friend's invitation to hold one piece of their key
    Accept(Accept),
    /// Show people, and compare numbers with them
    Contacts(Contacts),
    /// Divide the key among your contacts
    Protect(Protect),
    /// Fetch what waits for you and act on it
    Sync(Sync),
    /// Is my key safe today, and what should I fix?
    Status,
    /// On a new device: get everything back with the help of friends
    Restore(Restore),
    /// Show recovery requests: those you opened, and those for your key
    Requests,
    /// Help a friend recover, after you reached them yourself
    Approve(Approve),
    /// Refuse to help with a request
    Decline(Decline),
    /// Show the whole story on this machine: five friends, a lost device, everything back
    Demo(Demo),
    /// Print completions for a shell
    Completions(Completions),
    /// Print the manual page
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Your name, as your friends know you
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) name: Option<Name>,
    #[command(flatten)]
    pub(crate) protection: ProtectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ProtectionArgs {
    /// Protect the state on this device by file permissions only
    #[arg(long)]
    pub(crate) no_passphrase: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// What to call it
    #[arg(value_parser = name)]
    pub(crate) label: Name,
    /// The file; standard input without it
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Which secret
    #[arg(value_parser = name)]
    pub(crate) label: Name,
    /// Write it here, readable by you alone
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Which secret
    #[arg(value_parser = name)]
    pub(crate) label: Name,
}

#[derive(Debug, Args)]
pub(crate) struct Invite {
    /// What you call this contact
    #[arg(value_parser = name)]
    pub(crate) name: Name,
    /// Show the link as a QR code too
    #[arg(long)]
    pub(crate) qr: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Accept {
    /// The link, or - to read it from standard input; asked for if left out
    pub(crate) link: Option<String>,
    /// Your name, as your friend knows you
    #[arg(long, value_name = "MY-NAME", value_parser = name)]
    pub(crate) name: Option<Name>,
    /// A way to reach your friend that you trust; kept on this device only
    #[arg(long, value_name = "TEXT", value_parser = name)]
    pub(crate) reach: Option<Name>,
    /// A second way, in case the phone is what gets lost
    #[arg(long, value_name = "TEXT", value_parser = name)]
    pub(crate) second: Option<Name>,
    /// A question that only your friend can answer
    #[arg(long, value_name = "TEXT", value_parser = name)]
    pub(crate) question: Option<Name>,
    #[command(flatten)]
    pub(crate) protection: ProtectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Contacts {
    #[command(subcommand)]
    pub(crate) action: Option<ContactsAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContactsAction {
    /// Compare the 15 digits with somebody, on the phone or face to face
    Verify {
        /// Who
        #[arg(value_parser = name)]
        name: Name,
        /// The digits they read to you
        #[arg(long, value_name = "N")]
        number: Option<String>,
        /// Show the digits instead, for you to read to them
        #[arg(long, conflicts_with = "number")]
        show: bool,
    },
    /// Leave somebody out when the key is next divided, or take back their invitation
    Remove {
        /// Who
        #[arg(value_parser = name)]
        name: Name,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Protect {
    /// How many contacts must agree
    #[arg(long, value_name = "K")]
    pub(crate) threshold: Option<u8>,
    /// Only these contacts; NAME*2 holds two pieces. All without it
    #[arg(long, value_name = "NAME")]
    pub(crate) contact: Vec<String>,
    /// A group and how many of it must agree: 'family:2=Mum,Dad,Sis'
    #[arg(long, value_name = "NAME:K=A,B,C")]
    pub(crate) group: Vec<String>,
    /// How many groups must be complete; all without it
    #[arg(long, value_name = "G")]
    pub(crate) groups_needed: Option<u8>,
    /// Ask for a passphrase that is needed besides the contacts
    #[arg(long)]
    pub(crate) circle_passphrase: bool,
    /// Read that passphrase from a file (or set RECOVERY_CIRCLE_PASSPHRASE)
    #[arg(long, value_name = "FILE")]
    pub(crate) circle_passphrase_file: Option<PathBuf>,
    /// Wait this long for the contacts' confirmations: 90s, 15m, 48h, 7d
    #[arg(long, value_name = "DUR", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// Go on this long: 90s, 15m, 48h, 7d
    #[arg(long, value_name = "DUR", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
}

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
    /// Approvals that came as files
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) import: Vec<PathBuf>,
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
    /// Write the approval to a file instead of sending it
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
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
    #[arg(long, value_name = "N")]
    pub(crate) number: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The file to lose and get back; a fresh key without it
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

fn name(text: &str) -> Result<Name, String> {
    text.parse().map_err(|error: recovery_core::name::NameError| error.to_string())
}

fn relay(text: &str) -> Result<RelayUrl, String> {
    text.parse().map_err(|error: recovery_core::address::RelayUrlError| error.to_string())
}

fn parse_id(text: &str) -> Result<recovery_core::ids::ContactId, String> {
    text.parse().map_err(|error: recovery_core::ids::ParseIdError| error.to_string())
}

/// `90s`, `15m`, `48h`, `7d`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is written like 90s, 15m, 48h or 7d".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let digits = text.strip_suffix(unit).ok_or_else(wrong)?;
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let total = count.checked_mul(seconds).filter(|total| *total <= 366 * 86_400);
    total.map(Duration::from_secs).ok_or_else(|| "at most 366 days".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Cli, Command, duration};
    use clap::{CommandFactory, Parser};
    use recovery_core::ids::ContactId;
    use std::time::Duration;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_owner_id_may_begin_with_a_hyphen() {
        let id = ContactId::new([0xFA; 16]);
        let text = id.to_string();
        assert!(text.starts_with('-'), "{text}");
        let cli = Cli::try_parse_from(["recovery", "restore", "--owner-id", &text, "--no-wait"]);
        let Command::Restore(args) = cli.unwrap().command else { panic!("another command") };
        assert_eq!((args.owner_id, args.no_wait), (Some(id), true));
    }

    #[test]
    fn durations() {
        for (text, seconds) in
            [("90s", 90), ("15m", 900), ("48h", 172_800), ("7d", 604_800), ("0s", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        }
        for text in
            ["", "s", "5", "-1s", "+1s", "1.5h", "1w", "99999999999999999999d", "367d", "1ſ"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
