//! `demo`: the whole story on this machine, with real files and real HTTP.

use super::{App, DONE, secrets::read_entry};
use crate::words::Failure;
use base64ct::{Base64, Encoding};
use getrandom::SysRng;
use recovery_client::{Chosen, Client, NumberProof, Way, home::Protection};
use recovery_core::{
    address::RelayUrl, circle::Reach, name::Name, policy::Policy, vault::check_entry,
    wire::link::Link,
};
use recovery_relay::{Config, Relay, config::StorePlace};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

const FRIENDS: [&str; 5] = ["Bob", "Carol", "Dave", "Erin", "Frank"];
const THRESHOLD: u8 = 3;

pub(super) async fn run(app: &App, args: crate::cli::Demo) -> Result<ExitCode, Failure> {
    let secret = match &args.file {
        Some(path) => read_entry(path)?,
        None => fresh_key()?,
    };
    check_entry(secret.len())?;
    let dir = tempfile::tempdir().map_err(failed)?;
    let mut story = Story { app, dir: dir.path(), steps: Vec::new() };
    let config = Config::on_free_port(StorePlace::Sqlite(dir.path().join("relay.db")));
    let relay = story.step("a relay starts on this machine", Relay::start(config)).await?;
    let url: RelayUrl = relay.url().parse().map_err(failed)?;
    app.ui.note(&format!("  it listens on {url}, and will never see a name, a key or a secret"));
    let told = story.tell(&url, &secret).await;
    let stopped = relay.stop().await;
    let identical = told?;
    stopped.map_err(failed)?;
    let total: u64 = story.steps.iter().filter_map(|step| step["ms"].as_u64()).sum();
    let text = format!("restored: all {} bytes are identical ({total} ms in all)", secret.len());
    app.ui.result(&json!({ "steps": story.steps, "identical": identical }), &text);
    Ok(DONE)
}

/// A key like OpenSSH's, in armor.
fn fresh_key() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut random = Zeroizing::new([0; 240]);
    let mut source = rand_core::UnwrapErr(SysRng);
    rand_core::Rng::fill_bytes(&mut source, random.as_mut_slice());
    let base64 = Zeroizing::new(Base64::encode_string(random.as_slice()));
    let mut key = Zeroizing::new(b"-----BEGIN OPENSSH PRIVATE KEY-----\n".to_vec());
    for line in base64.as_bytes().chunks(70) {
        key.extend_from_slice(line);
        key.push(b'\n');
    }
    key.extend_from_slice(b"-----END OPENSSH PRIVATE KEY-----\n");
    Ok(key)
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(
        "demo-failed",
        format!("The demo could not go on: {error}"),
        crate::words::AGAIN.to_owned(),
    )
}

/// The people, each with a home of their own, and what was timed so far.
struct Story<'a> {
    app: &'a App,
    dir: &'a Path,
    steps: Vec<Value>,
}

impl Story<'_> {
    /// Does one step and tells how long it took.
    async fn step<T, E: std::fmt::Display>(
        &mut self,
        name: &str,
        doing: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure> {
        let waiting = self.app.ui.waiting(name);
        let started = Instant::now();
        let done = doing.await;
        drop(waiting);
        let ms = started.elapsed().as_millis() as u64;
        let done = done.map_err(|error| failed(format!("{name}: {error}")))?;
        self.app.ui.note(&format!("{ms:>6} ms  {name}"));
        self.steps.push(json!({ "name": name, "ms": ms }));
        Ok(done)
    }

    fn home(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// From five friends to a lost device and back.
    async fn tell(&mut self, relay: &RelayUrl, secret: &[u8]) -> Result<bool, Failure> {
        let label: Name = "my key".parse().map_err(failed)?;
        let mut alice = create(&self.home("Alice"), "Alice", relay)?;
        self.step("Alice keeps her secret in a vault", alice.add(label.clone(), secret)).await?;
        let mut friends = Vec::new();
        for name in FRIENDS {
            let story = format!("Alice invites {name}, who accepts");
            let pair = pair(&mut alice, self.home(name), name, relay);
            friends.push(self.step(&story, pair).await?);
        }
        self.step("Alice's device takes their answers", alice.sync(None)).await?;
        let people = alice.device().map_err(Failure::from)?.contacts();
        let people = people.iter().map(|contact| contact.card.id()).collect();
        let policy = Policy::any(THRESHOLD, people)?;
        self.step("the key is divided: any 3 of 5 friends", alice.protect(policy.into(), None))
            .await?;
        for friend in &mut friends {
            self.step("a friend's device stores its piece and confirms", friend.sync(None)).await?;
        }
        self.step("Alice's device checks the confirmations", alice.sync(None)).await?;
        drop(alice);
        std::fs::remove_dir_all(self.home("Alice")).map_err(failed)?;
        self.app.ui.note("           Alice's device is lost: its folder is gone");
        self.restore(relay, &mut friends, (&label, secret)).await
    }

    async fn restore(
        &mut self,
        relay: &RelayUrl,
        friends: &mut [Client],
        (label, secret): (&Name, &[u8]),
    ) -> Result<bool, Failure> {
        let home = self.home("Alice's new device");
        let name: Name = "Alice".parse().map_err(failed)?;
        let started = Client::start_restore(
            &home,
            Protection::None,
            (name, None),
            std::slice::from_ref(relay),
        );
        let mut new = self.step("a new device asks for help", started).await?;
        let (link, number) = (new.request_link(false)?, new.request_number()?);
        self.app.ui.note(&format!("           Alice calls three friends and reads them {number}"));
        for (friend, name) in friends.iter_mut().zip(FRIENDS).take(usize::from(THRESHOLD)) {
            let story = format!("{name} types the number and approves");
            self.step(&story, approve(friend, &link, number)).await?;
        }
        let polled =
            self.step("the new device collects the pieces", new.poll_restore(Duration::ZERO, None));
        let progress = polled.await?;
        let owner = progress.candidates.first().ok_or_else(|| failed("too few approvals"))?.id;
        let chosen = Chosen { owner, passphrase: None, accept_older: false };
        self.step("the key is whole again and opens the vault", new.restore(chosen)).await?;
        let restored = new.device()?.vault().entry(label)?.content.expose();
        if restored != secret {
            return Err(failed("what came back differs from what was lost"));
        }
        Ok(true)
    }
}

fn create(home: &Path, name: &str, relay: &RelayUrl) -> Result<Client, Failure> {
    let name = name.parse().map_err(failed)?;
    Ok(Client::create(home, Protection::None, name, vec![relay.clone()])?)
}

async fn pair(
    alice: &mut Client,
    home: PathBuf,
    name: &str,
    relay: &RelayUrl,
) -> Result<Client, DemoError> {
    let (link, _) =
        alice.invite(name.parse().map_err(DemoError::new)?).await.map_err(DemoError::new)?;
    let mut friend = create(&home, name, relay).map_err(|failure| DemoError(failure.message))?;
    friend.accept(&link, Reach::default()).await.map_err(DemoError::new)?;
    Ok(friend)
}

async fn approve(
    friend: &mut Client,
    link: &Link,
    number: recovery_core::number::Number,
) -> Result<(), DemoError> {
    let alice = "Alice".parse().map_err(DemoError::new)?;
    let id = friend.open_request(link, &alice).await.map_err(DemoError::new)?;
    let proof = NumberProof::Number(number);
    friend.approve(link, id, proof, Way::default()).await.map_err(DemoError::new)?;
    Ok(())
}

/// What stopped a step, in words.
struct DemoError(String);

impl DemoError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl std::fmt::Display for DemoError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
