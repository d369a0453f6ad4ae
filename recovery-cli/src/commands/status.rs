//! `status`, `sync`, `requests`: what is, what came, who asked.

use super::{App, DONE, event_json, event_text, secrets::now};
use crate::{
    cli::Sync,
    ui::{Ui, ago, clean, plural},
    words::Failure,
};
use recovery_client::{Client, ContactState, Status, StatusContact};
use recovery_core::{circle::OpenedState, flows::Recovery, wire::messages::AlertKind};
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
    }
}

pub(super) fn alert_word(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::Opened => "opened",
        AlertKind::WrongNumbers => "wrong-numbers",
        AlertKind::Approved => "approved",
        AlertKind::Declined => "declined",
    }
}

pub(super) async fn sync(app: &App, args: &Sync) -> Result<ExitCode, Failure> {
    let mut client = app.open()?;
    let waiting = app.ui.waiting("looking for messages");
    let events = client.sync(args.wait).await?;
    drop(waiting);
    app.tell(&mut client);
    let text: Vec<String> = events.iter().map(event_text).collect();
    let text = if text.is_empty() { "nothing new".to_owned() } else { text.join("\n") };
    app.ui.result(&json!({ "events": events.iter().map(event_json).collect::<Vec<_>>() }), &text);
    Ok(DONE)
}

pub(super) fn status(app: &App) -> Result<ExitCode, Failure> {
    let client = app.open_quietly()?;
    let status = client.status()?;
    let advice = advice(&client, &status)?;
    let circle = status.circle.as_ref().map(|circle| {
        json!({
            "generation": circle.generation,
            "threshold": circle.policy.fewest(),
            "active": circle.active(),
        })
    });
    let contacts: Vec<Value> = status.contacts.iter().map(contact_json).collect();
    let requests: Vec<Value> =
        status.recoveries.iter().map(|r| recovery_json(&client, r)).collect();
    let object = json!({
        "circle": circle, "contacts": contacts, "requests": requests, "advice": advice,
        "entries": status.entries, "synced": status.synced, "queued": status.queued,
        "owner_id": client.device()?.id().to_string(),
    });
    app.ui.result(&object, &status_text(&status, &advice));
    Ok(DONE)
}

fn contact_json(contact: &StatusContact) -> Value {
    json!({
        "name": contact.name.as_str(), "state": state_word(contact.state),
        "proved_at": contact.proved, "verified": contact.verified,
    })
}

