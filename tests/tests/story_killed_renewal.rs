//! A renewal that is killed at the steps it takes: one whole generation opens at every point, and running
//! it again finishes it. Some of the steps each time; all with `RECOVERY_KILL_STEPS=all`.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that panics has said what it has to say; a long run tells how many steps it took"
)]

use recovery_tests::{
    Family, Person, Relay, SECRET, World, copy_folder,
    kill::{Step, has_strace, killed_at, some_of, steps_of},
};
use serde_json::json;
use std::{
    cell::{Cell, RefCell},
    fs,
    path::{Path, PathBuf},
};

/// How many steps are passed over in between.
const STRIDE: usize = 20;

/// Says where it was if what follows fails.
struct At<'a>(Step, &'a [&'a str]);

impl Drop for At<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let ((call, n), args) = (self.0, self.1.join(" "));
            println!("it was after `{args}` had been killed at {call} {n}");
        }
    }
}

struct Story {
    world: World,
    relay: RefCell<Relay>,
    family: Family,
    count: Cell<usize>,
}

impl Story {
    /// A key that any two of three hold.
    fn new() -> Self {
        let world = World::new();
        let relay = world.relay("relay");
        let family = Family::protected(&world, &[relay.url()], &["Bob", "Carol", "Dora"], 2);
        Self { world, relay: RefCell::new(relay), family, count: Cell::new(0) }
    }

    fn everybody(&self) -> Vec<&Person> {
        self.family.friends.iter().chain([&self.family.owner]).collect()
    }

    /// Copies of all homes.
    fn keep(&self, name: &str) -> Vec<PathBuf> {
        let copy = |who: &&Person| {
            let path = self.world.path(&format!("{name} of {}", who.name()));
            copy_folder(who.home(), &path);
            path
        };
        self.everybody().iter().map(copy).collect()
    }

    fn put_back(&self, copies: &[PathBuf]) {
        for (who, copy) in self.everybody().into_iter().zip(copies) {
            put_back(copy, who.home());
        }
    }

    /// Does something to the relay's store while it is stopped.
    fn with_store<T>(&self, act: impl FnOnce(&Path) -> T) -> T {
        let mut relay = self.relay.borrow_mut();
        relay.stop();
        let done = act(relay.folder());
        relay.start_again();
        done
    }

    /// The key comes back with these friends, whatever anybody does afterwards: on a device that nobody can hear
    /// of, since a device that came back takes over.
    fn opens(&self, friends: &[usize]) {
        let n = self.count.replace(self.count.get() + 1);
        let copies = self.keep(&format!("before restoring {n}"));
        let new = self.world.person(&format!("Anna {n}")).without_network();
        let file = |name: &str| {
            let path = self.world.path(&format!("{name} {n}"));
            path.to_str().expect("a path in UTF-8").to_owned()
        };
        let request = file("request");
        let args = ["restore", "--no-wait", "--relay", "files", "--output", &request];
        let asks = new.ask(args.iter().chain(&["--name", "Anna", "--no-passphrase"])).not_yet();
        let word = |field: &str| asks[field].as_str().expect(field).to_owned();
        let (link, number) = (word("link"), word("number"));
        let mut args = vec!["restore".to_owned(), "--no-wait".to_owned(), "--import".to_owned()];
        for at in friends {
            let friend = self.family.friend(*at);
            let by =
                ["approve", &link, "--owner", "Anna", "--number", &number, "--import", &request];
            friend.run(by).done();
            let approval = file(friend.name());
            friend.run(["sync", "--output", &approval]).done();
            args.push(approval);
        }
        let mut said = new.ask(&args);
        if said.code != 0 {
            // A friend heard of the vault that only the relay has, where this device can't look.
            said.error("vault-rollback");
            said = new.ask(args.iter().map(String::as_str).chain(["--accept-older-vault"]));
        }
        let done = said.done().json();
        assert_eq!(done["restored"], json!(["a secret"]), "{done}");
        assert_eq!(new.run(["show", "a secret"]).done().stdout, SECRET);
        self.put_back(&copies);
    }

    /// Kills somebody's command at some of its steps, each time with homes and relay as they were before it; the key
    /// still opens, and running the command again finishes it.
    fn killed(&self, who: &Person, args: &[&str], after: impl Fn()) {
        let n = self.count.replace(self.count.get() + 1);
        let copies = self.keep(&format!("before {n}"));
        let store = self.world.path(&format!("the relay before {n}"));
        self.with_store(|folder| copy_folder(folder, &store));
        let steps = some_of(steps_of(who, args), STRIDE);
        assert!(!steps.is_empty());
        println!("killed at {} steps of {} {}", steps.len(), who.name(), args.join(" "));
        for step in steps {
            self.put_back(&copies);
            self.with_store(|folder| put_back(&store, folder));
            let _named = At(step, args);
            let killed = killed_at(step, who, args);
            self.opens(&[0, 1]);
            if killed {
                who.run(args).done();
            }
            after();
        }
    }
}

fn put_back(copy: &Path, folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    copy_folder(copy, folder);
}

#[test]
fn renew_and_what_follows() {
    if !has_strace() {
        return eprintln!("SKIPPED: no strace here");
    }
    let story = Story::new();
    let (anna, bob) = (&story.family.owner, story.family.friend(0));
    story.killed(anna, &["contacts", "remove", "Dora"], || {
        assert_eq!(anna.json(["contacts"])["contacts"][2]["state"], "removed");
    });
    story.killed(anna, &["renew"], || {
        let status = anna.json(["status"]);
        assert_eq!((&status["queued"], &status["circle"]["active"]), (&json!(0), &json!(false)));
    });
    // The friends take the new pieces, one of them not at once.
    story.killed(bob, &["sync"], || ());
    story.family.friend(1).run(["sync"]).done();
    story.killed(anna, &["sync"], || {
        assert_eq!(anna.json(["status"])["circle"]["active"], true);
    });
    // And are told to forget the old ones.
    story.killed(bob, &["sync"], || ());
    story.opens(&[0, 1]);
    let status = anna.json(["status"]);
    assert_eq!(
        (&status["circle"]["older"], &status["circle"]["active"]),
        (&json!(0), &json!(true))
    );
}
