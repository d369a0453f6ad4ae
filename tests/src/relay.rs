//! A relay in a process of its own.

use crate::binary;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A running relay; told to stop when dropped.
#[derive(Debug)]
pub struct Relay {
    folder: PathBuf,
    flags: Vec<String>,
    address: String,
    child: Option<Child>,
}

impl Relay {
    /// Starts one on a free port, with its store and its log in `folder`.
    #[must_use]
    pub fn start(folder: &Path, flags: &[&str]) -> Self {
        fs::create_dir_all(folder).expect("the relay's folder is made");
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let address = "127.0.0.1:0".to_owned();
        let mut relay = Self { folder: folder.to_owned(), flags, address, child: None };
        relay.start_again();
        relay
    }

    /// Starts it where it was before, with what it had.
    pub fn start_again(&mut self) {
        // While it was away somebody else may have got its port for a moment.
        for _ in 0..50 {
            if let Some((child, address)) = self.spawn() {
                (self.child, self.address) = (Some(child), address);
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        panic!("the relay does not start: {log}");
    }

    /// A process that listens, and where.
    fn spawn(&self) -> Option<(Child, String)> {
        let log = File::options().create(true).append(true).open(self.log()).expect("a log");
        let mut child = Command::new(binary("recovery-relay"))
            .args(["serve", "--listen", &self.address, "--store"])
            .arg(format!("sqlite:{}", self.folder.join("relay.db").display()))
            .args(&self.flags)
            .env_clear()
            .env("HOME", &self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the relay starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("the relay's output");
        BufReader::new(stdout).read_line(&mut line).expect("the relay says where it is");
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            let _ = child.wait();
            return None;
        };
        Some((child, address.to_owned()))
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its folder: store and log.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("relay.log")
    }

    /// SIGTERM; it finishes what it has and ends well.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = Pid::from_child(&child);
            kill_process(pid, Signal::TERM).expect("the relay is told to stop");
            let status = child.wait().expect("the relay stops");
            assert!(status.success() || std::thread::panicking(), "the relay ended with {status}");
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().and_then(|()| child.wait()).expect("the relay is killed");
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop();
    }
}
