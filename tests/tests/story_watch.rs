//! A device that is always on: it listens, acts, says what happened, and lets other commands in.

#![expect(clippy::unwrap_used, reason = "a test that panics has said what it has to say")]

use recovery_tests::{Family, Person, World, now, texts};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    io::Read,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

/// `watch` in a process of its own.
struct Watch(Child);

impl Watch {
    fn start(person: &Person) -> Self {
        let mut command = person.command(["--json", "watch"]);
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// It ends well when it is told to, and at once; gives what it said.
    fn stop(mut self, signal: Signal) -> Vec<Value> {
        assert!(self.0.try_wait().unwrap().is_none(), "it goes on until it is stopped");
        let told = Instant::now();
        kill_process(Pid::from_child(&self.0), signal).unwrap();
        let status = self.0.wait().unwrap();
        assert!(told.elapsed() < Duration::from_secs(10));
        let (mut said, mut noise) = (String::new(), String::new());
        self.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        self.0.stderr.take().unwrap().read_to_string(&mut noise).unwrap();
        assert!(status.success(), "{status}: {said}{noise}");
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_device_is_always_on() {
    let world = World::new();
    let mut relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Bob", "Carol"]);
    let (anna, bob, carol) = (&family.owner, family.friend(0), family.friend(1));
    let watch = Watch::start(bob);
    std::thread::sleep(Duration::from_millis(500));
    // A piece comes while it listens, and is confirmed at once.
    anna.json(["protect", "--threshold", "2"]);
    carol.run(["sync"]).done();
    let started = Instant::now();
    let told = loop {
        let told = anna.json(["sync", "--wait", "2s"]);
        if texts(&told, "events", "contact").contains(&"Bob") {
            break told;
        }
        assert!(started.elapsed() < Duration::from_secs(15), "{told}");
    };
    assert!(texts(&told, "events", "kind").contains(&"piece-held"), "{told}");
    // Another command of the same home waits for its turn.
    let started = Instant::now();
    let people = bob.json(["contacts"]);
    assert_eq!(texts(&people, "contacts", "name"), ["Anna"]);
    assert!(started.elapsed() < Duration::from_secs(24), "{:?}", started.elapsed());
    // A relay that is away for a moment ends nothing.
    relay.stop();
    std::thread::sleep(Duration::from_secs(2));
    relay.start_again();
    let said = watch.stop(Signal::TERM);
    let kinds: Vec<&str> = said.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["piece-stored"], "one line for each event");
}

/// What it did just before it was stopped is kept.
#[test]
fn a_watch_is_stopped_at_any_time() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob"], 1);
    let bob = family.friend(0);
    for (wait, signal) in [(0, Signal::TERM), (300, Signal::INT), (1_000, Signal::TERM)] {
        let watch = Watch::start(bob);
        std::thread::sleep(Duration::from_millis(200 + wait));
        watch.stop(signal);
        bob.run(["contacts"]).done();
    }
    family.owner.run(["check"]).done();
    let asked = now();
    let watch = Watch::start(bob);
    let started = Instant::now();
    while family.owner.json(["status"])["contacts"][0]["proved_at"].as_u64() < Some(asked) {
        family.owner.run(["sync", "--wait", "1s"]).done();
        assert!(started.elapsed() < Duration::from_secs(30));
    }
    watch.stop(Signal::TERM);
}
