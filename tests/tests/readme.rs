//! The README's tour is real: each `console` block is run again and compared, but for what differs in
//! every run (links, numbers, times). `UPDATE_README=1` writes what the commands print now.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that panics has said what it has to say"
)]

use recovery_tests::{World, binary};
use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const ADDRESS: &str = "http://127.0.0.1:8440";

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")
}

/// What a block says: each command, and what it printed.
fn commands(block: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), String::new())),
            (None, Some((_, output))) => writeln!(output, "{line}").unwrap(),
            (None, None) => panic!("a block starts with a command: {line}"),
        }
    }
    commands
}

/// A person at a shell in an empty folder.
struct Shell {
    world: World,
    relay: recovery_tests::Relay,
    /// The link and the number that the last output showed.
    link: String,
    number: String,
}

impl Shell {
    fn run(&mut self, command: &str) -> String {
        let command = with_own(command, &self.link, &self.number);
        let folder = self.world.path("");
        let bin = binary("recovery").parent().unwrap().to_owned();
        let path = format!("{}:{}", bin.display(), env::var("PATH").unwrap());
        let output = Command::new("sh")
            .arg("-c")
            .arg(format!("({command}) 2>&1"))
            .current_dir(&folder)
            .env_clear()
            .env("PATH", path)
            .env("HOME", &folder)
            .env("COLUMNS", "100")
            .env("RECOVERY_RELAY", self.relay.url())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let text = text.replace(&self.relay.url(), ADDRESS);
        if let Some(link) = text.split_whitespace().find(|word| word.contains("/r#")) {
            self.link = link.replace(ADDRESS, &self.relay.url());
        }
        if let Some(number) = text.lines().map(str::trim).find(|line| is_number(line)) {
            self.number = number.to_owned();
        }
        text
    }
}

fn is_number(text: &str) -> bool {
    text.len() == 19 && text.split(' ').all(|part| part.len() == 3 && is_digits(part))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_digit())
}

/// The command with the link and the number of this run in place of those that stand there.
fn with_own(command: &str, link: &str, number: &str) -> String {
    let mut parts: Vec<String> = command.split('\'').map(str::to_owned).collect();
    for part in &mut parts {
        if part.contains("/r#") || part == "LINK" {
            link.clone_into(part);
        } else if is_number(part) || part == "NUMBER" {
            number.clone_into(part);
        }
    }
    parts.join("'")
}

/// What differs in every run is written the same.
fn normal(text: &str) -> String {
    let mut normal = String::new();
    for line in text.lines() {
        let words = line.split(' ').map(|word| {
            let bare = word.trim_matches(['\'', '.', ',']);
            match bare.split_once('#') {
                Some((place, _)) if place.starts_with("http") => word.replace(bare, "LINK"),
                _ if bare.len() == 3 && is_digits(bare) => word.replace(bare, "123"),
                _ => word.to_owned(),
            }
        });
        let line = words.collect::<Vec<_>>().join(" ");
        writeln!(normal, "{}", line.trim_end()).unwrap();
    }
    normal
}

#[test]
fn the_tour_is_real() {
    let text = fs::read_to_string(readme()).unwrap();
    let world = World::new();
    let relay = world.relay("relay");
    let mut shell = Shell { world, relay, link: String::new(), number: String::new() };
    let (mut written, mut rest, mut count) = (String::new(), text.as_str(), 0);
    while let Some((before, after)) = rest.split_once("```console\n") {
        let (block, after) = after.split_once("```").unwrap();
        written.push_str(before);
        written.push_str("```console\n");
        for (command, printed) in commands(block) {
            let output = shell.run(&command);
            let link = shell.link.replace(&shell.relay.url(), ADDRESS);
            let shown = with_own(&command, &link, &shell.number);
            writeln!(written, "$ {shown}").unwrap();
            written.push_str(&output);
            count += 1;
            if env::var_os("UPDATE_README").is_none() {
                assert_eq!(
                    normal(&output),
                    normal(&printed),
                    "{command}\nUPDATE_README=1 writes it anew"
                );
            }
        }
        written.push_str("```");
        rest = after;
    }
    written.push_str(rest);
    assert_eq!(count, 16, "commands in the README");
    if env::var_os("UPDATE_README").is_some() {
        fs::write(readme(), written).unwrap();
    }
}
