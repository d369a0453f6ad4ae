//! Steps of the protocol to HTTP calls, and what relays answered back to the device.
//!
//! As `recovery-client`'s driver: what a step wants sent is in the home before it is sent; what a relay does not take
//! now stays there; a clear refusal is final.

use crate::{
    calls::{Answer, Code, Happened, HttpCall, HttpRead, Upload},
    friend::id,
    home::{Cursor, Home, Waiting},
    value::Octets,
};
use minicbor::Decoder;
use recovery_core::{
    address::{MailboxAddress, RelayUrl},
    flows::{Context, Delivery, Event, Step, VaultCopy, Watch},
    ids::MailboxId,
    wire::limits::{MESSAGE_MAX, READ_LIMIT_MAX},
};

/// What is to be sent, in order. What travels as files is given out by [`files`](crate::files).
pub(crate) fn outbox(home: &Home) -> Vec<HttpCall> {
    home.outbox.iter().filter_map(|waiting| http(home, waiting)).collect()
}

fn http(home: &Home, waiting: &Waiting) -> Option<HttpCall> {
    let delivery = &waiting.delivery;
    let relay = delivery.relay();
    if relay.is_files() {
        return None;
    }
    let mut call = HttpCall {
        id: waiting.id,
        relay: relay.to_string(),
        method: "PUT",
        path: String::new(),
        token: None,
        hold: None,
        body: Octets::default(),
        over: false,
        passes: Vec::new(),
    };
    match delivery {
        Delivery::OpenMailbox { base, ttl, .. } => {
            let token = base.mailbox(relay.as_str());
            call.path = format!("/v1/mailboxes/{}{}", token.id(), query(*ttl));
            (call.token, call.passes) = (Some(token.expose()), home.passes_for(relay));
        }
        Delivery::CloseMailbox { base, .. } => {
            let token = base.mailbox(relay.as_str());
            (call.method, call.path) = ("DELETE", format!("/v1/mailboxes/{}", token.id()));
            call.token = Some(token.expose());
        }
        Delivery::Post { to, body } => post(&mut call, to, body),
        Delivery::PostHeld { to, body, holds, delay } => {
            post(&mut call, to, body);
            let holds: Vec<String> = holds.iter().map(ToString::to_string).collect();
            call.hold = Some(format!("{}; for={delay}", holds.join(",")));
        }
        Delivery::Veto { base, mailbox } => {
            let token = base.hold(relay.as_str());
            call.path = format!("/v1/holds/{}/veto?mailbox={}", token.id(), mailbox.id);
            (call.method, call.token) = ("POST", Some(token.expose()));
        }
        Delivery::PutSlot { base, body, ttl, .. } => {
            let token = base.slot(relay.as_str());
            call.path = format!("/v1/slots/{}{}", token.id(), query(*ttl));
            (call.token, call.body, call.over) = (Some(token.expose()), Octets(body.clone()), true);
            call.passes = home.passes_for(relay);
        }
        Delivery::DeleteSlot { base, .. } => {
            let token = base.slot(relay.as_str());
            (call.method, call.path) = ("DELETE", format!("/v1/slots/{}", token.id()));
            call.token = Some(token.expose());
        }
    }
    Some(call)
}

fn post(call: &mut HttpCall, to: &MailboxAddress, body: &[u8]) {
    (call.method, call.path) = ("POST", format!("/v1/mailboxes/{}/messages", to.id));
    call.body = Octets(body.to_vec());
}

fn query(ttl: Option<u64>) -> String {
    ttl.map(|ttl| format!("?ttl={ttl}")).unwrap_or_default()
}

/// What came of a call. A status of 0, and what a relay may take later, leave it where it is.
pub(crate) fn sent(home: &mut Home, id: u64, status: u16, code: &str) -> Result<Answer, Code> {
    let judged = |outcome, dead| Ok(Answer::Judged { outcome, dead });
    let Some(at) = home.outbox.iter().position(|waiting| waiting.id == id) else {
        return judged("done", false); // Another tab was faster.
    };
    let stays = match home.outbox.get(at) {
        Some(waiting) => status == 404 && will_open(home, &waiting.delivery),
        None => false,
    };
    // What is no relay's own word (a hotel's sign-in page) says nothing.
    let transient =
        matches!(status, 0 | 408 | 425 | 429 | 500..) || (status > 299 && code.is_empty());
    // Another invite may bring a pass.
    let stays = stays || matches!(code, "pass-needed" | "pass-used-up");
    if stays || transient {
        return judged("waits", transient && status != 507);
    }
    let done = home.outbox.remove(at);
    if let (Delivery::PostHeld { to, .. }, 409) = (&done.delivery, status) {
        home.device.hold_refused(to);
    }
    judged(if status < 300 { "done" } else { "refused" }, false)
}

