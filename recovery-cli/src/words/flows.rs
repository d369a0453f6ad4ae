//! What can go wrong between people: pairing, protecting, asking, approving, restoring.

use super::{AGAIN, Failure};
use crate::ui::plural;
use recovery_client::ClientError;
use recovery_core::{
    flows::{
        approve::ApproveError,
        drill::DrillError,
        pair::PairError,
        protect::ProtectError,
        request::RequestError,
        restore::{ImportError, RestoreError},
    },
    policy::PolicyError,
    vault::VaultError,
    wire::armor::ArmorError,
};
use serde_json::json;

const NEWER: &str = "Update this program, then open the link again.";

pub(super) fn pair(error: &PairError) -> Failure {
    let (code, hint) = match error {
        PairError::NoRelay => {
            ("no-relay", "Name one with --relay URL; whoever hosts one for you knows its address.")
        }
        PairError::NameTaken => ("name-taken", "Choose another name for this contact."),
        PairError::WrongLink(_) => {
            ("wrong-link", "An invitation has /i# in it; use 'recovery approve' for a request.")
        }
        PairError::Damaged => (
            "bad-link",
            "Copy the whole link again, in quotes; if it still fails, ask for a new invitation.",
        ),
        PairError::Newer => ("newer-version", NEWER),
        PairError::Expired => ("expired", "Ask your friend for a new invitation."),
        PairError::Own => ("own-link", "Send it to the friend it was made for."),
        PairError::Known => ("already-accepted", "Nothing is left to do."),
        PairError::Replaced => (
            "replaced-device",
            "Call your friend: whoever sent it has a device that your friend lost or no longer uses.",
        ),
        PairError::Claimed => (
            "new-device",
            "Call your friend, and compare the number with 'recovery contacts verify NAME'.",
        ),
        PairError::NoSuchPerson => ("no-such-contact", "'recovery contacts' shows everybody."),
        PairError::WrongNumber => (
            "wrong-number",
            "Read it to each other once more. If it still differs, somebody may stand between you: make a new invitation and send it another way.",
        ),
        _ => ("failed", AGAIN),
    };
    Failure::of(code, error, hint)
}

pub(super) fn protect(error: &ProtectError) -> Failure {
    let (code, hint) = match error {
        ProtectError::NoRelay => ("no-relay", "Name one with --relay URL."),
        ProtectError::NoSuchContact => ("no-such-contact", "'recovery contacts' shows everybody."),
        ProtectError::Contested(_) => {
            ("contested", "Call them, and compare the number with 'recovery contacts verify NAME'.")
        }
        ProtectError::Moved(_) => (
            "contact-moved",
            "Call them, and compare the number with 'recovery contacts verify NAME'; or leave them out with 'recovery contacts remove NAME'.",
        ),
        ProtectError::Left(_) => ("contact-left", "Choose other contacts, or invite them again."),
        ProtectError::PassphraseNeeded => (
            "passphrase-needed",
            "Give it with --circle-passphrase-file FILE or RECOVERY_CIRCLE_PASSPHRASE.",
        ),
        ProtectError::NothingToRenew => {
            ("nothing-to-renew", "Divide the key first with 'recovery protect --threshold K'.")
        }
        ProtectError::TooFewProofs => {
            ("too-few-proofs", "Ask your contacts to run 'recovery sync', then run it yourself.")
        }
        ProtectError::Policy(error) => return policy(error),
        ProtectError::Vault(error) => return vault(error),
        _ => ("failed", AGAIN),
    };
    Failure::of(code, error, hint)
}

pub(super) fn policy(error: &PolicyError) -> Failure {
    let (code, hint) = match error {
        PolicyError::Nobody => (
            "no-contacts",
            "Invite people first with 'recovery invite NAME', and run 'recovery sync' once they accepted.",
        ),
        PolicyError::Unreachable { .. } => (
            "too-few-contacts",
            "Invite more people, or ask for fewer with 'recovery protect --threshold K'.",
        ),
        PolicyError::TooManyMembers { .. } | PolicyError::TooManyGroups { .. } => (
            "too-many-contacts",
            "Choose some with --contact, or make groups with --group 'NAME:K=A,B,C'.",
        ),
        _ => ("bad-threshold", "Choose a --threshold of 2 or more; 3 of 5 is a good start."),
    };
    Failure::of(code, error, hint)
}

pub(super) fn request(error: &RequestError) -> Failure {
    let (code, hint) = match error {
        RequestError::NoRelay => {
            ("no-relay", "Name one with --relay URL; it need not be the one you had before.")
        }
        RequestError::WrongLink(_) => {
            ("wrong-link", "A request has /r# in it; use 'recovery accept' for an invitation.")
        }
        RequestError::Damaged => (
            "bad-link",
            "Copy the whole link again, in quotes; if it still fails, ask for it once more.",
        ),
        RequestError::Newer => ("newer-version", NEWER),
        RequestError::Invalid(_) => (
            "bad-request",
            "Do not help with this request. Call your friend by a way you already had.",
        ),
        RequestError::Expired => {
            ("expired", "Call your friend and ask whether they still need help.")
        }
        RequestError::Ahead => {
            ("clock", "Check the date of this device, and ask your friend to check theirs.")
        }
        RequestError::Changed => (
            "request-changed",
            "Do not help with it: somebody changed it after you opened it. Call your friend by a way you already had.",
        ),
        RequestError::Decided => (
            "already-approved",
            "Wait until it is released, or take it back with 'recovery decline'.",
        ),
        RequestError::NotHeld => (
            "not-held",
            "'recovery contacts' shows whose pieces you hold; run 'recovery sync' if one is on its way.",
        ),
        _ => ("no-such-request", "'recovery requests' shows those you opened."),
    };
    Failure::of(code, error, hint)
}

