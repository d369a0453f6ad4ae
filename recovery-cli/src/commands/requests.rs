//! `requests`, `veto`: who asked, and the owner's answer.

use super::{App, DONE, secrets::now};
use crate::{
    cli::{Requests, Veto},
    ui::{Ui, ago, clean, plural},
    words::Failure,
};
use recovery_client::Client;
use recovery_core::{
    circle::OpenedState,
    flows::{Recovery, recovery::OwnerAnswer},
    ids::ContactId,
    name::Name,
    wire::messages::AlertKind,
};
use serde_json::{Value, json};
use std::process::ExitCode;

/// The same for people, before "a request".
pub(super) fn alert_text(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::Opened => "looks at",
        AlertKind::WrongNumbers => "typed three wrong numbers for",
        AlertKind::Approved => "approved",
        AlertKind::Declined => "declined",
        AlertKind::Impostor => "says that it is not you behind",
        AlertKind::Overridden => "met somebody and approved, although you stopped it,",
    }
}

pub(super) fn alert_word(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::Opened => "opened",
        AlertKind::WrongNumbers => "wrong-numbers",
        AlertKind::Approved => "approved",
        AlertKind::Declined => "declined",
        AlertKind::Impostor => "impostor",
        AlertKind::Overridden => "overridden",
    }
}

/// Somebody asks for this owner's key: who, from what, and until when it can be stopped.
pub(super) fn alarm(client: &Client, recovery: &Recovery) -> String {
    let device = recovery.device.as_ref().map(|device| clean(device.as_str()));
    format!(
        "Somebody asks to recover your key, claiming to be {}{} ({}).{} If that is not you, stop it with 'recovery veto {}' and call your contacts; if it is you, 'recovery requests --mine {4}'.",
        clean(recovery.claims.as_str()),
        device.map(|device| format!(", on {device}")).unwrap_or_default(),
        ago(recovery.opened, now()),
        approvals(client, recovery).map(|text| format!(" {text}")).unwrap_or_default(),
        recovery.request,
    )
}

/// Who approved, and when their pieces go out.
fn approvals(client: &Client, recovery: &Recovery) -> Option<String> {
    let approved = recovery
        .reports
        .iter()
        .filter(|report| matches!(report.kind, AlertKind::Approved | AlertKind::Overridden));
    let names = approved.clone().filter_map(|report| contact_name(client, report.contact));
    let names: Vec<String> = names.map(|name| clean(name.as_str())).collect();
    let waits = approved.clone().map(|report| report.due.filter(|due| *due > now()));
    let out = waits.clone().filter(Option::is_none).count() as u64;
    let next = waits.flatten().min();
    let pieces = match (out, next) {
        (0, None) => return None,
        (0, Some(next)) => format!("the first piece goes out {}", ago(next, now())),
        (out, None) => format!("{} went out", plural(out, "piece")),
        (out, Some(next)) => {
            format!("{} went out, the next goes out {}", plural(out, "piece"), ago(next, now()))
        }
    };
    Some(format!("{} approved: {pieces}.", names.join(", ")))
}

fn contact_name(client: &Client, id: ContactId) -> Option<&Name> {
    let contacts = client.device().ok()?.contacts();
    contacts.iter().find(|contact| contact.card.id() == id).map(|contact| &contact.name)
}

pub(super) async fn veto(app: &App, args: &Veto) -> Result<ExitCode, Failure> {
    let mut client = app.open_quietly()?;
    client.veto(args.request).await?;
    let waits = !app.tell(&mut client).is_empty() && client.queued() > 0;
    let text = match waits {
        false => {
            "stopped: relays and contacts are told. Contacts can still help who meets them in person, so call them too"
        }
        true => {
            "stopped here, but not all could be told: call your contacts now, and run 'recovery sync' when the relays can be reached"
        }
    };
    let object = json!({ "request": args.request.to_string(), "state": "vetoed", "queued": waits });
    app.ui.result(&object, text);
    Ok(DONE)
}

pub(super) fn run(app: &App, args: &Requests) -> Result<ExitCode, Failure> {
    let mut client = app.open_quietly()?;
    if let Some(request) = args.mine {
        client.was_me(request)?;
    }
    let device = client.device()?;
    let mut requests = Vec::new();
    let mut rows = Vec::new();
    for opened in device.opened() {
        let claims = client.request(opened.id)?.card.name().clone();
        let release = opened.release_at(now());
        let state = if release.is_some() { "held" } else { opened_word(opened.state) };
        let owner = device.held().iter().find(|held| Some(held.card.id()) == opened.owner);
        let owner = owner.map(|held| held.name.as_str());
        requests.push(json!({
            "request": opened.id.to_string(), "role": "contact", "claims": claims.as_str(),
            "owner": owner, "opened": opened.opened, "state": state,
            "release_at": release, "tries_left": opened.tries_left,
            "alarms": opened.alarms,
        }));
        rows.push(vec![
            clean(claims.as_str()),
            "you were asked".to_owned(),
            opened_text(opened.state, release),
            ago(opened.opened, now()),
        ]);
    }
    let recoveries = client.recoveries()?;
    for recovery in &recoveries {
        requests.push(recovery_json(&client, recovery));
        rows.push(vec![
            clean(recovery.claims.as_str()),
            "for your key".to_owned(),
            recovery_word(recovery).to_owned(),
            ago(recovery.opened, now()),
        ]);
    }
    let mut text = if rows.is_empty() {
        "No requests.".to_owned()
    } else {
        Ui::table(&["claims to be", "role", "state", "opened"], rows)
    };
    for recovery in recoveries.iter().filter(|recovery| recovery.answer.is_none()) {
        text = format!("{text}\n{}", alarm(&client, recovery));
    }
    app.ui.result(&json!({ "requests": requests }), &text);
    Ok(DONE)
}

/// The same for people.
fn opened_text(state: OpenedState, release: Option<u64>) -> String {
    match (state, release) {
        (_, Some(release)) => format!("goes out {}", ago(release, now())),
        (OpenedState::Burnt, None) => "closed after three wrong numbers".to_owned(),
        (OpenedState::Vetoed, None) => "stopped by them".to_owned(),
        (OpenedState::Impostor, None) => "reported".to_owned(),
        (state, None) => opened_word(state).to_owned(),
    }
}

fn opened_word(state: OpenedState) -> &'static str {
    match state {
        OpenedState::Open => "open",
        OpenedState::Approved => "approved",
        OpenedState::Declined => "declined",
        OpenedState::Burnt => "burnt",
        OpenedState::Cancelled => "cancelled",
        OpenedState::Vetoed => "vetoed",
        OpenedState::Impostor => "impostor",
    }
}

/// What the owner said, or the most that any contact did.
fn recovery_word(recovery: &Recovery) -> &'static str {
    match recovery.answer {
        Some(OwnerAnswer::Stopped { .. }) => return "vetoed",
        Some(OwnerAnswer::Mine) => return "mine",
        None => {}
    }
    let any = |kind| recovery.reports.iter().any(|report| report.kind == kind);
    [
        AlertKind::Impostor,
        AlertKind::Overridden,
        AlertKind::Approved,
        AlertKind::WrongNumbers,
        AlertKind::Declined,
    ]
    .into_iter()
    .find(|kind| any(*kind))
    .map_or("opened", alert_word)
}

pub(super) fn recovery_json(client: &Client, recovery: &Recovery) -> Value {
    let name = |id| contact_name(client, id).map(|name| name.as_str());
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
        "opened": recovery.opened, "state": recovery_word(recovery),
        "release_at": recovery.reports.iter().filter_map(|report| report.due).min(),
        "contacts": reports,
    })
}
