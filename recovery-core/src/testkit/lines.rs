//! What a new device must make of everything that came for it.

use super::ledger::Expected;
use crate::{flows::restore::Verdict, ids::ContactId, name::Name};

/// Somebody's line about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) name: Option<Name>,
    pub(super) verdict: Verdict,
    /// Whose name it is, if that is sure.
    pub(super) from: Option<ContactId>,
    /// Whose contact that is, or whose stop it is.
    pub(super) owner: Option<ContactId>,
    pub(super) overrides: bool,
}

/// A line as a person sees it.
pub(super) type Seen = (Option<Name>, Verdict, bool);

const NOT_KNOWN: Verdict = Verdict::Bad("it says to stop this, but not as anybody known here");

impl Line {
    /// Of nobody known.
    pub(super) fn unknown(verdict: Verdict) -> Self {
        Self { name: None, verdict, from: None, owner: None, overrides: false }
    }

    fn is_stop(&self) -> bool {
        self.from.is_none()
            && self.owner.is_some()
            && matches!(self.verdict, Verdict::Vetoed { .. })
    }
}

/// Who has approved or declined does not wait any more; and who waits does so in vain after a stop of
/// the owner whose contact they are.
pub(super) fn seen(letters: &[Expected]) -> Vec<Option<Seen>> {
    let lines: Vec<Option<&Line>> = letters.iter().map(|l| l.assessed.as_ref()).collect();
    let known = || lines.iter().copied().flatten();
    let answered = |who: ContactId| {
        known().any(|line| {
            line.from == Some(who) && matches!(line.verdict, Verdict::Good | Verdict::Declined)
        })
    };
    let stop_of = |owner: Option<ContactId>| {
        let stop = known().find(|line| line.is_stop() && line.owner == owner)?;
        let matters = known().any(|line| line.from.is_some() && line.owner == owner);
        matters.then_some(stop.verdict)
    };
    let mut seen = Vec::new();
    for line in &lines {
        let Some(line) = line else {
            seen.push(None);
            continue;
        };
        let held = matches!(line.verdict, Verdict::Held { .. });
        if held && line.from.is_some_and(answered) {
            continue;
        }
        seen.push(Some(match stop_of(line.owner) {
            Some(stop) if held => (line.name.clone(), stop, line.overrides),
            None if line.is_stop() => (None, NOT_KNOWN, false),
            _ => (line.name.clone(), line.verdict, line.overrides),
        }));
    }
    seen
}
