//! When each relay answered last: who hears nothing from one must know.

use minicbor::{Decode, Encode};
use recovery_core::address::RelayUrl;
use std::collections::BTreeSet;

/// An answer is noted again after so many seconds: one hour, so that not every look writes the home.
const NOTED_SECONDS: u64 = 3_600;

/// How one of this home's relays answered when its mailboxes were read.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Reached {
    /// The relay.
    #[n(0)]
    pub relay: RelayUrl,
    /// Unix seconds of its last answer, to the hour; `None` before the first.
    #[n(1)]
    pub answered: Option<u64>,
    /// Unix seconds since when it does not answer, or not as a relay does.
    #[n(2)]
    pub away: Option<u64>,
}

impl Reached {
    fn new(relay: &RelayUrl) -> Self {
        Self { relay: relay.clone(), answered: None, away: None }
    }

    fn note(&mut self, answered: bool, now: u64) {
        if !answered {
            self.away.get_or_insert(now);
        } else if self.away.take().is_some()
            || self.answered.is_none_or(|at| at.abs_diff(now) >= NOTED_SECONDS)
        {
            self.answered = Some(now);
        }
    }
}

/// Notes which of the `relays` answered when mailboxes were read; true if that is worth keeping. One that
/// answered for one mailbox is there, whatever became of another; one that was not waited for is as before.
pub(crate) fn note(
    known: &mut Vec<Reached>,
    relays: &BTreeSet<RelayUrl>,
    reads: &[(RelayUrl, bool)],
    now: u64,
) -> bool {
    let before = std::mem::take(known);
    for relay in relays.iter().filter(|relay| !relay.is_files()) {
        let same = before.iter().find(|reached| reached.relay == *relay);
        let mut reached = same.cloned().unwrap_or_else(|| Reached::new(relay));
        let answers: Vec<bool> =
            reads.iter().filter(|(by, _)| by == relay).map(|(_, answered)| *answered).collect();
        if !answers.is_empty() {
            reached.note(answers.contains(&true), now);
        }
        known.push(reached);
    }
    *known != before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_away_from_its_first_silence_until_it_answers() {
        let [a, b] = ["https://a.example", "https://b.example"]
            .map(|url| url.parse::<RelayUrl>().expect("an address"));
        let both = BTreeSet::from([a.clone(), b.clone()]);
        let mut known = Vec::new();
        let heard = |known: &mut Vec<Reached>, reads: &[(RelayUrl, bool)], now| {
            let changed = note(known, &both, reads, now);
            (changed, known.iter().map(|r| (r.answered, r.away)).collect::<Vec<_>>())
        };
        let first = heard(&mut known, &[(a.clone(), false), (a.clone(), true)], 10_000);
        assert_eq!(first, (true, vec![(Some(10_000), None), (None, None)]), "one of two is enough");
        let soon = heard(&mut known, &[(a.clone(), true)], 10_100);
        assert_eq!(soon, (false, vec![(Some(10_000), None), (None, None)]), "nothing to write");
        let silent = vec![(Some(10_000), Some(10_200)), (None, None)];
        assert_eq!(heard(&mut known, &[(a.clone(), false)], 10_200), (true, silent.clone()));
        assert_eq!(heard(&mut known, &[(a.clone(), false)], 99_999), (false, silent));
        let back = heard(&mut known, &[(a.clone(), true), (b.clone(), false)], 10_300);
        assert_eq!(back, (true, vec![(Some(10_300), None), (None, Some(10_300))]));
        assert!(note(&mut known, &BTreeSet::from([b]), &[], 10_400), "a relay that is left");
        assert_eq!(known.len(), 1);
    }
}
