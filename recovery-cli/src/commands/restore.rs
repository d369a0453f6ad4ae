//! `restore`: a new device asks friends, waits for them, and is the owner's again.

use super::{App, DONE, NOT_YET, given_passphrase, secrets::now, sync::refuse_to_replace};
use crate::{
    cli::Restore,
    ui::{Waiting, ago, clean, plural},
    words::Failure,
};
use recovery_client::{
    Candidate, Chosen, Client, ClientError, Done, Notice, Progress,
    home::{Home, read_limited, write_private},
};
use recovery_core::{
    flows::restore::{Assessed, RestoreError, Verdict},
    wire::{
        armor::{self, Title},
        parcel::Parcel,
    },
};
use serde_json::{Value, json};
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// Without `--wait` or `--no-wait`: until done, or a request's time is over.
const UNTIL_DONE: Duration = Duration::from_secs(14 * 86_400);
/// What gives the passphrase of the divided key where nobody can be asked.
const CIRCLE_PASSPHRASE: &str = "--circle-passphrase-file FILE or RECOVERY_CIRCLE_PASSPHRASE";

pub(super) async fn run(app: &App, args: Restore) -> Result<ExitCode, Failure> {
    if args.cancel {
        return cancel(app).await;
    }
    // Files are read before anything is made: one that can't be read changes nothing.
    let came = read_files(&args)?;
    refuse_to_replace(args.output.as_deref(), false)?;
    let mut client = open_or_start(app, &args).await?;
    client.import(&came.approvals)?;
    client.take_parcels(came.parcels)?;
    if let Some(path) = args.output.as_deref() {
        let (_, text) = client.export().await?;
        write_private(path, text.as_bytes(), false)?;
        app.ui.say(&format!("Send {} with the link to each friend.", path.display()));
    }
    announce(app, &args, &client)?;
    app.tell(&mut client);
    let wait = if args.no_wait { Duration::ZERO } else { args.wait.unwrap_or(UNTIL_DONE) };
    let quorum = tokio::select! {
        quorum = wait_for_quorum(app, &args, &mut client, wait) => quorum?,
        _ = tokio::signal::ctrl_c() => return Err(left_waiting()),
    };
    match quorum {
        Some(candidate) => finish(app, &args, client, candidate).await,
        None => not_yet(app, &args, &client),
    }
}

/// Ctrl-C while friends are waited for.
fn left_waiting() -> Failure {
    let message = "Stopped waiting; the recovery itself goes on.".to_owned();
    let hint = "Run 'recovery restore' again to go on, or 'recovery restore --cancel' to end it.";
    Failure::new("interrupted", message, hint.to_owned())
}

/// What came as files: approvals, and parcels of messages.
#[derive(Default)]
struct Came {
    approvals: Vec<(String, Vec<u8>)>,
    parcels: Vec<Parcel>,
}

fn read_files(args: &Restore) -> Result<Came, Failure> {
    let mut came = Came::default();
    for file in &args.import {
        let text = read_limited(file, armor::MESSAGES_MAX)?;
        let path = file.display().to_string();
        if Title::of(&text) == Some(Title::Messages) {
            came.parcels.push(recovery_client::read_parcel(&path, &text)?);
            continue;
        }
        // Another kind of file has another limit.
        let text = if text.len() > armor::MAX { read_limited(file, armor::MAX)? } else { text };
        if let Err(error) = armor::decode(Title::Approval, &text) {
            return Err(ClientError::Import { path, error: error.into() }.into());
        }
        came.approvals.push((path, text.to_vec()));
    }
    Ok(came)
}

/// Goes on with the recovery of this home, or starts one.
async fn open_or_start(app: &App, args: &Restore) -> Result<Client, Failure> {
    let home = app.home()?;
    if Home::exists(&home) {
        let client = app.open()?;
        if let Ok(device) = client.device() {
            return Err(ClientError::Owned(device.name().to_string()).into());
        }
        return Ok(client);
    }
    let name = app.own_name(args.name.clone())?;
    let relays = app.options.relay.clone();
    if relays.is_empty() {
        return Err(Failure::new(
            "no-relay",
            "No relay is set, so friends could not answer.".to_owned(),
            "Name one with --relay URL; it need not be the one you had before.".to_owned(),
        ));
    }
    let device = args.device.clone().or_else(|| default_device().parse().ok());
    let protection = app.protection(args.protection.no_passphrase)?;
    // Sent before link and number are told: who uses them at once must find the request.
    Ok(Client::start_restore(&home, protection, (name, device), &relays).await?)
}

