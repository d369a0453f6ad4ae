//! Steps about hosting the relay: its description, the proxies before it, its package.

use crate::run::{Outcome, all, cargo, cargo_tool, is_there, program, python, root, text};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// How long calls are made up for, in seconds.
const SECONDS: &str = "45";

/// A relay in memory on a free port; ended when dropped.
struct Relay {
    child: Child,
    url: String,
}

impl Relay {
    fn start() -> Result<Self, Outcome> {
        let failed = |why: &str| Outcome::Failed(why.to_owned());
        if !matches!(all([cargo(&["build", "-p", "recovery-relay"])]), Outcome::Passed) {
            return Err(failed("the relay does not build"));
        }
        let mut command = Command::new(root().join("target/debug/recovery-relay"));
        command.args(["serve", "--store", "memory:", "--listen", "127.0.0.1:0", "--webhooks"]);
        command.stdout(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.spawn().map_err(|error| failed(&error.to_string()))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.as_mut() {
            let _ = BufReader::new(out).read_line(&mut line);
        }
        let relay = |url: &str| Self { child, url: url.trim().to_owned() };
        line.strip_prefix("listening on ")
            .map(relay)
            .ok_or_else(|| failed("the relay does not start"))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Calls that the description allows, and such that it does not, must be answered as it says.
pub fn schemathesis() -> Outcome {
    let python = match python("tests/python/relay-requirements.txt") {
        Ok(python) => python,
        Err(outcome) => return outcome,
    };
    let relay = match Relay::start() {
        Ok(relay) => relay,
        Err(outcome) => return outcome,
    };
    let mut command = program(python.with_file_name("schemathesis"), &["run"]);
    command.arg(format!("{}/v1/openapi.json", relay.url));
    command.args(["--phases", "coverage,fuzzing", "--max-time", SECONDS, "-n", "50"]);
    // Which calls fit what is there, and one at the edge of two rules, no description can say.
    command.args([
        "--exclude-checks",
        "positive_data_acceptance",
        "--suppress-health-check",
        "all",
    ]);
    command.args(["--generation-deterministic", "--no-color", "--warnings", "off"]);
    command.env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", root().join("tests/schemathesis"));
    all([command])
}

/// A folder of its own for what a step writes.
fn folder(name: &str) -> Result<PathBuf, Outcome> {
    let folder = root().join("target").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| Outcome::Failed(error.to_string()))?;
    Ok(folder)
}

/// Both programs are in Debian.
pub fn proxies() -> Outcome {
    for (name, probe) in [("nginx", "-v"), ("caddy", "version")] {
        if !is_there(name, &[probe]) {
            return Outcome::Skipped(format!("needs {name}"));
        }
    }
    match folder("proxies").and_then(|folder| nginx(&folder)) {
        Ok(nginx) => {
            let caddy =
                ["validate", "--adapter", "caddyfile", "--config", "packaging/proxy/Caddyfile"];
            all([nginx, program("caddy", &caddy)])
        }
        Err(outcome) => outcome,
    }
}

/// The snippet in a whole configuration, with a certificate that is there.
fn nginx(folder: &std::path::Path) -> Result<Command, Outcome> {
    let failed = |error: std::io::Error| Outcome::Failed(error.to_string());
    let at = |name: &str| folder.join(name).display().to_string();
    let (cert, key) = (at("cert.pem"), at("key.pem"));
    let make = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=relay.example.org",
        "-keyout",
        &key,
        "-out",
        &cert,
    ];
    if !is_there("openssl", &make) {
        return Err(Outcome::Failed("openssl makes no certificate".to_owned()));
    }
    let snippet = fs::read_to_string(root().join("packaging/proxy/nginx.conf")).map_err(failed)?;
    let live = "/etc/letsencrypt/live/relay.example.org";
    let snippet = snippet.replace(&format!("{live}/fullchain.pem"), &cert);
    let snippet = snippet.replace(&format!("{live}/privkey.pem"), &key);
    // Nothing outside of the folder is written to.
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let places: String = kinds.map(|kind| format!("{kind}_temp_path {};\n", at(kind))).concat();
    let http = format!("access_log off;\n{places}{snippet}");
    let whole = format!("pid {};\nevents {{}}\nhttp {{\n{http}}}\n", at("nginx.pid"));
    fs::write(folder.join("nginx.conf"), whole).map_err(failed)?;
    let error_log = format!("error_log {};", at("error.log"));
    Ok(program("nginx", &["-t", "-c", &at("nginx.conf"), "-p", &at(""), "-g", &error_log]))
}

/// Builds the package around the program that the tests use (a real one has the release's), installs it, lets it check
/// its settings, and removes it again. Installing needs root, so it is done on CI only.
pub fn deb() -> Outcome {
    if !is_there("dpkg-deb", &["--version"]) {
        return Outcome::Skipped("needs dpkg".to_owned());
    }
    if let Err(outcome) = cargo_tool("deb") {
        return outcome;
    }
    let folder = match folder("deb") {
        Ok(folder) => folder,
        Err(outcome) => return outcome,
    };
    let file = folder.join("recovery-relay.deb").display().to_string();
    let build = [
        "deb",
        "-p",
        "recovery-relay",
        "--profile",
        "dev",
        "--no-build",
        "--no-strip",
        "--fast",
        "-o",
        &file,
    ];
    let scratch = folder.join("root").display().to_string();
    let unpack = program("dpkg-deb", &["-x", &file, &scratch]);
    if let outcome @ (Outcome::Failed(_) | Outcome::Skipped(_)) =
        all([cargo(&["build", "-p", "recovery-relay"]), cargo(&build), unpack])
    {
        return outcome;
    }
    let settings = format!("{scratch}/etc/recovery-relay/relay.toml");
    let installed = format!("{scratch}/usr/bin/recovery-relay");
    if let outcome @ (Outcome::Failed(_) | Outcome::Skipped(_)) =
        all([program(installed, &["check-config", "--config", &settings])])
    {
        return outcome;
    }
    match std::env::var_os("CI").is_some() && text("id", &["-u"]) == "0" {
        true => all([
            program("dpkg", &["-i", &file]),
            program(
                "recovery-relay",
                &["check-config", "--config", "/etc/recovery-relay/relay.toml"],
            ),
            program("dpkg", &["--purge", "recovery-relay"]),
        ]),
        false => Outcome::Passed,
    }
}
