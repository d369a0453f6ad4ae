#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark may stop when its own set-up is wrong"
)]
//! Whole flows against the sum of the primitives they are made of, in the same run.
//!
//! `cargo bench -p recovery-core --bench flows`: 11 rounds, everything once in each; medians, and the
//! median of the ratios of each round. No network, no disk, no password.

use ed25519_dalek::{Signer, SigningKey};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use recovery_core::{
    circle::Reach,
    flows::{
        Context, Delivery, Device, Source,
        approve::Consent,
        request::{NewDevice, request_id},
    },
    hpke_suite::OpeningKey,
    ids::CircleId,
    kdf::KdfCost,
    keys::Identity,
    number::Number,
    package::{Package, Way, circle_key},
    policy::Policy,
    seal::{self, Letter},
    secret::Secret,
    slip39::{self, Groups},
    vault::Vault,
    wire::{self, messages::Pieces},
};
use rustix::time::{ClockId, clock_gettime};
use std::{hint::black_box, time::Duration};

const ROUNDS: usize = 11;
/// Of so many runs in a row the best counts: what it costs when nothing disturbs it.
const BEST_OF: usize = 5;
const CHEAP: KdfCost = KdfCost { memory_kib: 8, passes: 1, lanes: 1 };
const NOW: u64 = 1_800_000_000;

fn context(rng: &mut ChaCha20Rng) -> Context<'_> {
    Context { now: NOW, rng, cost: CHEAP }
}

/// Five friends paired with an owner, through the real flows, without a relay.
fn people(rng: &mut ChaCha20Rng) -> (Device, Vec<Device>) {
    let relay = || vec!["https://relay.example.org".parse().unwrap()];
    let device = |name: &str, rng: &mut ChaCha20Rng| {
        Device::new(name.parse().unwrap(), relay(), &mut context(rng))
    };
    let mut owner = device("Anna", rng);
    owner.add("key".parse().unwrap(), &[7; 400], NOW).unwrap();
    let mut friends = Vec::new();
    for name in ["Bob", "Carol", "Dave", "Erin", "Frank"] {
        let mut friend = device(name, rng);
        let invited = owner.invite(name.parse().unwrap(), &mut context(rng)).unwrap();
        let slot = slot_body(&invited.step.outbox);
        let accepted =
            friend.accept(&invited.link, &slot, Reach::default(), &mut context(rng)).unwrap();
        let answer = posts(&accepted.step.outbox).pop().unwrap();
        let source = Source::Invite(invited.link.slots[0].id);
        let _ = owner.handle(source, &answer, &mut context(rng));
        friends.push(friend);
    }
    (owner, friends)
}

fn slot_body(outbox: &[Delivery]) -> Vec<u8> {
    let body = |delivery: &Delivery| match delivery {
        Delivery::PutSlot { body, .. } => Some(body.clone()),
        _ => None,
    };
    outbox.iter().find_map(body).unwrap()
}

fn posts(outbox: &[Delivery]) -> Vec<Vec<u8>> {
    let body = |delivery: &Delivery| match delivery {
        Delivery::Post { body, .. } => Some(body.clone()),
        _ => None,
    };
    outbox.iter().filter_map(body).collect()
}

fn policy(owner: &Device) -> Policy {
    Policy::any(3, owner.contacts().iter().map(|contact| contact.card.id()).collect()).unwrap()
}

/// What this thread has used of a processor: neighbours do not count.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

fn time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let started = processor_time();
    let done = black_box(work());
    (processor_time().saturating_sub(started), done)
}

/// The best of a few runs in this very round.
fn primitive<T>(mut work: impl FnMut() -> T) -> Duration {
    (0..BEST_OF).map(|_| time(&mut work).0).min().unwrap()
}

/// What one round measured.
struct Round {
    seal: Duration,
    open: Duration,
    sign: Duration,
    verify: Duration,
    card: Duration,
    key: Duration,
    split: Duration,
    combine: Duration,
    package: Duration,
    unpackage: Duration,
    boxing: Duration,
    unboxing: Duration,
    identity: Duration,
    protect: Duration,
    restore: Duration,
}