fn default_device() -> String {
    format!("a {} computer", std::env::consts::OS)
}

/// Link and number, at once, even with `--quiet`; the number last, where nothing pushes it off the screen.
fn announce(app: &App, args: &Restore, client: &Client) -> Result<(), Failure> {
    if args.qr || (app.ui.live() && !args.no_wait) {
        app.ui.say("A friend beside you can scan this code, and then approves with --scanned:\n");
        app.ui.qr(&client.request_link(true)?.expose());
    }
    let link = client.request_link(false)?.expose();
    let number = client.request_number()?;
    app.ui.say(&format!(
        "Call your recovery contacts, one after the other. Send each of them this link:\n\n  {}\n\n\
         and when they ask, read them this number, three digits at a time:\n\n  {number}\n\n\
         Read it to nobody who calls you.",
        *link
    ));
    Ok(())
}

/// Waits until enough approvals are here, and tells each as it comes.
async fn wait_for_quorum(
    app: &App,
    args: &Restore,
    client: &mut Client,
    wait: Duration,
) -> Result<Option<Candidate>, Failure> {
    let until = Instant::now() + wait;
    let waiting = app.ui.waiting("waiting for your friends");
    let mut told = 0;
    let mut poll = Duration::ZERO;
    loop {
        let progress = client.poll_restore(poll, args.owner_id).await?;
        for assessed in progress.approvals.iter().skip(told) {
            waiting.line(&app.ui, &approval_text(assessed));
        }
        told = progress.approvals.len();
        waiting.set(&progress_text(&progress));
        tell_once(app, client, &waiting, poll.is_zero());
        if let Some(candidate) = choose(app, args, &waiting, &progress)? {
            return Ok(Some(candidate));
        }
        poll = until.saturating_duration_since(Instant::now()).min(Duration::from_secs(50));
        if poll.is_zero() {
            return Ok(None);
        }
    }
}

/// Unreachable relays are told once, not at every poll.
fn tell_once(app: &App, client: &mut Client, waiting: &Waiting, first: bool) {
    for text in crate::words::notices(&client.take_notices()) {
        if first {
            waiting.line(&app.ui, &format!("warning: {text}"));
        } else {
            app.ui.detail(&text);
        }
    }
}

/// The owner whose key is to be restored, if that is clear.
fn choose(
    app: &App,
    args: &Restore,
    waiting: &Waiting,
    progress: &Progress,
) -> Result<Option<Candidate>, Failure> {
    let candidates = &progress.candidates;
    let why = match candidates.as_slice() {
        [] => return Ok(None),
        [one] if args.owner_id.is_some() => return Ok(Some(one.clone())),
        [one] if one.needed > 1 => return confirm(app, waiting, one),
        [_] => "a single piece is a whole key here: anybody could have made it",
        _ => "approvals for the keys of several people came",
    };
    if app.ui.asks() {
        return pick(app, candidates);
    }
    let owners = candidates.iter().map(|one| (one.name.to_string(), one.id.to_string()));
    Err(ClientError::AmbiguousOwner { why, owners: owners.collect() }.into())
}

fn candidate_text(candidate: &Candidate) -> String {
    let names: Vec<String> =
        candidate.approvers.iter().map(|approver| clean(approver.name.as_str())).collect();
    format!("{}, approved by {}", clean(candidate.name.as_str()), names.join(", "))
}

fn confirm(
    app: &App,
    waiting: &Waiting,
    candidate: &Candidate,
) -> Result<Option<Candidate>, Failure> {
    if !app.ui.asks() {
        return Ok(Some(candidate.clone()));
    }
    waiting.stop();
    let approvers: Vec<String> =
        candidate.approvers.iter().map(|a| clean(a.name.as_str())).collect();
    app.ui.say(&format!(
        "\nEnough friends approved. The key that comes back:\n\n\
         \x20 belongs to    {}\n  approved by   {}\n  needed        {} approvals\n",
        clean(candidate.name.as_str()),
        approvers.join(", "),
        candidate.needed,
    ));
    if app.ui.agree("Is this your key?")? {
        return Ok(Some(candidate.clone()));
    }
    let hint = "Ask the people you trust to approve, and give --owner-id ID if somebody else's approvals come too.";
    Err(Failure::new("stopped", "Nothing was restored.".to_owned(), hint.to_owned()))
}

fn pick(app: &App, candidates: &[Candidate]) -> Result<Option<Candidate>, Failure> {
    let choices: Vec<String> = candidates.iter().map(candidate_text).collect();
    let at = app.ui.choose("Whose key is yours?", &choices)?;
    Ok(candidates.get(at).cloned())
}

