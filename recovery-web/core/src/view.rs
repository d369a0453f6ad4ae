//! What the page shows: people, requests, rehearsals. Names are as others wrote them; the page shows them as text.

use crate::{
    home::{Home, Waiting},
    value::put,
};
use recovery_core::{
    circle::{Held, Opened, OpenedState, Standing},
    flows::{
        Delivery, Device,
        drill::{DRILL_SECONDS, Rehearsal},
        request::REQUEST_SECONDS,
    },
    ids::ContactId,
    name::Name,
    wire::messages::{HoldBy, Request},
};

/// A home.
#[derive(Debug)]
pub struct View {
    /// The friend's name.
    pub name: String,
    /// People whose pieces the friend holds, or will hold.
    pub owners: Vec<Owner>,
    /// Requests that were opened here, the newest last.
    pub requests: Vec<RequestView>,
    /// Rehearsals, the newest last.
    pub drills: Vec<Drill>,
    /// How many things wait to be sent.
    pub queued: u64,
    /// How many things wait to be given out as a file.
    pub for_files: u64,
    /// Unix seconds when the key card was last printed or saved.
    pub card_kept: Option<u64>,
}

/// Somebody the friend helps.
#[derive(Debug)]
pub struct Owner {
    /// Their id.
    pub id: String,
    /// What the friend calls them.
    pub name: String,
    /// How the friend reaches them; empty if nothing was written down.
    pub way: String,
    /// A second way.
    pub second: String,
    /// The question.
    pub question: String,
    /// Unix seconds of their last message.
    pub seen: u64,
    /// A piece is here.
    pub holds: bool,
    /// Unix seconds when the newest piece came.
    pub stored: Option<u64>,
    /// When the last question whether it is still here was answered, by the owner's clock.
    pub proved: Option<u64>,
    /// Seconds that an approval is held back.
    pub delay: u64,
    /// A new device says to be theirs, and waits for its number to be compared.
    pub claimed: bool,
}

/// A request.
#[derive(Debug)]
pub struct RequestView {
    /// Its id.
    pub id: String,
    /// Whom the friend takes it to be from.
    pub owner: Option<String>,
    /// Whom it claims to be from.
    pub claims: String,
    /// What the new device says it is; may be empty.
    pub device: String,
    /// Unix seconds, by the new device's clock.
    pub made: u64,
    /// Wrong numbers that are left.
    pub tries_left: u64,
    /// `open`, `approved`, `declined`, `burnt`, `cancelled`, `stopped`, `impostor` or `expired`.
    pub state: &'static str,
    /// The number was right.
    pub checked: bool,
    /// Unix seconds when an approval that is held back goes out.
    pub release_at: Option<u64>,
    /// This device holds it back itself, so it has to be opened then.
    pub held_here: bool,
    /// Warnings of other contacts: Unix seconds.
    pub alarms: Vec<u64>,
    /// Earlier requests in this person's name that were not approved here.
    pub refused_before: u64,
}

/// A rehearsal.
#[derive(Debug)]
pub struct Drill {
    /// Its id.
    pub id: String,
    /// Whose.
    pub owner: String,
    /// Unix seconds.
    pub made: u64,
    /// Wrong numbers that are left.
    pub tries_left: u64,
    /// It was answered, or its time is over.
    pub over: bool,
}

put!(View {
    name: "name",
    owners: "owners",
    requests: "requests",
    drills: "drills",
    queued: "queued",
    for_files: "forFiles",
    card_kept: "cardKept",
});
put!(Owner {
    id: "id",
    name: "name",
    way: "way",
    second: "second",
    question: "question",
    seen: "seen",
    holds: "holds",
    stored: "stored",
    proved: "proved",
    delay: "delay",
    claimed: "claimed",
});
put!(RequestView {
    id: "id",
    owner: "owner",
    claims: "claims",
    device: "device",
    made: "made",
    tries_left: "triesLeft",
    state: "state",
    checked: "checked",
    release_at: "releaseAt",
    held_here: "heldHere",
    alarms: "alarms",
    refused_before: "refusedBefore",
});
put!(Drill { id: "id", owner: "owner", made: "made", tries_left: "triesLeft", over: "over" });

