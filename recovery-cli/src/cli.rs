//! Every command and option: types only.

mod parse;
mod recovery;

pub(crate) use recovery::{Approve, Decline, Restore};

use clap::{Args, Parser, Subcommand, ValueEnum};
use parse::{delay, duration, name, parse_drill, parse_request, relay};
use recovery_core::{
    address::RelayUrl,
    ids::{DrillId, RequestId},
    name::Name,
};
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
    /// A relay that carries messages, or 'files' for none; may be given several times
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
    /// Divide the key anew among the same contacts, without those who were removed or left
    Renew(Renew),
    /// Let every contact prove that they still hold their piece
    Check(Check),
    /// Make a page to print: how to get everything back, without secrets
    Sheet(Sheet),
    /// Rehearse a recovery with your contacts, or answer a rehearsal
    Drill(Drill),
    /// Keep the pass to a relay that is not open to everybody
    Pass(Pass),
    /// Fetch what waits for you and act on it, or exchange messages as files
    Sync(Sync),
    /// Wait for messages, act on them and say what happened, until stopped
    Watch,
    /// Is my key safe today, and what should I fix?
    Status(Status),
    /// On a new device: get everything back with the help of friends
    Restore(Restore),
    /// Show recovery requests: those you opened, and those for your key
    Requests(Requests),
    /// Stop a recovery of your key that is not yours
    Veto(Veto),
    /// Help a friend recover, after you reached them yourself
    Approve(Approve),
    /// Refuse to help with a request, or report that it is not from your friend
    Decline(Decline),
    /// Stop holding a friend's piece, and tell them
    Leave(Leave),
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
    /// Messages that came as files
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) import: Vec<PathBuf>,
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
    /// Hold every approval back this long, so that you can stop false ones: 24h, 3d; at most 7d
    #[arg(long, value_name = "DUR", value_parser = delay)]
    pub(crate) delay: Option<Duration>,
    /// Who holds approvals back: your relays, or each contact's own device
    #[arg(long, value_name = "WHO", default_value = "relay", hide_default_value = true)]
    pub(crate) hold_by: HoldBy,
    /// Wait this long for the contacts' confirmations: 90s, 15m, 48h, 7d
    #[arg(long, value_name = "DUR", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
}

/// Who holds approvals back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HoldBy {
    /// Your relays
    Relay,
    /// Each contact's own device
    Contacts,
}

#[derive(Debug, Args)]
pub(crate) struct Renew {
    /// Read the circle's passphrase from a file (or set RECOVERY_CIRCLE_PASSPHRASE)
    #[arg(long, value_name = "FILE")]
    pub(crate) circle_passphrase_file: Option<PathBuf>,
    /// Divide nothing anew: let the newest pieces count, and retire the old ones, although not everybody confirmed
    #[arg(long, conflicts_with = "wait")]
    pub(crate) finish: bool,
    /// Wait this long for the contacts' confirmations: 90s, 15m, 48h, 7d
    #[arg(long, value_name = "DUR", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Pass {
    /// The relay; without it, the relays for which there is a pass are listed
    #[arg(value_name = "URL", value_parser = relay)]
    pub(crate) at: Option<RelayUrl>,
    /// Read the pass from a file, or - for standard input; asked for without it
    #[arg(long, value_name = "FILE", requires = "at")]
    pub(crate) pass_file: Option<PathBuf>,
    /// Forget the pass; what was made with it stays
    #[arg(long, requires = "at", conflicts_with = "pass_file")]
    pub(crate) forget: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Sheet {
    /// Write it here: a .pdf or a .txt; printed on the screen without it
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Drill {
    /// Only with these contacts; all who hold a piece without it
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) contact: Vec<Name>,
    /// Show the last rehearsal instead of starting one
    #[arg(long, conflicts_with_all = ["contact", "answer"])]
    pub(crate) show: bool,
    /// As the friend: answer this rehearsal
    #[arg(long, value_name = "ID", value_parser = parse_drill, allow_hyphen_values = true, conflicts_with = "contact")]
    pub(crate) answer: Option<DrillId>,
    /// The 15 digits that your friend reads to you
    #[arg(long, value_name = "N", requires = "answer")]
    pub(crate) number: Option<String>,
    /// Wait this long for the contacts' answers: 90s, 15m, 48h, 7d
    #[arg(long, value_name = "DUR", value_parser = duration, conflicts_with = "answer")]
    pub(crate) wait: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Would the key still come back without these? Names of contacts, and 'relay' for all relays
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) what_if: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Requests {
    /// Say that this recovery of your key is your own: the alarm ends
    #[arg(long, value_name = "REQUEST", value_parser = parse_request, allow_hyphen_values = true)]
    pub(crate) mine: Option<RequestId>,
}

#[derive(Debug, Args)]
pub(crate) struct Veto {
    /// Which one, as 'recovery requests' shows it
    #[arg(value_parser = parse_request, allow_hyphen_values = true)]
    pub(crate) request: RequestId,
}

#[derive(Debug, Args)]
pub(crate) struct Leave {
    /// Whose piece, as you call them
    #[arg(value_parser = name)]
    pub(crate) owner: Name,
}

#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// Go on this long: 90s, 15m, 48h, 7d
    #[arg(long, value_name = "DUR", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
    /// Messages that came as files
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) import: Vec<PathBuf>,
    /// Write what is for other people into a file; needs 'files' among your relays
    #[arg(long, short, value_name = "FILE", conflicts_with = "wait")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Wait this long for the proofs: 90s, 15m, 48h, 7d
    #[arg(long, value_name = "DUR", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
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

#[cfg(test)]
mod tests {
    use super::{Cli, Command, parse::duration};
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
