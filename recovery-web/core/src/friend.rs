//! What a friend does: accepts an invite, approves or declines a request, rehearses, leaves.

use crate::{
    calls::{Answer, Code, ReachInput, SlotPlace, WayInput},
    home::{Home, name_code},
    value::Octets,
};
use recovery_core::{
    address::SlotAddress,
    circle::Reach,
    flows::{
        Context,
        approve::{ApproveError, Consent, Tried},
        drill::DrillError,
        pair::{PairError, read_invite},
        request::RequestError,
    },
    ids::{ContactId, DrillId, RequestId},
    name::Name,
    number::{Number, NumberError},
    wire::{
        armor::{self, Title},
        link::{Link, LinkError, LinkKind},
    },
};

/// What a link is.
pub(crate) fn parse_link(text: &str) -> Result<Answer, Code> {
    let link = link(text)?;
    let kind = match link.kind {
        LinkKind::Invite => "invite",
        LinkKind::Request => "request",
    };
    let slots = places(&link.slots);
    Ok(Answer::Link { kind, slots, on_screen: link.request.is_some() })
}

/// Whose an invite is.
pub(crate) fn look_at_invite(text: &str, boxed: &[u8], now: u64) -> Result<Answer, Code> {
    let invite = read_invite(&link(text)?, boxed, now).map_err(pair_code)?;
    Ok(Answer::Invite { name: invite.card.name().to_string(), expires: invite.expires })
}

/// Accepts an invite.
pub(crate) fn accept(
    home: &mut Home,
    text: &str,
    boxed: &[u8],
    reach: ReachInput,
    ctx: &mut Context<'_>,
) -> Result<Answer, Code> {
    let reach = Reach {
        way: optional(&reach.way)?,
        second: optional(&reach.second)?,
        question: optional(&reach.question)?,
    };
    let accepted = home.device.accept(&link(text)?, boxed, reach, ctx).map_err(pair_code)?;
    home.take_passes(accepted.passes);
    home.keep(accepted.step);
    Ok(Answer::Pairing { owner: accepted.id.to_string(), number: accepted.number.to_string() })
}

/// The number of a pairing, once more.
pub(crate) fn pairing(home: &Home, owner: &str, ctx: &Context<'_>) -> Result<Answer, Code> {
    let held = home.device.held_of(id(owner)?).ok_or("not-held")?;
    let number = home.device.number_with_owner(held, ctx).map_err(pair_code)?;
    Ok(Answer::Pairing { owner: owner.to_owned(), number: number.to_string() })
}

/// Compares the number of an owner's new device.
pub(crate) fn verify(
    home: &mut Home,
    owner: &str,
    number: &str,
    ctx: &mut Context<'_>,
) -> Result<Answer, Code> {
    let number = number.parse::<Number>().map_err(number_code)?;
    let name = home.device.held_of(id(owner)?).ok_or("not-held")?.name.clone();
    let step = home.device.verify(&name, &number, ctx).map_err(pair_code)?;
    home.keep(step);
    Ok(Answer::Done)
}

/// Opens a request as an owner's. Without a box it has to be known here.
pub(crate) fn open_request(
    home: &mut Home,
    (text, boxed): (&str, Option<&[u8]>),
    owner: &str,
    ctx: &mut Context<'_>,
) -> Result<Answer, Code> {
    let (link, owner): (Link, ContactId) = (link(text)?, id(owner)?);
    let (request, step) = match boxed {
        Some(boxed) => {
            let opened =
                home.device.open_request(&link, boxed, owner, ctx).map_err(request_code)?;
            (opened.id, opened.step)
        }
        None => {
            let known = home.device.opened_by(&link).map(|opened| opened.id);
            let known = known.ok_or("request-gone")?;
            (known, home.device.choose_owner(known, owner, ctx).map_err(request_code)?)
        }
    };
    home.keep(step);
    Ok(Answer::Opened { request: request.to_string() })
}

/// Tries a number. A slip of the finger is an error, and costs nothing.
pub(crate) fn try_number(
    home: &mut Home,
    request: &str,
    number: &str,
    ctx: &mut Context<'_>,
) -> Result<Answer, Code> {
    let number = number.parse::<Number>().map_err(number_code)?;
    let tried = home.device.try_number(id::<RequestId>(request)?, &number, ctx);
    let (tried, step) = tried.map_err(|error| approve_code(&error))?;
    home.keep(step);
    Ok(outcome(tried))
}

fn outcome(tried: Tried) -> Answer {
    let (outcome, tries_left) = match tried {
        Tried::Right => ("right", 0),
        Tried::Wrong { tries_left } => ("wrong", tries_left),
        Tried::Burnt => ("burnt", 0),
    };
    Answer::Tried { outcome, tries_left }
}

/// Approves.
pub(crate) fn approve(
    home: &mut Home,
    request: &str,
    way: &WayInput,
    ctx: &mut Context<'_>,
) -> Result<Answer, Code> {
    let scanned = way.scanned.as_deref().map(link).transpose()?;
    let (overrides, by_file) = (way.overrides, way.by_file);
    let consent = Consent { scanned: scanned.as_ref(), overrides, by_file };
    let sent = home.device.approve(id(request)?, consent, ctx);
    let sent = sent.map_err(|error| approve_code(&error))?;
    let message = sent.message.as_ref().filter(|_| by_file);
    let armored = message.map(|message| armor::encode(Title::Approval, message));
    home.keep(sent.to_owner);
    if armored.is_none() {
        home.keep(sent.to_requester);
    }
    Ok(Answer::Approved { release_at: sent.release_at, armored })
}

