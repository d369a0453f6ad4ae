//! Any history has the same outcome in every backend, however it is cut into batches, and keeps the contract's
//! promises about numbers.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// A write by small numbers, so that histories meet themselves often.
#[derive(Debug, Clone)]
enum Op {
    Open(u8, Option<i64>),
    Close(u8),
    Post(u8, u8, Option<(u8, Option<u8>, i64)>),
    Delete(u8, u64),
    /// The condition: 0 absent, 1 present, 2 the last version, 3 one before.
    Put(u8, u8, u8, Option<i64>),
    DeleteSlot(u8),
    Veto(u8, Option<u8>),
    Release,
    Collect,
}

/// What happens between two commits.
#[derive(Debug, Clone)]
struct Round {
    ops: Vec<Op>,
    passes: i64,
    shift: Option<i64>,
}

fn op() -> impl Strategy<Value = Op> {
    let (id, text) = (0..3_u8, 0..6_u8);
    let ttl = || proptest::option::weighted(0.3, 1..40_i64);
    let held = proptest::option::weighted(0.5, (0..3_u8, proptest::option::of(3..5_u8), 0..30_i64));
    prop_oneof![
        3 => (id.clone(), ttl()).prop_map(|(id, ttl)| Op::Open(id, ttl)),
        1 => id.clone().prop_map(Op::Close),
        12 => (id.clone(), text.clone(), held).prop_map(|(id, text, held)| Op::Post(id, text, held)),
        4 => (id.clone(), 0..8_u64).prop_map(|(id, seq)| Op::Delete(id, seq)),
        4 => (id.clone(), text, 0..4_u8, ttl()).prop_map(|(id, t, c, ttl)| Op::Put(id, t, c, ttl)),
        1 => id.clone().prop_map(Op::DeleteSlot),
        1 => (0..5_u8, proptest::option::of(id)).prop_map(|(hold, id)| Op::Veto(hold, id)),
        3 => Just(Op::Release),
        1 => Just(Op::Collect),
    ]
}

fn round() -> impl Strategy<Value = Round> {
    let passes = prop_oneof![4 => 0..15_i64, 1 => Just(VETO_MILLIS), 1 => Just(SEEN_MILLIS + 1)];
    let shift = proptest::option::weighted(0.1, -50..50_i64);
    (proptest::collection::vec(op(), 0..8), passes, shift).prop_map(|(ops, passes, shift)| Round {
        ops,
        passes,
        shift,
    })
}

/// One backend and the versions it drew, which differ between backends.
struct Side {
    bench: Bench,
    versions: HashMap<u8, Vec<Version>>,
    /// What was seen under each number, by mailbox; cleared when the mailbox is closed or made anew.
    seen: HashMap<u8, BTreeMap<u64, Bytes>>,
}

impl Side {
    fn new(bench: Bench) -> Self {
        Self { bench, versions: HashMap::new(), seen: HashMap::new() }
    }

    fn write(&self, op: &Op) -> Write {
        match op {
            Op::Open(id, ttl_millis) => {
                Write::OpenMailbox { id: mailbox(*id), ttl_millis: *ttl_millis, right: Right::Open }
            }
            Op::Close(id) => Write::CloseMailbox { id: mailbox(*id) },
            Op::Post(id, text, held) => {
                let hold = held.map(|(first, second, millis)| Hold {
                    first: hold(first),
                    second: second.map(hold),
                    millis,
                });
                Write::Post { mailbox: mailbox(*id), body: body(&text.to_string()), hold }
            }
            Op::Delete(id, seq) => delete(*id, *seq),
            Op::Put(id, text, condition, ttl_millis) => {
                let versions = self.versions.get(id).map_or(&[][..], Vec::as_slice);
                let condition = match condition {
                    0 => Condition::Absent,
                    1 => Condition::Present,
                    2 => Condition::AnyOf(versions.last().copied().into_iter().collect()),
                    _ => Condition::AnyOf(versions.iter().rev().skip(1).copied().collect()),
                };
                let body = body(&text.to_string());
                Write::PutSlot {
                    id: slot(*id),
                    body,
                    condition,
                    ttl_millis: *ttl_millis,
                    right: Right::Open,
                }
            }
            Op::DeleteSlot(id) => Write::DeleteSlot { id: slot(*id) },
            Op::Veto(id, only) => Write::Veto { hold: hold(*id), mailbox: only.map(mailbox) },
            Op::Release => Write::Release,
            Op::Collect => Write::Collect,
        }
    }

