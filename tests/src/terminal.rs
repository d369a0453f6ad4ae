//! Somebody at a terminal: a program in tmux, keys that are typed, and what stands on the screen.

use crate::{Person, World};
use std::{
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

/// Columns and lines: lines enough for all that one command says.
const SIZE: [&str; 4] = ["-x", "100", "-y", "200"];
/// Longest time that anything on a screen takes, a number's Argon2id on a busy machine among it.
const PATIENCE: Duration = Duration::from_secs(120);

/// What stands below all that a program printed, when it has ended.
const END: &str = "(the end)";

/// A terminal; it is closed when dropped.
#[derive(Debug)]
pub struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    /// Whether this machine has what it takes.
    #[must_use]
    pub fn is_there() -> bool {
        Command::new("tmux").arg("-V").output().is_ok_and(|out| out.status.success())
    }

    /// Opens one in which a person runs one command.
    #[must_use]
    pub fn run(world: &World, person: &Person, args: &[&str]) -> Self {
        // Each has a server of its own: one that is ending would take the next one with it.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let terminal = Self { socket: world.path(&format!("terminal {count}")) };
        let command = person.command(args);
        let mut start: Vec<String> =
            ["-f", "/dev/null", "new-session", "-d"].map(str::to_owned).into();
        start.extend(SIZE.map(str::to_owned));
        start.extend(["--", "env", "-i", "TERM=xterm-256color", "LANG=C.UTF-8"].map(str::to_owned));
        for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
            start.push(format!("{}={}", name.display(), value.display()));
        }
        // The screen stays when the program has ended.
        start.extend(
            ["sh", "-c", &format!("\"$@\"; echo '{END}'; exec cat"), "sh"].map(str::to_owned),
        );
        start.push(command.get_program().display().to_string());
        start.extend(command.get_args().map(|arg| arg.display().to_string()));
        terminal.tmux(&start.iter().map(String::as_str).collect::<Vec<_>>());
        terminal
    }

    fn tmux(&self, args: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).args(args).env("LC_ALL", "C.UTF-8").env_remove("TMUX");
        let output = command.output().expect("tmux runs");
        assert!(
            output.status.success(),
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("a screen in UTF-8")
    }

    /// What stands on the screen now, without blanks at the ends of lines.
    #[must_use]
    pub fn screen(&self) -> String {
        let text = self.tmux(&["capture-pane", "-p", "-J"]);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n").trim_end().to_owned()
    }

    /// Waits until this stands on the screen, so often.
    pub fn sees(&self, text: &str, times: usize) -> &Self {
        let began = Instant::now();
        while self.screen().matches(text).count() < times {
            assert!(began.elapsed() < PATIENCE, "{text:?} does not come:\n{}", self.screen());
            sleep(Duration::from_millis(50));
        }
        self
    }

    /// Types a text and Enter.
    pub fn types(&self, text: &str) -> &Self {
        if !text.is_empty() {
            self.tmux(&["send-keys", "-l", "--", text]);
        }
        self.presses("Enter")
    }

    /// Presses one key, as tmux calls it.
    pub fn presses(&self, key: &str) -> &Self {
        self.tmux(&["send-keys", key]);
        self
    }

    /// Waits for the command's end; gives all that stands there then.
    #[must_use]
    pub fn ends(self) -> String {
        self.sees(END, 1);
        let screen = self.screen();
        screen.split(END).next().unwrap_or_default().trim_end().to_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut command = Command::new("tmux");
        let _ = command.arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}