/// Declines; the requester hears of it only if the number was right.
pub(crate) fn decline(
    home: &mut Home,
    request: &str,
    reason: Option<String>,
    ctx: &mut Context<'_>,
) -> Result<Answer, Code> {
    let reason = optional(&reason.unwrap_or_default())?;
    let sent = home.device.decline(id(request)?, reason, ctx);
    let sent = sent.map_err(|error| approve_code(&error))?;
    home.keep(sent.to_requester);
    home.keep(sent.to_owner);
    Ok(Answer::Done)
}

/// "This is not Anna."
pub(crate) fn report(
    home: &mut Home,
    request: &str,
    reason: Option<String>,
    ctx: &mut Context<'_>,
) -> Result<Answer, Code> {
    let reason = optional(&reason.unwrap_or_default())?;
    let step = home.device.report_impostor(id(request)?, reason, ctx);
    home.keep(step.map_err(|error| approve_code(&error))?);
    Ok(Answer::Done)
}

/// Types the number of a rehearsal.
pub(crate) fn drill(
    home: &mut Home,
    drill: &str,
    number: &str,
    ctx: &mut Context<'_>,
) -> Result<Answer, Code> {
    let number = number.parse::<Number>().map_err(number_code)?;
    let tried = home.device.answer_drill(id::<DrillId>(drill)?, &number, ctx);
    let (tried, step) = tried.map_err(|error| match error {
        DrillError::Over => "drill-over",
        DrillError::Unknown => "drill-unknown",
        _ => "internal",
    })?;
    home.keep(step);
    Ok(outcome(tried))
}

/// Stops holding an owner's pieces, and says so.
pub(crate) fn leave(home: &mut Home, owner: &str, ctx: &mut Context<'_>) -> Result<Answer, Code> {
    let step = home.device.leave(id(owner)?, ctx).map_err(request_code)?;
    home.keep(step);
    Ok(Answer::Done)
}

/// Where the other contacts warn.
pub(crate) fn alarm_slots(home: &Home, request: &str) -> Result<Answer, Code> {
    let slots = home.device.alarm_slots(id(request)?);
    Ok(Answer::Slots(places(&slots)))
}

/// What they said.
pub(crate) fn alarms(home: &mut Home, request: &str, found: &[Octets]) -> Result<Answer, Code> {
    let found: Vec<Vec<u8>> = found.iter().map(|body| body.to_vec()).collect();
    home.device.hear_alarms(id(request)?, &found);
    Ok(Answer::Done)
}

/// Slots at relays; a file is none.
fn places(slots: &[SlotAddress]) -> Vec<SlotPlace> {
    let place =
        |slot: &SlotAddress| SlotPlace { relay: slot.relay.to_string(), id: slot.id.to_string() };
    slots.iter().filter(|slot| !slot.relay.is_files()).map(place).collect()
}

pub(crate) fn link(text: &str) -> Result<Link, Code> {
    text.parse().map_err(|error| {
        match error {
            LinkError::NoSecret => "link-cut",
            LinkError::Mangled => "link-mangled",
            LinkError::Relay => "link-relay",
            _ => "link",
        }
        .into()
    })
}

pub(crate) fn id<T: std::str::FromStr>(text: &str) -> Result<T, Code> {
    text.parse().map_err(|_| "id".into())
}

/// A name, or nothing for an empty text.
fn optional(text: &str) -> Result<Option<Name>, Code> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(name_code)
}

fn number_code(error: NumberError) -> Code {
    match error {
        NumberError::NotDigits => "number-digits",
        NumberError::Length(_) => "number-length",
        _ => "number-mistyped",
    }
    .into()
}

fn pair_code(error: PairError) -> Code {
    match error {
        PairError::WrongLink(_) => "invite-wrong-link",
        PairError::Damaged => "invite-damaged",
        PairError::Newer => "newer",
        PairError::Expired => "invite-expired",
        PairError::Own => "invite-own",
        PairError::Known => "invite-known",
        PairError::Replaced => "invite-replaced",
        PairError::Claimed => "invite-claimed",
        PairError::WrongNumber => "number-other",
        _ => "internal",
    }
    .into()
}

fn request_code(error: RequestError) -> Code {
    match error {
        RequestError::WrongLink(_) => "request-wrong-link",
        RequestError::Damaged | RequestError::Invalid(_) => "request-damaged",
        RequestError::Newer => "newer",
        RequestError::Expired => "request-expired",
        RequestError::Ahead => "request-ahead",
        RequestError::Changed => "request-changed",
        RequestError::NotHeld => "not-held",
        RequestError::Decided => "request-decided",
        _ => "request-gone",
    }
    .into()
}

fn approve_code(error: &ApproveError) -> Code {
    match error {
        ApproveError::Request(error) => return request_code(error.clone()),
        ApproveError::AlreadyApproved => "already-approved",
        ApproveError::AlreadyDeclined => "already-declined",
        ApproveError::Burnt => "burnt",
        ApproveError::Cancelled => "cancelled",
        ApproveError::Vetoed => "stopped",
        ApproveError::Impostor => "impostor",
        ApproveError::Unchecked => "unchecked",
        ApproveError::NotScanned => "not-scanned",
        ApproveError::MeetFirst => "meet-first",
        ApproveError::Expired => "request-expired",
        ApproveError::NotHeld => "not-held",
        _ => "internal",
    }
    .into()
}
