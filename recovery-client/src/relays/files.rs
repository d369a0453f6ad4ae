//! No relay at all: what would lie at one travels as a file instead.
//!
//! Each home keeps a [`Parcel`]: what it posted and wrote itself, and what it took from other people's
//! parcels. Reading and writing "the files" goes there, so every flow works without a network. Nothing in a
//! parcel is secret to more than the network: it is what relays see.

use super::{Etag, If, Message, Page, Put, RelayError};
use minicbor::{Decode, Encode};
use recovery_core::{
    address::RelayUrl,
    ids::{MailboxId, SlotId, labelled_hash},
    wire::{V1, Wire, limits::SLOT_MAX},
};
use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Longest parcel: 16 MiB.
const PARCEL_MAX: usize = 16 * 1_024 * 1_024;
/// How long what was posted stays in parcels: 30 days.
const POSTED_SECONDS: u64 = 30 * 86_400;
/// Slots that came from others and are kept.
const SLOTS_MAX: usize = 256;

/// A message for whoever has the mailbox's token.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Item {
    #[n(0)]
    to: MailboxId,
    #[cbor(n(1), with = "minicbor::bytes")]
    body: Vec<u8>,
    /// Unix seconds.
    #[n(2)]
    at: u64,
}

impl Item {
    /// The same for the same message to the same mailbox.
    fn name(&self) -> [u8; 32] {
        labelled_hash("post", &[self.to.as_bytes(), &self.body])
    }
}

/// What a slot holds; `None` once it was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Slot {
    #[n(0)]
    id: SlotId,
    #[cbor(n(1), with = "minicbor::bytes")]
    body: Option<Vec<u8>>,
    /// Unix seconds of the last change.
    #[n(2)]
    at: u64,
}

impl Slot {
    fn size(&self) -> usize {
        self.body.as_ref().map_or(0, Vec::len)
    }
}

/// What people hand each other instead of using a relay.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Parcel {
    #[n(0)]
    version: V1,
    #[n(1)]
    posts: Vec<Item>,
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
    /// How many things are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.posts.len() + self.slots.len()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds what is new in `other`; of slots, what changed last.
    fn merge(&mut self, other: Self) {
        let mut known: HashSet<_> = self.posts.iter().map(Item::name).collect();
        self.posts.extend(other.posts.into_iter().filter(|item| known.insert(item.name())));
        let mut places: HashMap<_, _> = (self.slots.iter().map(|slot| slot.id)).zip(0..).collect();
        for fresh in other.slots {
            if fresh.body.as_ref().is_some_and(|body| body.len() > SLOT_MAX) {
                continue;
            }
            match places.get(&fresh.id).and_then(|place: &usize| self.slots.get_mut(*place)) {
                Some(known) if known.at > fresh.at => {}
                Some(known) => *known = fresh,
                None => {
                    places.insert(fresh.id, self.slots.len());
                    self.slots.push(fresh);
                }
            }
        }
    }

    /// Lets go of what is over, and of the oldest until it is not longer than it may be: which ones those are
    /// depends on what is in it alone, so that taking it once more changes nothing.
    fn shrink(&mut self, now: u64) {
        for item in &mut self.posts {
            item.at = item.at.min(now);
        }
        self.posts.retain(|item| item.at.saturating_add(POSTED_SECONDS) > now);
        let slots: Vec<_> = self.slots.iter().map(|slot| (slot.at, slot.id, slot.size())).collect();
        let kept = newest(slots, SLOTS_MAX, PARCEL_MAX / 2);
        self.slots.retain(|slot| kept.contains(&slot.id));
        let room = (PARCEL_MAX / 2).saturating_sub(self.slots.iter().map(Slot::size).sum());
        let posts = self.posts.iter().map(|item| (item.at, item.name(), item.body.len())).collect();
        let kept = newest(posts, usize::MAX, room);
        self.posts.retain(|item| kept.contains(&item.name()));
    }
}

/// The newest of `things`, each with its time, name and octets, as far as count and room allow.
fn newest<N: Ord + Hash + Copy>(
    mut things: Vec<(u64, N, usize)>,
    count: usize,
    mut room: usize,
) -> HashSet<N> {
    things.sort_unstable_by(|a, b| b.cmp(a));
    let fits = |(_, name, size): (u64, N, usize)| {
        room = room.checked_sub(size)?;
        Some(name)
    };
    things.into_iter().take(count).map_while(fits).collect()
}

/// The two sides of the files: what goes out, and what came in. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files(Arc<Mutex<Both>>);

/// What a home keeps of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Both {
    #[n(0)]
    own: Parcel,
    #[n(1)]
    came: Parcel,
    /// Rises whenever what came is numbered anew, so that readers begin anew too.
    #[n(2)]
    life: u64,
}

impl Files {
    pub(crate) fn new(both: Both) -> Self {
        Self(Arc::new(Mutex::new(both)))
    }

    fn lock(&self) -> MutexGuard<'_, Both> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything, to be kept.
    pub(crate) fn keep(&self) -> Both {
        self.lock().clone()
    }

    /// What goes out.
    pub(crate) fn own(&self) -> Parcel {
        self.lock().own.clone()
    }

    /// Takes in somebody's parcel.
    pub(crate) fn take(&self, parcel: Parcel, now: u64) {
        let mut both = self.lock();
        let names = |posts: &[Item]| posts.iter().map(Item::name).collect::<Vec<_>>();
        let before = names(&both.came.posts);
        both.came.merge(parcel);
        both.came.shrink(now);
        if !names(&both.came.posts).starts_with(&before) {
            both.life += 1;
        }
    }

