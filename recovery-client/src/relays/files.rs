//! No relay at all: what would lie at one travels as a file instead.
//!
//! Each home keeps a [`Parcel`]: what it posted and wrote itself, and what it took from other people's
//! parcels. Reading and writing "the files" goes there, so every flow works without a network. Nothing in a
//! parcel is secret to more than the network: it is what relays see.

use super::{Etag, If, Message, Page, Put, RelayError};
use minicbor::{Decode, Encode};
use recovery_core::{
    address::RelayUrl,
    ids::{MailboxId, SlotId},
    wire::{V1, Wire, limits::SLOT_MAX},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

    fn size(&self) -> usize {
        let posts = self.posts.iter().map(|item| item.body.len());
        let slots = self.slots.iter().map(|slot| slot.body.as_ref().map_or(0, Vec::len));
        posts.chain(slots).sum()
    }

    /// Adds what is new in `other`; of slots, what changed last.
    fn merge(&mut self, other: Self) {
        for item in other.posts {
            let known = |known: &Item| known.to == item.to && known.body == item.body;
            if !self.posts.iter().any(known) {
                self.posts.push(item);
            }
        }
        for slot in other.slots {
            if slot.body.as_ref().is_none_or(|body| body.len() <= SLOT_MAX) {
                self.set(slot);
            }
        }
    }

    fn set(&mut self, fresh: Slot) {
        match self.slots.iter_mut().find(|slot| slot.id == fresh.id) {
            Some(known) if known.at > fresh.at => {}
            Some(known) => *known = fresh,
            None => self.slots.push(fresh),
        }
    }

    /// Lets go of the oldest until it is not longer than it may be; whether posts are gone.
    fn shrink(&mut self, now: u64) -> bool {
        let before = self.posts.len();
        self.posts.iter_mut().for_each(|item| item.at = item.at.min(now));
        self.posts.retain(|item| item.at.saturating_add(POSTED_SECONDS) > now);
        let surplus = self.slots.len().saturating_sub(SLOTS_MAX);
        self.slots.drain(..surplus);
        while self.size() > PARCEL_MAX / 2 && !(self.posts.is_empty() && self.slots.is_empty()) {
            if self.posts.is_empty() {
                self.slots.remove(0);
            } else {
                self.posts.remove(0);
            }
        }
        self.posts.len() < before
    }
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

    /// Takes in somebody's parcel; the number of things in it that are new.
    pub(crate) fn take(&self, parcel: Parcel, now: u64) -> usize {
        let mut both = self.lock();
        let before = both.came.len();
        both.came.merge(parcel);
        if both.came.shrink(now) {
            both.life += 1;
        }
        both.came.len().saturating_sub(before)
    }

    pub(super) fn post(&self, to: MailboxId, body: &[u8], at: u64) {
        let mut both = self.lock();
        let posts = vec![Item { to, body: body.to_vec(), at }];
        both.own.merge(Parcel { posts, ..Parcel::default() });
        both.own.shrink(at);
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
        self.lock().own.set(slot);
        Ok(tag)
    }

    pub(super) fn delete(&self, id: SlotId, at: u64) {
        self.lock().own.set(Slot { id, body: None, at });
    }
}

/// The same octets are the same version.
fn etag(slot: &Slot) -> Etag {
    let body = slot.body.as_deref().unwrap_or_default();
    let hash = recovery_core::ids::labelled_hash("etag", &[body]);
    Etag(format!("\"{}\"", hash.iter().take(16).map(|o| format!("{o:02x}")).collect::<String>()))
}
