//! The only file that touches the terminal: results on stdout, everything else on stderr.

mod text;

use text::wrap;
pub(crate) use text::{ago, clean, day, plural, span};

use crate::{
    cli::{Color, Options},
    words::Failure,
};
use cliclack::ThemeState;
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
        cliclack::set_theme(Ours);
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
            let text = match io::stdout().is_terminal() {
                true => wrap(text.trim_end(), width(), 0),
                false => text.trim_end().to_owned(),
            };
            out(format!("{text}\n").as_bytes());
        }
    }

    /// The result: one JSON object, or a text of which no line end is touched.
    pub(crate) fn verbatim(&self, object: &Value, text: &str) {
        if self.json { self.result(object, "") } else { self.octets(text.as_bytes()) }
    }

    /// The result as octets, untouched.
    pub(crate) fn octets(&self, octets: &[u8]) {
        out(octets);
    }

    /// What happens, for people; not with `--quiet`.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            lines(text, 0);
        }
    }

    /// Details, with `--verbose`.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose {
            lines(text, 0);
        }
    }

    /// Something that must be seen even with `--quiet`: the link and the number of a recovery.
    pub(crate) fn say(&self, text: &str) {
        lines(text, 0);
    }

    /// Words that must not be read over, for stderr.
    pub(crate) fn loud(&self, words: &str) -> String {
        Style::new().for_stderr().bold().apply_to(words).to_string()
    }

    /// Something to worry about that stops nothing.
    pub(crate) fn warn(&self, text: &str) {
        let word = Style::new().for_stderr().yellow().bold().apply_to("warning:");
        if !self.quiet {
            lines(&format!("{word} {text}"), 9);
        }
    }

    /// An error: what happened, and on a second line what to do.
    pub(crate) fn fail(&self, failure: &Failure) {
        print_failure(failure, self.json);
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
        let colours = console::colors_enabled_stderr();
        // Without colours what is printed is light, as on most terminals.
        let (dark, light) = match colours {
            true => (Dense1x2::Dark, Dense1x2::Light),
            false => (Dense1x2::Light, Dense1x2::Dark),
        };
        let picture =
            code.render::<Dense1x2>().dark_color(dark).light_color(light).quiet_zone(true).build();
        let columns = picture.lines().next().map_or(0, |line| line.chars().count());
        if self.live() && columns > usize::from(Term::stderr().size().1) {
            return self.warn(&format!("the code needs a window of {columns} columns"));
        }
        for line in picture.lines() {
            // Black on white, whatever the terminal's own colours are.
            let line = if colours { format!("\x1b[30;107m{line}\x1b[0m") } else { line.to_owned() };
            err(&format!("{line}\n"));
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
        cliclack::input(question).required(false).interact().map_err(interrupted)
    }

    /// Asks for a yes to something grave, so the answer begins as a no; only on a terminal.
    pub(crate) fn confirm(&self, question: &str) -> Result<bool, Failure> {
        cliclack::confirm(question).initial_value(false).interact().map_err(interrupted)
    }

    /// Asks for a yes to something harmless; only on a terminal.
    pub(crate) fn agree(&self, question: &str) -> Result<bool, Failure> {
        cliclack::confirm(question).initial_value(true).interact().map_err(interrupted)
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
        let typed = cliclack::password(format!("{question} (not shown)")).allow_empty().interact();
        typed.map(Zeroizing::new).map_err(interrupted)
    }

    /// An error that names what gives the answer, unless a person is there to be asked.
    pub(crate) fn require(&self, option: &str) -> Result<(), Failure> {
        if self.asks {
            return Ok(());
        }
        Err(Failure::new(
            "input-needed",
            format!("An answer is missing: {option}."),
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

    /// Nothing is waited for any more: a question comes.
    pub(crate) fn stop(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
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
        self.stop();
    }
}

/// Text from standard input, at most `max` octets: all of it, or from a terminal the first line that
/// is not empty.
pub(crate) fn stdin_text(max: u64) -> io::Result<Zeroizing<String>> {
    let live = io::stdin().is_terminal();
    let mut text = Zeroizing::new(String::new());
    let mut input = io::Read::take(io::stdin().lock(), max);
    while (!live || text.trim().is_empty()) && input.read_line(&mut text)? > 0 {}
    Ok(text)
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

/// Lines on stderr; on a terminal they break between words, and what follows is moved in.
fn lines(text: &str, indent: usize) {
    let text =
        if io::stderr().is_terminal() { wrap(text, width(), indent) } else { text.to_owned() };
    err(&format!("{text}\n"));
}

/// Columns of the terminal, as far as they are good for reading.
fn width() -> usize {
    usize::from(Term::stderr().size().1).clamp(20, 100)
}

/// Our own word for a question that was left.
struct Ours;

impl cliclack::Theme for Ours {
    fn format_footer_with_message(&self, state: &ThemeState, message: &str) -> String {
        let text = match state {
            ThemeState::Active => format!("└  {message}"),
            ThemeState::Cancel => "└  Stopped".to_owned(),
            ThemeState::Submit => "│".to_owned(),
            ThemeState::Error(error) => format!("└  {error}"),
        };
        format!("{}\n", self.bar_color(state).apply_to(text))
    }
}

fn set_colors(on: bool) {
    console::set_colors_enabled(on);
    console::set_colors_enabled_stderr(on);
}

fn interrupted(error: io::Error) -> Failure {
    let message = match error.kind() {
        io::ErrorKind::Interrupted => "Stopped; nothing was changed.".to_owned(),
        _ => format!("The terminal can't be asked: {error}."),
    };
    Failure::new("interrupted", message, "Run it again, or give the answers as options.".to_owned())
}

/// A failure before there is anything to say how to talk.
pub(crate) fn print_failure(failure: &Failure, json: bool) {
    if json { err(&format!("{}\n", failure.json())) } else { two_lines(failure) }
}

/// What happened, and on a second line what to do.
fn two_lines(failure: &Failure) {
    let style = || Style::new().for_stderr().bold();
    lines(&format!("{} {}", style().red().apply_to("error:"), failure.message), 7);
    if !failure.hint.is_empty() {
        lines(&format!("{}  {}", style().apply_to("hint:"), failure.hint), 7);
    }
}
