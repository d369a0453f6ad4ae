//! Commands that are killed, at any moment and at each step they take on the disk or the network, and
//! then simply run again.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say"
)]

use recovery_tests::{
    Family, Out, Person, SECRET, World, copy_folder,
    kill::{has_strace, killed_at},
};
use serde_json::json;
use std::{fs, path::Path, process::Stdio, time::Duration};

/// System calls that change something outside the process.
const STEPS: [&str; 7] = ["fsync", "rename", "link", "linkat", "unlink", "connect", "writev"];

/// Kills a command at each of its steps, and hands over each time what was left behind. `before` says
/// who is to be killed.
fn at_each_step(
    mut before: impl FnMut(usize) -> (Person, Vec<String>),
    mut after: impl FnMut(usize, &Person, &[&str]),
) {
    let (mut count, mut kills) = (0, 0);
    for call in STEPS {
        for n in 1.. {
            let (who, args) = before(count);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let killed = killed_at((call, n), &who, &args);
            after(count, &who, &args);
            count += 1;
            if !killed {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 8, "a command that changes something takes some steps, not {kills}");
}

fn owned(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

fn again(who: &Person, args: &[&str]) -> Out {
    who.run(args).done()
}

/// The same home as before.
fn put_back(copy: &Path, who: &Person) {
    let _ = fs::remove_dir_all(who.home());
    copy_folder(copy, who.home());
}

#[test]
fn add_invite_and_accept_at_each_step() {
    if !has_strace() {
        return eprintln!("SKIPPED: no strace here");
    }
    let world = World::new();
    let relay = world.relay("relay");
    let anna = world.person("Anna");
    anna.init(&[relay.url()]);
    let label = |n: usize| owned(&["add", &format!("s{n}"), "/etc/hostname"]);
    at_each_step(|n| (anna.clone(), label(n)), |_, anna, args| drop(again(anna, args)));
    assert_eq!(anna.json(["status"])["synced"], true);
    let invite = |n: usize| owned(&["invite", &format!("I{n}")]);
    at_each_step(
        |n| (anna.clone(), invite(n)),
        |_, anna, args| {
            let link = again(anna, args).text().trim().to_owned();
            assert_eq!(again(anna, args).text().trim(), link);
        },
    );
    let mut count = 0;
    at_each_step(
        |n| {
            let friend = world.person(&format!("F{n}"));
            let link = anna.invite(friend.name());
            let args = owned(&["accept", &link, "--name", friend.name(), "--no-passphrase"]);
            (friend, args)
        },
        |n, friend, args| {
            again(friend, args);
            count = n + 1;
        },
    );
    let events = anna.json(["sync"]);
    assert_eq!(events["events"].as_array().unwrap().len(), count, "{events}");
}

#[test]
fn protect_approve_and_restore_at_each_step() {
    if !has_strace() {
        return eprintln!("SKIPPED: no strace here");
    }
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Bob", "Carol"]);
    let (anna, bob) = (&family.owner, family.friend(0));
    let protect = |_| (anna.clone(), owned(&["protect", "--threshold", "2"]));
    at_each_step(protect, |_, anna, args| {
        again(anna, args);
        assert_eq!(anna.json(["status"])["queued"], 0);
    });
    family.friends.iter().for_each(|friend| drop(friend.run(["sync"]).done()));
    anna.run(["sync"]).done();
    assert_eq!(anna.json(["status"])["circle"]["active"], true);
    anna.lose();

    let (link, number) = anna.asks_for_help(&relay.url());
    let copy = world.path("copy of bob");
    copy_folder(bob.home(), &copy);
    let (file, out) = (world.path("approval"), world.path("approval").display().to_string());
    let approve = ["approve", &link, "--owner", "Anna", "--number", &number, "--output", &out];
    at_each_step(
        |_| {
            put_back(&copy, bob);
            let _ = fs::remove_file(&file);
            (bob.clone(), owned(&approve))
        },
        |_, bob, args| {
            if file.exists() {
                // It was through: what is there is whole, and is not replaced.
                bob.ask(args).error("file-exists");
            } else {
                again(bob, args);
            }
            assert!(fs::read_to_string(&file).unwrap().ends_with("APPROVAL-----\n"));
        },
    );
    let sends = ["approve", &link, "--owner", "Anna", "--number", &number];
    at_each_step(
        |_| {
            put_back(&copy, bob);
            (bob.clone(), owned(&sends))
        },
        |_, bob, args| {
            again(bob, args);
            assert_eq!(bob.json(["requests"])["requests"][0]["state"], "approved");
        },
    );
    family.friend(1).approve(&link, "Anna", &number);
    restore_at_each_step(&world, anna, bob);
}

/// Bob stores his piece, then Anna takes the receipts.
#[test]
fn sync_at_each_step() {
    if !has_strace() {
        return eprintln!("SKIPPED: no strace here");
    }
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::paired(&world, &[relay.url()], &["Bob", "Carol"]);
    family.owner.json(["protect", "--threshold", "2"]);
    family.friend(1).run(["sync"]).done();
    let (bob, anna) = (family.friend(0), &family.owner);
    for (who, copy) in [(bob, "piece of bob"), (anna, "receipts of anna")] {
        let copy = world.path(copy);
        copy_folder(who.home(), &copy);
        at_each_step(
            |_| {
                put_back(&copy, who);
                (who.clone(), owned(&["sync"]))
            },
            |_, who, args| drop(again(who, args)),
        );
    }
    assert_eq!(bob.json(["contacts"])["contacts"][0]["state"], "held");
    assert_eq!(anna.json(["status"])["circle"]["active"], true);
}

fn restore_at_each_step(world: &World, new: &Person, friend: &Person) {
    // Approvals are fetched, and not used, for want of this owner's.
    let other = friend.json(["status"])["owner_id"].as_str().unwrap().to_owned();
    let waiting = new.ask(["restore", "--no-wait", "--owner-id", &other]).not_yet();
    assert_eq!(waiting["approvals"].as_array().unwrap().len(), 2, "{waiting}");
    let copy = world.path("copy of new");
    copy_folder(new.home(), &copy);
    at_each_step(
        |_| {
            put_back(&copy, new);
            (new.clone(), owned(&["restore", "--no-wait"]))
        },
        |_, new, args| {
            // It is done now, or it was done before it was killed.
            let out = new.ask(args);
            if out.code != 0 {
                out.error("home-exists");
            }
            assert_eq!(new.run(["show", "a secret"]).done().stdout, SECRET);
        },
    );
}

/// A generator good enough to choose moments.
fn moment(seed: &mut u64) -> Duration {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    Duration::from_micros((*seed >> 33) % 60_000)
}

/// Killed a few times, then run to its end.
fn killed_then_done(seed: &mut u64, who: &Person, args: &[&str]) {
    for _ in 0..4 {
        let mut command = who.command(args);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(moment(seed));
        child.kill().and_then(|()| child.wait()).unwrap();
    }
    again(who, args);
}

#[test]
fn at_any_moment() {
    let mut seed = std::process::id().into();
    eprintln!("seed {seed}");
    let world = World::new();
    let mut relay = world.relay("relay");
    let anna = world.person("Anna");
    anna.init(&[relay.url()]);
    let file = world.file("secret", SECRET);
    killed_then_done(&mut seed, &anna, &["add", "a secret", file.to_str().unwrap()]);
    let friends = ["Bob", "Carol", "Dave"].map(|name| world.person(name));
    for friend in &friends {
        killed_then_done(&mut seed, &anna, &["invite", friend.name()]);
        let link = anna.invite(friend.name());
        let accept = ["accept", &link, "--name", friend.name(), "--no-passphrase"];
        killed_then_done(&mut seed, friend, &accept);
        killed_then_done(&mut seed, &anna, &["sync"]);
    }
    killed_then_done(&mut seed, &anna, &["protect", "--threshold", "2"]);
    relay.kill();
    relay.start_again();
    friends.iter().for_each(|friend| killed_then_done(&mut seed, friend, &["sync"]));
    killed_then_done(&mut seed, &anna, &["sync"]);
    let status = anna.json(["status"]);
    assert_eq!(status["circle"]["active"], true, "{status}");
    anna.lose();
    let start =
        ["restore", "--name", "Anna", "--no-passphrase", "--no-wait", "--relay", &relay.url()];
    for _ in 0..4 {
        let mut command = anna.command(start);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(moment(&mut seed));
        child.kill().and_then(|()| child.wait()).unwrap();
    }
    let (link, number) = anna.asks_for_help(&relay.url());
    for friend in &friends[..2] {
        let approve = ["approve", &link, "--owner", "Anna", "--number", &number];
        killed_then_done(&mut seed, friend, &approve);
    }
    relay.kill();
    relay.start_again();
    assert_eq!(anna.json(["restore", "--no-wait"])["restored"], json!(["a secret"]));
    assert_eq!(anna.run(["show", "a secret"]).done().stdout, SECRET);
}
