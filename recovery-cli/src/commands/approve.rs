//! `approve`, `decline`, `leave`: a friend helps, after reaching the person by a way they already had.

mod steps;

use super::{App, DONE, file_needed, only_files, parcels, secrets::now, sync::refuse_to_replace};
use crate::{
    cli::{Approve, Decline, Leave},
    ui::{ago, clean},
    words::Failure,
};
use recovery_client::{Client, ClientError, NumberProof, Way, home::write_private};
use recovery_core::{
    ids::RequestId,
    name::Name,
    number::Number,
    wire::{link::Link, parcel::Parcel},
};
use serde_json::json;
use std::process::ExitCode;

pub(super) async fn approve(app: &App, args: Approve) -> Result<ExitCode, Failure> {
    let link = app.link(args.link)?;
    refuse_to_replace(args.output.as_deref(), args.force)?;
    let parcels = parcels(&args.import)?;
    // A slip of the finger is told before anything else happens.
    let number = args.number.as_deref().map(str::parse::<Number>).transpose()?;
    let (mut client, owner, id) = open_request(app, &link, parcels, args.owner).await?;
    warn_of_alarms(app, &client, id)?;
    let proof = match (number, args.scanned) {
        (Some(number), _) => NumberProof::Number(number),
        (None, true) => NumberProof::Scanned,
        (None, false) => {
            require_terminal(app)?;
            steps::walk(app, &mut client, id, &owner).await?
        }
    };
    let way = Way { by_file: args.output.is_some(), overrides: args.overrides };
    let approved = client.approve(&link, id, proof, way).await?;
    let waits = !app.tell(&mut client).is_empty() && client.queued() > 0;
    let sent = Sent { waits, as_file: only_files(&link) };
    tell(app, (&approved, sent), &owner, args.output.as_deref(), args.force)
}

/// Opens the home and in it a request, as one of the owner that is named or chosen; tells what came in meanwhile.
async fn open_request(
    app: &App,
    link: &Link,
    parcels: Vec<Parcel>,
    owner: Option<Name>,
) -> Result<(Client, Name, RequestId), Failure> {
    let mut client = app.open()?;
    let alone = parcels.is_empty() && only_files(link);
    client.take_parcels(parcels)?;
    let owner = choose_owner(app, &client, owner)?;
    let id = match client.open_request(link, &owner).await {
        Err(ClientError::RequestGone) if alone => return Err(file_needed()),
        other => other?,
    };
    super::event_texts(&client.take_events()).iter().for_each(|line| app.ui.note(line));
    Ok((client, owner, id))
}

/// What the owner's other contacts warn of. One warning stops nothing: the friend decides.
fn warn_of_alarms(app: &App, client: &Client, id: RequestId) -> Result<(), Failure> {
    let alarms = &client.opened(id)?.alarms;
    if let Some(newest) = alarms.last() {
        app.ui.warn(&format!(
            "another contact says that this request is not from who it claims to be ({}). Be sure before you go on.",
            ago(*newest, now())
        ));
    }
    Ok(())
}

/// What became of an approval.
struct Sent {
    /// No relay has it yet.
    waits: bool,
    /// There is no relay: it travels as a file.
    as_file: bool,
}

fn tell(
    app: &App,
    (approved, sent): (&recovery_client::Approved, Sent),
    owner: &Name,
    output: Option<&std::path::Path>,
    force: bool,
) -> Result<ExitCode, Failure> {
    let state = if approved.release_at.is_some() { "held" } else { "sent" };
    let mut object = json!({
        "request": approved.request.to_string(), "state": state, "release_at": approved.release_at,
        "queued": sent.waits,
    });
    let owner = clean(owner.as_str());
    if let Some(at) = approved.release_at {
        app.ui.result(&object, &held_text(at, &owner, output.is_some()));
        return Ok(DONE);
    }
    let mut text = match sent {
        Sent { waits: false, as_file: true } => format!(
            "approved: write your piece of {owner}'s key into a file with 'recovery sync --output FILE', and send it to them; only their new device can open it"
        ),
        Sent { waits: false, .. } => {
            format!("approved: your piece of {owner}'s key is on its way")
        }
        Sent { waits: true, .. } => {
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

fn held_text(at: u64, owner: &str, by_file: bool) -> String {
    let next = match by_file {
        true => "Run the same command again then, to write the file.",
        false => {
            "Keep this device on, or run 'recovery sync' then, in case it is this device that holds it."
        }
    };
    format!(
        "approved: your piece of {owner}'s key goes out {} unless you or {owner} stop it. {next}\n\
         To take it back before: 'recovery decline' with the same link.",
        ago(at, now())
    )
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
    let parcels = parcels(&args.import)?;
    let (mut client, owner, id) = open_request(app, &link, parcels, args.owner).await?;
    if args.impostor {
        return report(app, client, id, (&owner, args.reason)).await;
    }
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

/// "This is not Anna".
async fn report(
    app: &App,
    mut client: Client,
    id: RequestId,
    (owner, reason): (&Name, Option<Name>),
) -> Result<ExitCode, Failure> {
    client.report_impostor(id, reason).await?;
    app.tell(&mut client);
    let owner = clean(owner.as_str());
    let text = format!(
        "reported: {owner}'s own devices and other contacts are warned; nothing of the key left this device. \
         Tell {owner} yourself too, by a way you already had."
    );
    app.ui.result(&json!({ "request": id.to_string(), "state": "impostor" }), &text);
    Ok(DONE)
}

pub(super) async fn leave(app: &App, args: &Leave) -> Result<ExitCode, Failure> {
    let mut client = app.open()?;
    let owner = clean(args.owner.as_str());
    let question = format!("Delete your piece of {owner}'s key, and tell them?");
    if app.ui.asks() && !app.ui.confirm(&question)? {
        return Err(Failure::stopped("Nothing was changed."));
    }
    client.leave(&args.owner).await?;
    app.tell(&mut client);
    let text = format!("left: you hold nothing of {owner}'s key any more, and they are told");
    app.ui.result(&json!({ "owner": args.owner.as_str(), "state": "left" }), &text);
    Ok(DONE)
}
