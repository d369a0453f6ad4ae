//! Parcels: what would lie at a relay, as one piece that people hand each other.
//!
//! Neither signed nor sealed: what is in it is what relays see, and is checked as if it came from one. Ids and
//! times in it prove nothing.

use super::{
    DecodeError, V1, Wire,
    armor::{self, ArmorError, Title},
    decode, encode,
    limits::SLOT_MAX,
};
use crate::ids::{MailboxId, SlotId};
use minicbor::Encode;
use recovery_derive::Decode;
use std::collections::{BTreeMap, BTreeSet};

/// Longest parcel: 16 MiB.
const PARCEL_MAX: usize = 16 * 1_024 * 1_024;
/// Octets of messages and boxes that stay together in a parcel that is kept: 8 MiB.
const ROOM: usize = PARCEL_MAX / 2;
/// How long a message stays in a parcel that is kept: 30 days.
const POST_SECONDS: u64 = 30 * 86_400;
/// Slots that stay in a parcel that is kept.
const SLOTS_MAX: usize = 256;

/// A message for whoever has a mailbox's token. The newer is the greater.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Post {
    /// Unix seconds when it was posted.
    #[n(2)]
    pub at: u64,
    /// The mailbox.
    #[n(0)]
    pub to: MailboxId,
    /// The message.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub body: Vec<u8>,
}

/// What a slot holds. The newer is the greater.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Slot {
    /// Unix seconds of the last change.
    #[n(2)]
    pub at: u64,
    /// The slot.
    #[n(0)]
    pub id: SlotId,
    /// Its box; `None` once it was deleted.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub body: Option<Vec<u8>>,
}

/// What people hand each other where there is no relay.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Parcel {
    #[n(0)]
    version: V1,
    #[n(1)]
    posts: Vec<Post>,
    #[n(2)]
    slots: Vec<Slot>,
}

