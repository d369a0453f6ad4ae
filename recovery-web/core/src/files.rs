//! Without a relay: what would lie at one travels as a file, a parcel in armor, that people hand each other.
//!
//! As `recovery-client`'s files, but for what came: a page acts on a parcel at once and keeps none. A box that is in it
//! is kept by the page with the link it belongs to.

use crate::{
    calls::{Answer, Code},
    friend::link,
    home::Home,
    net::told,
    value::Octets,
};
use minicbor::Encode;
use recovery_core::{
    flows::{Context, Delivery, Step},
    ids::{MailboxId, SlotId},
    wire::{
        self, V1, Wire,
        armor::{self, Title},
        limits::SLOT_MAX,
    },
};
use recovery_derive::Decode;

/// Longest parcel.
const PARCEL_MAX: usize = 16 * 1_024 * 1_024;
/// How long what was posted stays in parcels: 30 days.
const POSTED_SECONDS: u64 = 30 * 86_400;
/// Slots that are kept in one.
const SLOTS_MAX: usize = 256;

/// A message for whoever has the mailbox's token.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
struct Post {
    #[n(0)]
    to: MailboxId,
    #[cbor(n(1), with = "minicbor::bytes")]
    body: Vec<u8>,
    /// Unix seconds.
    #[n(2)]
    at: u64,
}

/// What a slot holds; nothing once it was deleted.
#[derive(Clone, Encode, Decode)]
struct Slot {
    #[n(0)]
    id: SlotId,
    #[cbor(n(1), with = "minicbor::bytes")]
    body: Option<Vec<u8>>,
    /// Unix seconds of the last change.
    #[n(2)]
    at: u64,
}

/// Everything that one person gives to others.
#[derive(Clone, Encode, Decode)]
pub(crate) struct Parcel {
    #[n(0)]
    version: V1,
    #[n(1)]
    posts: Vec<Post>,
    #[n(2)]
    slots: Vec<Slot>,
}

impl Wire for Parcel {
    const NAME: &'static str = "a parcel of messages";
    const MAX: usize = PARCEL_MAX;
}

impl Default for Parcel {
    fn default() -> Self {
        Self { version: V1, posts: Vec::new(), slots: Vec::new() }
    }
}

impl Parcel {
    fn read(text: &str) -> Result<Self, Code> {
        let octets = armor::decode(Title::Messages, text.as_bytes()).map_err(|_| "file-damaged")?;
        wire::decode(&octets).map_err(|_| "file-damaged".into())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.posts.is_empty() && self.slots.is_empty()
    }

    /// What changed last in one of these slots.
    fn newest(&self, ids: &[SlotId]) -> Option<&Vec<u8>> {
        let slots = self.slots.iter().filter(|slot| ids.contains(&slot.id));
        let body = slots.max_by_key(|slot| slot.at)?.body.as_ref();
        body.filter(|body| body.len() <= SLOT_MAX)
    }

    /// Adds what would be left at a relay.
    fn add(&mut self, delivery: Delivery, at: u64) {
        let (base, relay, body) = match delivery {
            Delivery::Post { to, body } | Delivery::PostHeld { to, body, .. } => {
                if !self.posts.iter().any(|post| post.to == to.id && post.body == body) {
                    self.posts.push(Post { to: to.id, body, at });
                }
                return;
            }
            Delivery::PutSlot { base, relay, body, .. } => (base, relay, Some(body)),
            Delivery::DeleteSlot { base, relay } => (base, relay, None),
            // Files know neither mailboxes nor holds.
            _ => return,
        };
        let id = base.slot(relay.as_str()).id();
        self.slots.retain(|slot| slot.id != id);
        self.slots.push(Slot { id, body, at });
    }

    /// Lets go of what is over, and of the oldest until it is not longer than it may be.
    fn shrink(&mut self, now: u64) {
        self.posts.retain(|post| post.at.saturating_add(POSTED_SECONDS) > now);
        let mut room = PARCEL_MAX / 2;
        let mut fits = |size: usize| match room.checked_sub(size) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        };
        let slots = self.slots.iter().rev().take(SLOTS_MAX);
        let slots = slots.take_while(|slot| fits(slot.body.as_ref().map_or(0, Vec::len))).count();
        let posts = self.posts.iter().rev().take_while(|post| fits(post.body.len())).count();
        self.slots.drain(..self.slots.len() - slots);
        self.posts.drain(..self.posts.len() - posts);
    }
}

/// The box of a link, from a file that came with it.
pub(crate) fn boxed(text: &str, file: &str) -> Result<Answer, Code> {
    let ids: Vec<SlotId> = link(text)?.slots.iter().map(|slot| slot.id).collect();
    let parcel = Parcel::read(file)?;
    let body = parcel.newest(&ids).ok_or("file-lacks")?;
    Ok(Answer::File(Octets(body.clone())))
}

/// Acts on what is for this friend in somebody's file. The same file again changes nothing.
pub(crate) fn take(home: &mut Home, file: &str, ctx: &mut Context<'_>) -> Result<Answer, Code> {
    let parcel = Parcel::read(file)?;
    let mut all = Step::default();
    for post in &parcel.posts {
        let of = |watch: &recovery_core::flows::Watch| {
            watch.relay.is_files() && watch.base.mailbox(watch.relay.as_str()).id() == post.to
        };
        // Looked for each time: a message may bring a mailbox along.
        let Some(watch) = home.device.watches().into_iter().find(of) else { continue };
        all.then(home.device.handle(watch.source, &post.body, ctx));
    }
    hear_alarms(home, &parcel);
    let events = told(&all.events);
    home.keep(all);
    Ok(Answer::Took { more: false, events })
}

