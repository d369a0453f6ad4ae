//! `status`: is the key safe today, and what is to be fixed.

mod advice;

use super::{App, DONE, policy::Words, requests::recovery_json, secrets::now};
use crate::{
    cli,
    ui::{Ui, ago, clean},
    words::Failure,
};
use recovery_client::{Client, ContactState, Reached, Safety, Status, StatusContact, WhatIf};
use recovery_core::circle::{Contact, Held};
use serde_json::{Value, json};
use std::process::ExitCode;

pub(super) fn state_word(state: ContactState) -> &'static str {
    match state {
        ContactState::Paired => "paired",
        ContactState::Sent => "sent",
        ContactState::Held => "held",
        ContactState::Silent => "silent",
        ContactState::Failed => "failed",
        ContactState::Contested => "contested",
        ContactState::Removed => "removed",
        ContactState::Left => "left",
        ContactState::Moved => "moved",
    }
}

/// The same for people.
pub(super) fn state_text(state: ContactState) -> &'static str {
    match state {
        ContactState::Paired => "holds nothing yet",
        ContactState::Sent => "on its way",
        ContactState::Held => "holds it",
        ContactState::Silent => "silent",
        ContactState::Failed => "wrong proof",
        ContactState::Contested => "two people answered",
        ContactState::Removed => "left out from now on",
        ContactState::Left => "has left",
        ContactState::Moved => "new device",
    }
}

pub(super) fn status(app: &App, args: &cli::Status) -> Result<ExitCode, Failure> {
    let client = app.open_quietly()?;
    if !args.what_if.is_empty() {
        return what_if(app, &client, &args.what_if);
    }
    let status = client.status()?;
    let held = client.device()?.held();
    // Who only helps has nothing of their own that could be lost.
    let only_helps = !held.is_empty() && status.contacts.is_empty() && status.entries == 0;
    let advice = advice::all(&client, &status, only_helps)?;
    let circle = status.circle.as_ref().map(|circle| {
        json!({
            "generation": circle.generation,
            "threshold": circle.policy.fewest(),
            "active": circle.active(),
            "delay": circle.hold.delay,
            "older": status.older,
        })
    });
    let contacts: Vec<Value> = status.contacts.iter().map(contact_json).collect();
    let requests: Vec<Value> =
        status.recoveries.iter().map(|r| recovery_json(&client, r)).collect();
    let protected = matches!(status.safety, Safety::Safe | Safety::SafeAsBefore);
    let object = json!({
        "protected": protected, "circle": circle, "contacts": contacts, "requests": requests, "advice": advice,
        "entries": status.entries, "synced": status.synced, "queued": status.queued,
        "relays": status.relays.iter().map(relay_json).collect::<Vec<Value>>(),
        "owner_id": client.device()?.id().to_string(),
        "held": held.iter().map(held_json).collect::<Vec<Value>>(),
    });
    let own =
        if only_helps { String::new() } else { own_text(&status, client.device()?.contacts()) };
    let helped: String = held.iter().map(helped).collect();
    let advice: String = advice.iter().map(|line| format!("- {line}\n")).collect();
    app.ui.result(&object, &format!("{own}{helped}{advice}"));
    Ok(DONE)
}

/// Whether the key still comes back without some contacts, or without any relay.
fn what_if(app: &App, client: &Client, gone: &[String]) -> Result<ExitCode, Failure> {
    let WhatIf { recoverable, why } = client.what_if(gone)?;
    let why = clean(&why);
    let text = match recoverable {
        true => format!("Yes, the key still comes back: {why}."),
        false => format!("No, the key would be lost: {why}."),
    };
    app.ui.result(&json!({ "recoverable": recoverable, "why": why }), &text);
    Ok(DONE)
}

fn contact_json(contact: &StatusContact) -> Value {
    json!({
        "name": contact.name.as_str(), "state": state_word(contact.state),
        "proved_at": contact.proved, "verified": contact.verified, "knows_device": contact.knows,
    })
}

fn relay_json(relay: &Reached) -> Value {
    json!({
        "relay": relay.relay.as_str(), "answered_at": relay.answered, "away_since": relay.away,
    })
}

fn held_json(held: &Held) -> Value {
    json!({
        "name": held.name.as_str(), "stored_at": held.bundles.last().map(|bundle| bundle.stored),
        "proved_at": Some(held.asked).filter(|at| *at > 0),
    })
}

/// Whom this person helps, and with what.
fn helped(held: &Held) -> String {
    let name = clean(held.name.as_str());
    match held.bundles.last() {
        None => format!("You help {name}; your piece of their key has not come yet.\n"),
        Some(_) if held.asked > 0 => {
            format!("You hold a piece of {name}'s key; last proved {}.\n", ago(held.asked, now()))
        }
        Some(bundle) => {
            format!("You hold a piece of {name}'s key; it came {}.\n", ago(bundle.stored, now()))
        }
    }
}

/// Whether the key is safe, and who has which part in that.
fn own_text(status: &Status, contacts: &[Contact]) -> String {
    let mut text = match (status.safety, &status.circle) {
        (Safety::Safe, Some(circle)) => format!(
            "Your key is protected: {}.\n",
            Words::of(&circle.policy, contacts).bring_back()
        ),
        (Safety::SafeAsBefore, _) => {
            "Your key is protected by the pieces from before: of the new ones, too few are confirmed yet.\n".to_owned()
        }
        (Safety::NotYet, _) => {
            "Your key is not protected yet: too few contacts confirmed their piece.\n".to_owned()
        }
        (Safety::NoMore, _) => {
            "Your key is not protected any more: too few contacts still hold a piece.\n".to_owned()
        }
        (Safety::Alone | Safety::Safe, _) => {
            "Your key is not protected: it is on this device only.\n".to_owned()
        }
    };
    let rows = status.contacts.iter().map(|contact| {
        let proved = contact.proved.map_or_else(|| "never".to_owned(), |at| ago(at, now()));
        let verified = if contact.verified { "yes" } else { "no" };
        vec![
            clean(contact.name.as_str()),
            state_text(contact.state).to_owned(),
            proved,
            verified.to_owned(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if !rows.is_empty() {
        text.push_str(&Ui::table(&["contact", "piece of the key", "last proof", "verified"], rows));
        text.push('\n');
    }
    text
}