    pub(super) fn post(&self, to: MailboxId, body: &[u8], at: u64) {
        let posts = vec![Item { to, body: body.to_vec(), at }];
        self.add(Parcel { posts, ..Parcel::default() }, at);
    }

    fn add(&self, parcel: Parcel, now: u64) {
        let mut both = self.lock();
        both.own.merge(parcel);
        both.own.shrink(now);
    }

    pub(super) fn read(&self, mailbox: MailboxId, after: u64, limit: usize) -> Page {
        let both = self.lock();
        let numbered = (1..).zip(both.came.posts.iter().filter(|item| item.to == mailbox));
        let fresh = numbered.filter(|(seq, _)| *seq > after).take(limit);
        let message = |(seq, item): (u64, &Item)| Message {
            seq,
            posted_at: item.at,
            body: item.body.clone(),
        };
        let messages = fresh.map(message).collect();
        Page { epoch: format!("files-{}", both.life), messages, damaged: Vec::new() }
    }

    pub(super) fn get(&self, id: SlotId) -> Option<(Etag, Vec<u8>)> {
        let both = self.lock();
        let newest = [&both.own, &both.came].into_iter().flat_map(|parcel| &parcel.slots);
        let newest = newest.filter(|slot| slot.id == id).max_by_key(|slot| slot.at)?;
        Some((etag(newest), newest.body.clone()?))
    }

    pub(super) fn put(
        &self,
        relay: &RelayUrl,
        id: SlotId,
        body: &[u8],
        (put, at): (&Put, u64),
    ) -> Result<Etag, RelayError> {
        let found = self.get(id).map(|(etag, _)| etag);
        let fine = match &put.only_if {
            If::None => found.is_none(),
            If::Match(wanted) => found.as_ref() == Some(wanted),
        };
        if !fine {
            return Err(RelayError::Refused {
                relay: relay.clone(),
                status: 412,
                code: "slot-changed".to_owned(),
                detail: "another device wrote it first".to_owned(),
                hint: String::new(),
                seq: None,
            });
        }
        let slot = Slot { id, body: Some(body.to_vec()), at };
        let tag = etag(&slot);
        self.add(Parcel { slots: vec![slot], ..Parcel::default() }, at);
        Ok(tag)
    }

    pub(super) fn delete(&self, id: SlotId, at: u64) {
        let slots = vec![Slot { id, body: None, at }];
        self.add(Parcel { slots, ..Parcel::default() }, at);
    }
}

/// The same octets are the same version.
fn etag(slot: &Slot) -> Etag {
    let body = slot.body.as_deref().unwrap_or_default();
    let hash = labelled_hash("etag", &[body]);
    Etag(format!("\"{}\"", hash.iter().take(16).map(|o| format!("{o:02x}")).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: u64 = 1_800_000_000;

    fn post(to: u8, body: &[u8], at: u64) -> Item {
        Item { to: MailboxId::new([to; 32]), body: body.to_vec(), at }
    }

    fn slot(id: u8, body: Option<Vec<u8>>, at: u64) -> Slot {
        Slot { id: SlotId::new([id; 32]), body, at }
    }

    fn parcel(posts: Vec<Item>, slots: Vec<Slot>) -> Parcel {
        Parcel { posts, slots, ..Parcel::default() }
    }

    /// Times around now, and around the day when a post goes.
    fn time() -> impl Strategy<Value = u64> {
        let edge = NOW - POSTED_SECONDS;
        prop_oneof![edge - 2..edge + 2, NOW - 2..NOW + 2, any::<u64>()]
    }

    fn parcels() -> impl Strategy<Value = Parcel> {
        let body = || prop::collection::vec(any::<u8>(), 0..2);
        let posts = (0_u8..3, body(), time()).prop_map(|(to, body, at)| post(to, &body, at));
        let slots = (0_u8..3, prop::option::of(body()), time())
            .prop_map(|(id, body, at)| slot(id, body, at));
        (prop::collection::vec(posts, 0..8), prop::collection::vec(slots, 0..8))
            .prop_map(|(posts, slots)| parcel(posts, slots))
    }

    fn twice_is_once(files: &Files, parcel: &Parcel) {
        files.take(parcel.clone(), NOW);
        let once = files.keep();
        files.take(parcel.clone(), NOW);
        assert!(files.keep() == once);
    }

    proptest! {
        #[test]
        fn taking_a_parcel_twice_is_taking_it_once(first in parcels(), second in parcels()) {
            let files = Files::default();
            twice_is_once(&files, &first);
            twice_is_once(&files, &second);
        }
    }

    #[test]
    fn a_parcel_that_is_too_long_is_cut_the_same_way_each_time() {
        let files = Files::default();
        let posts = (0..6).map(|to| post(to, &vec![to; 2 * 1_024 * 1_024], NOW)).collect();
        let slots = (0..255).map(|id| slot(id, Some(vec![id]), NOW)).collect();
        twice_is_once(&files, &parcel(posts, slots));
        let kept = files.keep().came;
        assert_eq!((kept.posts.len(), kept.slots.len()), (3, 255));
    }

    #[test]
    fn readers_begin_anew_only_if_numbers_have_changed() {
        let files = Files::default();
        let seconds = 1 + NOW - POSTED_SECONDS;
        files.take(parcel(vec![post(1, b"old", seconds), post(1, b"new", NOW)], Vec::new()), NOW);
        let at_first = files.read(MailboxId::new([1; 32]), 0, 9).epoch;
        files.take(parcel(vec![post(1, b"newer", NOW)], Vec::new()), NOW);
        assert_eq!(files.read(MailboxId::new([1; 32]), 0, 9).epoch, at_first);
        files.take(Parcel::default(), NOW + 1);
        assert_ne!(files.read(MailboxId::new([1; 32]), 0, 9).epoch, at_first);
    }
}
