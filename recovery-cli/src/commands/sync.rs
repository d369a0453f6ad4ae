//! `sync`, `check`, `watch`: what waits is fetched and acted on.

use super::{
    App, DONE, NOT_YET, event_json, event_text, event_texts, parcels,
    secrets::now,
    status::{state_text, state_word},
};
use crate::{
    cli::{Check, Sync},
    ui::{Ui, ago, clean, plural},
    words::Failure,
};
use recovery_client::{Client, ContactState, StatusContact, home::write_private};
use recovery_core::flows::Event;
use serde_json::json;
use std::{path::Path, process::ExitCode, time::Duration};

/// How long one round of `watch` listens before the home is free for other commands again.
const ROUND: Duration = Duration::from_secs(5);
/// How long it is free.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn sync(app: &App, args: &Sync) -> Result<ExitCode, Failure> {
    refuse_to_replace(args.output.as_deref(), args.force)?;
    let parcels = parcels(&args.import)?;
    let mut client = app.open()?;
    // Once everybody knows this device, that is over; asked after, it would be.
    let took_over = client.status().is_ok_and(|status| status.taking_over);
    let waiting = app.ui.waiting("looking for messages");
    client.take_parcels(parcels)?;
    let events = client.sync(args.wait).await?;
    drop(waiting);
    app.tell(&mut client);
    let unread = |event: &Event| matches!(event, Event::Ignored { .. });
    if took_over && events.iter().any(unread) {
        app.ui.note(
            "What your friends sent to your lost device can't be read on this one: that is as it should be.",
        );
    }
    if let Some(path) = args.output.as_deref() {
        return export(app, &mut client, (path, args.force), &events).await;
    }
    let text = match events.is_empty() {
        true => "nothing new".to_owned(),
        false => event_texts(&events).join("\n"),
    };
    app.ui.result(&json!({ "events": events.iter().map(event_json).collect::<Vec<_>>() }), &text);
    Ok(DONE)
}

/// A file that is there already is told before anything else happens.
pub(super) fn refuse_to_replace(path: Option<&Path>, force: bool) -> Result<(), Failure> {
    match path.filter(|path| !force && path.exists()) {
        None => Ok(()),
        Some(path) => {
            let message = format!("{} is there already.", path.display());
            let hint = "Choose another name, or replace it with --force.";
            Err(Failure::new("file-exists", message, hint.to_owned()))
        }
    }
}

/// Writes everything that is for other people into one file.
async fn export(
    app: &App,
    client: &mut Client,
    (path, force): (&Path, bool),
    events: &[Event],
) -> Result<ExitCode, Failure> {
    event_texts(events).iter().for_each(|line| app.ui.note(line));
    let (count, text) = client.export().await?;
    write_private(path, text.as_bytes(), force)?;
    let object = json!({
        "events": events.iter().map(event_json).collect::<Vec<_>>(), "path": path, "messages": count,
    });
    let text = match count {
        0 => "nothing is for other people; only with 'files' among your relays messages go into files".to_owned(),
        _ => format!(
            "{} written to {}: give it to each of them; everybody takes only what is theirs, with 'recovery sync --import'",
            plural(count as u64, "message"),
            path.display()
        ),
    };
    app.ui.result(&object, &text);
    Ok(DONE)
}

pub(super) async fn check(app: &App, args: &Check) -> Result<ExitCode, Failure> {
    let mut client = app.open()?;
    let waiting = app.ui.waiting("asking every contact for a proof");
    let events = client.check(args.wait).await?;
    drop(waiting);
    app.tell(&mut client);
    event_texts(&events).iter().for_each(|line| app.ui.note(line));
    let status = client.status()?;
    let members: Vec<&StatusContact> = status.contacts.iter().filter(|c| c.in_circle).collect();
    let contacts = members.iter().map(|contact| {
        json!({
            "name": contact.name.as_str(), "state": state_word(contact.state),
            "proved_at": contact.proved, "asked_at": contact.asked,
        })
    });
    let object = json!({ "contacts": contacts.collect::<Vec<_>>() });
    app.ui.result(&object, &proofs(&members));
    let waits =
        |contact: &&StatusContact| contact.asked.is_some() && contact.state != ContactState::Left;
    let late = args.wait.is_some() && members.iter().any(waits);
    Ok(if late { ExitCode::from(NOT_YET) } else { DONE })
}

fn proofs(members: &[&StatusContact]) -> String {
    if members.is_empty() {
        return "Nobody holds a piece of your key yet.".to_owned();
    }
    let rows = members.iter().map(|contact| {
        let proved = contact.proved.map_or_else(|| "never".to_owned(), |at| ago(at, now()));
        let asked = if contact.asked.is_some() { "asked, no answer yet" } else { "answered" };
        vec![
            clean(contact.name.as_str()),
            state_text(contact.state).to_owned(),
            proved,
            asked.to_owned(),
        ]
    });
    Ui::table(&["contact", "piece of the key", "last proof", "this time"], rows.collect())
}

/// Listens until it is stopped; one line for each thing that happens.
pub(super) async fn watch(app: &App) -> Result<ExitCode, Failure> {
    let mut stop = std::pin::pin!(stopped());
    loop {
        // The home is opened anew each time, so that other commands can use it between.
        let events = {
            let mut client = match app.open_quietly() {
                Ok(client) => client,
                // Another command works for long; it will end.
                Err(failure) if failure.code == "busy" => continue,
                Err(failure) => return Err(failure),
            };
            let events = tokio::select! {
                events = client.sync(Some(ROUND)) => events?,
                () = &mut stop => return Ok(DONE),
            };
            app.tell(&mut client);
            events
        };
        for event in events {
            app.ui.result(&event_json(&event), &event_text(&event));
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = &mut stop => return Ok(DONE),
        }
    }
}

/// Ctrl-C, or SIGTERM from a service manager.
async fn stopped() {
    let ctrl_c = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut term) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = ctrl_c => {}
                _ = term.recv() => {}
            }
            return;
        }
    }
    let _ = ctrl_c.await;
}