/// What is left to do after a stop.
const STOPPED: &str = "If that was not you, somebody has your other device: meet your contacts in person. They scan the code that 'recovery restore --qr' shows here, and approve with --scanned --override.";

fn approval_text(assessed: &Assessed) -> String {
    let who = match &assessed.contact {
        Some(name) => clean(name.as_str()),
        None => "An unknown sender".to_owned(),
    };
    match assessed.verdict {
        Verdict::Good if assessed.overrides => {
            format!("{who} approved after meeting you, although it was stopped")
        }
        Verdict::Good => format!("{who} approved"),
        Verdict::Held { until } => {
            format!("{who} approved; the piece goes out {}", ago(until, now()))
        }
        Verdict::Declined => format!("{who} declined"),
        Verdict::Vetoed { at } if assessed.is_owners() => {
            let when = ago(at, now());
            format!(
                "{who}: this recovery was stopped from another device of the owner's, {when}\n{STOPPED}"
            )
        }
        Verdict::Vetoed { at } => {
            let when = ago(at, now());
            format!("{who}: this approval was stopped from another device of the owner's, {when}")
        }
        Verdict::Bad(why) => format!("{who} sent an approval that does not count: {why}"),
    }
}

fn progress_text(progress: &Progress) -> String {
    let held = progress.approvals.iter().filter(|a| matches!(a.verdict, Verdict::Held { .. }));
    let held = match held.count() {
        0 => String::new(),
        count => format!("; {} held back for now", plural(count as u64, "approval")),
    };
    match progress.needed {
        Some(needed) => {
            format!("waiting for your friends: {} of {needed} approved{held}", progress.have)
        }
        None if held.is_empty() => "waiting for your friends: nobody has approved yet".to_owned(),
        None => format!("waiting for your friends{held}"),
    }
}

fn approval_json(assessed: &Assessed) -> Value {
    let (state, reason, at) = match assessed.verdict {
        Verdict::Good => ("good", None, None),
        Verdict::Held { until } => ("held", None, Some(until)),
        Verdict::Declined => ("declined", None, None),
        Verdict::Vetoed { at } => ("vetoed", None, Some(at)),
        Verdict::Bad(why) => ("bad", Some(why), None),
    };
    let contact = assessed.contact.as_ref().map_or("an unknown sender", |name| name.as_str());
    let mut line = json!({ "contact": contact, "state": state, "reason": reason });
    if let Some(line) = line.as_object_mut() {
        line.extend(at.map(|at| ("at".to_owned(), json!(at))));
        line.extend(assessed.overrides.then(|| ("override".to_owned(), json!(true))));
    }
    line
}

fn not_yet(app: &App, args: &Restore, client: &Client) -> Result<ExitCode, Failure> {
    let progress = client.progress(args.owner_id)?;
    let approvals: Vec<Value> = progress.approvals.iter().map(approval_json).collect();
    let object = json!({
        "request": client.restoring()?.id().to_string(),
        "link": *client.request_link(false)?.expose(),
        "number": client.request_number()?.digits(),
        "approvals": approvals,
        "have": progress.have,
        "needed": progress.needed,
    });
    let relays = &client.restoring()?.session().relays;
    let again = match relays.iter().all(|relay| relay.is_files()) {
        true => "run this again with --import and the files that they send",
        false => "run this again to go on",
    };
    let text = format!("{}; {again}", progress_text(&progress));
    app.ui.result(&object, &text);
    Ok(ExitCode::from(NOT_YET))
}

