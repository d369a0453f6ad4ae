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
    wire::parcel::{Parcel, Post, Slot},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
        let before = both.came.posts().to_vec();
        both.came.merge(parcel);
        both.came.shrink(now);
        if !starts_with(both.came.posts(), &before) {
            both.life += 1;
        }
    }

    pub(super) fn post(&self, to: MailboxId, body: &[u8], at: u64) {
        let mut both = self.lock();
        both.own.post(Post { to, body: body.to_vec(), at });
        both.own.shrink(at);
    }

    fn change(&self, slot: Slot) {
        let (mut both, now) = (self.lock(), slot.at);
        both.own.put(slot);
        both.own.shrink(now);
    }

    pub(super) fn read(&self, mailbox: MailboxId, after: u64, limit: usize) -> Page {
        let both = self.lock();
        let numbered = (1..).zip(both.came.posts().iter().filter(|post| post.to == mailbox));
        let fresh = numbered.filter(|(seq, _)| *seq > after).take(limit);
        let message = |(seq, post): (u64, &Post)| Message {
            seq,
            posted_at: post.at,
            body: post.body.clone(),
        };
        let messages = fresh.map(message).collect();
        Page { epoch: format!("files-{}", both.life), messages, damaged: Vec::new() }
    }

    pub(super) fn get(&self, id: SlotId) -> Option<(Etag, Vec<u8>)> {
        let both = self.lock();
        let known = [&both.own, &both.came].into_iter().filter_map(|parcel| parcel.slot(id));
        let newest = known.max_by_key(|slot| slot.at)?;
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
        self.change(slot);
        Ok(tag)
    }

    pub(super) fn delete(&self, id: SlotId, at: u64) {
        self.change(Slot { id, body: None, at });
    }
}

/// Whether the first messages are these, whenever they were posted.
fn starts_with(posts: &[Post], first: &[Post]) -> bool {
    let same = |(a, b): (&Post, &Post)| a.to == b.to && a.body == b.body;
    first.len() <= posts.len() && posts.iter().zip(first).all(same)
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

    const NOW: u64 = 1_800_000_000;

    fn parcel(posts: &[(&[u8], u64)]) -> Parcel {
        let mut parcel = Parcel::default();
        for (body, at) in posts {
            parcel.post(Post { to: MailboxId::new([1; 32]), body: body.to_vec(), at: *at });
        }
        parcel
    }

    #[test]
    fn readers_begin_anew_only_if_numbers_have_changed() {
        let files = Files::default();
        let over_next = 1 + NOW - 30 * 86_400;
        let epoch = || files.read(MailboxId::new([1; 32]), 0, 9).epoch;
        files.take(parcel(&[(b"old", over_next), (b"new", NOW)]), NOW);
        let at_first = epoch();
        files.take(parcel(&[(b"newer", NOW)]), NOW);
        assert_eq!(epoch(), at_first);
        files.take(Parcel::default(), NOW + 1);
        assert_ne!(epoch(), at_first);
    }
}