    /// Applies a batch; versions are told as how many were drawn before them.
    fn apply(&mut self, ops: &[Op], now: UnixMillis) -> Vec<String> {
        let writes: Vec<_> = ops.iter().map(|op| self.write(op)).collect();
        let outcomes = self.bench.any().apply(&writes, now).unwrap();
        let told = ops.iter().zip(outcomes).map(|(op, outcome)| self.tell(op, outcome));
        told.collect::<Vec<_>>()
    }

    fn tell(&mut self, op: &Op, outcome: Outcome) -> String {
        match (op, &outcome) {
            (Op::Put(id, ..), Ok(Done::Slot { version, new })) => {
                let versions = self.versions.entry(*id).or_default();
                versions.push(*version);
                format!("slot {new}")
            }
            (Op::Put(id, ..), Err(Refusal::Mismatch(current))) => {
                let versions = self.versions.get(id).map_or(&[][..], Vec::as_slice);
                let place = current.map(|current| versions.iter().position(|v| *v == current));
                format!("mismatch {place:?}")
            }
            (Op::Close(id), _) | (Op::Open(id, _), Ok(Done::Opened { new: true })) => {
                self.seen.remove(id);
                format!("{outcome:?}")
            }
            _ => format!("{outcome:?}"),
        }
    }

    /// What can be read.
    fn read(&mut self, now: UnixMillis) -> String {
        let mut told = format!("{:?}", self.bench.any().next_due().unwrap());
        for id in 0..3 {
            let query = Query { mailbox: mailbox(id), after: 0, limit: 100, octets: usize::MAX };
            let messages = self.bench.page(&query, now);
            for message in messages.iter().flat_map(|page| &page.messages) {
                let seen = self.seen.entry(id).or_default();
                // Behind the greatest number seen so far, nothing new ever appears.
                let behind = seen.last_key_value().is_some_and(|(last, _)| *last > message.seq);
                let before = seen.insert(message.seq, message.body.clone());
                assert_eq!(
                    before.as_ref().unwrap_or(&message.body),
                    &message.body,
                    "a number twice"
                );
                assert!(!behind || before.is_some(), "a reader's cursor passed one by");
            }
            let slot = self.bench.any().slot(&slot(id), now).unwrap().map(|slot| slot.body);
            told += &format!("\n{messages:?} {slot:?}");
        }
        told
    }
}

/// Cuts the ops at every third, so that batches differ between backends; a slot written and read in one batch
/// is told the same in both, since conditions name versions of earlier rounds.
fn cut(ops: &[Op]) -> impl Iterator<Item = &[Op]> {
    ops.chunks(3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn every_history_ends_alike(rounds in proptest::collection::vec(round(), 1..12)) {
        let quota = Quota { messages: 4, octets: 100 };
        let sides = || [memory(quota), sqlite(quota)].map(|bench| Side::new(bench.unwrap()));
        let [mut one, mut other] = sides();
        let mut now = T0;
        for Round { ops, passes, shift } in rounds {
            let puts = ops.iter().any(|op| matches!(op, Op::Put(..)));
            let told = one.apply(&ops, now);
            let told_other = if puts {
                other.apply(&ops, now)
            } else {
                cut(&ops).flat_map(|ops| other.apply(ops, now)).collect()
            };
            prop_assert_eq!(told, told_other);
            prop_assert_eq!(one.read(now), other.read(now));
            now = now.plus(passes);
            if let Some(by) = shift {
                one.bench.any().shift_deadlines(by).unwrap();
                other.bench.any().shift_deadlines(by).unwrap();
                now = now.plus(by);
            }
        }
    }
}

/// 64 by default, since each makes a store on disk; RECOVERY_CASES asks for more.
fn cases() -> u32 {
    std::env::var("RECOVERY_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

#[test]
fn a_closed_store_does_nothing_more() {
    let bench = sqlite(Quota::default()).unwrap();
    bench.write(open(1), T0).unwrap();
    bench.any().close().unwrap();
    assert_eq!(bench.any().apply(&[post(1, "a")], T0), Err(StoreError::Closed));
    assert_eq!(bench.any().next_due(), Err(StoreError::Closed));
}
