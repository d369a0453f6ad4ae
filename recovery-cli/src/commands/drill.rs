//! `drill`: a rehearsal, on both sides. The same steps as in a real recovery, marked as none.

use super::{App, DONE, NOT_YET, event_texts, secrets::now};
use crate::{
    cli::Drill,
    ui::{Ui, ago, clean},
    words::Failure,
};
use recovery_client::Client;
use recovery_core::{
    flows::drill::{DrillError, OwnDrill},
    ids::DrillId,
    name::Name,
    number::Number,
};
use serde_json::{Value, json};
use std::process::ExitCode;

pub(super) async fn run(app: &App, args: Drill) -> Result<ExitCode, Failure> {
    match args.answer {
        Some(id) => answer(app, id, args.number.as_deref()).await,
        None => begin(app, args).await,
    }
}

/// The owner starts a rehearsal, or looks at the last one.
async fn begin(app: &App, args: Drill) -> Result<ExitCode, Failure> {
    let mut client = app.open()?;
    let drill = match args.show {
        true => last(&client)?,
        false => client.drill(&args.contact).await?,
    };
    let number = client.drill_number(&drill)?;
    if !args.show {
        app.ui.say(&format!(
            "This is a rehearsal: nothing is lost, and nobody gives their piece away.\n\
             Call each contact, let them run 'recovery sync' and then the command it shows, and read them this number:\n\n  {number}\n"
        ));
    }
    let waiting = app.ui.waiting("waiting for your contacts");
    let events = client.sync(args.wait).await?;
    event_texts(&events).iter().for_each(|line| waiting.line(&app.ui, line));
    drop(waiting);
    app.tell(&mut client);
    let drill = last(&client)?;
    tell(app, &client, &drill, &number)?;
    let late = args.wait.is_some() && drill.contacts.iter().any(|c| c.reached.is_none());
    Ok(if late { ExitCode::from(NOT_YET) } else { DONE })
}

fn last(client: &Client) -> Result<OwnDrill, Failure> {
    let last = client.device()?.drills().last().cloned();
    last.ok_or_else(|| recovery_client::ClientError::from(DrillError::Unknown).into())
}

fn tell(app: &App, client: &Client, drill: &OwnDrill, number: &Number) -> Result<(), Failure> {
    let device = client.device()?;
    let name = |id| device.contact(id).map_or("somebody", |contact| contact.name.as_str());
    let contacts: Vec<Value> = drill
        .contacts
        .iter()
        .map(|c| {
            json!({
                "name": name(c.contact), "reached": c.reached, "opened": c.opened,
                "number": c.number,
            })
        })
        .collect();
    let rows = drill.contacts.iter().map(|c| {
        let word = |fine, yes: &str, no: &str| match (c.reached, fine) {
            (None, _) => "-".to_owned(),
            (_, true) => yes.to_owned(),
            (_, false) => no.to_owned(),
        };
        vec![
            clean(name(c.contact)),
            c.reached.map_or_else(|| "not yet".to_owned(), |at| ago(at, now())),
            word(c.number, "right", "wrong three times"),
            word(c.opened, "opens", "does not open: 'recovery renew'"),
        ]
    });
    let table = Ui::table(&["contact", "answered", "number", "piece of the key"], rows.collect());
    let text = format!("{table}\n'recovery drill --show' looks again.");
    let object = json!({
        "drill": drill.id.to_string(), "number": number.digits(), "contacts": contacts,
    });
    app.ui.result(&object, &text);
    Ok(())
}

/// The friend answers.
async fn answer(app: &App, id: DrillId, number: Option<&str>) -> Result<ExitCode, Failure> {
    let number = number.map(str::parse::<Number>).transpose()?;
    let mut client = app.open()?;
    if client.device()?.rehearsals().iter().all(|known| known.id != id) {
        let events = client.sync(None).await?;
        event_texts(&events).iter().for_each(|line| app.ui.note(line));
    }
    let owner = asker(&client, id)?;
    let number = match number {
        Some(number) => number,
        None => walk(app, &owner)?,
    };
    client.answer_drill(id, &number).await?;
    let waits = !app.tell(&mut client).is_empty() && client.queued() > 0;
    let text = format!(
        "rehearsed: {} knows now that you can be reached and that your piece opens; it stays here",
        clean(owner.as_str())
    );
    let object = json!({ "drill": id.to_string(), "state": "answered", "queued": waits });
    app.ui.result(&object, &text);
    Ok(DONE)
}

fn asker(client: &Client, id: DrillId) -> Result<Name, Failure> {
    let device = client.device()?;
    let known = device.rehearsals().iter().find(|known| known.id == id);
    let held = known.and_then(|known| device.held_of(known.owner));
    let unknown = || recovery_client::ClientError::from(DrillError::Unknown).into();
    held.map(|held| held.name.clone()).ok_or_else(unknown)
}

/// The steps of a real recovery, marked as a rehearsal.
fn walk(app: &App, owner: &Name) -> Result<Number, Failure> {
    let name = clean(owner.as_str());
    app.ui.say(&format!(
        "{} Nothing is lost, and your piece stays on this device whatever you type.\n\n\
         {name} wants to know that you can be reached if it ever matters. As in a real recovery, reach {name} by \
         a way you already have: not by a number from a message.\n",
        app.ui.loud("This is a rehearsal.")
    ));
    let question = format!("REHEARSAL: ask {name} to read the 15 digits, and type them");
    loop {
        match app.ui.ask(&question, "--number N")?.parse::<Number>() {
            Ok(number) => return Ok(number),
            Err(error) => {
                let failure = Failure::from(error);
                app.ui.warn(&format!("{} {}", failure.message, failure.hint));
            }
        }
    }
}
