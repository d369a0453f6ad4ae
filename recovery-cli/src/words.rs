//! Errors in words: what happened, and what to do; with a stable code for scripts.

mod flows;

use crate::ui::clean;
use flows::{
    ambiguous, approve, drill, import, pair, policy, protect, request, restore, vault, wrong_number,
};
use recovery_client::{
    ClientError, Notice,
    home::{FileError, HomeError},
    relays::RelayError,
};
use recovery_core::{
    number::NumberError, policy::PolicyError, vault::VaultError, wire::link::LinkError,
};
use serde_json::{Map, Value, json};

/// What to do where nothing better is known.
pub(crate) const AGAIN: &str = "Run this again.";

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// For scripts; stable.
    pub(crate) code: &'static str,
    /// What happened.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: String,
    /// More for scripts.
    extra: Map<String, Value>,
}

impl Failure {
    /// The message becomes a sentence.
    pub(crate) fn new(code: &'static str, message: String, hint: String) -> Self {
        Self { code, message: sentence(&message), hint, extra: Map::new() }
    }

    fn of(code: &'static str, error: &impl std::fmt::Display, hint: &str) -> Self {
        Self::new(code, clean(&plain(&error.to_string())), hint.to_owned())
    }

    /// Wrong use of the command line.
    pub(crate) fn usage(message: String, hint: &str) -> Self {
        Self::new("usage", message, hint.to_owned())
    }

    /// The person said no to a question; running the command again asks again.
    pub(crate) fn stopped(message: &str) -> Self {
        Self::new("stopped", message.to_owned(), AGAIN.to_owned())
    }

    /// One object on one line.
    pub(crate) fn json(&self) -> Value {
        let mut error = self.extra.clone();
        error.insert("code".to_owned(), json!(self.code));
        error.insert("message".to_owned(), json!(self.message));
        error.insert("hint".to_owned(), json!(self.hint));
        json!({ "error": error })
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> u8 {
        match self.code {
            "usage" => 2,
            _ => 1,
        }
    }
}

/// Without the numbers that systems put behind their words: "(os error 111)".
fn plain(text: &str) -> String {
    match text.split_once(" (os error ") {
        Some((before, rest)) => {
            let after = rest.split_once(')').map_or("", |(_, after)| after);
            format!("{before}{after}")
        }
        None => text.to_owned(),
    }
}

/// What the argument parser says, in two sentences: the first paragraph, and its advice or the usage.
pub(crate) fn wrong_usage(error: &clap::Error) -> Failure {
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::usage(
            "The command is missing.".to_owned(),
            "'recovery --help' shows all commands.",
        );
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(|paragraph| {
        let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
        clean(&lines.join(" "))
    });
    let what = paragraphs.next().unwrap_or_default();
    let what = sentence(what.trim_start_matches("error: "));
    let rest: Vec<String> = paragraphs.collect();
    let find = |start: &str| rest.iter().find_map(|line| line.strip_prefix(start));
    let hint = match (find("tip: "), find("Usage: ")) {
        (Some(tip), _) => sentence(tip),
        (None, Some(usage)) => format!("Use it like this: {usage}"),
        (None, None) => "Run it with --help to see what it takes.".to_owned(),
    };
    Failure::usage(what, &hint)
}

/// Upper case at the start, but for addresses and options; a full stop at the end.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = match letters.next() {
        Some(c) if !text.starts_with("http") => c.to_uppercase().to_string(),
        first => first.map(String::from).unwrap_or_default(),
    };
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let of = |code, hint: &str| Self::of(code, &error, hint);
        match &error {
            ClientError::Home(error) => home(error),
            ClientError::File(error) => file(error),
            ClientError::State(_) => of("home-damaged", "Put the whole folder back from a copy."),
            ClientError::Restoring => of(
                "restoring",
                "Finish it with 'recovery restore', or end it with 'recovery restore --cancel'.",
            ),
            ClientError::NotRestoring => {
                of("not-restoring", "Start one with 'recovery restore --name YOUR-NAME'.")
            }
            ClientError::Owned(_) => {
                of("home-exists", "Use another folder with --home DIR for the recovery.")
            }
            ClientError::Relay(error) => relay(error),
            ClientError::LinkUsed => of(
                "link-used",
                "If you accepted it before, nothing is left to do: 'recovery contacts' shows whom you help. Otherwise ask your friend for a new invitation.",
            ),
            ClientError::RequestGone => of(
                "request-gone",
                "Call your friend and ask whether they still need help; then ask for a new link.",
            ),
            ClientError::Pair(error) => pair(error),
            ClientError::Protect(error) => protect(error),
            ClientError::Policy(error) => policy(error),
            ClientError::Request(error) => request(error),
            ClientError::Approve(error) => approve(error),
            ClientError::Drill(error) => drill(error),
            ClientError::WrongNumber { tries_left } => wrong_number(*tries_left),
            ClientError::Restore(error) => restore(error),
            ClientError::AmbiguousOwner { owners, .. } => ambiguous(&error, owners),
            ClientError::Import { error: inner, .. } => import(&error, inner),
            ClientError::Vault(error) => vault(error),
            _ => of("failed", AGAIN),
        }
    }
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        home(&error)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        file(&error)
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        vault(&error)
    }
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Self {
        policy(&error)
    }
}

