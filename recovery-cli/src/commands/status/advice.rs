//! What to fix, for the key to be safe.

use super::super::{
    events::{REPLACED, claimed},
    policy::capital,
    requests::alarm,
    secrets::now,
};
use crate::{
    ui::{ago, clean, plural},
    words::Failure,
};
use recovery_client::{Client, ContactState, Safety, Status, StatusContact};
use recovery_core::circle::Standing;

/// Who did not look at their relays for so long is told so: a week. What is held back for less than that
/// can't be stopped by who does not look in time.
const LOOK_SECONDS: u64 = 7 * 86_400;

/// Everything, the worst first.
pub(super) fn all(
    client: &Client,
    status: &Status,
    only_helps: bool,
) -> Result<Vec<String>, Failure> {
    let unanswered = status.recoveries.iter().filter(|recovery| recovery.answer.is_none());
    let mut advice: Vec<String> = unanswered.map(|recovery| alarm(client, recovery)).collect();
    let device = client.device()?;
    advice.extend(device.replaced().map(|_| sentence(REPLACED)));
    advice.extend(took_over(status));
    let claims = device.held().iter().filter(|held| held.standing() != Standing::Current);
    advice.extend(claims.map(|held| sentence(&claimed(&held.name))));
    if !only_helps {
        advice.extend(circle_advice(status));
        advice.extend(people_advice(status));
    }
    advice.extend(relay_advice(status));
    if status.entries > 0 && !status.synced {
        advice.push("The vault is not synced: its newest state is on this device only. Run 'recovery sync'.".to_owned());
    }
    if status.entries == 0 && !only_helps {
        advice.push("Nothing is kept yet: add a secret with 'recovery add LABEL FILE'.".to_owned());
    }
    if status.circle.as_ref().is_some_and(|circle| circle.hold.delay == 0) {
        advice.push("Approvals are not delayed, so a deceived contact's approval counts at once: divide the key with --delay 24h, or choose contacts who will call you.".to_owned());
    }
    if status.circle.is_some() && client.device()?.sheet_made().is_none() {
        advice.push("Print a page that tells you what to do when this device is gone: 'recovery sheet --output sheet.pdf'.".to_owned());
    }
    if status.queued > 0 {
        advice.push(format!(
            "{} could not be sent yet; run 'recovery sync'.",
            plural(status.queued as u64, "message")
        ));
    }
    Ok(advice)
}

/// Where a takeover stands.
fn took_over(status: &Status) -> Option<String> {
    if !status.taking_over {
        return None;
    }
    let there = status.contacts.iter().filter(|contact| contact.state != ContactState::Left);
    let unknown: Vec<String> = there
        .clone()
        .filter(|contact| !contact.knows)
        .map(|contact| clean(contact.name.as_str()))
        .collect();
    let (all, missing) = (there.count(), unknown.len());
    let mut text =
        format!("Your key came back. {} of {all} friends know your new device", all - missing);
    match missing {
        0 => text.push_str("; when enough confirmed their new piece, the old ones end."),
        _ => text.push_str(&format!(
            "; whoever of {} typed your number learns it with 'recovery sync'. Call the others, and read them the number of 'recovery contacts verify NAME --show': they type it with 'recovery contacts verify'. With friends who know it, what your lost device says counts no more.",
            unknown.join(", ")
        )),
    }
    Some(text)
}

/// What is said in the middle of a line, as a line.
fn sentence(text: &str) -> String {
    format!("{}.", capital(text))
}