/// Warnings of the owner's other contacts.
fn hear_alarms(home: &mut Home, parcel: &Parcel) {
    let requests: Vec<_> = home.device.opened().iter().map(|opened| opened.id).collect();
    for request in requests {
        let slots = home.device.alarm_slots(request);
        let found = slots.iter().filter_map(|slot| parcel.newest(&[slot.id])).cloned();
        let found: Vec<Vec<u8>> = found.collect();
        home.device.hear_alarms(request, &found);
    }
}

/// Everything that is for others, as a file; the same again until 30 days are over.
pub(crate) fn give(home: &mut Home, now: u64) -> Answer {
    let (files, rest) = std::mem::take(&mut home.outbox)
        .into_iter()
        .partition(|waiting| waiting.delivery.relay().is_files());
    home.outbox = rest;
    let files: Vec<crate::home::Waiting> = files;
    for waiting in files {
        home.parcel.add(waiting.delivery, now);
    }
    home.parcel.shrink(now);
    let text = armor::encode(Title::Messages, &wire::encode(&home.parcel));
    Answer::File(Octets(text.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{calls::ReachInput, friend, home::Home};
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;
    use recovery_core::{
        address::{MailboxAddress, RelayUrl},
        flows::Device,
        kdf::KdfCost,
    };

    const NOW: u64 = 1_800_000_000;

    fn post(to: u8, body: &[u8]) -> Delivery {
        let relay: RelayUrl = RelayUrl::FILES.parse().unwrap();
        let to = MailboxAddress { relay, id: MailboxId::new([to; 32]) };
        Delivery::Post { to, body: body.to_vec() }
    }

    fn text(answer: Answer) -> String {
        let Answer::File(Octets(octets)) = answer else { panic!("{answer:?}") };
        String::from_utf8(octets).unwrap()
    }

    /// Bob, who accepted an invite without a relay; its link, and the file that came with it.
    fn bob() -> (Home, String, String) {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let mut ctx = Context { now: NOW, rng: &mut rng, cost: KdfCost::STANDARD };
        let files = vec![RelayUrl::FILES.parse().unwrap()];
        let mut anna = Device::new("Anna".parse().unwrap(), files, &mut ctx);
        let invited = anna.invite("Bob".parse().unwrap(), &mut ctx).unwrap();
        let link = invited.link.expose().to_string();
        let mut parcel = Parcel::default();
        invited.step.outbox.into_iter().for_each(|delivery| parcel.add(delivery, NOW));
        let file = armor::encode(Title::Messages, &wire::encode(&parcel));
        let Answer::File(Octets(found)) = boxed(&link, &file).unwrap() else { panic!("no box") };
        let mut home = Home::create("Bob", &mut ctx).unwrap();
        friend::accept(&mut home, &link, &found, ReachInput::default(), &mut ctx).unwrap();
        (home, link, file)
    }

    #[test]
    fn what_waits_for_files_is_given_out_again_until_it_is_over() {
        let (mut home, ..) = bob();
        assert!(!home.outbox.is_empty());
        let first = text(give(&mut home, NOW));
        assert!(home.outbox.is_empty());
        assert_eq!(Parcel::read(&first).unwrap().posts.len(), 1);
        let mut home = Home::decode(&home.encode()).unwrap();
        assert_eq!(text(give(&mut home, NOW + POSTED_SECONDS - 1)), first);
        assert!(Parcel::read(&text(give(&mut home, NOW + POSTED_SECONDS))).unwrap().is_empty());
    }

    #[test]
    fn a_file_that_was_changed_anywhere_changes_nothing() {
        let (mut home, link, file) = bob();
        let mut rng = ChaCha20Rng::from_seed([2; 32]);
        let mut ctx = Context { now: NOW, rng: &mut rng, cost: KdfCost::STANDARD };
        let before = home.encode().to_vec();
        assert!(matches!(take(&mut home, &file, &mut ctx), Ok(Answer::Took { .. })));
        assert_eq!(home.encode().to_vec(), before, "nothing in it is for Bob");
        for at in (0..file.len() - 1).step_by(37) {
            let mut octets = file.clone().into_bytes();
            octets[at] = if octets[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(octets).unwrap();
            assert!(take(&mut home, &changed, &mut ctx).is_err(), "{at}");
            assert!(boxed(&link, &changed).is_err(), "{at}");
            assert!(take(&mut home, &file[..at], &mut ctx).is_err(), "{at}");
        }
        assert_eq!(home.encode().to_vec(), before);
    }

    #[test]
    fn the_same_message_is_in_a_parcel_once_and_the_newest_stay() {
        let mut parcel = Parcel::default();
        let long = vec![1; 1_024 * 1_024];
        for to in 0..12 {
            parcel.add(post(to, &long), NOW + u64::from(to));
            parcel.add(post(to, &long), NOW + 100);
        }
        assert_eq!(parcel.posts.len(), 12);
        parcel.shrink(NOW + 200);
        let first = MailboxId::new([4; 32]);
        assert_eq!((parcel.posts.len(), parcel.posts[0].to == first), (8, true));
    }
}