/// A text is no parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParcelError {
    /// The text is not whole.
    #[error(transparent)]
    Armor(#[from] ArmorError),
    /// What it holds is not what it must be.
    #[error(transparent)]
    Content(#[from] DecodeError),
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

impl Post {
    /// The same for the same message to the same mailbox, whenever it was posted.
    fn what(&self) -> (MailboxId, &[u8]) {
        (self.to, &self.body)
    }
}

impl Slot {
    fn size(&self) -> usize {
        self.body.as_ref().map_or(0, Vec::len)
    }
}

impl Parcel {
    /// What [`Parcel::armored`] gave.
    ///
    /// # Errors
    /// [`ParcelError`] if it is anything else.
    pub fn from_armor(text: &[u8]) -> Result<Self, ParcelError> {
        Ok(decode(&armor::decode(Title::Messages, text)?)?)
    }

    /// As text.
    #[must_use]
    pub fn armored(&self) -> String {
        armor::encode(Title::Messages, &encode(self))
    }

    /// Its messages, in the order in which they came into it.
    #[must_use]
    pub fn posts(&self) -> &[Post] {
        &self.posts
    }

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

    /// The slot with this id, as it was last changed.
    #[must_use]
    pub fn slot(&self, id: SlotId) -> Option<&Slot> {
        self.slots.iter().filter(|slot| slot.id == id).max_by_key(|slot| slot.at)
    }

    /// Adds a message that is not in it yet.
    pub fn post(&mut self, post: Post) {
        if self.posts.iter().all(|known| known.what() != post.what()) {
            self.posts.push(post);
        }
    }

    /// Changes a slot now, whatever the clock said when it was last changed.
    pub fn put(&mut self, slot: Slot) {
        match self.slots.iter_mut().find(|known| known.id == slot.id) {
            Some(known) => *known = Slot { at: slot.at.max(known.at), ..slot },
            None => self.slots.push(slot),
        }
    }

    /// Adds what is new in `other`; of slots, what changed last. Boxes that no relay takes are left out.
    pub fn merge(&mut self, other: Self) {
        let mut known: BTreeSet<_> = self.posts.iter().map(Post::what).collect();
        let fresh: Vec<bool> = other.posts.iter().map(|post| known.insert(post.what())).collect();
        let fresh = other.posts.into_iter().zip(fresh).filter_map(|(post, is)| is.then_some(post));
        self.posts.extend(fresh);
        let mut places: BTreeMap<_, _> =
            self.slots.iter().map(|slot| slot.id).zip(0_usize..).collect();
        for fresh in other.slots.into_iter().filter(|slot| slot.size() <= SLOT_MAX) {
            match places.get(&fresh.id).and_then(|place| self.slots.get_mut(*place)) {
                Some(known) if known.at > fresh.at => {}
                Some(known) => *known = fresh,
                None => {
                    places.insert(fresh.id, self.slots.len());
                    self.slots.push(fresh);
                }
            }
        }
    }

    /// Lets go of what is over, and of the oldest until 256 slots and 8 MiB are left: which ones those are
    /// depends on what is in it alone, so that merging the same once more changes nothing.
    pub fn shrink(&mut self, now: u64) {
        for post in &mut self.posts {
            post.at = post.at.min(now);
        }
        self.posts.retain(|post| post.at.saturating_add(POST_SECONDS) > now);
        let room = keep_newest(&mut self.slots, Slot::size, (SLOTS_MAX, ROOM));
        keep_newest(&mut self.posts, |post| post.body.len(), (usize::MAX, room));
    }
}

/// Keeps the newest of `things`, as far as count and room allow; the room that is left.
fn keep_newest<T: Ord + Clone>(
    things: &mut Vec<T>,
    size: fn(&T) -> usize,
    (count, mut room): (usize, usize),
) -> usize {
    let mut order: Vec<&T> = things.iter().collect();
    order.sort_unstable_by(|a, b| b.cmp(a));
    let fits = |thing: &&T| {
        let left = room.checked_sub(size(thing));
        room = left.unwrap_or(room);
        left.is_some()
    };
    let oldest = order.into_iter().take(count).take_while(fits).last().cloned();
    things.retain(|thing| oldest.as_ref().is_some_and(|oldest| thing >= oldest));
    room
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: u64 = 1_800_000_000;

    fn post(to: u8, body: &[u8], at: u64) -> Post {
        Post { to: MailboxId::new([to; 32]), body: body.to_vec(), at }
    }

    fn slot(id: u8, body: Option<Vec<u8>>, at: u64) -> Slot {
        Slot { id: SlotId::new([id; 32]), body, at }
    }

    /// Times around now, and around the second when a message goes.
    fn time() -> impl Strategy<Value = u64> {
        let edge = NOW - POST_SECONDS;
        prop_oneof![edge - 2..edge + 2, NOW - 2..NOW + 2, any::<u64>()]
    }

    fn parcels() -> impl Strategy<Value = Parcel> {
        let body = || prop::collection::vec(any::<u8>(), 0..2);
        let posts = (0_u8..3, body(), time()).prop_map(|(to, body, at)| post(to, &body, at));
        let slots = (0_u8..3, prop::option::of(body()), time())
            .prop_map(|(id, body, at)| slot(id, body, at));
        (prop::collection::vec(posts, 0..8), prop::collection::vec(slots, 0..8))
            .prop_map(|(posts, slots)| Parcel { version: V1, posts, slots })
    }

    fn take(kept: &mut Parcel, parcel: &Parcel) {
        kept.merge(parcel.clone());
        kept.shrink(NOW);
    }

    fn twice_is_once(kept: &mut Parcel, parcel: &Parcel) {
        take(kept, parcel);
        let once = kept.clone();
        take(kept, parcel);
        assert_eq!(*kept, once);
    }

    proptest! {
        #[test]
        fn taking_a_parcel_twice_is_taking_it_once(first in parcels(), second in parcels()) {
            let mut kept = Parcel::default();
            twice_is_once(&mut kept, &first);
            twice_is_once(&mut kept, &second);
            prop_assert_eq!(Parcel::from_armor(kept.armored().as_bytes()), Ok(kept));
        }

        #[test]
        fn what_is_added_one_by_one_is_what_is_merged(parcel in parcels()) {
            let mut added = Parcel::default();
            parcel.posts.iter().cloned().for_each(|post| added.post(post));
            let mut merged = Parcel::default();
            merged.merge(parcel);
            prop_assert_eq!(added.posts, merged.posts);
        }
    }

    #[test]
    fn a_parcel_that_is_too_long_is_cut_the_same_way_each_time() {
        let posts = (0..6).map(|to| post(to, &vec![to; 2 * 1_024 * 1_024], NOW)).collect();
        let slots = (0..255).map(|id| slot(id, Some(vec![id]), NOW)).collect();
        let mut kept = Parcel::default();
        twice_is_once(&mut kept, &Parcel { version: V1, posts, slots });
        assert_eq!((kept.posts.len(), kept.slots.len()), (3, 255));
    }

    #[test]
    fn the_oldest_go_first() {
        let posts = (0..12).map(|to| post(to, &vec![1; 1_024 * 1_024], NOW - 12 + u64::from(to)));
        let mut kept = Parcel { version: V1, posts: posts.rev().collect(), slots: Vec::new() };
        kept.shrink(NOW);
        let left: Vec<u64> = kept.posts.iter().map(|post| NOW - post.at).collect();
        assert_eq!(left, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn what_its_owner_writes_stands_even_if_the_clock_went_back() {
        let mut kept = Parcel::default();
        kept.put(slot(1, Some(vec![1]), NOW));
        kept.put(slot(1, Some(vec![2]), NOW - 9));
        assert_eq!(kept.slots, [slot(1, Some(vec![2]), NOW)]);
        kept.merge(Parcel { slots: vec![slot(1, Some(vec![3]), NOW - 1)], ..Parcel::default() });
        assert_eq!(kept.slots, [slot(1, Some(vec![2]), NOW)]);
    }

    #[test]
    fn a_box_that_no_relay_takes_is_left_out() {
        let slots =
            vec![slot(1, Some(vec![0; SLOT_MAX]), 1), slot(2, Some(vec![0; SLOT_MAX + 1]), 1)];
        let mut kept = Parcel::default();
        kept.merge(Parcel { slots, ..Parcel::default() });
        assert!(kept.slot(SlotId::new([1; 32])).is_some());
        assert!(kept.slot(SlotId::new([2; 32])).is_none());
    }

    #[test]
    fn a_text_that_was_changed_anywhere_is_no_parcel() {
        let mut parcel = Parcel::default();
        parcel.post(post(1, &[7; 99], NOW));
        parcel.put(slot(2, None, NOW));
        let text = parcel.armored();
        for at in 0..text.len() - 1 {
            let mut octets = text.clone().into_bytes();
            octets[at] = if octets[at] == b'A' { b'B' } else { b'A' };
            assert!(Parcel::from_armor(&octets).is_err(), "{at}");
            assert!(Parcel::from_armor(&text.as_bytes()[..at]).is_err(), "{at}");
        }
    }
}
