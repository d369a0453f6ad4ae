//! Everything the page can ask for, and what it gets. Names, not numbers: `recovery-web/src/core.ts` says the same
//! in TypeScript.

use crate::view::View;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::fmt;

/// One call.
#[derive(Deserialize)]
pub struct Input {
    /// Unix seconds.
    pub now: u64,
    /// 32 random octets, fresh for each call.
    pub seed: ByteBuf,
    /// The home, unless there is none yet.
    pub home: Option<ByteBuf>,
    /// What to do.
    pub call: Call,
}

/// What came of it.
#[derive(Serialize)]
pub struct Output {
    /// The home, if it changed: it has to be kept before anything is sent.
    pub home: Option<ByteBuf>,
    /// The answer, unless it failed.
    pub answer: Option<Answer>,
    /// A word for what is wrong; the page has a sentence for each.
    pub error: Option<String>,
}

/// A word for what is wrong, such as `invite-expired`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code(String);

impl From<&str> for Code {
    fn from(code: &str) -> Self {
        Self(code.to_owned())
    }
}

impl std::ops::Deref for Code {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What to do. Links, numbers, words and names are as people type them; ids are as [`View`] gives them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the fields are named as what they are; the variants say the rest")]
pub enum Call {
    /// What a link is for, and where its box is.
    Link { text: String },
    /// What stands in an invite's box.
    Invite { link: String, boxed: ByteBuf },
    /// A new friend's home.
    Create { name: String },
    /// Where the vault of a key card is at a relay.
    CardSlot { words: String, relay: String },
    /// The home of a key card, from what lies in that slot.
    OpenCard { words: String, boxed: ByteBuf },
    /// The home in a key card's file.
    OpenFile { words: String, file: ByteBuf },
    /// What to show.
    View,
    /// Accepts an invite.
    Accept { link: String, boxed: ByteBuf, reach: ReachInput },
    /// The number to compare with an owner.
    Pairing { owner: String },
    /// Types the number of an owner's new device.
    Verify { owner: String, number: String },
    /// Opens a request as an owner's; a known one needs no box.
    OpenRequest { link: String, boxed: Option<ByteBuf>, owner: String },
    /// Tries a number.
    Try { request: String, number: String },
    /// Approves.
    Approve { request: String, way: WayInput },
    /// Declines.
    Decline { request: String, reason: Option<String> },
    /// "This is not Anna."
    Report { request: String, reason: Option<String> },
    /// Types the number of a rehearsal.
    Drill { drill: String, number: String },
    /// Stops holding an owner's pieces.
    Leave { owner: String },
    /// What is to be sent, in order.
    Outbox,
    /// What came of one of those: an HTTP status, 0 if there was no answer of a relay, and the relay's word.
    Sent { id: u64, status: u16, code: String },
    /// Mailboxes to be read.
    Reads,
    /// What one of them had: the body of the relay's answer.
    Took { read: String, epoch: String, body: ByteBuf },
    /// What is due as time goes by.
    Tidy,
    /// Where the owner's other contacts warn.
    AlarmSlots { request: String },
    /// What stood there.
    Alarms { request: String, found: Vec<ByteBuf> },
    /// What of this friend's vault is to be brought to relays.
    Uploads,
    /// A relay has it.
    Uploaded { relay: String, etag: String, version: u64 },
    /// The key card's words and relays.
    Card,
    /// The key card's file.
    CardFile,
    /// The friend has printed or saved it.
    CardKept,
}

/// How a friend reaches an owner; stays on this device.
#[derive(Default, Deserialize)]
pub struct ReachInput {
    /// A way the friend trusts.
    pub way: String,
    /// A second one.
    pub second: String,
    /// A question only the two can answer.
    pub question: String,
}

/// How an approval goes.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WayInput {
    /// The link that was read off the new device's screen, if it was.
    pub scanned: Option<String>,
    /// In spite of the owner's stop.
    pub overrides: bool,
    /// As text, to travel by any way.
    pub by_file: bool,
}

