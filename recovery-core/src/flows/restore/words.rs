//! What is no approval: declines, word of approvals that are held back, stops, and what they mean together.

use super::assess::{Assessed, OTHER_REQUEST, Verdict, flaw, verify_bundle};
use crate::{
    ids::{ContactId, RequestId},
    keys::Card,
    sign::Signed,
    wire::messages::{Decline, Due, Stop},
};

/// What several messages say together: a stop counts if it is of an owner whose contacts answered; it ends
/// what is still held back; and word of an approval is over once the approval or a decline is here.
pub(super) fn settle(lines: &mut Vec<Assessed>) {
    let owners: Vec<ContactId> =
        lines.iter().filter(|line| line.from.is_some()).filter_map(|line| line.owner).collect();
    let stops: Vec<(ContactId, u64)> = lines
        .iter()
        .filter_map(|line| match (line.verdict, line.from, line.owner) {
            (Verdict::Vetoed { at }, None, Some(owner)) if owners.contains(&owner) => {
                Some((owner, at))
            }
            _ => None,
        })
        .collect();
    let over: Vec<ContactId> = lines
        .iter()
        .filter(|line| matches!(line.verdict, Verdict::Good | Verdict::Declined))
        .filter_map(|line| line.from)
        .collect();
    lines.retain(|line| {
        let held = matches!(line.verdict, Verdict::Held { .. });
        !(held && line.from.is_some_and(|from| over.contains(&from)))
    });
    for line in lines {
        let stop = stops.iter().find(|(owner, _)| line.owner == Some(*owner));
        match (line.verdict, stop) {
            (Verdict::Held { .. }, Some((_, at))) => line.verdict = Verdict::Vetoed { at: *at },
            (Verdict::Vetoed { .. }, None) if line.from.is_none() => {
                *line = Assessed::unknown("it says to stop this, but not as anybody known here");
            }
            _ => {}
        }
    }
}

pub(super) fn assess_decline(request: RequestId, signed: &Signed) -> Assessed {
    let decline = signed.verify_claim(|d: &Decline| (d.card.keys(), d.request.as_bytes().to_vec()));
    let decline = match decline {
        Ok(decline) => decline,
        Err(error) => return Assessed::unknown(flaw(error)),
    };
    let verdict = match decline.request == request {
        true => Verdict::Declined,
        false => Verdict::Bad(OTHER_REQUEST),
    };
    vouched(&decline.card, decline.bundle.as_ref(), verdict)
}

pub(super) fn assess_due(request: RequestId, signed: &Signed) -> Assessed {
    let due = signed.verify_claim(|d: &Due| (d.card.keys(), d.request.as_bytes().to_vec()));
    let due = match due {
        Ok(due) => due,
        Err(error) => return Assessed::unknown(flaw(error)),
    };
    let verdict = match due.request == request {
        true => Verdict::Held { until: due.at },
        false => Verdict::Bad(OTHER_REQUEST),
    };
    let assessed = vouched(&due.card, Some(&due.bundle), verdict);
    match assessed.contact {
        Some(_) => assessed,
        None => Assessed::unknown("it announces an approval, but is not a contact's"),
    }
}

/// A line under a contact's name, if an owner's bundle is for these very keys.
fn vouched(card: &Card, bundle: Option<&Signed>, verdict: Verdict) -> Assessed {
    match bundle.map(verify_bundle) {
        Some(Ok(bundle)) if bundle.contact == card.id() => Assessed {
            from: Some(card.id()),
            owner: Some(bundle.owner.id()),
            ..Assessed::of(Some(card.name().clone()), verdict)
        },
        _ => Assessed::of(None, verdict),
    }
}

/// Whether it is a stop of somebody who matters, other messages tell.
pub(super) fn assess_stop(request: RequestId, signed: &Signed) -> Assessed {
    let stop = signed.verify_claim(|s: &Stop| (s.owner.keys(), s.request.as_bytes().to_vec()));
    match stop {
        Ok(stop) if stop.request == request => Assessed {
            owner: Some(stop.owner.id()),
            ..Assessed::of(Some(stop.owner.name().clone()), Verdict::Vetoed { at: stop.made })
        },
        Ok(_) => Assessed::unknown(OTHER_REQUEST),
        Err(error) => Assessed::unknown(flaw(error)),
    }
}