/// Whether a post found no mailbox where one of an owner's belongs: their device could not open it yet.
fn will_open(home: &Home, delivery: &Delivery) -> bool {
    let Delivery::Post { to, .. } = delivery else { return false };
    home.device.held().iter().any(|held| held.card.mailboxes().contains(to))
}

/// Every mailbox that this device reads, from where it was read last.
pub(crate) fn reads(home: &Home) -> Result<Vec<HttpRead>, Code> {
    let near = home.device.watches().into_iter().filter(|watch| !watch.relay.is_files());
    let read = |watch: Watch| {
        let token = watch.base.mailbox(watch.relay.as_str());
        let cursor = home.cursors.iter().find(|cursor| cursor.mailbox == token.id());
        let after = cursor.map_or(0, |cursor| cursor.after);
        HttpRead {
            read: token.id().to_string(),
            relay: watch.relay.to_string(),
            path: format!(
                "/v1/mailboxes/{}/messages?after={after}&limit={READ_LIMIT_MAX}",
                token.id()
            ),
            token: token.expose(),
            epoch: cursor.map(|cursor| cursor.epoch.clone()),
        }
    };
    Ok(near.map(read).collect())
}

/// Acts on the messages of one mailbox.
pub(crate) fn took(
    home: &mut Home,
    read: &str,
    epoch: &str,
    body: &[u8],
    ctx: &mut Context<'_>,
) -> Result<Answer, Code> {
    let mailbox: MailboxId = id(read)?;
    let of = |watch: &Watch| watch.base.mailbox(watch.relay.as_str()).id() == mailbox;
    let Some(watch) = home.device.watches().into_iter().find(of) else {
        return Ok(Answer::Took { more: false, events: Vec::new() });
    };
    let messages = messages(body).ok_or("relay-answer")?;
    let Some(last) = messages.last().map(|message| message.seq) else {
        return Ok(Answer::Took { more: false, events: Vec::new() });
    };
    let mut all = Step::default();
    for message in messages {
        all.then(home.device.handle(watch.source, message.body, ctx));
    }
    home.cursors.retain(|cursor| cursor.mailbox != mailbox);
    home.cursors.push(Cursor { mailbox, epoch: epoch.to_owned(), after: last });
    let events = told(&all.events);
    home.keep(all);
    Ok(Answer::Took { more: true, events })
}

struct Message<'a> {
    seq: u64,
    body: &'a [u8],
}

/// A CBOR array of maps with exactly the keys "seq", "body" and "posted_at", with rising numbers; nothing behind it.
fn messages(octets: &[u8]) -> Option<Vec<Message<'_>>> {
    let mut decoder = Decoder::new(octets);
    let count = usize::try_from(decoder.array().ok()??).ok()?;
    let (mut messages, mut last) = (Vec::new(), 0);
    for _ in 0..Some(count).filter(|count| *count <= READ_LIMIT_MAX)? {
        let message = message(&mut decoder).filter(|message| message.seq > last)?;
        last = message.seq;
        messages.push(message);
    }
    (decoder.position() == octets.len()).then_some(messages)
}

fn message<'a>(decoder: &mut Decoder<'a>) -> Option<Message<'a>> {
    let (mut seq, mut body) = (None, None);
    if decoder.map().ok()?? != 3 {
        return None;
    }
    for _ in 0..3 {
        match decoder.str().ok()? {
            "seq" => seq = Some(decoder.u64().ok()?),
            "body" => body = Some(decoder.bytes().ok()?).filter(|body| body.len() <= MESSAGE_MAX),
            "posted_at" => drop(decoder.u64().ok()?),
            _ => return None,
        }
    }
    Some(Message { seq: seq?, body: body? })
}

/// Does what is due: releases approvals, deletes pieces whose time is over.
pub(crate) fn tidy(home: &mut Home, ctx: &mut Context<'_>) -> Result<Answer, Code> {
    let step = home.device.tidy(ctx);
    let events = told(&step.events);
    home.keep(step);
    Ok(Answer::Took { more: false, events })
}

pub(crate) fn told(events: &[Event]) -> Vec<Happened> {
    let happened = |event: &Event| {
        let (what, owner) = match event {
            Event::Proved { owner, .. } => ("proved", Some(owner)),
            Event::PieceStored { owner, .. } => ("stored", Some(owner)),
            Event::PieceRefused { owner, .. } => ("refused", Some(owner)),
            Event::PieceDeleted { owner, .. } => ("deleted", Some(owner)),
            Event::Stopped { owner, .. } => ("stopped", Some(owner)),
            Event::Released { owner, .. } => ("released", Some(owner)),
            Event::DrillAsked { owner, .. } => ("drill", Some(owner)),
            Event::OwnerMoved { owner } => ("moved", Some(owner)),
            Event::OwnerClaimed { owner } => ("claimed", Some(owner)),
            Event::Ignored { from, .. } => ("ignored", from.as_ref()),
            _ => return None,
        };
        Some(Happened { what, owner: owner.map(ToString::to_string) })
    };
    events.iter().filter_map(happened).collect()
}