impl Round {
    /// Five cards of the owner's, five bundles signed and sealed, one circle and one vault.
    fn protect_sum(&self) -> Duration {
        5 * (2 * self.sign + self.card + self.seal)
            + self.key
            + self.split
            + self.package
            + self.boxing
    }

    /// Three messages opened, each with four signatures and two cards, and one circle and one vault.
    fn restore_sum(&self) -> Duration {
        3 * (self.open + 4 * self.verify + 2 * self.card)
            + self.key
            + self.combine
            + self.unpackage
            + self.unboxing
            + 2 * self.identity
    }
}

fn round(seed: u64) -> Round {
    let rng = &mut ChaCha20Rng::seed_from_u64(seed);
    let (mut owner, mut friends) = people(rng);
    let policy = policy(&owner);
    let mut protect = Duration::MAX;
    let mut bundles = Vec::new();
    for _ in 0..BEST_OF {
        let policy = policy.clone();
        let (took, made) = time(|| owner.protect(policy.into(), &mut context(rng)).unwrap());
        protect = protect.min(took);
        bundles = posts(&made.step.outbox);
    }
    for (friend, bundle) in friends.iter_mut().zip(&bundles) {
        let _ = friend.handle(Source::Owner(owner.id()), bundle, &mut context(rng));
    }
    let container = owner.container(&owner.places()[0], &mut context(rng)).unwrap();
    let relays = owner.relays().to_vec();
    let (new, step) =
        NewDevice::start("Anna".parse().unwrap(), None, &relays, &mut context(rng)).unwrap();
    let (link, slot) = (new.link(false), slot_body(&step.outbox));
    let mut approvals = Vec::new();
    for friend in friends.iter_mut().take(3) {
        let opened = friend.open_request(&link, &slot, owner.id(), &mut context(rng)).unwrap();
        let number = Number::of_request(opened.id, &link.secret, CHEAP).unwrap();
        let _ = friend.try_number(opened.id, &number, &mut context(rng)).unwrap();
        let sent = friend.approve(opened.id, Consent::default(), &mut context(rng)).unwrap();
        approvals.push(sent.message.unwrap());
    }
    let asked = new.encode();
    let mut restore = Duration::MAX;
    for _ in 0..BEST_OF {
        let mut new = NewDevice::decode(&asked).unwrap();
        let (took, device) = time(|| bring_back(&mut new, &approvals, &container));
        restore = restore.min(took);
        assert_eq!(device.id(), owner.id());
    }
    assert_eq!(new.id(), request_id(&posts_request(&slot, &link)));
    primitives(rng, &owner, &friends[0], &approvals[0], (protect, restore))
}

fn bring_back(new: &mut NewDevice, approvals: &[Vec<u8>], container: &[u8]) -> Device {
    for approval in approvals {
        new.take(approval);
    }
    let assessment = new.assess();
    let quorum = assessment.complete(None)[0].combine().unwrap();
    let root = quorum.root(None).unwrap();
    quorum.restore(root, &[container.to_vec()]).unwrap().device
}

/// The request in a slot, to show that what was restored is what was asked for.
fn posts_request(slot: &[u8], link: &wire::link::Link) -> recovery_core::sign::Signed {
    let label = recovery_core::labels::BOX_REQUEST;
    let padded = recovery_core::boxed::open(link.secret.expose(), label, slot).unwrap();
    let content: wire::messages::RequestSlot = wire::decode(wire::unpad(&padded).unwrap()).unwrap();
    content.request
}

