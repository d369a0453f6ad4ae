//! Mailboxes are emptied of what was acted on long ago: they take only so many messages, and a family's have to
//! last for years.
//!
//! A message stays for 30 days after it was acted on, for a home that is put back from a copy and for who comes
//! back on a new device. The one that brought the newest piece stays until a newer piece has come.

use crate::{Client, ClientError, now};
use minicbor::{Decode, Encode};
use recovery_core::address::RelayUrl;
use std::collections::BTreeSet;

/// How long messages stay, in days.
const KEPT_DAYS: u64 = 30;
const DAY_SECONDS: u64 = 86_400;
/// Messages that one round deletes at most, so that nobody waits for it; the next one goes on.
const AT_ONCE: usize = 64;

/// What was acted on of a mailbox at one relay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Acted {
    /// Up to this number everything is deleted, but for pieces.
    #[n(0)]
    cleared: u64,
    /// The oldest day first.
    #[n(1)]
    days: Vec<Day>,
    /// Numbers of messages that brought pieces, the newest last.
    #[n(2)]
    pieces: Vec<u64>,
}

/// How far a mailbox was read on one day.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Day {
    /// Days since 1970.
    #[n(0)]
    day: u64,
    /// The number of the last message.
    #[n(1)]
    last: u64,
}

impl Acted {
    /// Notes that everything up to `last` was acted on, and which messages brought pieces.
    pub(crate) fn note(&mut self, last: u64, pieces: &[u64], now: u64) {
        let day = now / DAY_SECONDS;
        self.pieces.extend(pieces);
        match self.days.last_mut() {
            // Also if the clock was ahead.
            Some(latest) if latest.day >= day => *latest = Day { day, last },
            _ => self.days.push(Day { day, last }),
        }
    }

    /// The numbers of messages that need not stay any longer, at most so many.
    fn due(&self, now: u64, at_most: usize) -> Vec<u64> {
        let today = now / DAY_SECONDS;
        let over = |day: &&Day| day.day.saturating_add(KEPT_DAYS) < today;
        let last = self.days.iter().filter(over).map(|day| day.last).max().unwrap_or(0);
        let (newest, older) = self.pieces.split_last().unwrap_or((&0, &[]));
        let older = older.iter().copied().filter(|seq| *seq <= self.cleared);
        let rest = (self.cleared.saturating_add(1)..=last).filter(|seq| seq != newest);
        older.chain(rest).take(at_most).collect()
    }

    /// Notes that a message is gone.
    fn delete(&mut self, seq: u64) {
        self.pieces.retain(|piece| *piece != seq);
        self.cleared = self.cleared.max(seq);
        // The last day tells how far it was read, whatever is left.
        self.days.retain(|day| day.last > seq);
    }
}

impl Client {
    /// Deletes what lies long enough where this person's mail comes, at relays that answered. What can't be
    /// deleted now is tried again by a later round.
    pub(crate) async fn clear_mailboxes(&mut self) -> Result<(), ClientError> {
        let silent = self.state.reached.iter().filter(|reached| reached.away.is_some());
        let mut away: BTreeSet<RelayUrl> = silent.map(|reached| reached.relay.clone()).collect();
        let mut left = AT_ONCE;
        for watch in self.device()?.watches() {
            let token = watch.base.mailbox(watch.relay.as_str());
            let cursor = self.state.cursor(token.id()).filter(|_| !away.contains(&watch.relay));
            let acted = cursor.and_then(|cursor| cursor.acted.as_ref());
            for seq in acted.map(|acted| acted.due(now(), left)).unwrap_or_default() {
                if self.relays.delete_message(&watch.relay, &token, seq).await.is_err() {
                    away.insert(watch.relay.clone());
                    break;
                }
                left -= 1;
                let cursor = self.state.cursor(token.id());
                if let Some(acted) = cursor.and_then(|cursor| cursor.acted.as_mut()) {
                    acted.delete(seq);
                }
            }
        }
        if left < AT_ONCE {
            self.save()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 20_000 * DAY_SECONDS;

    /// Seconds so many days later, late in the day.
    fn later(days: u64) -> u64 {
        NOW + (days + 1) * DAY_SECONDS - 1
    }

    #[test]
    fn what_was_acted_on_is_due_when_its_thirty_days_are_over() {
        let mut acted = Acted::default();
        acted.note(2, &[], NOW);
        acted.note(3, &[], later(0));
        acted.note(7, &[], later(1));
        assert!(acted.due(later(30), 9).is_empty());
        assert_eq!(acted.due(later(31), 9), [1, 2, 3]);
        assert_eq!(acted.due(later(32), 9), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(acted.due(later(32), 2), [1, 2]);
    }

    #[test]
    fn what_is_deleted_is_not_due_again_and_no_day_is_left_over() {
        let mut acted = Acted::default();
        acted.note(3, &[], NOW);
        acted.note(4, &[], later(1));
        for seq in acted.due(later(31), 9) {
            acted.delete(seq);
        }
        assert!(acted.due(later(31), 9).is_empty());
        assert_eq!(acted.due(later(32), 9), [4]);
        acted.delete(4);
        assert!(acted.days.is_empty());
    }

    #[test]
    fn the_newest_piece_stays_until_a_newer_one_has_come() {
        let mut acted = Acted::default();
        acted.note(3, &[1, 2], NOW);
        let year = later(365);
        for seq in acted.due(year, 9) {
            acted.delete(seq);
        }
        assert_eq!((acted.pieces.as_slice(), acted.cleared), (&[2][..], 3));
        acted.note(5, &[5], year);
        assert_eq!(acted.due(year, 9), [2]);
        acted.delete(2);
        assert_eq!(acted.due(year + 40 * DAY_SECONDS, 9), [4]);
        acted.delete(4);
        assert!(acted.due(year + 40 * DAY_SECONDS, 9).is_empty());
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_nothing_for_long() {
        let mut acted = Acted::default();
        acted.note(1, &[], later(365));
        acted.note(2, &[], NOW);
        assert_eq!(acted.due(later(31), 9), [1, 2]);
    }
}
