//! One command a file: read, ask, call the client, tell.

mod approve;
mod contacts;
mod demo;
mod drill;
mod events;
mod manual;
mod pair;
mod pass;
mod policy;
mod protect;
mod requests;
mod restore;
mod secrets;
mod sheet;
mod status;
mod sync;

use crate::{
    cli::{Cli, Command, Options},
    ui::{Ui, stdin_text},
    words::{self, Failure},
};
use events::{event_json, event_text, event_texts};
use recovery_client::{
    Client,
    home::{Protection, read_limited},
};
use recovery_core::{
    kdf::KdfCost,
    keys::Card,
    wire::{armor, link::Link, parcel::Parcel},
};
use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};
use zeroize::Zeroizing;

/// The command is done.
const DONE: ExitCode = ExitCode::SUCCESS;
/// Not yet: other people have to act first.
const NOT_YET: u8 = 75;
/// How long to wait for another command that uses the same home.
const LOCK_WAIT: Duration = Duration::from_secs(20);
/// Longest message that a link is looked for in, in octets.
const LINK_TEXT_MAX: u64 = 16_384;
/// Longest passphrase file.
const PASSPHRASE_MAX: usize = 4_096;

/// What every command has at hand.
pub(crate) struct App {
    options: Options,
    ui: Ui,
}

/// Runs the command of `cli`.
pub(crate) async fn run(cli: Cli, ui: Ui) -> Result<ExitCode, Failure> {
    let app = App { options: cli.options, ui };
    if app.options.relay.len() > Card::MAILBOXES_MAX {
        let message = format!("more than {} relays are named", Card::MAILBOXES_MAX);
        return Err(Failure::usage(message, "Name a few that different people host."));
    }
    match cli.command {
        Command::Init(args) => pair::init(&app, args).await,
        Command::Add(args) => secrets::add(&app, args).await,
        Command::List => secrets::list(&app),
        Command::Show(args) => secrets::show(&app, &args),
        Command::Remove(args) => secrets::remove(&app, args).await,
        Command::Invite(args) => pair::invite(&app, args).await,
        Command::Accept(args) => pair::accept(&app, args).await,
        Command::Contacts(args) => contacts::run(&app, args).await,
        Command::Protect(args) => protect::run(&app, args).await,
        Command::Renew(args) => protect::renew(&app, args).await,
        Command::Check(args) => sync::check(&app, &args).await,
        Command::Sheet(args) => sheet::run(&app, &args),
        Command::Drill(args) => drill::run(&app, args).await,
        Command::Pass(args) => pass::run(&app, args).await,
        Command::Sync(args) => sync::sync(&app, &args).await,
        Command::Watch => sync::watch(&app).await,
        Command::Status(args) => status::status(&app, &args),
        Command::Restore(args) => restore::run(&app, args).await,
        Command::Requests(args) => requests::run(&app, &args),
        Command::Veto(args) => requests::veto(&app, &args).await,
        Command::Approve(args) => approve::approve(&app, args).await,
        Command::Decline(args) => approve::decline(&app, args).await,
        Command::Leave(args) => approve::leave(&app, &args).await,
        Command::Demo(args) => demo::run(&app, args).await,
        Command::Completions(args) => manual::completions(&app, &args),
        Command::Man => manual::man(&app),
    }
}

impl App {
    /// The folder of the home.
    fn home(&self) -> Result<PathBuf, Failure> {
        use etcetera::BaseStrategy;
        if let Some(home) = self.options.home.clone() {
            return Ok(home);
        }
        let base = etcetera::choose_base_strategy().map_err(|_| {
            let message = "This system does not say where your data belongs.".to_owned();
            Failure::new("no-home", message, "Name a folder with --home DIR.".to_owned())
        })?;
        Ok(base.data_dir().join("recovery"))
    }

    /// Opens the home. An owner whose key somebody asks for hears of it at every command.
    fn open(&self) -> Result<Client, Failure> {
        let client = self.open_quietly()?;
        let recoveries = client.recoveries().unwrap_or_default();
        for recovery in recoveries.iter().filter(|recovery| recovery.answer.is_none()) {
            self.ui.warn(&requests::alarm(&client, recovery));
        }
        if client.device().is_ok_and(|device| device.replaced().is_some()) {
            self.ui.warn(events::REPLACED);
        }
        Ok(client)
    }

    /// Opens the home for a command that tells of recoveries itself.
    fn open_quietly(&self) -> Result<Client, Failure> {
        let home = self.home()?;
        let passphrase = || self.passphrase("Passphrase of this home");
        let mut client = Client::open(&home, passphrase, LOCK_WAIT)?;
        client.use_relays(self.options.relay.clone());
        // What is to be said of the home's files.
        self.tell(&mut client);
        Ok(client)
    }

    /// The home's passphrase: file, environment, or question.
    fn passphrase(&self, question: &str) -> Result<Zeroizing<String>, Failure> {
        let file = self.options.passphrase_file.as_deref();
        match given_passphrase(file, "RECOVERY_PASSPHRASE")? {
            Some(given) => Ok(given),
            None => self.ui.ask_secret(question, "--passphrase-file FILE or RECOVERY_PASSPHRASE"),
        }
    }