/// Each primitive, on what the flows gave it.
fn primitives(
    rng: &mut ChaCha20Rng,
    owner: &Device,
    friend: &Device,
    approval: &[u8],
    (protect, restore): (Duration, Duration),
) -> Round {
    let me = Identity::from_seed(&owner.vault().profile.seed);
    let held = &friend.held()[0].bundles[0];
    let pieces: &Pieces = &held.pieces;
    let letter = Letter::new(held.signed.clone(), Some(wire::encode(pieces).to_vec()));
    let sealed = seal::seal(&letter, &me.public().sealing, rng).unwrap();
    assert_eq!(sealed.len(), approval.len());
    let card = owner.contacts()[0].card.signed().clone();
    let card_octets = wire::encode(&card);
    let message = wire::encode(&held.signed);
    let signing = SigningKey::from_bytes(&[9; 32]);
    let signature = signing.sign(&message);
    let public = signing.verifying_key();
    let groups = Groups::single(3, 5).unwrap();
    let shared = Secret::new([5; 32]);
    let shares = slip39::split(shared.expose(), &groups, rng).unwrap().remove(0);
    let key: OpeningKey = circle_key(&shared, CircleId::new([1; 16]), None).unwrap();
    let root = Secret::new([6; 32]);
    let package = Package::seal(Way::Circle, &root, key.public(), rng).unwrap();
    let vault = owner.vault().clone();
    let container = vault.seal(&root, rng).unwrap();
    let verify = primitive(|| public.verify_strict(&message, &signature).unwrap());
    Round {
        seal: primitive(|| seal::seal(&letter, &me.public().sealing, rng).unwrap()),
        open: primitive(|| seal::open(&me, &sealed).unwrap()),
        sign: primitive(|| signing.sign(&message)),
        verify,
        card: parse_only(&card_octets, verify),
        key: primitive(|| circle_key(&shared, CircleId::new([1; 16]), None).unwrap()),
        split: primitive(|| slip39::split(shared.expose(), &groups, rng).unwrap()),
        combine: primitive(|| slip39::combine(&shares[..3], "").unwrap()),
        package: primitive(|| Package::seal(Way::Circle, &root, key.public(), rng).unwrap()),
        unpackage: primitive(|| package.open(&key).unwrap()),
        boxing: primitive(|| vault.seal(&root, rng).unwrap()),
        unboxing: primitive(|| Vault::open(&root, &container).unwrap()),
        identity: primitive(|| Identity::from_seed(&vault.profile.seed)),
        protect,
        restore,
    }
}

/// A card's keys: reading them, without the signature, which is counted beside it.
fn parse_only(octets: &[u8], verify: Duration) -> Duration {
    let whole =
        primitive(|| recovery_core::keys::Card::verify(&wire::decode(octets).unwrap()).unwrap());
    whole.saturating_sub(verify)
}

fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    values[values.len() / 2]
}

fn main() {
    let _ = round(0);
    let rounds: Vec<Round> = (1..=ROUNDS as u64).map(round).collect();
    let row = |name: &str, of: fn(&Round) -> Duration| {
        let micros = median(rounds.iter().map(of).collect()).as_secs_f64() * 1e6;
        println!("| {name} | {micros:.0} |");
    };
    println!("| what | µs, median of {ROUNDS} |\n|---|--:|");
    row("seal a bundle (HPKE, X-Wing)", |r| r.seal);
    row("open it", |r| r.open);
    row("sign", |r| r.sign);
    row("verify", |r| r.verify);
    row("read a card's keys", |r| r.card);
    row("key pair of a circle", |r| r.key);
    row("SLIP-39 split 3 of 5", |r| r.split);
    row("SLIP-39 combine 3", |r| r.combine);
    row("seal the root key", |r| r.package);
    row("open it again", |r| r.unpackage);
    row("box the vault", |r| r.boxing);
    row("open the vault", |r| r.unboxing);
    row("identity of a seed", |r| r.identity);
    row("**protect 3 of 5**", |r| r.protect);
    row("its primitives together", Round::protect_sum);
    row("**restore 3 of 5**", |r| r.restore);
    row("its primitives together", Round::restore_sum);
    let ratio = |flow: fn(&Round) -> Duration, sum: fn(&Round) -> Duration| {
        median(rounds.iter().map(|r| flow(r).as_secs_f64() / sum(r).as_secs_f64()).collect())
    };
    println!("\nprotect / primitives: {:.2}", ratio(|r| r.protect, Round::protect_sum));
    println!("restore / primitives: {:.2}", ratio(|r| r.restore, Round::restore_sum));
}
