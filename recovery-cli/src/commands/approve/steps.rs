//! The steps that a friend is walked through: who asks, stop and call, check, the number, their name.

use crate::{
    commands::{App, secrets::now},
    ui::{ago, clean, plural},
    words::Failure,
};
use recovery_client::{Client, ClientError, NumberProof};
use recovery_core::{
    circle::{Opened, OpenedState, Reach},
    ids::RequestId,
    name::Name,
    number::Number,
};

/// Walks the friend to a checked number; every way out leaves the request as it was.
pub(super) async fn walk(
    app: &App,
    client: &mut Client,
    id: RequestId,
    owner: &Name,
) -> Result<NumberProof, Failure> {
    let name = clean(owner.as_str());
    who_asks(app, client, id, owner)?;
    stop_and_call(app, client, owner, &name)?;
    check_it_is_them(app, client, owner, &name)?;
    number(app, client, id, &name).await?;
    statement(app, &name)?;
    Ok(NumberProof::Checked)
}

fn who_asks(app: &App, client: &Client, id: RequestId, owner: &Name) -> Result<(), Failure> {
    let (request, name) = (client.request(id)?, clean(owner.as_str()));
    let device = request.device.map_or_else(|| "not said".to_owned(), |d| clean(d.as_str()));
    let mut text = format!(
        "Somebody asks for your piece of {name}'s key.\n\n\
         \x20 claims to be   {}\n\
         \x20 new device     {device} (as it says)\n\
         \x20 asked          {}\n",
        clean(request.card.name().as_str()),
        ago(request.made, now()),
    );
    let device = client.device()?;
    if let Some(held) = device.held_named(owner) {
        let word = ago(held.seen, now());
        text.push_str(&format!("  known to you   {name}'s own device last wrote {word}\n"));
        let theirs = |opened: &&Opened| opened.owner == Some(held.card.id()) && opened.id != id;
        let refused = |state| {
            matches!(state, OpenedState::Declined | OpenedState::Burnt | OpenedState::Impostor)
        };
        let before = device.opened().iter().filter(theirs).filter(|o| refused(o.state)).count();
        if before > 0 {
            text.push_str(&format!(
                "                 {} refused before\n",
                plural(before as u64, "request")
            ));
        }
    }
    app.ui.say(&format!(
        "{text}\nNothing has happened yet. Only {name}'s own devices are told that you look at this.\n"
    ));
    Ok(())
}

fn reach<'a>(client: &'a Client, owner: &Name) -> Option<&'a Reach> {
    client.device().ok()?.held_named(owner).map(|held| &held.reach)
}

fn stop_and_call(app: &App, client: &Client, owner: &Name, name: &str) -> Result<(), Failure> {
    let mut text = format!(
        "{} Reach {name} by a way you already have that is not the lost phone: a landline, a partner, the door. \
         Not a number from a message.",
        app.ui.loud("Stop.")
    );
    let reach = reach(client, owner);
    let ways = reach.into_iter().flat_map(|reach| [&reach.way, &reach.second]).flatten();
    for way in ways {
        text.push_str(&format!("\n  you wrote down: {}", clean(way.as_str())));
    }
    app.ui.say(&format!("{text}\n"));
    let choices = [
        format!("I reached {name} myself"),
        format!("{name} is next to me"),
        "Not now".to_owned(),
        format!("This is not {name}"),
    ];
    match app.ui.choose("How did you reach them?", &choices)? {
        0 | 1 => Ok(()),
        2 => Err(stopped("Nothing was sent. Take your time; the request lasts 14 days.")),
        _ => Err(Failure::new(
            "not-them",
            format!("Nothing was sent. It is good that you noticed that this is not {name}."),
            "Run 'recovery decline --impostor' with the same link: their devices and other contacts are warned. Then tell your friend by a way you already had.".to_owned(),
        )),
    }
}

fn check_it_is_them(app: &App, client: &Client, owner: &Name, name: &str) -> Result<(), Failure> {
    let question = reach(client, owner).and_then(|reach| reach.question.as_ref());
    let ask = match question {
        Some(question) => format!("Ask them: {}", clean(question.as_str())),
        None => "Ask them something that only they know.".to_owned(),
    };
    app.ui.say(&format!(
        "{ask}\n\n{} if they are in a hurry, ask for secrecy, say that somebody else will call you, or want \
         you to read a number to them.\n",
        app.ui.loud("Stop at once")
    ));
    if app.ui.confirm(&format!("Are you sure that it is {name}?"))? {
        return Ok(());
    }
    Err(stopped("Nothing was sent."))
}

async fn number(app: &App, client: &mut Client, id: RequestId, name: &str) -> Result<(), Failure> {
    loop {
        let question = format!("Ask {name} to read the 15 digits on their screen, and type them");
        let typed = app.ui.ask(&question, "--number N")?;
        let number = match typed.parse::<Number>() {
            Ok(number) => number,
            Err(error) => {
                let failure = Failure::from(error);
                app.ui.warn(&format!("{} {}", failure.message, failure.hint));
                continue;
            }
        };
        match client.try_number(id, &number).await {
            Ok(()) => return Ok(()),
            Err(error @ ClientError::WrongNumber { .. }) => {
                let failure = Failure::from(error);
                app.ui.warn(&format!("{} {}", failure.message, failure.hint));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn statement(app: &App, name: &str) -> Result<(), Failure> {
    app.ui.say(&format!(
        "The number is right: whoever read it to you has the new device. That it is {name}, only you can know.\n"
    ));
    let question = format!("Type \"{name}\" to say: I have spoken to {name} myself");
    let typed = app.ui.ask(&question, "--number N")?;
    if typed.trim().to_lowercase() == name.trim().to_lowercase() {
        return Ok(());
    }
    Err(stopped("That is another name, so nothing was sent."))
}

fn stopped(message: &str) -> Failure {
    let hint = "Run the same command again whenever you are ready.";
    Failure::new("stopped", message.to_owned(), hint.to_owned())
}
