//! Whole worlds: people, relays and everything that can go wrong between them, from one seed each.
//!
//! `RECOVERY_SEEDS` says how many (200), `RECOVERY_SEED_START` from which on (0). A failure prints the
//! seed and how to see it again.
#![cfg(feature = "testkit")]
#![expect(clippy::panic, clippy::print_stderr, reason = "a test says why it stops, and where")]

use recovery_core::{
    kdf::KdfCost,
    testkit::{Counts, Fault, Options, Outcome, Swarm, World},
};
use std::collections::BTreeSet;

/// Seeds that failed once, a line each.
const FAILED: &str = include_str!("seeds.txt");

/// What people do beside the main story.
const DEEDS: [&str; 26] = [
    "accept",
    "accept by number",
    "check",
    "delete",
    "farewell",
    "finish",
    "forge",
    "forget",
    "hold",
    "leave",
    "override",
    "protect",
    "prove",
    "release",
    "renew",
    "report",
    "retire",
    "stopped",
    "stopped in time",
    "take over",
    "thief",
    "thief by another's request",
    "veto",
    "warned",
    "was me",
    "withdraw",
];

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
    })
}

/// Says which seed it was if the world itself panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("SEED={}", self.0);
        }
    }
}

fn run(seed: u64, options: Options) -> Outcome {
    let named = Seed(seed);
    let outcome = World::new(seed, options).run();
    assert_eq!(outcome.violation, None, "\n{}", outcome.again());
    drop(named);
    outcome
}

#[test]
fn invariants_hold_in_every_world() {
    what_failed_once_holds();
    let (start, seeds) = (setting("RECOVERY_SEED_START", 0), setting("RECOVERY_SEEDS", 200));
    let mut faults = Counts::default();
    let mut deeds = BTreeSet::new();
    let mut came_back = 0;
    for seed in start..start.saturating_add(seeds) {
        let outcome = run(seed, Options::default());
        faults.add(&outcome.faults);
        deeds.extend(outcome.deeds.keys().copied());
        came_back += u64::from(outcome.came_back);
    }
    println!("{came_back} of {seeds} came back; {faults}");
    if seeds >= 200 {
        // Neither can the owner always come back nor never, and nothing that can happen did not.
        assert!((seeds / 10..seeds * 9 / 10).contains(&came_back), "{came_back} of {seeds}");
        let never: Vec<&Fault> =
            Fault::ALL.iter().filter(|fault| faults.of(**fault) == 0).collect();
        assert!(never.is_empty(), "{never:?} never happened");
        let never: Vec<&&str> = DEEDS.iter().filter(|deed| !deeds.contains(**deed)).collect();
        assert!(never.is_empty(), "nobody did {never:?}");
    }
}

fn what_failed_once_holds() {
    let seeds = FAILED.lines().filter(|line| !line.starts_with('#'));
    for seed in seeds {
        run(seed.parse().unwrap_or_else(|_| panic!("no seed: {seed}")), Options::default());
    }
}

#[test]
fn one_seed_is_one_world() {
    for seed in [1, 2, 3] {
        let options = Options { log: true, ..Options::default() };
        let (one, other) = (run(seed, options.clone()), run(seed, options));
        assert_eq!((one.trace, &one.log), (other.trace, &other.log), "SEED={seed}");
        assert_ne!(one.trace, run(seed + 100, Options::default()).trace);
    }
}

#[test]
fn nothing_goes_wrong_without_faults() {
    for seed in 0..10 {
        let outcome = run(seed, Options { swarm: Swarm::Off, ..Options::default() });
        assert_eq!(outcome.faults, Counts::default(), "SEED={seed}");
    }
}

#[test]
fn each_fault_alone_at_its_worst() {
    for fault in Fault::ALL {
        // A device that crashes at nine of ten steps does nothing else.
        let rate = if *fault == Fault::Crash { 300 } else { 900 };
        for seed in 0..3 {
            println!("{fault:?} {seed}");
            let swarm = Swarm::Only(vec![(*fault, rate)]);
            run(seed, Options { swarm, ..Options::default() });
        }
    }
}

#[test]
fn the_standard_cost_is_no_other_world() {
    let options = Options { cost: KdfCost::STANDARD, swarm: Swarm::Off, log: false };
    let _ = run(4, options);
}