/// What is to be said of the circle as a whole.
fn circle_advice(status: &Status) -> Vec<String> {
    let mut advice = Vec::new();
    match &status.circle {
        None if status.contacts.is_empty() => advice.push(
            "Invite people you trust with 'recovery invite NAME'; five is a good start.".to_owned(),
        ),
        None => advice.push(
            "Divide the key among your contacts with 'recovery protect --threshold K'.".to_owned(),
        ),
        Some(_) if status.safety == Safety::NoMore => advice.push(
            "The key would be lost with this device: invite more people, and divide it anew with 'recovery protect --threshold K'.".to_owned(),
        ),
        Some(circle) if !circle.active() => advice
            .push("Ask your contacts to run 'recovery sync', then run it yourself.".to_owned()),
        Some(_) if status.spare == Some(0) => advice.push(
            "Not one more contact may be lost, or the key is: invite more people, and divide it anew.".to_owned(),
        ),
        Some(_) if status.older > 0 => advice.push(
            "The pieces from before are still good until every contact confirmed the new ones; 'recovery renew --finish' ends that.".to_owned(),
        ),
        Some(_) => {}
    }
    advice
}

/// What is to be said of relays: the ones that do not answer, or that nobody looked at them.
fn relay_advice(status: &Status) -> Vec<String> {
    let away = status.relays.iter().filter(|relay| relay.away.is_some());
    let mut advice: Vec<String> = away
        .map(|relay| {
            let last = match relay.answered {
                Some(at) => format!("its last good answer was {}", ago(at, now())),
                None => "it has given no good answer yet".to_owned(),
            };
            format!(
                "{} does not answer, or not as it should; {last}. Run 'recovery sync'; if that goes on, ask who runs it.",
                relay.relay
            )
        })
        .collect();
    let last = status.relays.iter().filter_map(|relay| relay.answered).max();
    let delay = status.circle.as_ref().map_or(0, |circle| circle.hold.delay);
    let often = if delay == 0 { LOOK_SECONDS } else { delay.min(LOOK_SECONDS) };
    if let Some(last) = last.filter(|last| advice.is_empty() && last.saturating_add(often) < now())
    {
        advice.push(format!(
            "Relays were last looked at {}: 'recovery sync' tells whether somebody asks for a key; 'recovery watch' goes on looking.",
            ago(last, now())
        ));
    }
    advice
}

/// Whom a piece of advice is about.
type Wanted<'a> = &'a dyn Fn(&StatusContact) -> bool;

/// What is to be said of single contacts.
fn people_advice(status: &Status) -> Vec<String> {
    let mut advice = Vec::new();
    let names = |wanted: Wanted<'_>| {
        let names = status.contacts.iter().filter(|contact| wanted(contact));
        names.map(|contact| clean(contact.name.as_str())).collect::<Vec<_>>().join(", ")
    };
    let lines: [(Wanted<'_>, &str); 7] = [
        (
            &|c| c.state == ContactState::Contested,
            "Two people answered their invitation: compare the number with 'recovery contacts verify NAME'",
        ),
        (
            &|c| c.in_circle && c.state == ContactState::Left,
            "They hold no piece any more: divide the key anew with 'recovery renew'",
        ),
        (
            &|c| c.state == ContactState::Failed,
            "They no longer have their piece, or sent a wrong proof: call them, then 'recovery renew'",
        ),
        (
            &|c| c.state == ContactState::Moved,
            "They say to have a new device: compare the number with 'recovery contacts verify NAME', then 'recovery renew', for the old one may be in a thief's hands",
        ),
        (&|c| c.state == ContactState::Silent, "They have not answered for a week: call them"),
        (
            &|c| c.in_circle && c.state == ContactState::Removed,
            "They still hold a piece: 'recovery renew' divides the key without them",
        ),
        (
            &|c| c.stale,
            "They have not proved their piece for more than a year: run 'recovery check'",
        ),
    ];
    for (wanted, what) in lines {
        let who = names(wanted);
        if !who.is_empty() {
            advice.push(format!("{who}: {what}."));
        }
    }
    let gone = [ContactState::Left, ContactState::Removed];
    let there = status.contacts.iter().filter(|contact| !gone.contains(&contact.state));
    let unverified = there.filter(|contact| !contact.verified).count() as u64;
    if unverified > 0 {
        let are = if unverified == 1 { "is" } else { "are" };
        let who = plural(unverified, "contact");
        advice.push(format!(
            "{who} {are} not verified: compare numbers with 'recovery contacts verify NAME'."
        ));
    }
    advice
}
