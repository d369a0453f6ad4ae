//! `pass`: the way into a relay that is not open to everybody.

use super::{App, DONE, PASSPHRASE_MAX, stdin_or};
use crate::{cli::Pass, ui::plural, words::Failure};
use recovery_client::{KnownPass, home::read_limited};
use recovery_core::{address::RelayUrl, ids::PassToken};
use serde_json::json;
use std::{path::Path, process::ExitCode};
use zeroize::Zeroizing;

pub(super) async fn run(app: &App, args: Pass) -> Result<ExitCode, Failure> {
    let Some(relay) = args.at else { return list(app) };
    if relay.is_files() {
        let hint = "Name the address of a relay, as its operator gave it.";
        return Err(Failure::usage("files need no pass".to_owned(), hint));
    }
    if args.forget {
        return forget(app, &relay);
    }
    let pass = given(app, args.pass_file.as_deref())?;
    let mut client = app.open()?;
    client.use_pass(relay.clone(), &pass).await?;
    let warnings = app.tell(&mut client);
    let queued = client.queued();
    let text = match queued {
        0 => format!("{relay}: the pass is kept"),
        _ => {
            let things = plural(queued as u64, "thing");
            format!("{relay}: the pass is kept; still to be sent: {things} ('recovery sync')")
        }
    };
    app.ui
        .result(&json!({ "relay": relay.as_str(), "queued": queued, "warnings": warnings }), &text);
    Ok(DONE)
}

fn list(app: &App) -> Result<ExitCode, Failure> {
    let client = app.open()?;
    let known = client.passes();
    let line = |pass: &KnownPass<'_>| match pass.guest {
        true => format!("{}  a guest pass, which came with an invitation", pass.relay),
        false => pass.relay.to_string(),
    };
    let text = match known.is_empty() {
        true => "no passes: relays that are open to everybody need none".to_owned(),
        false => known.iter().map(line).collect::<Vec<_>>().join("\n"),
    };
    let object =
        |pass: &KnownPass<'_>| json!({ "relay": pass.relay.as_str(), "guest": pass.guest });
    let passes: Vec<_> = known.iter().map(object).collect();
    app.ui.result(&json!({ "passes": passes }), &text);
    Ok(DONE)
}

fn forget(app: &App, relay: &RelayUrl) -> Result<ExitCode, Failure> {
    if !app.open()?.forget_pass(relay)? {
        let message = format!("there is no pass for {relay}");
        let hint = "'recovery pass' lists the relays for which there is one.".to_owned();
        return Err(Failure::new("no-such-pass", message, hint));
    }
    app.ui.result(
        &json!({ "relay": relay.as_str(), "forgotten": true }),
        &format!("{relay}: forgotten"),
    );
    Ok(DONE)
}

/// The pass: from a file, from standard input, or typed.
fn given(app: &App, file: Option<&Path>) -> Result<PassToken, Failure> {
    let text = match file {
        Some(path) if path == Path::new("-") => {
            stdin_or(PASSPHRASE_MAX as u64, "Name a file instead.")?
        }
        Some(path) => {
            let octets = read_limited(path, PASSPHRASE_MAX)?;
            Zeroizing::new(String::from_utf8_lossy(&octets).into_owned())
        }
        None => app.ui.ask_secret("The pass, as the operator gave it", "--pass-file FILE")?,
    };
    text.trim().parse().map_err(|_| {
        let message = "This is no pass: a pass has 43 letters, digits, - and _.".to_owned();
        Failure::new(
            "bad-pass",
            message,
            "Copy it again, whole, as the operator gave it.".to_owned(),
        )
    })
}
