//! `protect`, `renew`: the key is divided among contacts.

use super::{
    App, DONE, event_json, event_texts, given_passphrase, policy::Words, status::state_word,
};
use crate::{
    cli::{self, Protect, Renew},
    ui::{clean, plural, span},
    words::Failure,
};
use recovery_client::Client;
use recovery_core::{
    circle::Contact,
    flows::protect::Plan,
    ids::ContactId,
    name::Name,
    policy::{Group, Policy, PolicyError},
    wire::messages::HoldBy,
};
use serde_json::{Value, json};
use std::{path::Path, process::ExitCode, time::Duration};
use zeroize::Zeroizing;

pub(super) async fn run(app: &App, args: Protect) -> Result<ExitCode, Failure> {
    let mut client = app.open()?;
    let waiting = app.ui.waiting("looking for answers to invitations");
    let events = client.sync(None).await?;
    event_texts(&events).iter().for_each(|line| waiting.line(&app.ui, line));
    drop(waiting);
    app.tell(&mut client);
    let policy = policy(app, &client, &args)?;
    let delay = args.delay.map_or(0, |delay| delay.as_secs());
    for line in sentences(&client, &policy, delay)? {
        app.ui.note(&line);
    }
    let passphrase = passphrase(app, &args)?;
    if app.ui.asks() && !app.ui.confirm("Divide the key like this?")? {
        return Err(Failure::stopped("Nothing was sent."));
    }
    let waiting = app.ui.waiting("sending each contact their piece");
    let hold_by = match args.hold_by {
        cli::HoldBy::Relay => HoldBy::Relay,
        cli::HoldBy::Contacts => HoldBy::Contacts,
    };
    let passphrase = passphrase.as_ref().map(|text| text.as_str());
    let made = client.protect(Plan { policy, passphrase, delay, hold_by }, args.wait).await?;
    drop(waiting);
    finish(app, client, &made, args.wait)
}

pub(super) async fn renew(app: &App, args: Renew) -> Result<ExitCode, Failure> {
    let mut client = app.open()?;
    let waiting = app.ui.waiting("looking for messages");
    let events = client.sync(None).await?;
    event_texts(&events).iter().for_each(|line| waiting.line(&app.ui, line));
    drop(waiting);
    app.tell(&mut client);
    if args.finish {
        let events = client.finish_renewal().await?;
        let newest = client.status()?.circle.map(|circle| circle.id.to_string());
        tell_result(app, &client, &newest.unwrap_or_default(), &events)?;
        return Ok(DONE);
    }
    let before = client.status()?.circle;
    let guarded = before.as_ref().is_some_and(|circle| circle.passphrase.is_some());
    let passphrase = match guarded {
        true => Some(circle_passphrase(app, args.circle_passphrase_file.as_deref())?),
        false => None,
    };
    let waiting = app.ui.waiting("sending each contact their new piece");
    let passphrase = passphrase.as_ref().map(|text| text.as_str());
    let made = client.renew(passphrase, args.wait).await?;
    drop(waiting);
    // Who left or was removed is not in it any more: that may need fewer people to open it, or to lose it.
    let policies = (before.map(|circle| circle.policy), client.status()?.circle);
    if let (Some(before), Some(circle)) = policies
        && circle.policy != before
    {
        let words = Words::of(&circle.policy, client.device()?.contacts());
        words.sentences().iter().for_each(|line| app.ui.note(line));
    }
    finish(app, client, &made, args.wait)
}

fn finish(
    app: &App,
    mut client: Client,
    made: &recovery_client::Protected,
    wait: Option<Duration>,
) -> Result<ExitCode, Failure> {
    event_texts(&made.events).iter().for_each(|line| app.ui.note(line));
    app.tell(&mut client);
    tell_result(app, &client, &made.circle, &made.events)?;
    let all = client.status()?.circle.is_none_or(|circle| circle.held_by_all());
    // A wait that ended first is "not yet"; without one, what was to be sent is sent.
    Ok(if wait.is_some() && !all { ExitCode::from(super::NOT_YET) } else { DONE })
}

