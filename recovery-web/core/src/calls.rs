//! Everything the page can ask for, and what it gets. Names, not numbers: `recovery-web/src/core.ts` says the same
//! in TypeScript.

use crate::{
    value::{Octets, Out, Put, Value, put},
    view::View,
};
use std::fmt;

/// One call.
pub struct Input {
    /// Unix seconds.
    pub now: u64,
    /// 32 random octets, fresh for each call.
    pub seed: Octets,
    /// The home, unless there is none yet.
    pub home: Option<Octets>,
    /// What to do.
    pub call: Call,
}

/// What came of it.
pub struct Output {
    /// The home, if it changed: it has to be kept before anything is sent.
    pub home: Option<Octets>,
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
#[allow(missing_docs, reason = "the fields are named as what they are; the variants say the rest")]
pub enum Call {
    /// What a link is for, and where its box is.
    Link { text: String },
    /// What stands in an invite's box.
    Invite { link: String, boxed: Octets },
    /// A new friend's home.
    Create { name: String },
    /// Where the vault of a key card is at a relay.
    CardSlot { words: String, relay: String },
    /// The home of a key card, from what lies in that slot.
    OpenCard { words: String, boxed: Octets },
    /// The home in a key card's file.
    OpenFile { words: String, file: Octets },
    /// What to show.
    View,
    /// A link's box, in a file that came with it.
    Boxed { link: String, file: String },
    /// Accepts an invite.
    Accept { link: String, boxed: Octets, reach: ReachInput },
    /// The number to compare with an owner.
    Pairing { owner: String },
    /// Types the number of an owner's new device.
    Verify { owner: String, number: String },
    /// Opens a request as an owner's; a known one needs no box.
    OpenRequest { link: String, boxed: Option<Octets>, owner: String },
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
    Took { read: String, epoch: String, body: Octets },
    /// Acts on a file of somebody's messages.
    TakeFile { file: String },
    /// Everything that is for others, as a file.
    GiveFile,
    /// What is due as time goes by.
    Tidy,
    /// Where the owner's other contacts warn.
    AlarmSlots { request: String },
    /// What stood there.
    Alarms { request: String, found: Vec<Octets> },
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
#[derive(Default)]
pub struct ReachInput {
    /// A way the friend trusts.
    pub way: String,
    /// A second one.
    pub second: String,
    /// A question only the two can answer.
    pub question: String,
}

/// How an approval goes.
#[derive(Default)]
pub struct WayInput {
    /// The link that was read off the new device's screen, if it was.
    pub scanned: Option<String>,
    /// In spite of the owner's stop.
    pub overrides: bool,
    /// As text, to travel by any way.
    pub by_file: bool,
}

impl Input {
    /// Reads an input; `None` if it is none.
    #[must_use]
    pub fn read(octets: &[u8]) -> Option<Self> {
        let value = Value::read(octets)?;
        Some(Self {
            now: value.number("now")?,
            seed: value.octets("seed")?,
            home: value.optional("home", Value::octets)?,
            call: Call::read(value.at("call")?)?,
        })
    }
}

impl Call {
    /// A name alone, or a map with one name and under it what belongs to it.
    fn read(value: &Value<'_>) -> Option<Self> {
        let (name, it) = match value {
            Value::Text(name) => (*name, &Value::Null),
            Value::Map(pairs) => pairs.iter().map(|(name, it)| (*name, it)).next()?,
            _ => return None,
        };
        let text = |name| it.text(name);
        Some(match name {
            "link" => Self::Link { text: text("text")? },
            "invite" => Self::Invite { link: text("link")?, boxed: it.octets("boxed")? },
            "boxed" => Self::Boxed { link: text("link")?, file: text("file")? },
            "create" => Self::Create { name: text("name")? },
            "cardSlot" => Self::CardSlot { words: text("words")?, relay: text("relay")? },
            "openCard" => Self::OpenCard { words: text("words")?, boxed: it.octets("boxed")? },
            "openFile" => Self::OpenFile { words: text("words")?, file: it.octets("file")? },
            "view" => Self::View,
            "accept" => {
                let reach = ReachInput::read(it.at("reach")?)?;
                Self::Accept { link: text("link")?, boxed: it.octets("boxed")?, reach }
            }
            "pairing" => Self::Pairing { owner: text("owner")? },
            "verify" => Self::Verify { owner: text("owner")?, number: text("number")? },
            "openRequest" => {
                let boxed = it.optional("boxed", Value::octets)?;
                Self::OpenRequest { link: text("link")?, boxed, owner: text("owner")? }
            }
            "try" => Self::Try { request: text("request")?, number: text("number")? },
            "approve" => {
                let way = WayInput::read(it.at("way")?)?;
                Self::Approve { request: text("request")?, way }
            }
            "decline" => Self::Decline { request: text("request")?, reason: reason(it)? },
            "report" => Self::Report { request: text("request")?, reason: reason(it)? },
            "drill" => Self::Drill { drill: text("drill")?, number: text("number")? },
            "leave" => Self::Leave { owner: text("owner")? },
            "outbox" => Self::Outbox,
            "sent" => {
                let status = it.number("status")?.try_into().ok()?;
                Self::Sent { id: it.number("id")?, status, code: text("code")? }
            }
            "reads" => Self::Reads,
            "took" => {
                let body = it.octets("body")?;
                Self::Took { read: text("read")?, epoch: text("epoch")?, body }
            }
            "takeFile" => Self::TakeFile { file: text("file")? },
            "giveFile" => Self::GiveFile,
            "tidy" => Self::Tidy,
            "alarmSlots" => Self::AlarmSlots { request: text("request")? },
            "alarms" => Self::Alarms { request: text("request")?, found: it.all_octets("found")? },
            "uploads" => Self::Uploads,
            "uploaded" => {
                let version = it.number("version")?;
                Self::Uploaded { relay: text("relay")?, etag: text("etag")?, version }
            }
            "card" => Self::Card,
            "cardFile" => Self::CardFile,
            "cardKept" => Self::CardKept,
            _ => return None,
        })
    }
}

fn reason(it: &Value<'_>) -> Option<Option<String>> {
    it.optional("reason", Value::text)
}

impl ReachInput {
    fn read(it: &Value<'_>) -> Option<Self> {
        let (way, second) = (it.text("way")?, it.text("second")?);
        Some(Self { way, second, question: it.text("question")? })
    }
}

impl WayInput {
    fn read(it: &Value<'_>) -> Option<Self> {
        let scanned = it.optional("scanned", Value::text)?;
        Some(Self { scanned, overrides: it.bool("overrides")?, by_file: it.bool("byFile")? })
    }
}

/// The answer to a [`Call`].
#[derive(Debug)]
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
    File(Octets),
}

/// A slot at a relay.
#[derive(Debug)]
pub struct SlotPlace {
    /// The relay's address.
    pub relay: String,
    /// The slot's id.
    pub id: String,
}

/// One HTTP call to a relay.
#[derive(Debug)]
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
    pub body: Octets,
    /// A slot is written whatever stands there: first as a new one, then over the version that the relay names.
    pub over: bool,
    /// If the relay asks for a pass, these go into `Recovery-Pass`, one after the other.
    pub passes: Vec<String>,
}