/// What a home shows at a time.
pub(crate) fn of(home: &Home, now: u64) -> View {
    let device = &home.device;
    let (files, near): (Vec<&Waiting>, Vec<&Waiting>) =
        home.outbox.iter().partition(|one| one.delivery.relay().is_files());
    View {
        name: device.name().to_string(),
        owners: device.held().iter().map(owner).collect(),
        requests: device.opened().iter().map(|one| request(one, device, now)).collect(),
        drills: device.rehearsals().iter().map(|one| drill(one, device, now)).collect(),
        queued: near.len() as u64,
        for_files: files.into_iter().filter(travels).count() as u64,
        card_kept: home.card_kept,
    }
}

/// A file takes messages and slots; it has no mailbox to be opened.
fn travels(one: &&Waiting) -> bool {
    !matches!(one.delivery, Delivery::OpenMailbox { .. } | Delivery::CloseMailbox { .. })
}

fn owner(held: &Held) -> Owner {
    let text = |text: &Option<Name>| text.as_ref().map(ToString::to_string).unwrap_or_default();
    let newest = held.bundles.last();
    let hold = newest.and_then(|newest| newest.bundle()).map(|bundle| bundle.hold);
    Owner {
        id: held.card.id().to_string(),
        name: held.name.to_string(),
        way: text(&held.reach.way),
        second: text(&held.reach.second),
        question: text(&held.reach.question),
        seen: held.seen,
        holds: newest.is_some(),
        stored: newest.map(|newest| newest.stored),
        proved: Some(held.asked).filter(|asked| *asked > 0),
        delay: hold.map_or(0, |hold| hold.delay),
        claimed: held.standing() != Standing::Current,
    }
}

/// The id by which an owner is listed: that of their present device.
fn present(device: &Device, owner: ContactId) -> ContactId {
    device.held_of(owner).map_or(owner, |held| held.card.id())
}

fn request(opened: &Opened, device: &Device, now: u64) -> RequestView {
    let said: Option<Request> = opened.request.peek().ok();
    let made = said.as_ref().map_or(0, |said| said.made);
    let refused = |other: &&Opened| {
        let state = other.state;
        let same = other.owner == opened.owner && other.id != opened.id;
        same && !matches!(state, OpenedState::Open | OpenedState::Approved)
    };
    RequestView {
        id: opened.id.to_string(),
        owner: opened.owner.map(|owner| present(device, owner).to_string()),
        claims: said.as_ref().map(|said| said.card.name().to_string()).unwrap_or_default(),
        device: said.and_then(|said| said.device).map(|d| d.to_string()).unwrap_or_default(),
        made,
        tries_left: opened.tries_left.into(),
        state: state(opened, made, now),
        checked: opened.checked,
        release_at: opened.release_at(now),
        held_here: opened.held.is_some_and(|held| held.by == HoldBy::Contacts && !held.by_file),
        alarms: opened.alarms.clone(),
        refused_before: device.opened().iter().filter(refused).count() as u64,
    }
}

fn state(opened: &Opened, made: u64, now: u64) -> &'static str {
    match opened.state {
        OpenedState::Open if made.saturating_add(REQUEST_SECONDS) <= now => "expired",
        OpenedState::Open => "open",
        OpenedState::Approved => "approved",
        OpenedState::Declined => "declined",
        OpenedState::Burnt => "burnt",
        OpenedState::Cancelled => "cancelled",
        OpenedState::Vetoed => "stopped",
        OpenedState::Impostor => "impostor",
    }
}

fn drill(rehearsal: &Rehearsal, device: &Device, now: u64) -> Drill {
    let late = rehearsal.made.saturating_add(DRILL_SECONDS) <= now;
    Drill {
        id: rehearsal.id.to_string(),
        owner: present(device, rehearsal.owner).to_string(),
        made: rehearsal.made,
        tries_left: rehearsal.tries_left.into(),
        over: rehearsal.answered || late,
    }
}