fn status_text(status: &Status, advice: &[String]) -> String {
    let mut text = match &status.circle {
        Some(circle) if circle.active() => format!(
            "Your key is protected: {} of {} contacts bring it back.\n",
            circle.policy.fewest(),
            circle.members.len()
        ),
        Some(_) => {
            "Your key is not protected yet: too few contacts confirmed their piece.\n".to_owned()
        }
        None => "Your key is not protected: it is on this device only.\n".to_owned(),
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
    for line in advice {
        text.push_str(&format!("- {line}\n"));
    }
    text
}

/// Somebody asks for this owner's key.
pub(super) fn alarm(recovery: &Recovery) -> String {
    format!(
        "Somebody asks to recover your key, claiming to be {} ({}). If that is not you, call your contacts now.",
        clean(recovery.claims.as_str()),
        ago(recovery.opened, now())
    )
}

/// What to fix, worst first.
fn advice(client: &Client, status: &Status) -> Result<Vec<String>, Failure> {
    let mut advice: Vec<String> = status.recoveries.iter().map(alarm).collect();
    let count =
        |state| status.contacts.iter().filter(|contact| contact.state == state).count() as u64;
    if count(ContactState::Contested) > 0 {
        advice.push("Two people answered one invitation: compare the number with 'recovery contacts verify NAME'.".to_owned());
    }
    match &status.circle {
        None if status.contacts.is_empty() => advice.push(
            "Invite people you trust with 'recovery invite NAME'; five is a good start.".to_owned(),
        ),
        None => advice.push(
            "Divide the key among your contacts with 'recovery protect --threshold K'.".to_owned(),
        ),
        Some(circle) if !circle.active() => advice
            .push("Ask your contacts to run 'recovery sync', then run it yourself.".to_owned()),
        Some(_) => {}
    }
    if status.entries > 0 && !status.synced {
        advice.push("The vault is not synced: its newest state is on this device only. Run 'recovery sync'.".to_owned());
    }
    if status.entries == 0 {
        advice.push("Nothing is kept yet: add a secret with 'recovery add LABEL FILE'.".to_owned());
    }
    for state in [ContactState::Failed, ContactState::Silent] {
        if count(state) > 0 {
            advice.push(format!(
                "{} {}: call them.",
                plural(count(state), "contact"),
                state_word(state)
            ));
        }
    }
    if status
        .circle
        .as_ref()
        .is_some_and(|circle| !circle.members.iter().any(|_| circle.hold.delay > 0))
    {
        advice.push("Approvals are not delayed, so a deceived contact's approval counts at once: choose contacts who will call you.".to_owned());
    }
    let unverified = status.contacts.iter().filter(|contact| !contact.verified).count() as u64;
    if unverified > 0 {
        let are = if unverified == 1 { "is" } else { "are" };
        let who = plural(unverified, "contact");
        advice.push(format!(
            "{who} {are} not verified: compare numbers with 'recovery contacts verify NAME'."
        ));
    }
    if status.queued > 0 {
        advice.push(format!(
            "{} could not be sent yet; run 'recovery sync'.",
            plural(status.queued as u64, "message")
        ));
    }
    client.device()?;
    Ok(advice)
}

pub(super) fn requests(app: &App) -> Result<ExitCode, Failure> {
    let client = app.open_quietly()?;
    let device = client.device()?;
    let mut requests = Vec::new();
    let mut rows = Vec::new();
    for opened in device.opened() {
        let claims = client.request(opened.id)?.card.name().clone();
        let state = opened_word(opened.state);
        let owner = device.held().iter().find(|held| Some(held.card.id()) == opened.owner);
        let owner = owner.map(|held| held.name.as_str());
        requests.push(json!({
            "request": opened.id.to_string(), "role": "contact", "claims": claims.as_str(),
            "owner": owner, "opened": opened.opened, "state": state,
            "release_at": null, "tries_left": opened.tries_left,
        }));
        rows.push(vec![
            clean(claims.as_str()),
            "you were asked".to_owned(),
            state.to_owned(),
            ago(opened.opened, now()),
        ]);
    }
    for recovery in &client.recoveries()? {
        requests.push(recovery_json(&client, recovery));
        rows.push(vec![
            clean(recovery.claims.as_str()),
            "for your key".to_owned(),
            recovery_word(recovery).to_owned(),
            ago(recovery.opened, now()),
        ]);
    }
    let text = if rows.is_empty() {
        "No requests.".to_owned()
    } else {
        Ui::table(&["claims to be", "role", "state", "opened"], rows)
    };
    app.ui.result(&json!({ "requests": requests }), &text);
    Ok(DONE)
}

fn opened_word(state: OpenedState) -> &'static str {
    match state {
        OpenedState::Open => "open",
        OpenedState::Approved => "approved",
        OpenedState::Declined => "declined",
        OpenedState::Burnt => "burnt",
        OpenedState::Cancelled => "cancelled",
    }
}

/// The most that any contact did.
fn recovery_word(recovery: &Recovery) -> &'static str {
    let any = |kind| recovery.reports.iter().any(|report| report.kind == kind);
    [AlertKind::Approved, AlertKind::WrongNumbers, AlertKind::Declined]
        .into_iter()
        .find(|kind| any(*kind))
        .map_or("opened", alert_word)
}

fn recovery_json(client: &Client, recovery: &Recovery) -> Value {
    let name = |id| {
        let device = client.device().ok()?;
        let contact = device.contacts().iter().find(|contact| contact.card.id() == id)?;
        Some(contact.name.as_str().to_owned())
    };
    let reports: Vec<Value> = recovery
        .reports
        .iter()
        .map(|report| {
            json!({
                "contact": name(report.contact), "state": alert_word(report.kind),
                "reason": report.reason.as_ref().map(|reason| reason.as_str()),
            })
        })
        .collect();
    json!({
        "request": recovery.request.to_string(), "role": "owner", "claims": recovery.claims.as_str(),
        "device": recovery.device.as_ref().map(|device| device.as_str()),
        "opened": recovery.opened, "state": recovery_word(recovery), "release_at": null,
        "contacts": reports,
    })
}
