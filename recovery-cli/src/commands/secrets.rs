//! `add`, `list`, `show`, `remove`: the secrets that are kept.

use super::{App, DONE};
use crate::{
    cli::{Add, Remove, Show},
    ui::{Ui, ago, clean},
    words::Failure,
};
use base64ct::{Base64, Encoding};
use recovery_client::home::{read_limited, write_private};
use recovery_core::vault::{ENTRY_MAX, check_entry};
use serde_json::json;
use std::{
    io::{self, IsTerminal, Read},
    process::ExitCode,
    time::SystemTime,
};
use zeroize::Zeroizing;

pub(super) async fn add(app: &App, args: Add) -> Result<ExitCode, Failure> {
    let content = match &args.file {
        Some(path) if path.as_os_str() != "-" => read_entry(path)?,
        _ => read_stdin(app)?,
    };
    check_entry(content.len())?;
    let mut client = app.open()?;
    client.add(args.label.clone(), &content).await?;
    app.tell(&mut client);
    let synced = client.status()?.synced;
    let text = format!("kept {} ({} bytes)", clean(args.label.as_str()), content.len());
    let object = json!({ "label": args.label.as_str(), "size": content.len(), "synced": synced });
    app.ui.result(&object, &text);
    Ok(DONE)
}

/// The file, or why it is no entry; a file too large is named with the limit of an entry.
pub(super) fn read_entry(path: &std::path::Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    Ok(read_limited(path, ENTRY_MAX)?)
}

fn read_stdin(app: &App) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if io::stdin().is_terminal() {
        app.ui.require("FILE, or the secret on standard input")?;
        app.ui.note("Type or paste the secret; end with Enter and Ctrl-D:");
    }
    let mut content = Zeroizing::new(Vec::with_capacity(ENTRY_MAX + 1));
    let read = io::stdin().lock().take(ENTRY_MAX as u64 + 1).read_to_end(&mut content);
    read.map_err(|error| {
        let message = format!("Standard input can't be read: {error}.");
        Failure::new("file-failed", message, "Name a file instead.".to_owned())
    })?;
    Ok(content)
}

pub(super) fn list(app: &App) -> Result<ExitCode, Failure> {
    let client = app.open()?;
    let entries = &client.device()?.vault().entries;
    let now = now();
    let rows = entries.iter().map(|entry| {
        let size = entry.content.len().to_string();
        vec![clean(entry.label.as_str()), size, ago(entry.added, now)]
    });
    let text = if entries.is_empty() {
        "Nothing is kept yet. Add a secret with 'recovery add LABEL FILE'.".to_owned()
    } else {
        Ui::table(&["label", "bytes", "added"], rows.collect())
    };
    let entries = entries.iter().map(|entry| {
        json!({ "label": entry.label.as_str(), "size": entry.content.len(), "added": entry.added })
    });
    app.ui.result(&json!({ "entries": entries.collect::<Vec<_>>() }), &text);
    Ok(DONE)
}

pub(super) fn show(app: &App, args: &Show) -> Result<ExitCode, Failure> {
    let client = app.open()?;
    let entry = client.device()?.vault().entry(&args.label)?;
    let content = entry.content.expose();
    let (label, size) = (args.label.as_str(), content.len());
    match &args.output {
        Some(path) => {
            write_private(path, content, args.force)?;
            let text = format!("wrote {} ({size} bytes)", path.display());
            app.ui.result(&json!({ "label": label, "path": path, "size": size }), &text);
        }
        None if app.ui.json() => {
            let base64 = Zeroizing::new(Base64::encode_string(content));
            app.ui.result(&json!({ "label": label, "size": size, "base64": *base64 }), "");
        }
        None => app.ui.octets(content),
    }
    Ok(DONE)
}

pub(super) async fn remove(app: &App, args: Remove) -> Result<ExitCode, Failure> {
    let mut client = app.open()?;
    client.remove(&args.label).await?;
    app.tell(&mut client);
    let synced = client.status()?.synced;
    let text = format!("removed {}", clean(args.label.as_str()));
    app.ui
        .result(&json!({ "label": args.label.as_str(), "removed": true, "synced": synced }), &text);
    Ok(DONE)
}

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
