//! What happened, for people and for scripts.

use super::{requests, secrets};
use crate::ui::{ago, clean};
use recovery_core::{flows::Event, name::Name};
use serde_json::{Value, json};

/// An event for scripts.
pub(super) fn event_json(event: &Event) -> Value {
    match event {
        Event::ContactAccepted { name } => {
            json!({ "kind": "contact-accepted", "contact": name.as_str() })
        }
        Event::ContactContested { name } => {
            json!({ "kind": "contact-contested", "contact": name.as_str() })
        }
        Event::SamePerson { name, contact } => {
            json!({ "kind": "same-person", "invite": name.as_str(), "contact": contact.as_str() })
        }
        Event::PieceHeld { contact, generation } => {
            json!({ "kind": "piece-held", "contact": contact.as_str(), "generation": generation })
        }
        Event::ProofFailed { contact, generation } => {
            json!({ "kind": "proof-failed", "contact": contact.as_str(), "generation": generation })
        }
        Event::CircleActive { generation } => {
            json!({ "kind": "circle-active", "generation": generation })
        }
        Event::Alert { contact, request, kind, claims } => json!({
            "kind": "alert", "contact": contact.as_str(), "request": request.to_string(),
            "alert": requests::alert_word(*kind), "claims": claims.as_str(),
        }),
        Event::CircleRetired { generation } => {
            json!({ "kind": "circle-retired", "generation": generation })
        }
        Event::PieceForgotten { contact, generation, at } => json!({
            "kind": "piece-forgotten", "contact": contact.as_str(), "generation": generation, "at": at,
        }),
        Event::ContactLeft { contact, .. } => {
            json!({ "kind": "contact-left", "contact": contact.as_str() })
        }
        Event::DrillAnswered { contact, drill, number, opened } => json!({
            "kind": "drill-answered", "contact": contact.as_str(), "drill": drill.to_string(),
            "number": number, "opened": opened,
        }),
        Event::ContactMoved { contact } => {
            json!({ "kind": "contact-moved", "contact": contact.as_str() })
        }
        Event::ContactKnows { contact } => {
            json!({ "kind": "contact-knows", "contact": contact.as_str() })
        }
        Event::Replaced => json!({ "kind": "replaced" }),
        other => friend_json(other),
    }
}

/// The same, of what a friend does.
fn friend_json(event: &Event) -> Value {
    match event {
        Event::PieceStored { owner, generation } => {
            json!({ "kind": "piece-stored", "owner": owner.as_str(), "generation": generation })
        }
        Event::PieceRefused { owner, why } => {
            json!({ "kind": "piece-refused", "owner": owner.as_str(), "reason": why })
        }
        Event::Ignored { from, why } => {
            json!({ "kind": "ignored", "from": from.as_ref().map(|name| name.as_str()), "reason": why })
        }
        Event::Proved { owner, holds } => {
            json!({ "kind": "proved", "owner": owner.as_str(), "holds": holds })
        }
        Event::PieceDeleted { owner, generation } => {
            json!({ "kind": "piece-deleted", "owner": owner.as_str(), "generation": generation })
        }
        Event::Stopped { owner, request, withdrawn } => json!({
            "kind": "stopped", "owner": owner.as_str(), "request": request.to_string(),
            "withdrawn": withdrawn,
        }),
        Event::Released { owner, request } => {
            json!({ "kind": "released", "owner": owner.as_str(), "request": request.to_string() })
        }
        Event::DrillAsked { owner, drill } => {
            json!({ "kind": "drill-asked", "owner": owner.as_str(), "drill": drill.to_string() })
        }
        Event::OwnerMoved { owner } => json!({ "kind": "owner-moved", "owner": owner.as_str() }),
        Event::OwnerClaimed { owner } => {
            json!({ "kind": "owner-claimed", "owner": owner.as_str() })
        }
        _ => json!({ "kind": "other" }),
    }
}

/// What a device says from when it hears that another one took its place.
pub(super) const REPLACED: &str = "this device has been replaced: its owner came back on another one, and nobody takes anything from this one any more";

/// What a friend is to do about a new device that says to be an owner's.
pub(super) fn claimed(owner: &Name) -> String {
    format!(
        "{0} says to have a new device: call them, let them read the number to you, and type it with 'recovery contacts verify {0}'",
        name(owner)
    )
}

fn name(name: &Name) -> String {
    clean(name.as_str())
}

