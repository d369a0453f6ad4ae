//! Errors in words: what happened, and what to do; with a stable code for scripts.

use crate::ui::{clean, plural};
use recovery_client::{
    ClientError, Notice,
    home::{FileError, HomeError},
    relays::RelayError,
};
use recovery_core::{
    flows::{
        approve::ApproveError,
        pair::PairError,
        protect::ProtectError,
        request::RequestError,
        restore::{ImportError, RestoreError},
    },
    number::NumberError,
    policy::PolicyError,
    vault::VaultError,
    wire::{armor::ArmorError, link::LinkError},
};
use serde_json::{Map, Value, json};

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
    pub(crate) fn new(code: &'static str, message: String, hint: String) -> Self {
        Self { code, message, hint, extra: Map::new() }
    }

    fn of(code: &'static str, error: &impl std::fmt::Display, hint: &str) -> Self {
        Self::new(code, sentence(&clean(&error.to_string())), hint.to_owned())
    }

    /// Wrong use of the command line.
    pub(crate) fn usage(message: String, hint: &str) -> Self {
        Self::new("usage", message, hint.to_owned())
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

/// Upper case at the start, a full stop at the end.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
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
            ClientError::Restoring => of("restoring", "Finish it with 'recovery restore', or end it with 'recovery restore --cancel'."),
            ClientError::NotRestoring => of("not-restoring", "Start one with 'recovery restore --name YOUR-NAME'."),
            ClientError::Owned(_) => of("home-exists", "Use another folder with --home DIR for the recovery."),
            ClientError::Relay(error) => relay(error),
            ClientError::LinkUsed => of("link-used", "Ask your friend for a new invitation."),
            ClientError::RequestGone => of("request-gone", "Call your friend and ask whether they still need help; then ask for a new link."),
            ClientError::Pair(error) => pair(error),
            ClientError::Protect(error) => protect(error),
            ClientError::Policy(error) => policy(error),
            ClientError::Request(error) => request(error),
            ClientError::Approve(error) => approve(error),
            ClientError::WrongNumber { tries_left } => wrong_number(*tries_left),
            ClientError::Restore(error) => restore(error),
            ClientError::AmbiguousOwner { owners, .. } => ambiguous(&error, owners),
            ClientError::Import { error: inner, .. } => import(&error, inner),
            ClientError::Vault(error) => vault(error),
            _ => of("failed", ""),
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
            return Failure::of("file-exists", error, "Choose another name, or replace it with --force.");
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

fn pair(error: &PairError) -> Failure {
    let (code, hint) = match error {
        PairError::NoRelay => ("no-relay", "Name one with --relay URL; whoever hosts one for you knows its address."),
        PairError::NameTaken => ("name-taken", "Choose another name for this contact."),
        PairError::WrongLink(_) => ("wrong-link", "An invitation has /i# in it; use 'recovery approve' for a request."),
        PairError::Damaged => ("bad-link", "Copy the whole link again, in quotes; if it still fails, ask for a new invitation."),
        PairError::Expired => ("expired", "Ask your friend for a new invitation."),
        PairError::Own => ("own-link", "Send it to the friend it was made for."),
        PairError::Known => ("already-accepted", "Nothing is left to do."),
        PairError::NoSuchPerson => ("no-such-contact", "'recovery contacts' shows everybody."),
        PairError::WrongNumber => ("wrong-number", "Read it to each other once more. If it still differs, somebody may stand between you: make a new invitation and send it another way."),
        _ => ("failed", ""),
    };
    Failure::of(code, error, hint)
}

fn protect(error: &ProtectError) -> Failure {
    let (code, hint) = match error {
        ProtectError::NoRelay => ("no-relay", "Name one with --relay URL."),
        ProtectError::NoSuchContact => ("no-such-contact", "'recovery contacts' shows everybody."),
        ProtectError::Contested(_) => ("contested", "Call them, and compare the number with 'recovery contacts verify NAME'."),
        ProtectError::Vault(error) => return vault(error),
        _ => ("failed", ""),
    };
    Failure::of(code, error, hint)
}

fn policy(error: &PolicyError) -> Failure {
    let (code, hint) = match error {
        PolicyError::Nobody => ("no-contacts", "Invite people first with 'recovery invite NAME', and run 'recovery sync' once they accepted."),
        PolicyError::Unreachable { .. } => ("too-few-contacts", "Ask for fewer with --threshold, or invite more people."),
        PolicyError::TooManyMembers { .. } | PolicyError::TooManyGroups { .. } => ("too-many-contacts", "Choose some with --contact, or make groups with --group 'NAME:K=A,B,C'."),
        _ => ("bad-threshold", "Choose a --threshold of 2 or more; 3 of 5 is a good start."),
    };
    Failure::of(code, error, hint)
}

fn request(error: &RequestError) -> Failure {
    let (code, hint) = match error {
        RequestError::NoRelay => ("no-relay", "Name one with --relay URL; it need not be the one you had before."),
        RequestError::WrongLink(_) => ("wrong-link", "A request has /r# in it; use 'recovery accept' for an invitation."),
        RequestError::Damaged => ("bad-link", "Copy the whole link again, in quotes; if it still fails, ask for it once more."),
        RequestError::Invalid(_) => ("bad-request", "Do not help with this request. Call your friend by a way you already had."),
        RequestError::Expired => ("expired", "Call your friend and ask whether they still need help."),
        RequestError::Ahead => ("clock", "Check the date of this device, and ask your friend to check theirs."),
        RequestError::Changed => ("request-changed", "Do not help with it: somebody changed it after you opened it. Call your friend by a way you already had."),
        RequestError::NotHeld => ("not-held", "'recovery contacts' shows whose pieces you hold; run 'recovery sync' if one is on its way."),
        _ => ("no-such-request", "'recovery requests' shows those you opened."),
    };
    Failure::of(code, error, hint)
}

fn approve(error: &ApproveError) -> Failure {
    let (code, hint) = match error {
        ApproveError::Request(error) => return request(error),
        ApproveError::AlreadyApproved => ("already-approved", "The piece is out; if it was a mistake, call your friend now."),
        ApproveError::AlreadyDeclined => ("already-declined", "Ask your friend to start again if it was really them."),
        ApproveError::Burnt => ("request-burnt", "Do not try again on another call: it may be somebody else. Reach your friend by a way you already had and ask them to start again."),
        ApproveError::Cancelled => ("cancelled", "Nothing is left to do."),
        ApproveError::Unchecked => ("number-needed", "Give --number with the 15 digits that your friend reads to you."),
        ApproveError::NotScanned => ("not-scanned", "Scan the code on the screen of the new device yourself, or use --number."),
        ApproveError::Expired => ("expired", "Ask your friend to start again."),
        ApproveError::NotHeld => ("not-held", "'recovery contacts' shows whose pieces you hold."),
        _ => ("failed", ""),
    };
    Failure::of(code, error, hint)
}

fn wrong_number(tries_left: u8) -> Failure {
    let message = format!(
        "That is not the number of this request; {} left.",
        plural(u64::from(tries_left), "try").replace("trys", "tries")
    );
    let hint = "Do not try again on a different call: it may be somebody else. Ask your friend to read it once more.";
    let mut failure = Failure::new("wrong-number", message, hint.to_owned());
    failure.extra.insert("tries_left".to_owned(), json!(tries_left));
    failure
}

fn restore(error: &RestoreError) -> Failure {
    let (code, hint) = match error {
        RestoreError::TooFew { .. } => ("too-few-approvals", "Ask more of your contacts, then run this again."),
        RestoreError::Disagree => ("pieces-disagree", "Ask more contacts: with one more good piece the wrong one can be told."),
        RestoreError::PassphraseNeeded => ("passphrase-needed", "Give it with --circle-passphrase-file FILE or RECOVERY_CIRCLE_PASSPHRASE."),
        RestoreError::WrongPassphrase => ("wrong-passphrase", "Try again: the approvals are kept. It is the passphrase you chose when you divided the key."),
        RestoreError::NoVault => ("no-vault", "Try again when your relays can be reached, or name them with --relay URL."),
        RestoreError::Rollback(_) => ("vault-rollback", "Try again later: a relay may have lost the newer one. To take the older one, use --accept-older-vault."),
        _ => ("wrong-key", "Ask more contacts, and tell those who approved that their piece does not fit."),
    };
    Failure::of(code, error, hint)
}

fn ambiguous(error: &ClientError, owners: &[(String, String)]) -> Failure {
    let hint = "Say whose key you want with --owner-id ID.";
    let mut failure = Failure::of("ambiguous-owner", error, hint);
    let owners = owners.iter().map(|(name, id)| json!({ "name": name, "owner_id": id }));
    failure.extra.insert("owners".to_owned(), owners.collect());
    failure
}

fn import(error: &ClientError, inner: &ImportError) -> Failure {
    let hint = match inner {
        ImportError::Armor(ArmorError::TooLong) => "This is not an approval file.",
        ImportError::Armor(_) => "Ask your friend to send the file again, as a file and not as text.",
        _ => "Ask your friend to approve the request of this device.",
    };
    Failure::of("bad-approval", error, hint)
}

fn vault(error: &VaultError) -> Failure {
    let (code, hint) = match error {
        VaultError::Empty => ("empty", "Name a file that holds something."),
        VaultError::EntryTooLong { .. } => ("too-long", "Keep a key that opens the large file, not the file itself."),
        VaultError::Full { .. } | VaultError::TooLarge => ("vault-full", "Remove what is no longer needed with 'recovery remove'."),
        VaultError::LabelTaken => ("label-taken", "Choose another label, or remove the old entry first with 'recovery remove'."),
        VaultError::NoSuchLabel => ("no-such-label", "'recovery list' shows all labels."),
        _ => ("failed", ""),
    };
    Failure::of(code, error, hint)
}

/// What did not work and did not stop the rest.
pub(crate) fn notice(notice: &Notice) -> String {
    match notice {
        Notice::Queued(error) => format!("{error}; it is kept and sent by a later command"),
        Notice::NotSent(error) => format!("{error}; it was given up"),
        Notice::NotRead(error) => error.to_string(),
        Notice::NotSynced(error) => format!("the vault is not synced: {error}; a later command tries again"),
        Notice::NewerVault(relay) => format!("{relay} holds a newer vault than this device: another device of yours wrote it"),
        Notice::Home(warning) => warning.to_string(),
        _ => String::new(),
    }
}