pub(super) fn approve(error: &ApproveError) -> Failure {
    let (code, hint) = match error {
        ApproveError::Request(error) => return request(error),
        ApproveError::AlreadyApproved => {
            ("already-approved", "The piece is out; if it was a mistake, call your friend now.")
        }
        ApproveError::AlreadyDeclined => {
            ("already-declined", "Ask your friend to start again if it was really them.")
        }
        ApproveError::Burnt => (
            "request-burnt",
            "Do not try again on another call: it may be somebody else. Reach your friend by a way you already had and ask them to start again.",
        ),
        ApproveError::Cancelled => ("cancelled", "Nothing is left to do."),
        ApproveError::Vetoed => (
            "vetoed",
            "Call your friend. If their old device was stolen and you meet them in person, scan the code and use --scanned --override.",
        ),
        ApproveError::Impostor => {
            ("reported", "If you were wrong, meet your friend and ask them to start again.")
        }
        ApproveError::MeetFirst => (
            "meet-first",
            "Meet the person, scan the code on their screen, and use --scanned --override.",
        ),
        ApproveError::Unchecked => {
            ("number-needed", "Give --number with the 15 digits that your friend reads to you.")
        }
        ApproveError::NotScanned => (
            "not-scanned",
            "Scan the code on the screen of the new device yourself ('recovery restore --qr' shows it there). Where nothing was stopped, the number read to you is enough: --number.",
        ),
        ApproveError::Expired => ("expired", "Ask your friend to start again."),
        ApproveError::NotHeld => ("not-held", "'recovery contacts' shows whose pieces you hold."),
        _ => ("failed", AGAIN),
    };
    Failure::of(code, error, hint)
}

pub(super) fn drill(error: &DrillError) -> Failure {
    let (code, hint) = match error {
        DrillError::Nobody => {
            ("no-contacts", "'recovery contacts' shows who holds a piece of your key.")
        }
        DrillError::Unknown => {
            ("no-such-drill", "Run 'recovery sync': it shows the command to answer with.")
        }
        DrillError::Over => ("drill-over", "Ask your friend to start another one."),
        _ => ("failed", AGAIN),
    };
    Failure::of(code, error, hint)
}

pub(super) fn wrong_number(tries_left: u8) -> Failure {
    let message = format!(
        "That is not the right number; {} left.",
        plural(u64::from(tries_left), "try").replace("trys", "tries")
    );
    let hint = "Do not try again on a different call: it may be somebody else. Ask your friend to read it once more.";
    let mut failure = Failure::new("wrong-number", message, hint.to_owned());
    failure.extra.insert("tries_left".to_owned(), json!(tries_left));
    failure
}

pub(super) fn restore(error: &RestoreError) -> Failure {
    let (code, hint) = match error {
        RestoreError::TooFew { .. } => {
            ("too-few-approvals", "Ask more of your contacts, then run this again.")
        }
        RestoreError::Disagree => (
            "pieces-disagree",
            "Ask more contacts: with one more good piece the wrong one can be told.",
        ),
        RestoreError::PassphraseNeeded => (
            "passphrase-needed",
            "Give it with --circle-passphrase-file FILE or RECOVERY_CIRCLE_PASSPHRASE.",
        ),
        RestoreError::WrongPassphrase => (
            "wrong-passphrase",
            "Try again: the approvals are kept. It is the passphrase you chose when you divided the key.",
        ),
        RestoreError::NoVault => (
            "no-vault",
            "Try again when your relays can be reached, or name them with --relay URL.",
        ),
        RestoreError::Rollback(_) => (
            "vault-rollback",
            "Try again later: a relay may have lost the newer one. To take the older one, use --accept-older-vault.",
        ),
        _ => (
            "wrong-key",
            "Ask more contacts, and tell those who approved that their piece does not fit.",
        ),
    };
    Failure::of(code, error, hint)
}

pub(super) fn ambiguous(error: &ClientError, owners: &[(String, String)]) -> Failure {
    let hint = "Say whose key you want with --owner-id ID.";
    let mut failure = Failure::of("ambiguous-owner", error, hint);
    let owners = owners.iter().map(|(name, id)| json!({ "name": name, "owner_id": id }));
    failure.extra.insert("owners".to_owned(), owners.collect());
    failure
}

pub(super) fn import(error: &ClientError, inner: &ImportError) -> Failure {
    let hint = match inner {
        ImportError::Armor(ArmorError::TooLong) => "This is not an approval file.",
        ImportError::Armor(_) => {
            "Ask your friend to send the file again, as a file and not as text."
        }
        _ => "Ask your friend to approve the request of this device.",
    };
    Failure::of("bad-approval", error, hint)
}

pub(super) fn vault(error: &VaultError) -> Failure {
    let (code, hint) = match error {
        VaultError::Empty => ("empty", "Name a file that holds something."),
        VaultError::EntryTooLong { .. } => {
            ("too-long", "Keep a key that opens the large file, not the file itself.")
        }
        VaultError::Full { .. } | VaultError::TooLarge => {
            ("vault-full", "Remove what is no longer needed with 'recovery remove'.")
        }
        VaultError::LabelTaken => (
            "label-taken",
            "Choose another label, or remove the old entry first with 'recovery remove'.",
        ),
        VaultError::NoSuchLabel => ("no-such-label", "'recovery list' shows all labels."),
        _ => ("failed", AGAIN),
    };
    Failure::of(code, error, hint)
}
