//! `contacts`: people in both roles, and comparing numbers with them.

use super::{
    App, DONE,
    events::event_texts,
    secrets::now,
    status::{state_text, state_word},
};
use crate::{
    cli::{Contacts, ContactsAction},
    ui::{Ui, ago, clean, plural},
    words::Failure,
};
use recovery_client::Client;
use recovery_core::{
    circle::{Held, Standing},
    name::Name,
    number::Number,
};
use serde_json::{Value, json};
use std::process::ExitCode;

pub(super) async fn run(app: &App, args: Contacts) -> Result<ExitCode, Failure> {
    match args.action {
        None => show(app),
        Some(ContactsAction::Verify { name, show: true, .. }) => number(app, &name),
        Some(ContactsAction::Verify { name, number, .. }) => verify(app, &name, number).await,
        Some(ContactsAction::Remove { name }) => remove(app, &name).await,
    }
}

fn show(app: &App) -> Result<ExitCode, Failure> {
    let client = app.open()?;
    let mut contacts = Vec::new();
    let mut rows = Vec::new();
    for person in people(&client)? {
        let verified = if person.verified { "yes" } else { "no" };
        let role = if person.role == "owner" { "you help them" } else { "helps you" };
        rows.push(vec![
            clean(person.name.as_str()),
            role.to_owned(),
            person.text.to_owned(),
            verified.to_owned(),
            ago(person.seen, now()),
        ]);
        contacts.push(person.json());
    }
    let device = client.device()?;
    let open = device.invites().iter().filter(|invite| invite.answered.is_none());
    let invites: Vec<Value> = open
        .map(|invite| json!({ "name": invite.name.as_str(), "expires": invite.expires }))
        .collect();
    let mut text = if rows.is_empty() {
        "Nobody yet. Invite people with 'recovery invite NAME'.".to_owned()
    } else {
        Ui::table(&["name", "role", "piece of the key", "verified", "last seen"], rows)
    };
    for invite in device.invites().iter().filter(|invite| invite.answered.is_none()) {
        let (name, ends) = (clean(invite.name.as_str()), ago(invite.expires, now()));
        text.push_str(&format!("\n{name} has not answered the invitation yet; it ends {ends}"));
    }
    app.ui.result(&json!({ "contacts": contacts, "invites": invites }), &text);
    Ok(DONE)
}

struct Person {
    name: Name,
    id: String,
    role: &'static str,
    verified: bool,
    state: &'static str,
    text: &'static str,
    seen: u64,
}

impl Person {
    fn json(&self) -> Value {
        json!({
            "name": self.name.as_str(), "contact_id": self.id, "role": self.role,
            "verified": self.verified, "state": self.state, "last_seen": self.seen,
        })
    }
}

fn people(client: &Client) -> Result<Vec<Person>, Failure> {
    let device = client.device()?;
    let states = client.status()?.contacts;
    let contacts = device.contacts().iter().zip(states).map(|(contact, status)| Person {
        name: contact.name.clone(),
        id: contact.card.id().to_string(),
        role: "contact",
        verified: contact.verified,
        state: state_word(status.state),
        text: state_text(status.state),
        seen: contact.seen,
    });
    let owners = device.held().iter().map(|held| Person {
        name: held.name.clone(),
        id: held.card.id().to_string(),
        role: "owner",
        verified: held.verified,
        state: owner_state(held).0,
        text: owner_state(held).1,
        seen: held.seen,
    });
    Ok(contacts.chain(owners).collect())
}

/// Where an owner stands, for scripts and for people.
fn owner_state(held: &Held) -> (&'static str, &'static str) {
    match held.standing() {
        Standing::Claimed => ("claimed", "new device: compare the number"),
        Standing::Contested => ("contested", "several new devices: compare the number"),
        Standing::Current if held.bundles.is_empty() => ("paired", "you hold nothing yet"),
        Standing::Current => ("held", "you hold it"),
    }
}

/// The number to read to somebody; two, if each helps the other.
fn number(app: &App, name: &Name) -> Result<ExitCode, Failure> {
    let client = app.open()?;
    let numbers = client.pairing_numbers(name)?;
    let who = clean(name.as_str());
    let mut all = vec![
        ("contact", format!("{who} helps you"), numbers.as_contact),
        ("owner", format!("you help {who}"), numbers.as_owner),
    ];
    let claimed = numbers.claimed.into_iter();
    all.extend(claimed.map(|number| ("claimed", format!("{who}'s new device"), Some(number))));
    let known = || all.iter().filter_map(|(role, text, number)| Some((role, text, (*number)?)));
    let digits: Vec<Value> = known()
        .map(|(role, _, number)| json!({ "role": role, "number": number.digits() }))
        .collect();
    let first = known().next().map(|(_, _, number)| number.digits());
    let mut text = format!("Read this to {who}, on the phone or face to face:");
    for (_, role, number) in known() {
        text.push_str(&format!("\n\n  {number}   ({role})"));
    }
    app.ui.result(&json!({ "name": name.as_str(), "number": first, "numbers": digits }), &text);
    Ok(DONE)
}

async fn verify(app: &App, name: &Name, number: Option<String>) -> Result<ExitCode, Failure> {
    let mut client = app.open()?;
    let number = match number {
        Some(number) => number,
        None => app.ui.ask("The 15 digits they read to you", "--number N")?,
    };
    let number: Number = number.parse()?;
    client.verify(name, &number).await?;
    app.tell(&mut client);
    event_texts(&client.take_events()).iter().for_each(|line| app.ui.say(line));
    let text = format!("verified: {} is who you think", clean(name.as_str()));
    app.ui.result(&json!({ "name": name.as_str(), "verified": true }), &text);
    Ok(DONE)
}

async fn remove(app: &App, name: &Name) -> Result<ExitCode, Failure> {
    let mut client = app.open()?;
    let who = clean(name.as_str());
    if client.device()?.contact_named(name).is_none() {
        client.remove_contact(name).await?;
        app.tell(&mut client);
        let text = format!("the invitation of {who} is taken back: its link leads nowhere now");
        app.ui.result(&json!({ "name": name.as_str(), "removed": true }), &text);
        return Ok(DONE);
    }
    let question = format!("Leave {} out when the key is next divided?", who);
    if app.ui.asks() && !app.ui.confirm(&question)? {
        return Err(Failure::stopped("Nothing was changed."));
    }
    client.remove_contact(name).await?;
    app.tell(&mut client);
    let left = client.device()?.contacts().iter();
    let left = left.filter(|contact| !contact.removed && !contact.left).count();
    let text = format!(
        "{who} will be left out by the next 'recovery renew' or 'recovery protect'; {} left. Until then they still hold their piece.",
        plural(left as u64, "contact")
    );
    app.ui.result(&json!({ "name": name.as_str(), "removed": true, "left": left }), &text);
    Ok(DONE)
}