/// The vault for each relay that has an older one: by it and the key card a friend comes back.
pub(crate) fn uploads(home: &Home, ctx: &mut Context<'_>) -> Result<Vec<Upload>, Code> {
    let device = &home.device;
    let version = device.vault().version;
    let Some(place) = device.places().into_iter().next().filter(|_| !device.held().is_empty())
    else {
        return Ok(Vec::new());
    };
    let behind = |copy: &VaultCopy| copy.version < version && !copy.relay.is_files();
    let behind: Vec<VaultCopy> = device.copies(&place).into_iter().filter(behind).collect();
    if behind.is_empty() {
        return Ok(Vec::new());
    }
    let container = device.container(&place, ctx).map_err(|_| "vault-full")?;
    let upload = |copy: VaultCopy| {
        let token = place.slot.slot(copy.relay.as_str());
        Upload {
            passes: home.passes_for(&copy.relay),
            relay: copy.relay.to_string(),
            path: format!("/v1/slots/{}", token.id()),
            token: token.expose(),
            etag: copy.etag,
            version,
            body: Octets(container.clone()),
        }
    };
    Ok(behind.into_iter().map(upload).collect())
}

/// Notes that a relay has this version.
pub(crate) fn uploaded(
    home: &mut Home,
    relay: &str,
    etag: String,
    version: u64,
) -> Result<Answer, Code> {
    let relay: RelayUrl = relay.parse().map_err(|_| "relay")?;
    let place = home.device.places().into_iter().next().ok_or("internal")?;
    let slot = place.slot.slot(relay.as_str()).id();
    home.device.copied(VaultCopy { relay, slot, etag: Some(etag), version });
    Ok(Answer::Done)
}

#[cfg(test)]
mod tests {
    use super::{Answer, outbox, sent, uploads};
    use crate::{calls::ReachInput, friend, home::Home};
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;
    use recovery_core::{
        flows::{Context, Delivery, Device, Step},
        ids::PassToken,
        kdf::KdfCost,
        wire::messages::GuestPass,
    };

    const CLOSED: &str = "https://closed.example";
    const OPEN: &str = "https://open.example";

    /// An invite at two relays, with a pass for one: its link, and what lies in its slots.
    fn invite(ctx: &mut Context<'_>) -> (String, Vec<u8>) {
        let relays = [CLOSED, OPEN].map(|relay| relay.parse().unwrap());
        let mut anna = Device::new("Anna".parse().unwrap(), relays.to_vec(), ctx);
        let link = anna.invite("Bob".parse().unwrap(), ctx).unwrap().link;
        let pass = GuestPass::new(CLOSED.parse().unwrap(), &PassToken::new([7; 32]));
        let Step { outbox, .. } = anna.add_passes(link.slots[0].id, vec![pass], ctx).unwrap();
        let Some(Delivery::PutSlot { body, .. }) = outbox.into_iter().next() else {
            panic!("no slot is written")
        };
        (link.expose().to_string(), body)
    }

    #[test]
    fn a_pass_that_came_with_an_invite_goes_with_what_is_made_at_its_relay() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let mut ctx = Context { now: 1_800_000_000, rng: &mut rng, cost: KdfCost::STANDARD };
        let (link, boxed) = invite(&mut ctx);
        let mut home = Home::create("Bob", &mut ctx).unwrap();
        friend::accept(&mut home, &link, &boxed, ReachInput::default(), &mut ctx).unwrap();
        let mut home = Home::decode(&home.encode()).unwrap();
        let pass = PassToken::new([7; 32]).expose();
        let calls = outbox(&home);
        assert_eq!(calls.iter().filter(|call| call.method == "PUT").count(), 2);
        for call in &calls {
            let makes = call.method == "PUT" && call.relay == CLOSED;
            assert_eq!(call.passes, Vec::from_iter(makes.then(|| pass.clone())), "{}", call.path);
        }
        for upload in uploads(&home, &mut ctx).unwrap() {
            let here = (upload.relay == CLOSED).then(|| pass.clone());
            assert_eq!(upload.passes, Vec::from_iter(here));
        }
        // What a relay wants a pass for waits: another invite may bring one.
        let id = calls.iter().find(|call| !call.passes.is_empty()).unwrap().id;
        let outcome = |home: &mut Home, status, code| match sent(home, id, status, code) {
            Ok(Answer::Judged { outcome, dead: false }) => outcome,
            other => panic!("{other:?}"),
        };
        for code in ["pass-needed", "pass-used-up"] {
            assert_eq!(outcome(&mut home, 403, code), "waits");
        }
        assert_eq!(outcome(&mut home, 201, ""), "done");
        assert_eq!(outbox(&home).len(), calls.len() - 1);
        // The same invite again brings the same pass.
        friend::accept(&mut home, &link, &boxed, ReachInput::default(), &mut ctx).unwrap();
        assert_eq!(home.passes.len(), 1);
    }
}
