//! `init`, `invite`, `accept`: becoming somebody, and becoming somebody's contact.

use super::{App, DONE, parcels_with, secrets::now};
use crate::{
    cli::{Accept, Init, Invite},
    ui::{ago, clean},
    words::Failure,
};
use recovery_client::{
    Client,
    home::{Home, HomeError},
};
use recovery_core::{circle::Reach, name::Name, wire::link::Link};
use serde_json::json;
use std::process::ExitCode;

pub(super) async fn init(app: &App, args: Init) -> Result<ExitCode, Failure> {
    let home = app.home()?;
    if Home::exists(&home) {
        return Err(HomeError::Exists { dir: home }.into());
    }
    let name = app.own_name(args.name)?;
    let protection = app.protection(args.protection.no_passphrase)?;
    let mut client = Client::create(&home, protection, name, app.options.relay.clone())?;
    app.tell(&mut client);
    let device = client.device()?;
    let relays: Vec<String> = device.relays().iter().map(ToString::to_string).collect();
    if relays.is_empty() {
        app.ui.warn("no relay is set; name one with --relay URL when you invite people");
    }
    let text = format!(
        "Hello {}. Your state is kept in {}.",
        clean(device.name().as_str()),
        home.display()
    );
    let object = json!({
        "name": device.name().as_str(), "contact_id": device.id().to_string(), "relays": relays,
    });
    app.ui.result(&object, &text);
    Ok(DONE)
}

impl App {
    /// This person's own name: the option, or a question.
    pub(super) fn own_name(&self, given: Option<Name>) -> Result<Name, Failure> {
        match given {
            Some(name) => Ok(name),
            None => parse_name(&self.ui.ask("Your name, as your friends know you", "--name NAME")?),
        }
    }
}

/// A name that was typed.
pub(super) fn parse_name(text: &str) -> Result<Name, Failure> {
    text.parse().map_err(|error: recovery_core::name::NameError| {
        Failure::usage(format!("{error}"), "Type a short name without line breaks.")
    })
}

pub(super) async fn invite(app: &App, args: Invite) -> Result<ExitCode, Failure> {
    let mut client = app.open()?;
    let (link, expires) = client.invite(args.name.clone()).await?;
    let told = app.tell(&mut client);
    let shown = link.expose();
    if client.queued() > 0 && !told.is_empty() {
        app.ui.warn("the invitation works once a later command has sent it");
    }
    let name = clean(args.name.as_str());
    app.ui.note(&format!(
        "Send this link to {name} and nobody else, by a way you trust. It works once, and ends {}.",
        ago(expires, now())
    ));
    let object = json!({ "name": args.name.as_str(), "link": *shown, "expires": expires });
    app.ui.result(&object, &shown);
    if args.qr {
        app.ui.qr(&shown);
    }
    Ok(DONE)
}

pub(super) async fn accept(app: &App, args: Accept) -> Result<ExitCode, Failure> {
    let link = app.link(args.link)?;
    let parcels = parcels_with(&link, &args.import)?;
    let home = app.home()?;
    let reach = Reach { way: args.reach, second: args.second, question: args.question };
    let (mut client, reach) = if Home::exists(&home) {
        let client = app.open()?;
        // Whether it can still be accepted is for the home to say: it may have been, here.
        let reach = match Client::check_invite(&link).await {
            Ok(owner) if app.ui.asks() => welcome(app, &owner, reach)?,
            _ => reach,
        };
        (client, reach)
    } else {
        // Nothing is made for a link that leads nowhere.
        let owner = Client::check_invite_in(&link, &parcels).await?;
        let reach = if app.ui.asks() { welcome(app, &owner, reach)? } else { reach };
        let name = app.own_name(args.name)?;
        let protection = app.protection(args.protection.no_passphrase)?;
        let relays = relays_for(app, &link);
        (Client::create(&home, protection, name, relays)?, reach)
    };
    client.take_parcels(parcels)?;
    let accepted = client.accept(&link, reach).await?;
    app.tell(&mut client);
    let owner = clean(accepted.owner.as_str());
    app.ui.note(&format!(
        "You will hold one locked piece of {owner}'s key. It opens nothing alone, and you can't see their data.\n\
         Compare this number with {owner} now, on the phone or face to face:\n\n  {}\n",
        accepted.number
    ));
    let object = json!({ "owner": accepted.owner.as_str(), "number": accepted.number.digits() });
    app.ui.result(&object, &format!("accepted: you are a recovery contact of {owner}"));
    Ok(DONE)
}

fn relays_for(app: &App, link: &Link) -> Vec<recovery_core::address::RelayUrl> {
    if app.options.relay.is_empty() {
        link.slots.iter().map(|slot| slot.relay.clone()).collect()
    } else {
        app.options.relay.clone()
    }
}

/// Says what is asked of the friend, and asks back; only on a terminal.
fn welcome(app: &App, owner: &Name, reach: Reach) -> Result<Reach, Failure> {
    let name = clean(owner.as_str());
    app.ui.say(&format!(
        "{name} asks you to help if they ever lose their devices.\n\n\
         You will hold one locked piece of their key. It can't open anything alone, and you can't see their data. \
         Now and then your device says that it still has the piece; you can stop any time.\n"
    ));
    if !app.ui.agree(&format!("Do you want to help {name}?"))? {
        let hint = "Tell them, so that they can ask somebody else.";
        return Err(Failure::new("stopped", "Nothing was accepted.".to_owned(), hint.to_owned()));
    }
    ask_reach(app, &name, reach)
}

/// What only the friend knows of how to reach and test the owner.
fn ask_reach(app: &App, owner: &str, reach: Reach) -> Result<Reach, Failure> {
    if reach != Reach::default() {
        return Ok(reach);
    }
    app.ui.say(&format!(
        "If {owner} ever asks for help, you will reach them yourself first. What you answer now stays on your \
         device; each answer may be left empty."
    ));
    let ask = |question: &str| -> Result<Option<Name>, Failure> {
        let answer = app.ui.ask_optional(question)?;
        if answer.trim().is_empty() { Ok(None) } else { parse_name(&answer).map(Some) }
    };
    Ok(Reach {
        way: ask("A way to reach them that you trust")?,
        second: ask("A second way, in case their phone is what gets lost")?,
        question: ask("A question that only they can answer")?,
    })
}
