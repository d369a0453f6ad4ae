//! `approve`, `decline`: a friend helps, after reaching the person by a way they already had.

mod steps;

use super::{App, DONE};
use crate::{
    cli::{Approve, Decline},
    ui::clean,
    words::Failure,
};
use recovery_client::{Client, NumberProof, home::write_private};
use recovery_core::{ids::RequestId, name::Name, number::Number, wire::link::Link};
use serde_json::json;
use std::process::ExitCode;

pub(super) async fn approve(app: &App, args: Approve) -> Result<ExitCode, Failure> {
    let link = app.link(args.link)?;
    if let Some(path) = args.output.as_deref().filter(|path| !args.force && path.exists()) {
        let message = format!("{} is there already.", path.display());
        let hint = "Choose another name, or replace it with --force.";
        return Err(Failure::new("file-exists", message, hint.to_owned()));
    }
    // A slip of the finger is told before anything else happens.
    let number = args.number.as_deref().map(str::parse::<Number>).transpose()?;
    let mut client = app.open()?;
    let owner = choose_owner(app, &client, args.owner)?;
    fetch_piece(app, &mut client, &owner).await?;
    let id = client.open_request(&link, &owner).await?;
    let proof = match (number, args.scanned) {
        (Some(number), _) => NumberProof::Number(number),
        (None, true) => NumberProof::Scanned,
        (None, false) => {
            require_terminal(app)?;
            steps::walk(app, &mut client, id, &owner).await?
        }
    };
    let approved = client.approve(&link, id, proof, args.output.is_some()).await?;
    let waits = !app.tell(&mut client).is_empty() && client.queued() > 0;
    tell(app, (&approved, waits), &owner, args.output.as_deref(), args.force)
}

/// A piece that was sent but not fetched yet is fetched first.
async fn fetch_piece(app: &App, client: &mut Client, owner: &Name) -> Result<(), Failure> {
    let held = client.device()?.held_named(owner);
    if held.is_some_and(|held| held.bundles.is_empty()) {
        for event in client.sync(None).await? {
            app.ui.note(&super::event_text(&event));
        }
    }
    Ok(())
}

fn tell(
    app: &App,
    (approved, waits): (&recovery_client::Approved, bool),
    owner: &Name,
    output: Option<&std::path::Path>,
    force: bool,
) -> Result<ExitCode, Failure> {
    let mut object = json!({
        "request": approved.request.to_string(), "state": "sent", "release_at": null, "queued": waits,
    });
    let owner = clean(owner.as_str());
    let mut text = match waits {
        false => format!("approved: your piece of {owner}'s key is on its way"),
        true => {
            "approved: it is sent as soon as the relay can be reached; run 'recovery sync' then"
                .to_owned()
        }
    };
    if let (Some(path), Some(armored)) = (output, &approved.armored) {
        write_private(path, armored.as_bytes(), force)?;
        text = format!(
            "approved: send {} to {owner}; only their new device can open it",
            path.display()
        );
        if let Some(object) = object.as_object_mut() {
            object.insert("path".to_owned(), json!(path));
        }
    }
    app.ui.result(&object, &text);
    Ok(DONE)
}

fn require_terminal(app: &App) -> Result<(), Failure> {
    if app.ui.asks() {
        return Ok(());
    }
    let message = "The number is missing: --number N".to_owned();
    let hint = "Call your friend by a way you already had, and give --number with the 15 digits they read to you.";
    Err(Failure::new("input-needed", message, hint.to_owned()))
}

/// Whose request the friend believes it is: the option, the only one, or a question.
fn choose_owner(app: &App, client: &Client, given: Option<Name>) -> Result<Name, Failure> {
    if let Some(name) = given {
        return Ok(name);
    }
    let held = client.device()?.held();
    let choices: Vec<String> = held.iter().map(|held| clean(held.name.as_str())).collect();
    if !app.ui.asks() || choices.is_empty() {
        let message = "It is not said whose request it is: --owner NAME".to_owned();
        let hint = "'recovery contacts' shows whose pieces you hold.".to_owned();
        return Err(Failure::new("input-needed", message, hint));
    }
    let at = app.ui.choose("Whose request do you believe it is?", &choices)?;
    held.get(at).map(|held| held.name.clone()).ok_or_else(|| {
        Failure::new("failed", "Nobody was chosen.".to_owned(), crate::words::AGAIN.to_owned())
    })
}

pub(super) async fn decline(app: &App, args: Decline) -> Result<ExitCode, Failure> {
    let link: Link = app.link(args.link)?;
    let number = args.number.as_deref().map(str::parse::<Number>).transpose()?;
    let mut client = app.open()?;
    let owner = choose_owner(app, &client, args.owner)?;
    fetch_piece(app, &mut client, &owner).await?;
    let id: RequestId = client.open_request(&link, &owner).await?;
    if let Some(number) = number {
        client.try_number(id, &number).await?;
    }
    client.decline(id, args.reason).await?;
    app.tell(&mut client);
    let text = format!(
        "declined: nothing of {0}'s key left this device, and {0}'s own devices are told",
        clean(owner.as_str())
    );
    app.ui.result(&json!({ "request": id.to_string(), "state": "declined" }), &text);
    Ok(DONE)
}
