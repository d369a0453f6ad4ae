//! Answers to reads: encoded here, and the last one of each mailbox kept until something changes in it.
//!
//! Most reads are of people whose mailbox got nothing new since they last asked. They cost the store nothing.

use crate::clock::UnixMillis;
use crate::store::{Message, Page, Query};
use bytes::Bytes;
use minicbor::Encoder;
use recovery_core::ids::MailboxId;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Longest answer that is kept: 64 KiB.
const LONGEST: usize = 65_536;
/// Octets kept in all, counting a bit for each entry: 16 MiB. When they are used up, keeping begins anew.
const ROOM: usize = 16 * 1_024 * 1_024;
/// What an entry takes beside its answer.
const ENTRY: usize = 256;
/// The encoding of no messages.
const NONE: &[u8] = b"\x80";

/// The messages asked for, as deterministic CBOR (RFC 8949, 4.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer(Bytes);

impl Answer {
    /// An array of maps with the keys in the order of their octets.
    pub(crate) fn new(messages: &[Message]) -> Result<Self, minicbor::encode::Error<Infallible>> {
        let octets: usize = messages.iter().map(|message| message.body.len() + 48).sum();
        let mut cbor = Encoder::new(Vec::with_capacity(octets + 9));
        cbor.array(messages.len() as u64)?;
        for message in messages {
            cbor.map(3)?;
            cbor.str("seq")?.u64(message.seq)?;
            cbor.str("body")?.bytes(&message.body)?;
            cbor.str("posted_at")?.i64(message.posted_at.seconds())?;
        }
        Ok(Self(cbor.into_writer().into()))
    }

    /// Whether it holds no message.
    pub(crate) fn is_empty(&self) -> bool {
        self.0 == NONE
    }

    /// Its octets.
    pub(crate) fn into_octets(self) -> Bytes {
        self.0
    }
}

/// The answers kept.
#[derive(Default)]
pub(crate) struct Answers(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Counts commits that changed a mailbox.
    changes: u64,
    by_mailbox: HashMap<MailboxId, Last>,
    octets: usize,
}

/// The last answer of a mailbox, and to what.
struct Last {
    after: u64,
    limit: usize,
    ends: Option<UnixMillis>,
    answer: Answer,
}

/// How many changes there were before a read began: its answer is kept only if there are no more after it.
#[derive(Clone, Copy)]
pub(crate) struct Before(u64);

impl Answers {
    /// The answer to this query, or else what [`Answers::keep`] needs.
    pub(crate) fn find(&self, query: &Query, now: UnixMillis) -> Result<Answer, Before> {
        let kept = self.lock();
        let last = kept.by_mailbox.get(&query.mailbox).filter(|last| {
            let same = last.after == query.after && last.limit == query.limit;
            same && last.ends.is_none_or(|ends| now < ends)
        });
        last.map(|last| last.answer.clone()).ok_or(Before(kept.changes))
    }

    /// Keeps an answer that was read from the store after [`Answers::find`].
    pub(crate) fn keep(&self, before: Before, query: &Query, page: &Page, answer: &Answer) {
        let size = answer.0.len();
        let mut kept = self.lock();
        if size > LONGEST || before.0 != kept.changes {
            return;
        }
        if kept.octets > ROOM {
            kept.clear();
        }
        kept.octets += size + ENTRY;
        let (after, limit, ends) = (query.after, query.limit, page.ends);
        let last = Last { after, limit, ends, answer: answer.clone() };
        if let Some(replaced) = kept.by_mailbox.insert(query.mailbox, last) {
            kept.octets -= replaced.answer.0.len() + ENTRY;
        }
    }