async fn finish(
    app: &App,
    args: &Restore,
    mut client: Client,
    candidate: Candidate,
) -> Result<ExitCode, Failure> {
    let progress = client.progress(args.owner_id)?;
    let waiting = app.ui.waiting("putting the key together");
    let done = restore(app, args, &mut client, &candidate).await?;
    drop(waiting);
    let mut warnings = app.tell(&mut client);
    for warning in left_to_say(&done, &progress) {
        app.ui.warn(&warning);
        warnings.push(warning);
    }
    let device = client.device()?;
    let labels: Vec<&str> =
        device.vault().entries.iter().map(|entry| entry.label.as_str()).collect();
    let told = done.told.iter().map(|name| json!({ "contact": name.as_str(), "state": "told" }));
    let object = json!({
        "restored": labels, "generation": done.generation, "warnings": warnings,
        "taken_over": told.collect::<Vec<_>>(), "dealt": done.dealt.as_ref().ok(),
        "owner": device.name().as_str(), "owner_id": candidate.id.to_string(),
        "successor_id": device.id().to_string(),
        "vault_version": device.vault().version, "vault_changed": device.vault().changed,
        "approvals": progress.approvals.iter().map(approval_json).collect::<Vec<_>>(),
    });
    let mut text = format!(
        "Welcome back, {}. Restored {} as of {}:\n",
        clean(device.name().as_str()),
        plural(labels.len() as u64, "secret"),
        ago(device.vault().changed, now()),
    );
    for label in labels {
        text.push_str(&format!("  {}\n", clean(label)));
    }
    text.push_str("'recovery show LABEL' prints one of them.");
    if !done.told.is_empty() {
        text.push_str("\nYour friends are told that this is your device now. 'recovery sync' hears from them; 'recovery status' shows who knows it.");
    }
    app.ui.result(&object, &text);
    Ok(DONE)
}

/// Restores, asking for the passphrase as often as a person on a terminal wants to try.
async fn restore(
    app: &App,
    args: &Restore,
    client: &mut Client,
    candidate: &Candidate,
) -> Result<Done, Failure> {
    let mut passphrase = circle_passphrase(app, args, candidate)?;
    let mut accept_older = args.accept_older_vault;
    loop {
        let text = passphrase.as_ref().map(|text| text.as_str());
        let chosen = Chosen { owner: candidate.id, passphrase: text, accept_older };
        match client.restore(chosen).await {
            Err(ClientError::Restore(RestoreError::WrongPassphrase)) if app.ui.asks() => {
                app.ui.warn("that is not the passphrase; try again");
                passphrase = Some(
                    app.ui.ask_secret("The passphrase of your divided key", CIRCLE_PASSPHRASE)?,
                );
            }
            Err(ClientError::Restore(RestoreError::Rollback(rollback))) if app.ui.asks() => {
                let question = format!(
                    "The vault that was found is version {}, but {} of version {}. Take the older one?",
                    rollback.found,
                    clean(&rollback.who()),
                    rollback.known
                );
                if !app.ui.confirm(&question)? {
                    return Err(ClientError::from(RestoreError::Rollback(rollback)).into());
                }
                accept_older = true;
            }
            other => return Ok(other?),
        }
    }
}

fn circle_passphrase(
    app: &App,
    args: &Restore,
    candidate: &Candidate,
) -> Result<Option<Zeroizing<String>>, Failure> {
    if !candidate.passphrase {
        return Ok(None);
    }
    let given =
        given_passphrase(args.circle_passphrase_file.as_deref(), "RECOVERY_CIRCLE_PASSPHRASE")?;
    match given {
        Some(given) => Ok(Some(given)),
        None => {
            app.ui.ask_secret("The passphrase of your divided key", CIRCLE_PASSPHRASE).map(Some)
        }
    }
}

fn left_to_say(done: &Done, progress: &Progress) -> Vec<String> {
    let mut warnings = Vec::new();
    for approver in &done.left_out {
        let name = clean(approver.name.as_str());
        warnings.push(format!("the piece of {name} does not fit the others and was left out"));
    }
    for assessed in progress.approvals.iter().filter(|a| matches!(a.verdict, Verdict::Bad(_))) {
        warnings.push(approval_text(assessed));
    }
    if let Some(rollback) = &done.rollback {
        warnings.push(format!(
            "this is version {} of your vault, but {} of version {}: something newer is missing",
            rollback.found,
            clean(&rollback.who()),
            rollback.known
        ));
    }
    if let Err(why) = &done.dealt {
        warnings
            .push(format!("the key was not divided anew: {why}; do so with 'recovery protect'"));
    }
    warnings.push("your lost device still has the secrets that were on it: change what matters most. With friends who know this device it counts no more".to_owned());
    warnings
}

async fn cancel(app: &App) -> Result<ExitCode, Failure> {
    let client = app.open()?;
    let request = client.restoring()?.request().map_err(ClientError::from)?;
    let name = clean(request.card.name().as_str());
    for notice in client.cancel_restore().await? {
        if let Notice::Queued(error) | Notice::NotSent(error) = notice {
            let text = clean(&error.to_string());
            app.ui.warn(&format!("{text}; so call those you sent the link to, and tell them"));
        }
    }
    let text = format!("the recovery of {name} is cancelled; nothing is left of it on this device");
    app.ui.result(&json!({ "cancelled": true }), &text);
    Ok(DONE)
}