/// Events for people, a line each; what is said again and again is said once, and how often.
pub(super) fn event_texts(events: &[Event]) -> Vec<String> {
    let mut lines: Vec<(String, usize)> = Vec::new();
    for text in events.iter().map(event_text) {
        match lines.iter_mut().find(|(line, _)| *line == text) {
            Some((_, times)) => *times += 1,
            None => lines.push((text, 1)),
        }
    }
    let line = |(line, times)| match times {
        1 => line,
        times => format!("{line} ({times} times)"),
    };
    lines.into_iter().map(line).collect()
}

/// An event for people.
pub(super) fn event_text(event: &Event) -> String {
    match event {
        Event::ContactAccepted { name: who } => format!("{} accepted your invitation", name(who)),
        Event::ContactContested { name: who } => format!(
            "somebody else answered the invitation of {0} too: nothing is sent to them until you compare the number with 'recovery contacts verify'",
            name(who)
        ),
        Event::SamePerson { name: who, contact } => {
            format!(
                "the invitation of {} was answered by {}, who is a contact already",
                name(who),
                name(contact)
            )
        }
        Event::PieceHeld { contact, .. } => {
            format!("{} holds their piece of the key", name(contact))
        }
        Event::ProofFailed { contact, .. } => {
            format!("{} sent a wrong proof: they may not hold their piece", name(contact))
        }
        Event::CircleActive { .. } => "your key is protected now".to_owned(),
        Event::Alert { contact, kind, claims, request } => format!(
            "{} {} a request to recover your key (it claims to be from {}); if that is not you: recovery veto {request}",
            name(contact),
            requests::alert_text(*kind),
            name(claims)
        ),
        Event::CircleRetired { .. } => {
            "the old pieces of your key are retired: your contacts are told to forget them"
                .to_owned()
        }
        Event::PieceForgotten { contact, at, .. } => {
            format!("{} deletes their old piece {}", name(contact), ago(*at, secrets::now()))
        }
        Event::ContactLeft { contact, .. } => format!(
            "{} has stopped holding a piece of your key: run 'recovery renew', and invite somebody in their place",
            name(contact)
        ),
        Event::DrillAnswered { contact, number, opened, .. } => {
            let fine = if *number && *opened { "all is well" } else { "something is not right" };
            format!("{} rehearsed: {fine}", name(contact))
        }
        Event::ContactMoved { contact } => format!(
            "{0} has a new device, or somebody says so: call them, and compare the number with 'recovery contacts verify {0}'",
            name(contact)
        ),
        Event::ContactKnows { contact } => format!("{} knows this device now", name(contact)),
        Event::Replaced => REPLACED.to_owned(),
        other => friend_text(other),
    }
}

/// The same, of what a friend does.
fn friend_text(event: &Event) -> String {
    match event {
        Event::PieceStored { owner, .. } => {
            format!("you hold a piece of the key of {} now", name(owner))
        }
        Event::PieceRefused { owner, why } => {
            format!("a piece from {} was refused: {why}", name(owner))
        }
        Event::Proved { owner, holds: true } => {
            format!("you proved to {} that you still hold their piece", name(owner))
        }
        Event::Proved { owner, holds: false } => format!(
            "{} asked for a proof of a piece that is not on this device: tell them",
            name(owner)
        ),
        Event::PieceDeleted { owner, .. } => {
            format!("the old piece of {}'s key is deleted, as they asked 30 days ago", name(owner))
        }
        Event::Stopped { owner, withdrawn, .. } => {
            let own = if *withdrawn { "; your approval is taken back" } else { "" };
            format!("{} stopped a recovery of their key{own}", name(owner))
        }
        Event::Released { owner, .. } => {
            format!("your approval for {} is on its way now", name(owner))
        }
        Event::DrillAsked { owner, drill } => format!(
            "{} asks you to rehearse a recovery; nothing is lost. When they call: recovery drill --answer {drill}",
            name(owner)
        ),
        Event::Ignored { from, why } => {
            let from = from.as_ref().map_or_else(|| "an unknown sender".to_owned(), name);
            format!("a message from {from} was passed over: {why}")
        }
        Event::OwnerMoved { owner } => format!(
            "the new device of {} is known here now; the old one counts no more",
            name(owner)
        ),
        Event::OwnerClaimed { owner } => claimed(owner),
        _ => String::new(),
    }
}
