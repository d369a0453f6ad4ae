//! `completions` and `man`: what the shell and the reader of manuals want to know.

use super::{App, DONE};
use crate::{
    cli::{Cli, Completions},
    words::{AGAIN, Failure},
};
use clap::CommandFactory;
use clap_mangen::Man;
use serde_json::json;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// What no option tells.
const MORE: &str = "\
.SH \"EXIT STATUS\"
.TP
0
Done.
.TP
1
Failed: an error says what happened, and on a second line what to do.
.TP
2
Wrong usage.
.TP
75
Not yet: other people have to act first; run it again.
.SH ENVIRONMENT
RECOVERY_HOME, RECOVERY_RELAY, RECOVERY_PASSPHRASE and RECOVERY_CIRCLE_PASSPHRASE stand in for the
options of these names. NO_COLOR turns colours off.
";

pub(super) fn completions(app: &App, args: &Completions) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "recovery", &mut script);
    let script = String::from_utf8_lossy(&script);
    app.ui.verbatim(&json!({ "shell": args.shell.to_string(), "script": script }), &script);
    Ok(DONE)
}

pub(super) fn man(app: &App) -> Result<ExitCode, Failure> {
    let page = page().map_err(|error| {
        Failure::new("failed", format!("There is no page: {error}."), AGAIN.to_owned())
    })?;
    app.ui.verbatim(&json!({ "page": page }), &page);
    Ok(DONE)
}

/// One page for all commands, each with its own options.
fn page() -> io::Result<String> {
    let mut page = Vec::new();
    let command = Cli::command();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    let mut commands = Vec::new();
    for sub in command.get_subcommands() {
        let name = format!("recovery {}", sub.get_name());
        let nested = sub.get_subcommands();
        let nested: Vec<_> =
            nested.map(|one| (format!("{name} {}", one.get_name()), one)).collect();
        commands.push((name, sub));
        commands.extend(nested);
    }
    for (name, sub) in commands {
        writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
        let mut own = Vec::new();
        let man = Man::new(sub.clone().bin_name(&name).disable_help_flag(true));
        man.render_description_section(&mut own)?;
        man.render_synopsis_section(&mut own)?;
        man.render_options_section(&mut own)?;
        // One section a command: what would be sections of a page of its own are paragraphs here.
        let own = String::from_utf8_lossy(&own);
        let mut lines = own.lines().map(|line| if line.starts_with(".SH ") { ".PP" } else { line });
        lines.try_for_each(|line| writeln!(page, "{line}"))?;
    }
    man.render_options_section(&mut page)?;
    man.render_extra_section(&mut page)?;
    page.write_all(MORE.as_bytes())?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