/// The answer to a [`Call`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Answer {
    /// Done.
    Done,
    /// A link.
    Link {
        /// `invite` or `request`.
        kind: &'static str,
        /// Where its box is.
        slots: Vec<SlotPlace>,
        /// It has the part that stands only on the new device's screen.
        on_screen: bool,
    },
    /// An invite.
    Invite {
        /// The owner's name, as the owner wrote it.
        name: String,
        /// Unix seconds.
        expires: u64,
    },
    /// What to show.
    View(View),
    /// A pairing's number.
    Pairing {
        /// The owner's id.
        owner: String,
        /// 15 digits in five groups.
        number: String,
    },
    /// A request was opened.
    Opened {
        /// Its id.
        request: String,
    },
    /// A number was tried.
    Tried {
        /// `right`, `wrong` or `burnt`.
        outcome: &'static str,
        /// Tries that are left.
        tries_left: u8,
    },
    /// An approval was made.
    Approved {
        /// Unix seconds when it goes out, if it is held back.
        release_at: Option<u64>,
        /// The approval as text, if it was to travel so.
        armored: Option<String>,
    },
    /// HTTP calls.
    Calls(Vec<HttpCall>),
    /// Slots to be read.
    Slots(Vec<SlotPlace>),
    /// Mailboxes to be read.
    Reads(Vec<HttpRead>),
    /// Word of a call that was made.
    Judged {
        /// `done`, `waits` (there will be another try) or `refused`.
        outcome: &'static str,
        /// Nothing else should be tried at this relay now.
        dead: bool,
    },
    /// Messages were taken.
    Took {
        /// There may be more.
        more: bool,
        /// What happened.
        events: Vec<Happened>,
    },
    /// The vault for relays.
    Uploads(Vec<Upload>),
    /// The key card.
    Card {
        /// 20 words.
        words: String,
        /// Relays that have the vault.
        relays: Vec<String>,
    },
    /// A file.
    File(#[serde(with = "serde_bytes")] Vec<u8>),
}

/// A slot at a relay.
#[derive(Debug, Serialize)]
pub struct SlotPlace {
    /// The relay's address.
    pub relay: String,
    /// The slot's id.
    pub id: String,
}

/// One HTTP call to a relay.
#[derive(Debug, Serialize)]
pub struct HttpCall {
    /// Names it for `Sent`.
    pub id: u64,
    /// The relay's address.
    pub relay: String,
    /// The method.
    pub method: &'static str,
    /// What follows the address.
    pub path: String,
    /// Goes into `Authorization`, if there is one.
    pub token: Option<String>,
    /// Goes into `Recovery-Hold`, if there is one.
    pub hold: Option<String>,
    /// The body.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
    /// A slot is written whatever stands there: first as a new one, then over the version that the relay names.
    pub over: bool,
    /// If the relay asks for a pass, these go into `Recovery-Pass`, one after the other.
    pub passes: Vec<String>,
}

/// One mailbox to be read.
#[derive(Debug, Serialize)]
pub struct HttpRead {
    /// Names it for `Took`.
    pub read: String,
    /// The relay's address.
    pub relay: String,
    /// What follows the address.
    pub path: String,
    /// Goes into `Authorization`.
    pub token: String,
    /// The making of the store that `path` goes on in; if the answer is of another one, it begins at 0.
    pub epoch: Option<String>,
}

/// A container for one relay.
#[derive(Debug, Serialize)]
pub struct Upload {
    /// The relay's address.
    pub relay: String,
    /// What follows the address.
    pub path: String,
    /// Goes into `Authorization`.
    pub token: String,
    /// The version of the slot that it takes the place of.
    pub etag: Option<String>,
    /// The vault's version.
    pub version: u64,
    /// The container.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
    /// As an [`HttpCall`]'s.
    pub passes: Vec<String>,
}

/// Something that happened while messages were taken.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// What: `proved`, `stored`, `refused`, `stopped`, `released`, `deleted`, `drill`, `moved`, `claimed` or `ignored`.
    pub what: &'static str,
    /// Whose key it is about, if that is known.
    pub owner: Option<String>,
}