fn tell_result(
    app: &App,
    client: &Client,
    id: &str,
    events: &[recovery_core::flows::Event],
) -> Result<(), Failure> {
    let status = client.status()?;
    let Some(circle) = &status.circle else {
        return Ok(());
    };
    let members = status.contacts.iter().filter(|contact| contact.in_circle);
    let contacts: Vec<Value> =
        members.map(|c| json!({ "name": c.name.as_str(), "state": state_word(c.state) })).collect();
    let active = circle.active();
    let object = json!({
        "circle": id, "generation": circle.generation, "threshold": circle.policy.fewest(),
        "contacts": contacts, "active": active, "queued": status.queued,
        "events": events.iter().map(event_json).collect::<Vec<_>>(),
    });
    let pieces: usize = circle.policy.groups().iter().map(|group| group.members.len()).sum();
    let sent = format!("sent {} of the key", plural(pieces as u64, "piece"));
    let text = match (active, status.queued) {
        (true, _) => format!("{sent}; your key is protected"),
        (false, 0) => format!(
            "{sent}; your key is protected once enough contacts confirmed: they and you run 'recovery sync'"
        ),
        (false, _) => "the pieces of the key could not all be sent; run 'recovery sync' when the \
                       relays can be reached"
            .to_owned(),
    };
    app.ui.result(&object, &text);
    Ok(())
}

fn policy(app: &App, client: &Client, args: &Protect) -> Result<Policy, Failure> {
    let all = client.device()?.contacts();
    if !args.group.is_empty() {
        if args.threshold.is_some() || !args.contact.is_empty() {
            return Err(Failure::usage(
                "--group can't be used with --threshold or --contact".to_owned(),
                "Each group names its own threshold and people: 'family:2=Mum,Dad,Sis'.",
            ));
        }
        let groups: Vec<Group> =
            args.group.iter().map(|text| group(all, text)).collect::<Result<_, _>>()?;
        let needed = args.groups_needed.unwrap_or(u8::try_from(groups.len()).unwrap_or(u8::MAX));
        return Ok(Policy::groups_of(needed, groups)?);
    }
    let members = if args.contact.is_empty() {
        usable(app, all)
    } else {
        args.contact.iter().map(|text| pieces(all, text)).collect::<Result<Vec<_>, _>>()?.concat()
    };
    if members.is_empty() {
        return Err(PolicyError::Nobody.into());
    }
    let threshold = match args.threshold {
        Some(threshold) => threshold,
        None => ask_threshold(app, members.len())?,
    };
    Ok(Policy::any(threshold, members)?)
}

fn ask_threshold(app: &App, members: usize) -> Result<u8, Failure> {
    let question =
        format!("How many of your {members} contacts must agree? (more than half is a good start)");
    let answer = app.ui.ask(&question, "--threshold K")?;
    answer.trim().parse().map_err(|_| {
        Failure::usage(format!("{:?} is no number", answer.trim()), "Type a small number, like 3.")
    })
}

/// Everybody who was not removed and is not contested.
fn usable(app: &App, all: &[Contact]) -> Vec<ContactId> {
    for contact in all.iter().filter(|contact| contact.contested()) {
        let name = clean(contact.name.as_str());
        app.ui.warn(&format!(
            "{name} is left out: two people answered their invitation; compare the number first"
        ));
    }
    let fine = all.iter().filter(|c| !c.removed && !c.left && !c.contested());
    fine.map(|contact| contact.card.id()).collect()
}

