//! Somebody who runs `recovery`.

use crate::{Out, World, binary};
use serde_json::Value;
use std::{
    ffi::OsStr,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Somebody with a home of their own, and nothing else of this machine's settings.
#[derive(Debug, Clone)]
pub struct Person {
    name: String,
    home: PathBuf,
    user: PathBuf,
    env: Vec<(String, String)>,
    /// What their commands run under.
    under: &'static [&'static str],
}

/// A network with nothing in it, not even the way to this machine itself.
const NO_NETWORK: [&str; 4] = ["/usr/bin/unshare", "--map-root-user", "--net", "--"];

impl Person {
    pub(crate) fn new(world: &World, name: &str) -> Self {
        let user = world.path("nobody's home");
        fs::create_dir_all(&user).expect("an empty folder");
        let home = world.path(&format!("home of {name}"));
        Self { name: name.to_owned(), home, user, env: Vec::new(), under: &[] }
    }

    /// With a setting in the environment.
    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.env.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// With nobody to connect to. Where that can't be, it says so; on CI it has to.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "what is skipped is said")]
    pub fn without_network(mut self) -> Self {
        let [program, args @ ..] = NO_NETWORK;
        let can = Command::new(program).args(args).arg("/bin/true").status();
        if can.is_ok_and(|status| status.success()) {
            self.under = &NO_NETWORK;
        } else {
            assert!(std::env::var_os("CI").is_none(), "a network can't be taken away here");
            eprintln!("SKIPPED: a network can't be taken away here");
        }
        self
    }

    /// Their name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Their home.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The command, to be changed further.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let recovery = binary("recovery");
        let mut command = match self.under {
            [] => Command::new(recovery),
            [program, args @ ..] => {
                let mut command = Command::new(program);
                command.args(args).arg(recovery);
                command
            }
        };
        command.env_clear().env("HOME", &self.user).envs(self.env.iter().cloned());
        command.arg("--home").arg(&self.home).args(args).stdin(Stdio::null());
        command
    }

    /// Runs a command without input.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Out {
        let mut command = self.command(args);
        let shown = format!("{}: {command:?}", self.name);
        Out::new(shown, command.output().expect("recovery runs"))
    }

    /// Runs a command with `input` on standard input.
    pub fn feed<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, input: &[u8]) -> Out {
        let mut command = self.command(args);
        let shown = format!("{}: {command:?}", self.name);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("recovery runs");
        // A command that needs no input may end before it read it.
        let _ = child.stdin.take().expect("its input").write_all(input);
        Out::new(shown, child.wait_with_output().expect("recovery ends"))
    }

    /// Runs a command with `--json`; it is done and prints one object.
    pub fn json<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Value {
        self.ask(args).json()
    }

    /// Runs a command with `--json`.
    pub fn ask<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Out {
        let mut all: Vec<std::ffi::OsString> = vec!["--json".into()];
        all.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self.run(all)
    }

    /// Makes a home without a passphrase.
    pub fn init(&self, relays: &[String]) -> Value {
        let mut args = vec!["init", "--name", &self.name, "--no-passphrase"];
        args.extend(relays.iter().flat_map(|relay| ["--relay", relay]));
        self.json(args)
    }

    /// The device is gone.
    pub fn lose(&self) {
        fs::remove_dir_all(&self.home).expect("a home is lost");
    }

    /// Invites somebody; gives the link.
    #[must_use]
    pub fn invite(&self, name: &str) -> String {
        text(&self.json(["invite", name]), "link")
    }

    /// Accepts an invite in a home of their own, made if there is none; gives the number.
    pub fn accept(&self, link: &str) -> String {
        let accepted = self.json(["accept", link, "--name", &self.name, "--no-passphrase"]);
        text(&accepted, "number")
    }

    /// What a new device knows of its recovery now.
    pub fn looks(&self) -> Value {
        self.ask(["restore", "--no-wait"]).not_yet()
    }

    /// Starts a recovery; gives request, link and number.
    pub fn asks(&self, relay: &str) -> (String, String, String) {
        let (link, number) = self.asks_for_help(relay);
        let request =
            self.looks().get("request").and_then(Value::as_str).expect("a request").to_owned();
        (request, link, number)
    }

    /// Starts a recovery, or looks once more; gives link and number.
    pub fn asks_for_help(&self, relay: &str) -> (String, String) {
        let name = ["--name", &self.name, "--no-passphrase"];
        let args = ["restore", "--no-wait", "--relay", relay].into_iter().chain(name);
        let waiting = self.ask(args).not_yet();
        (text(&waiting, "link"), text(&waiting, "number"))
    }

    /// Types the number that an owner's device shows for them.
    pub fn compare(&self, owner: &Person) -> Value {
        let shown = owner.json(["contacts", "verify", &self.name, "--show"]);
        self.json(["contacts", "verify", "Anna", "--number", &text(&shown, "number")])
    }

    /// Approves by number.
    pub fn approve(&self, link: &str, owner: &str, number: &str) -> Value {
        self.json(["approve", link, "--owner", owner, "--number", number])
    }
}

fn text(value: &Value, field: &str) -> String {
    let text = value.get(field).and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}

/// How a friend of Anna's approves with the number that was read out.
#[must_use]
pub fn by_number<'a>(link: &'a str, number: &'a str) -> [&'a str; 6] {
    ["approve", link, "--owner", "Anna", "--number", number]
}
