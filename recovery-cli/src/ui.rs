//! The only file that touches the terminal: results on stdout, everything else on stderr.

mod text;

pub(crate) use text::{ago, clean, plural};

use crate::{
    cli::{Color, Options},
    words::Failure,
};
use comfy_table::{ContentArrangement, Table, presets};
use console::{Style, Term};
use indicatif::{ProgressBar, ProgressStyle};
use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use serde_json::Value;
use std::{
    io::{self, BufRead, IsTerminal, Write},
    time::Duration,
};
use zeroize::Zeroizing;

/// How to talk to the person or script that runs this.
#[derive(Debug, Clone)]
pub(crate) struct Ui {
    json: bool,
    quiet: bool,
    verbose: bool,
    asks: bool,
}

impl Ui {
    pub(crate) fn new(options: &Options) -> Self {
        match options.color {
            Color::Auto => {}
            Color::Always => set_colors(true),
            Color::Never => set_colors(false),
        }
        let asks = !options.no_input && io::stdin().is_terminal() && io::stderr().is_terminal();
        Self { json: options.json, quiet: options.quiet, verbose: options.verbose, asks }
    }

    /// Whether a person is there to answer.
    pub(crate) fn asks(&self) -> bool {
        self.asks
    }

    /// Whether the result is JSON.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Whether a person looks at stderr.
    pub(crate) fn live(&self) -> bool {
        io::stderr().is_terminal() && !self.quiet
    }

    /// The result: one JSON object, or lines of text.
    pub(crate) fn result(&self, object: &Value, text: &str) {
        if self.json {
            out(format!("{object}\n").as_bytes());
        } else if !text.is_empty() {
            out(format!("{}\n", text.trim_end()).as_bytes());
        }
    }

    /// The result as octets, untouched.
    pub(crate) fn octets(&self, octets: &[u8]) {
        out(octets);
    }

    /// What happens, for people; not with `--quiet`.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            err(&format!("{text}\n"));
        }
    }

    /// Details, with `--verbose`.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose {
            err(&format!("{text}\n"));
        }
    }

    /// Something that must be seen even with `--quiet`: the link and the number of a recovery.
    pub(crate) fn say(&self, text: &str) {
        err(&format!("{text}\n"));
    }

    /// Something to worry about that stops nothing.
    pub(crate) fn warn(&self, text: &str) {
        let word = Style::new().for_stderr().yellow().bold().apply_to("warning:");
        if !self.quiet {
            err(&format!("{word} {text}\n"));
        }
    }

    /// An error: what happened, and on a second line what to do.
    pub(crate) fn fail(&self, failure: &Failure) {
        if self.json {
            err(&format!("{}\n", failure.json()));
            return;
        }
        let word = Style::new().for_stderr().red().bold().apply_to("error:");
        err(&format!("{word} {}\n", failure.message));
        if !failure.hint.is_empty() {
            let word = Style::new().for_stderr().bold().apply_to("hint:");
            err(&format!("{word}  {}\n", failure.hint));
        }
    }

    /// A table with a header.
    pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(header.iter().copied());
        table.add_rows(rows);
        table.to_string()
    }

    /// A QR code, dark on light whatever the terminal's colours are.
    pub(crate) fn qr(&self, text: &str) {
        let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else {
            return self.warn("this is too long for a code");
        };
        let picture = code
            .render::<Dense1x2>()
            .dark_color(Dense1x2::Dark)
            .light_color(Dense1x2::Light)
            .quiet_zone(true)
            .build();
        for line in picture.lines() {
            err(&format!("\x1b[97;40m{line}\x1b[0m\n"));
        }
    }

    /// A spinner on a terminal, nothing elsewhere; `message` says what is waited for.
    pub(crate) fn waiting(&self, message: &str) -> Waiting {
        if !self.live() {
            return Waiting(None);
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(message.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Waiting(Some(bar))
    }

    /// Asks for a line of text; the error names the option that gives it instead.
    pub(crate) fn ask(&self, question: &str, option: &str) -> Result<String, Failure> {
        self.require(option)?;
        cliclack::input(question).interact().map_err(interrupted)
    }

    /// Asks for a line of text that may stay empty.
    pub(crate) fn ask_optional(&self, question: &str) -> Result<String, Failure> {
        cliclack::input(question)
            .required(false)
            .default_input("")
            .interact()
            .map_err(interrupted)
    }

    /// Asks for a yes; only on a terminal.
    pub(crate) fn confirm(&self, question: &str) -> Result<bool, Failure> {
        cliclack::confirm(question).initial_value(false).interact().map_err(interrupted)
    }

    /// Asks to choose one of several; gives its place.
    pub(crate) fn choose(&self, question: &str, choices: &[String]) -> Result<usize, Failure> {
        let mut select = cliclack::select(question);
        for (at, choice) in choices.iter().enumerate() {
            select = select.item(at, choice, "");
        }
        select.interact().map_err(interrupted)
    }

    /// Asks for a passphrase without showing it.
    pub(crate) fn ask_secret(
        &self,
        question: &str,
        option: &str,
    ) -> Result<Zeroizing<String>, Failure> {
        self.require(option)?;
        err(&format!("{question} (not shown): "));
        Term::stderr().read_secure_line().map(Zeroizing::new).map_err(interrupted)
    }

    fn require(&self, option: &str) -> Result<(), Failure> {
        if self.asks {
            return Ok(());
        }
        Err(Failure::new(
            "input-needed",
            format!("an answer is missing: {option}"),
            format!("Give {option}, or run this on a terminal without --no-input."),
        ))
    }
}

/// A spinner, if there is a terminal.
#[derive(Debug)]
pub(crate) struct Waiting(Option<ProgressBar>);

impl Waiting {
    /// Changes what is waited for.
    pub(crate) fn set(&self, message: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(message.to_owned());
        }
    }

    /// A line above the spinner, or a plain line.
    pub(crate) fn line(&self, ui: &Ui, text: &str) {
        match &self.0 {
            Some(bar) => bar.suspend(|| ui.note(text)),
            None => ui.note(text),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// One line of standard input, at most `max` octets.
pub(crate) fn stdin_line(max: u64) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    io::Read::take(io::stdin().lock(), max).read_line(&mut line)?;
    Ok(line)
}

/// A closed pipe ends the program quietly; nothing else can be done about either stream.
fn out(octets: &[u8]) {
    let mut stdout = io::stdout().lock();
    if stdout.write_all(octets).and_then(|()| stdout.flush()).is_err() {
        std::process::exit(1);
    }
}

fn err(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn set_colors(on: bool) {
    console::set_colors_enabled(on);
    console::set_colors_enabled_stderr(on);
}

fn interrupted(error: io::Error) -> Failure {
    let message = match error.kind() {
        io::ErrorKind::Interrupted => "stopped; nothing was changed by the question".to_owned(),
        _ => format!("the terminal can't be asked: {error}"),
    };
    Failure::new("interrupted", message, "Run it again, or give the answers as options.".to_owned())
}

/// A failure as JSON, before there is anything to say how to talk.
pub(crate) fn print_failure(failure: &Failure) {
    err(&format!("{}\n", failure.json()));
}