/// `NAME`, or `NAME*2` for somebody who holds two pieces.
fn pieces(all: &[Contact], text: &str) -> Result<Vec<ContactId>, Failure> {
    let find = |name: &str| {
        let name = name.trim();
        all.iter().find(|contact| contact.name.as_str() == name).map(|contact| contact.card.id())
    };
    if let Some(id) = find(text) {
        return Ok(vec![id]);
    }
    let counted = text.rsplit_once('*').and_then(|(name, count)| {
        let count: usize = count.trim().parse().ok().filter(|count| (1..=16).contains(count))?;
        Some(vec![find(name)?; count])
    });
    counted.ok_or_else(|| {
        let message = format!("There is no contact called {}.", clean(text));
        Failure::new("no-such-contact", message, "'recovery contacts' shows everybody.".to_owned())
    })
}

/// `NAME:K=A,B,C`.
fn group(all: &[Contact], text: &str) -> Result<Group, Failure> {
    let wrong = || {
        let message = format!("{} is no group", clean(text));
        Failure::usage(message, "Write it like 'family:2=Mum,Dad,Sis'.")
    };
    let (head, people) = text.split_once('=').ok_or_else(wrong)?;
    let (name, threshold) = head.rsplit_once(':').ok_or_else(wrong)?;
    let name: Name = name.parse().map_err(|_| wrong())?;
    let threshold = threshold.trim().parse().map_err(|_| wrong())?;
    let members =
        people.split(',').map(|person| pieces(all, person)).collect::<Result<Vec<_>, _>>()?;
    Ok(Group { name: Some(name), threshold, members: members.concat() })
}

/// The policy in plain words, and what is unwise about it.
fn sentences(client: &Client, policy: &Policy, delay: u64) -> Result<Vec<String>, Failure> {
    let members = policy.members();
    let mut lines = Words::of(policy, client.device()?.contacts()).sentences();
    lines.push(match delay {
        0 => "There is no delay: approvals count at once, so that you could not stop false ones; --delay 24h would give you a day.".to_owned(),
        seconds => format!("Every approval is held back for {}; you can stop it until then.", span(seconds)),
    });
    if client.status()?.circle.is_some_and(|circle| circle.active()) {
        lines.push(
            "The pieces from before stay good until enough contacts confirmed the new ones."
                .to_owned(),
        );
    }
    match client.device()?.relays() {
        [files] if files.is_files() => lines.push(
            "Everything travels as files: you hand each other what 'recovery sync --output FILE' writes.".to_owned(),
        ),
        [_] => lines.push("Everything goes over one relay: if it is gone for good, only files help. A second one makes that better.".to_owned()),
        _ => {}
    }
    let verified = |id: &ContactId| {
        client.device().is_ok_and(|device| {
            device.contacts().iter().any(|contact| contact.card.id() == *id && contact.verified)
        })
    };
    let unverified = members.iter().filter(|id| !verified(id)).count();
    if unverified > 0 {
        lines.push(format!(
            "{} of {} contacts are not verified yet: compare numbers with 'recovery contacts verify'.",
            unverified,
            members.len()
        ));
    }
    Ok(lines)
}

fn passphrase(app: &App, args: &Protect) -> Result<Option<Zeroizing<String>>, Failure> {
    let file = args.circle_passphrase_file.as_deref();
    match args.circle_passphrase || file.is_some() {
        true => circle_passphrase(app, file).map(Some),
        false => Ok(None),
    }
}

/// The passphrase that is needed besides the pieces: given, or asked for twice.
fn circle_passphrase(app: &App, file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    if let Some(given) =
        given_passphrase(file, "RECOVERY_CIRCLE_PASSPHRASE")?.filter(|given| !given.is_empty())
    {
        return Ok(given);
    }
    app.ui.note("Without this passphrase not even all contacts together can open your key. If you forget it, the key is lost.");
    let option = "--circle-passphrase-file FILE or RECOVERY_CIRCLE_PASSPHRASE";
    let first = app.ui.ask_secret("The passphrase of the divided key", option)?;
    let again = app.ui.ask_secret("The same once more", option)?;
    if first != again || first.is_empty() {
        let message = "The two passphrases differ, or are empty.".to_owned();
        return Err(Failure::new("passphrases-differ", message, "Run this again.".to_owned()));
    }
    Ok(first)
}