    /// Forgets the answers of mailboxes that a commit changed.
    pub(crate) fn forget<'a>(&self, changed: impl Iterator<Item = &'a MailboxId>) {
        let mut kept = self.lock();
        kept.changes += 1;
        for mailbox in changed {
            if let Some(last) = kept.by_mailbox.remove(mailbox) {
                kept.octets -= last.answer.0.len() + ENTRY;
            }
        }
    }

    /// Forgets everything.
    pub(crate) fn forget_all(&self) {
        let mut kept = self.lock();
        kept.changes += 1;
        kept.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn clear(&mut self) {
        self.by_mailbox.clear();
        self.octets = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Answers, ENTRY, LONGEST, ROOM};
    use crate::clock::UnixMillis;
    use crate::store::{Message, Page, Query};
    use bytes::Bytes;
    use recovery_core::ids::MailboxId;

    const NOW: UnixMillis = UnixMillis(100);

    fn query(n: u32, after: u64) -> Query {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&n.to_be_bytes());
        Query { mailbox: MailboxId::new(id), after, limit: 10, octets: 100_000 }
    }

    fn page(length: usize) -> (Page, Answer) {
        let message = Message { seq: 1, posted_at: NOW, body: vec![1; length].into() };
        let page = Page { ends: Some(UnixMillis(200)), messages: vec![message] };
        let answer = Answer::new(&page.messages).unwrap();
        (page, answer)
    }

    fn keep(answers: &Answers, query: &Query, length: usize) {
        let before = answers.find(query, NOW).unwrap_err();
        let (page, answer) = page(length);
        answers.keep(before, query, &page, &answer);
    }

    #[test]
    fn an_answer_has_one_encoding() {
        let body = Bytes::from_static(b"hi");
        let message = Message { seq: 1, posted_at: UnixMillis(25_999), body };
        let expected = b"\x81\xa3\x63seq\x01\x64body\x42hi\x69posted_at\x18\x19";
        assert_eq!(&Answer::new(&[message]).unwrap().into_octets()[..], expected);
        let none = Answer::new(&[]).unwrap();
        assert!(none.is_empty());
        assert_eq!(&none.into_octets()[..], b"\x80");
    }

    #[test]
    fn an_answer_is_kept_for_its_query_and_time() {
        let answers = Answers::default();
        keep(&answers, &query(1, 5), 3);
        assert!(answers.find(&query(1, 5), NOW).is_ok_and(|answer| !answer.is_empty()));
        assert!(answers.find(&query(1, 6), NOW).is_err(), "another query");
        assert!(answers.find(&query(2, 5), NOW).is_err(), "another mailbox");
        assert!(answers.find(&query(1, 5), UnixMillis(200)).is_err(), "the mailbox is gone");
    }

    #[test]
    fn a_change_during_the_read_keeps_it_from_being_kept() {
        let answers = Answers::default();
        let query = query(1, 0);
        let before = answers.find(&query, NOW).unwrap_err();
        answers.forget([query.mailbox].iter());
        let (page, answer) = page(3);
        answers.keep(before, &query, &page, &answer);
        assert!(answers.find(&query, NOW).is_err());
    }

    #[test]
    fn changed_mailboxes_are_forgotten() {
        let answers = Answers::default();
        for n in 0..3 {
            keep(&answers, &query(n, 0), 3);
        }
        answers.forget([query(1, 0).mailbox].iter());
        assert!(answers.find(&query(0, 0), NOW).is_ok());
        assert!(answers.find(&query(1, 0), NOW).is_err());
        answers.forget_all();
        assert!(answers.find(&query(0, 0), NOW).is_err());
        assert_eq!(answers.lock().octets, 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let answers = Answers::default();
        keep(&answers, &query(0, 0), LONGEST);
        assert!(answers.find(&query(0, 0), NOW).is_err(), "too long");
        for n in 0..2_000 {
            keep(&answers, &query(n, 0), 60_000);
            keep(&answers, &query(n, 1), 50_000);
            let kept = answers.lock();
            assert!(kept.octets <= ROOM + LONGEST + ENTRY);
            let counted: usize =
                kept.by_mailbox.values().map(|last| last.answer.0.len() + ENTRY).sum();
            assert_eq!(kept.octets, counted);
        }
    }
}
