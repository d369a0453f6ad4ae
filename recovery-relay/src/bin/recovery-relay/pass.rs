//! `pass new`, `pass list`, `pass revoke`: who may open things on a closed relay.

use crate::arguments::{OfStore, Written};
use crate::report::{Failure, failed, say};
use crate::stats::open;
use clap::Subcommand;
use recovery_core::ids::PassToken;
use recovery_relay::clock::{SystemTimeSource, TimeSource, UnixMillis};
use recovery_relay::store::{self, PassQuota, Quotas, Store, Write};
use serde_json::json;

#[derive(Subcommand)]
pub(crate) enum Pass {
    /// Make a pass and print it; it is shown this once
    New(New),
    /// List all passes with what is opened under them
    List(List),
    /// Revoke a pass: nothing more is opened under it, what is open stays
    Revoke(Revoke),
}

#[derive(clap::Args)]
pub(crate) struct New {
    /// What you call it, as `Anna's family`
    #[arg(long, default_value = "")]
    name: String,
    /// How many mailboxes may be open under it
    #[arg(long, value_name = "N", default_value_t = 128)]
    mailboxes: u64,
    /// How many slots
    #[arg(long, value_name = "N", default_value_t = 64)]
    slots: u64,
    /// How many octets may lie in them, counting whole what guests may fill
    #[arg(long, value_name = "N", default_value_t = 1_073_741_824)]
    octets: u64,
    /// After how long it ends, as 90d; without it, it lasts until revoked
    #[arg(long, value_name = "DUR", value_parser = duration)]
    expires: Option<i64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: OfStore,
}

#[derive(clap::Args)]
pub(crate) struct List {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: OfStore,
}

#[derive(clap::Args)]
pub(crate) struct Revoke {
    /// Its name, or the beginning of its id as `pass list` shows it
    #[arg(allow_hyphen_values = true)]
    which: String,
    #[command(flatten)]
    store: OfStore,
}

pub(crate) fn run(pass: &Pass) -> Result<(), Failure> {
    match pass {
        Pass::New(new) => make(new),
        Pass::List(list) => show(list),
        Pass::Revoke(revoke) => end(revoke),
    }
}

fn make(new: &New) -> Result<(), Failure> {
    let store = open_or_make(&new.store.0)?;
    let token = PassToken::new(store::random().map_err(failed)?);
    let quota = PassQuota { mailboxes: new.mailboxes, slots: new.slots, octets: new.octets };
    let (id, name, ttl_millis) = (token.id(), new.name.clone(), new.expires);
    write(&*store, Write::AddPass { id, name, quota, ttl_millis, parent: None })?;
    match new.json {
        true => say(json!({ "pass": token.expose(), "id": id.to_string(), "name": new.name })),
        false => say(token.expose()),
    }
    Ok(())
}

/// The first pass may be made before the relay ever served.
fn open_or_make(written: &Written) -> Result<Box<dyn Store>, Failure> {
    let place = written.settings()?.config()?.store;
    if place.file().is_some_and(|path| !path.exists()) {
        place.open(Quotas::default())?.close().map_err(failed)?;
    }
    Ok(place.open_beside()?)
}

fn show(list: &List) -> Result<(), Failure> {
    let passes = open(&list.store.0)?.passes().map_err(failed)?;
    if list.json {
        let passes: Vec<_> = passes.iter().map(described).collect();
        say(json!({ "passes": passes }));
        return Ok(());
    }
    if passes.is_empty() {
        say("no passes");
    }
    for pass in &passes {
        let state = match (pass.revoked, pass.ends) {
            (true, _) => "revoked".to_owned(),
            (false, Some(_)) if pass.is_over(now()) => "over".to_owned(),
            (false, Some(ends)) if ends <= now() => "in use".to_owned(),
            (false, Some(ends)) => format!("{} days left", (ends.0 - now().0) / 86_400_000),
            (false, None) => "lasts".to_owned(),
        };
        let name = if pass.parent.is_some() { "a guest's" } else { pass.name.as_str() };
        let (used, quota) = (&pass.used, &pass.quota);
        say(format_args!(
            "{:.12}  {state}  mailboxes {}/{}  slots {}/{}  octets {}/{}  {name}",
            pass.id.to_string(),
            used.mailboxes,
            quota.mailboxes,
            used.slots,
            quota.slots,
            used.octets,
            quota.octets,
        ));
    }
    Ok(())
}

fn described(pass: &store::Pass) -> serde_json::Value {
    let quota = |quota: &PassQuota| json!({ "mailboxes": quota.mailboxes, "slots": quota.slots, "octets": quota.octets });
    json!({
        "id": pass.id.to_string(),
        "name": pass.name,
        "quota": quota(&pass.quota),
        "used": quota(&pass.used),
        "made": pass.made.seconds(),
        "ends": pass.ends.map(UnixMillis::seconds_up),
        "revoked": pass.revoked,
        "guest_of": pass.parent.map(|parent| parent.to_string()),
    })
}

fn end(revoke: &Revoke) -> Result<(), Failure> {
    let store = open(&revoke.store.0)?;
    let mut passes = store.passes().map_err(failed)?;
    // A few letters may begin many ids by chance.
    let by_id = |pass: &store::Pass| {
        revoke.which.len() >= 6 && pass.id.to_string().starts_with(&revoke.which)
    };
    passes.retain(|pass| (pass.name == revoke.which && pass.parent.is_none()) || by_id(pass));
    match passes.as_slice() {
        [pass] => write(&*store, Write::RevokePass { id: pass.id }),
        [] => Err(Failure::new("there is no such pass", "`recovery-relay pass list` shows all")),
        _ => Err(Failure::new(
            "several passes are called so",
            "name one by its id; `pass list` shows it",
        )),
    }
}

fn write(store: &dyn Store, write: Write) -> Result<(), Failure> {
    match store.apply(&[write], now()).map_err(failed)?.into_iter().next() {
        Some(Ok(_)) => Ok(()),
        refused => Err(Failure::new(format_args!("the store refused: {refused:?}"), "report it")),
    }
}

fn now() -> UnixMillis {
    UnixMillis(SystemTimeSource.wall())
}

/// `90s`, `15m`, `48h`, `7d`, in milliseconds.
fn duration(text: &str) -> Result<i64, String> {
    let read = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        number.parse::<u32>().ok().map(|number| i64::from(number) * seconds * 1_000)
    };
    read()
        .filter(|millis| *millis > 0)
        .ok_or_else(|| "a duration is written 90s, 15m, 48h or 7d".into())
}
