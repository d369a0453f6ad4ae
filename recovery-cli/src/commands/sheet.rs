//! `sheet`: a page to print, for somebody in distress, without secrets.

mod pdf;

use super::{App, DONE, policy, secrets::now, sync::refuse_to_replace};
use crate::{cli::Sheet, ui::clean, words::Failure};
use recovery_client::{Client, home::write_private};
use recovery_core::{address::RelayUrl, circle::Contact, policy::Group};
use serde_json::json;
use std::{path::Path, process::ExitCode};

/// A line of the page.
enum Line {
    Title(String),
    Heading(String),
    Text(String),
    /// Something to do, in its order.
    Step(String),
    /// An address, a name, an id: on a line of its own.
    Item(String),
}

pub(super) fn run(app: &App, args: &Sheet) -> Result<ExitCode, Failure> {
    refuse_to_replace(args.output.as_deref(), args.force)?;
    let mut client = app.open()?;
    let lines = lines(&client)?;
    let Some(path) = args.output.as_deref() else {
        let text = text(&lines);
        app.ui.result(&json!({ "path": null, "text": text }), &text);
        return Ok(DONE);
    };
    write_private(path, &octets(path, &lines)?, args.force)?;
    client.note_sheet()?;
    let text = format!(
        "written to {}: print it, and keep it where you would look after a fire or a theft",
        path.display()
    );
    app.ui.result(&json!({ "path": path }), &text);
    Ok(DONE)
}

fn octets(path: &Path, lines: &[Line]) -> Result<Vec<u8>, Failure> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "txt" => Ok(text(lines).into_bytes()),
        "pdf" => pdf::page(lines).ok_or_else(|| {
            let message = "A name on the page has letters that this PDF can't show.".to_owned();
            let hint = "Write the page as text: --output sheet.txt.".to_owned();
            Failure::new("sheet-needs-text", message, hint)
        }),
        _ => Err(Failure::usage(
            "the page is written as .pdf or .txt".to_owned(),
            "Name the file like sheet.pdf.",
        )),
    }
}

fn lines(client: &Client) -> Result<Vec<Line>, Failure> {
    let device = client.device()?;
    let status = client.status()?;
    let name = clean(device.name().as_str());
    let item = |text: &str| Line::Item(clean(text));
    let mut lines = vec![
        Line::Title(format!("If {name}'s devices are gone")),
        Line::Text(format!(
            "Made on {}. Nothing on this page is secret. Take your time: nothing gets lost by waiting.",
            crate::ui::day(now())
        )),
        Line::Heading("What to do".to_owned()),
        Line::Step("On a new computer, get the program \"recovery\".".to_owned()),
    ];
    let relay = device.relays().first().map_or("ADDRESS", shown);
    lines.push(Line::Step(format!("Type: recovery restore --name \"{name}\" --relay {relay}")));
    lines.push(Line::Step("It shows a link and a number of 15 digits. Leave it open.".to_owned()));
    let circle = status.circle.as_ref();
    let (groups, needed) =
        circle.map_or((&[][..], 0), |circle| (circle.policy.groups(), circle.policy.needed()));
    lines.push(Line::Step(format!("{} Send each the link.", how_many(groups, needed))));
    lines.push(Line::Step(
        "They ask who you are and want to hear the number. Read it to them, three digits at a time. Read it to \
         nobody who calls you."
            .to_owned(),
    ));
    let delay = circle.map_or(0, |circle| circle.hold.delay);
    if delay > 0 {
        lines.push(Line::Step(format!(
            "Every answer is held back for {}. That is meant so; wait.",
            crate::ui::span(delay)
        )));
    }
    if circle.is_some_and(|circle| circle.passphrase.is_some()) {
        lines.push(Line::Step(
            "Then it asks for the passphrase that you chose when you divided the key.".to_owned(),
        ));
    }
    lines.extend(whom_to_call(groups, device.contacts()));
    lines.push(Line::Heading("Relays, one is enough".to_owned()));
    lines.extend(device.relays().iter().map(|relay| item(shown(relay))));
    lines.push(Line::Heading("If the program asks whose key it is".to_owned()));
    lines.push(Line::Item(format!("--owner-id {}", device.id())));
    Ok(lines)
}

fn how_many(groups: &[Group], needed: u8) -> String {
    match groups {
        [] => "Call the people below.".to_owned(),
        [group] => format!("Call {} or more of the people below.", group.threshold),
        _ if usize::from(needed) == groups.len() => {
            "Call the people below, in each group as many as it says or more.".to_owned()
        }
        _ => format!(
            "Choose {needed} of the groups below. In each, call as many as it says or more."
        ),
    }
}

/// The people, each once in each group.
fn whom_to_call(groups: &[Group], contacts: &[Contact]) -> Vec<Line> {
    let mut lines = Vec::new();
    for group in groups {
        lines.push(Line::Heading(match groups.len() {
            1 => "Whom to call".to_owned(),
            _ => format!("Whom to call: {} or more in {}", group.threshold, policy::name(group)),
        }));
        for contact in contacts {
            let id = contact.card.id();
            let name = clean(contact.name.as_str());
            match policy::pieces_of(group, id) {
                0 => {}
                1 => lines.push(Line::Item(name)),
                pieces => lines.push(Line::Item(format!("{name} (counts {pieces} times)"))),
            }
        }
    }
    if lines.is_empty() {
        lines.push(Line::Heading("Whom to call".to_owned()));
        lines.push(Line::Text("Nobody holds a piece of the key yet.".to_owned()));
    }
    lines
}

/// A relay as it is typed.
fn shown(relay: &RelayUrl) -> &str {
    if relay.is_files() { "files" } else { relay.as_str() }
}

fn text(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut step = 0;
    for line in lines {
        let shown = match line {
            Line::Title(title) => format!("{title}\n{}\n", "=".repeat(title.chars().count())),
            Line::Heading(heading) => format!("\n{heading}\n"),
            Line::Text(text) => format!("{text}\n"),
            Line::Step(what) => {
                step += 1;
                format!("  {step}. {what}\n")
            }
            Line::Item(item) => format!("  [ ] {item}\n"),
        };
        text.push_str(&shown);
    }
    text
}