impl From<NumberError> for Failure {
    fn from(error: NumberError) -> Self {
        let hint = "Ask for the 15 digits again, three at a time, and type what you hear. This cost no try.";
        Self::of("mistyped-number", &error, hint)
    }
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        let hint = "Copy the whole link again, in quotes, as it was sent; if it still fails, ask for a new one.";
        Self::of("bad-link", &error, hint)
    }
}

fn home(error: &HomeError) -> Failure {
    let code = match error {
        HomeError::Busy { .. } => "busy",
        HomeError::Damaged { .. } => "home-damaged",
        HomeError::EmptyPassphrase => "empty-passphrase",
        HomeError::Exists { .. } => "home-exists",
        HomeError::File(error) => return file(error),
        HomeError::NewerVersion { .. } => "newer-version",
        HomeError::NotFound { .. } => {
            let hint = "Set up this device with 'recovery init', accept an invitation with 'recovery accept', or name the folder with --home DIR.";
            return Failure::of("no-home", error, hint);
        }
        HomeError::PassphraseNeeded => "passphrase-needed",
        HomeError::Permissions { .. } => "permissions",
        HomeError::WrongPassphrase => "wrong-passphrase",
        _ => "home-failed",
    };
    Failure::of(code, error, error.hint())
}

fn file(error: &FileError) -> Failure {
    let code = match error {
        FileError::Missing { .. } => "file-missing",
        FileError::Exists { .. } => {
            return Failure::of(
                "file-exists",
                error,
                "Choose another name, or replace it with --force.",
            );
        }
        FileError::TooLarge { .. } => "file-too-large",
        FileError::Full { .. } => "disk-full",
        FileError::Denied { .. } => "file-denied",
        _ => "file-failed",
    };
    Failure::of(code, error, error.hint())
}

/// What a relay said or did not say.
fn relay(error: &RelayError) -> Failure {
    let code = match error {
        RelayError::Unreachable { .. } => "relay-unreachable",
        RelayError::Refused { .. } => "relay-refused",
        RelayError::Answer { .. } => "relay-nonsense",
        _ => "relay-failed",
    };
    Failure::of(code, error, &clean(error.hint()))
}

/// What did not work and did not stop the rest, each thing once: that a relay can't be read goes without
/// saying where it could not be written to for the same reason.
pub(crate) fn notices(all: &[Notice]) -> Vec<String> {
    let mut texts = Vec::new();
    for one in all {
        let same = |other: &Notice| match (one, other) {
            (
                Notice::NotRead(error),
                Notice::Queued(told) | Notice::NotSent(told) | Notice::NotSynced(told),
            ) => error == told,
            _ => false,
        };
        let text = clean(&plain(&notice(one)));
        if !texts.contains(&text) && !all.iter().any(same) {
            texts.push(text);
        }
    }
    texts
}

fn notice(notice: &Notice) -> String {
    match notice {
        Notice::Queued(error) => format!("{error}; it is kept and sent by a later command"),
        Notice::NotSent(error) => format!("{error}; it was given up"),
        Notice::NotRead(error) => error.to_string(),
        Notice::NotSynced(error) => {
            format!("the vault is not synced: {error}; a later command tries again")
        }
        Notice::NoGuestPass(error) if error.is_transient() => format!(
            "{error}; when it answers again, invite once more: the same invitation then brings the pass that is needed there"
        ),
        Notice::NoGuestPass(error) => format!(
            "{error}; so the invitation brings no pass to this relay, and whom you invited needs one of their own there"
        ),
        Notice::NewerVault(relay) => format!(
            "{relay} holds a newer vault than this device: another device of yours wrote it"
        ),
        Notice::Damaged(relay) => {
            format!("{relay} lost a message to damage on its disk; ask for it to be sent again")
        }
        Notice::Home(warning) => warning.to_string(),
        _ => String::new(),
    }
}