    /// How a new home is to be protected.
    fn protection(&self, no_passphrase: bool) -> Result<Protection, Failure> {
        if no_passphrase {
            self.ui.warn("this home has no passphrase: whoever can read its folder can read everything in it");
            return Ok(Protection::None);
        }
        let file = self.options.passphrase_file.as_deref();
        let passphrase = match given_passphrase(file, "RECOVERY_PASSPHRASE")? {
            Some(given) => given,
            None => self.choose_passphrase()?,
        };
        Ok(Protection::Passphrase { passphrase, cost: KdfCost::STANDARD })
    }

    fn choose_passphrase(&self) -> Result<Zeroizing<String>, Failure> {
        let option = "--passphrase-file FILE, RECOVERY_PASSPHRASE, or --no-passphrase";
        let first = self.ui.ask_secret("Choose a passphrase for this device", option)?;
        let again = self.ui.ask_secret("The same once more", option)?;
        if first != again {
            let message = "The two passphrases differ.".to_owned();
            return Err(Failure::new("passphrases-differ", message, "Run this again.".to_owned()));
        }
        Ok(first)
    }

    /// A link from the argument, standard input, or a question.
    fn link(&self, given: Option<String>) -> Result<Link, Failure> {
        let text = match given.as_deref() {
            Some("-") => stdin_or(LINK_TEXT_MAX, "Give the link as an argument.")?,
            Some(text) => Zeroizing::new(text.to_owned()),
            None => Zeroizing::new(self.ui.ask("Paste the link", "LINK")?),
        };
        Ok(link_in(&text).parse()?)
    }

    /// Tells what did not work and did not stop the rest.
    fn tell(&self, client: &mut Client) -> Vec<String> {
        let told = words::notices(&client.take_notices());
        told.iter().for_each(|text| self.ui.warn(text));
        if client.take_for_files() {
            self.ui.note("There is something for other people: 'recovery sync --output FILE' writes it, and you give them the file.");
        }
        told
    }
}

/// Text from standard input, at most `max` octets, or what to do `instead`.
fn stdin_or(max: u64, instead: &str) -> Result<Zeroizing<String>, Failure> {
    stdin_text(max).map_err(|error| {
        let message = format!("Standard input can't be read: {error}.");
        Failure::new("file-failed", message, instead.to_owned())
    })
}

/// The parcels that came with a link: all of them, or none.
fn parcels_with(link: &Link, paths: &[PathBuf]) -> Result<Vec<Parcel>, Failure> {
    if paths.is_empty() && only_files(link) {
        return Err(file_needed());
    }
    parcels(paths)
}

/// Whether what belongs to a link lies at no relay.
fn only_files(link: &Link) -> bool {
    link.slots.iter().all(|slot| slot.relay.is_files())
}

fn file_needed() -> Failure {
    let message = "This link goes with a file.".to_owned();
    let hint = "Give the file that your friend sent with it: --import FILE.".to_owned();
    Failure::new("file-needed", message, hint)
}

/// The parcels in these files: all of them, or none.
fn parcels(paths: &[PathBuf]) -> Result<Vec<Parcel>, Failure> {
    let read = |path: &PathBuf| {
        let text = read_limited(path, armor::MESSAGES_MAX)?;
        Ok(recovery_client::read_parcel(&path.display().to_string(), &text)?)
    };
    paths.iter().map(read).collect()
}

/// The link in a text that may be a whole message: the only word with `/i#` or `/r#` in it, without the
/// marks that people and programs put around links.
fn link_in(text: &str) -> &str {
    let mut links =
        text.split_whitespace().filter(|word| word.contains("/i#") || word.contains("/r#"));
    let word = match (links.next(), links.next()) {
        (Some(link), None) => link,
        _ => text,
    };
    let start = word.find("http").unwrap_or_default();
    let link = word.get(start..).unwrap_or(word);
    link.trim_end_matches(|c: char| c.is_ascii_punctuation() && !matches!(c, '-' | '_'))
}

/// A passphrase from a file or the environment, if one is given there.
fn given_passphrase(
    file: Option<&Path>,
    variable: &str,
) -> Result<Option<Zeroizing<String>>, Failure> {
    let text = match file {
        Some(path) => {
            let octets = read_limited(path, PASSPHRASE_MAX)?;
            String::from_utf8(octets.to_vec()).map(Zeroizing::new).map_err(|_| {
                let message = format!("{} is not text in UTF-8.", path.display());
                Failure::new(
                    "bad-passphrase-file",
                    message,
                    "Write the passphrase into it as text.".to_owned(),
                )
            })?
        }
        None => match env::var(variable) {
            Ok(text) => Zeroizing::new(text),
            Err(_) => return Ok(None),
        },
    };
    // One line end belongs to the file, not to the passphrase.
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(Some(Zeroizing::new(line.to_owned())))
}