/// One mailbox to be read.
#[derive(Debug)]
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
#[derive(Debug)]
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
    pub body: Octets,
    /// As an [`HttpCall`]'s.
    pub passes: Vec<String>,
}

/// Something that happened while messages were taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Happened {
    /// What: `proved`, `stored`, `refused`, `stopped`, `released`, `deleted`, `drill`, `moved`, `claimed` or `ignored`.
    pub what: &'static str,
    /// Whose key it is about, if that is known.
    pub owner: Option<String>,
}

put!(Output { home: "home", answer: "answer", error: "error" });
put!(SlotPlace { relay: "relay", id: "id" });
put!(HttpCall {
    id: "id",
    relay: "relay",
    method: "method",
    path: "path",
    token: "token",
    hold: "hold",
    body: "body",
    over: "over",
    passes: "passes",
});
put!(HttpRead { read: "read", relay: "relay", path: "path", token: "token", epoch: "epoch" });
put!(Upload {
    relay: "relay",
    path: "path",
    token: "token",
    etag: "etag",
    version: "version",
    body: "body",
    passes: "passes",
});
put!(Happened { what: "what", owner: "owner" });

/// A map with these pairs.
struct Pairs<'a>(&'a [(&'a str, &'a dyn Put)]);

impl Put for Pairs<'_> {
    fn put(&self, out: &mut Out) {
        out.map(self.0.len());
        self.0.iter().for_each(|(name, value)| out.pair(name, *value));
    }
}

/// A map with the answer's name alone; "done" has no more than its name.
impl Put for Answer {
    fn put(&self, out: &mut Out) {
        let mut one = |name: &str, value: &dyn Put| {
            out.map(1);
            out.pair(name, value);
        };
        match self {
            Self::Done => "done".put(out),
            Self::Link { kind, slots, on_screen } => {
                one("link", &Pairs(&[("kind", kind), ("slots", slots), ("onScreen", on_screen)]));
            }
            Self::Invite { name, expires } => {
                one("invite", &Pairs(&[("name", name), ("expires", expires)]));
            }
            Self::View(view) => one("view", view),
            Self::Pairing { owner, number } => {
                one("pairing", &Pairs(&[("owner", owner), ("number", number)]));
            }
            Self::Opened { request } => one("opened", &Pairs(&[("request", request)])),
            Self::Tried { outcome, tries_left } => {
                let left = u64::from(*tries_left);
                one("tried", &Pairs(&[("outcome", outcome), ("triesLeft", &left)]));
            }
            Self::Approved { release_at, armored } => {
                one("approved", &Pairs(&[("releaseAt", release_at), ("armored", armored)]));
            }
            Self::Calls(calls) => one("calls", calls),
            Self::Slots(slots) => one("slots", slots),
            Self::Reads(reads) => one("reads", reads),
            Self::Judged { outcome, dead } => {
                one("judged", &Pairs(&[("outcome", outcome), ("dead", dead)]));
            }
            Self::Took { more, events } => {
                one("took", &Pairs(&[("more", more), ("events", events)]));
            }
            Self::Uploads(uploads) => one("uploads", uploads),
            Self::Card { words, relays } => {
                one("card", &Pairs(&[("words", words), ("relays", relays)]));
            }
            Self::File(octets) => one("file", octets),
        }
    }
}
