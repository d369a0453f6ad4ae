//! Passes and sessions.

use super::*;
use crate::store::Quotas;

const MANY: PassQuota = PassQuota { mailboxes: 2, slots: 2, octets: 100 };

fn pass(n: u8) -> PassId {
    PassId::new([n; 32])
}

fn add(n: u8, quota: PassQuota, parent: Option<u8>, ttl_millis: Option<i64>) -> Write {
    let parent = parent.map(pass);
    Write::AddPass { id: pass(n), name: format!("family {n}"), quota, ttl_millis, parent }
}

fn open_with(id: u8, right: Right) -> Write {
    Write::OpenMailbox { id: mailbox(id), ttl_millis: None, right }
}

fn put_with(id: u8, text: &str, condition: Condition, right: Right) -> Write {
    Write::PutSlot { id: slot(id), body: body(text), condition, ttl_millis: None, right }
}

fn used(bench: &Bench, n: u8) -> Option<(u64, u64, u64)> {
    let pass = bench.any().pass(&pass(n)).unwrap()?;
    Some((pass.used.mailboxes, pass.used.slots, pass.used.octets))
}

const NEW: Outcome = Ok(Done::Opened { new: true });

pub(super) fn what_is_opened_counts_and_what_is_closed_does_not(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    let with = Right::Pass(pass(1));
    assert_eq!(bench.write(open_with(1, with), T0), Err(Refusal::NoPass));
    assert_eq!(bench.write(add(1, MANY, None, None), T0), NEW);
    assert_eq!(bench.write(add(1, MANY, None, None), T0), Ok(Done::Opened { new: false }));
    assert_eq!(bench.write(open_with(1, with), T0), NEW);
    assert_eq!(bench.write(open_with(1, with), T0), Ok(Done::Opened { new: false }));
    assert_eq!(bench.write(open_with(2, with), T0), NEW);
    assert_eq!(bench.write(open_with(3, with), T0), Err(Refusal::PassUsedUp));
    assert_eq!(used(&bench, 1), Some((2, 0, 0)));
    bench.write(Write::CloseMailbox { id: mailbox(1) }, T0).unwrap();
    assert_eq!(bench.write(open_with(3, with), T0), NEW);
    for id in 1..=2 {
        bench.write(put_with(id, "12345", Condition::Absent, with), T0).unwrap();
    }
    let third = bench.write(put_with(3, "12345", Condition::Absent, with), T0);
    assert_eq!(third, Err(Refusal::PassUsedUp));
    assert_eq!(used(&bench, 1), Some((2, 2, 10)));
    bench.write(Write::DeleteSlot { id: slot(1) }, T0).unwrap();
    assert_eq!(used(&bench, 1), Some((2, 1, 5)));
    let passes = bench.any().passes().unwrap();
    assert_eq!((passes.len(), passes[0].name.as_str(), passes[0].made), (1, "family 1", T0));
    let mut bad = Vec::new();
    assert_eq!(bench.any().verify(&mut |found| bad.push(found)).unwrap().bad, 0, "{bad:?}");
}

pub(super) fn octets_count_against_the_pass(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    let with = Right::Pass(pass(1));
    let few = PassQuota { mailboxes: 9, slots: 9, octets: 10 };
    let batch = [add(1, few, None, None), open_with(1, with), open_with(2, with)];
    assert!(bench.any().apply(&batch, T0).unwrap().iter().all(Result::is_ok));
    assert_eq!(bench.write(post(1, "12345"), T0), seq(1));
    assert_eq!(bench.write(post_held(2, "1234", 1, 10), T0), due(T0.plus(10)));
    assert_eq!(bench.write(post(1, "67"), T0), Err(Refusal::MailboxFull));
    assert_eq!(bench.write(post(1, "12345"), T0), seq_again(1));
    let put = |text, condition| put_with(1, text, condition, with);
    assert_eq!(bench.write(put("12", Condition::Absent), T0), Err(Refusal::PassUsedUp));
    bench.write(veto(1), T0).unwrap();
    bench.write(put("12345", Condition::Absent), T0).unwrap();
    assert_eq!(used(&bench, 1), Some((2, 1, 10)));
    bench.write(put("123", Condition::Present), T0).unwrap();
    assert_eq!(bench.write(put("123456", Condition::Present), T0), Err(Refusal::PassUsedUp));
    bench.write(delete(1, 1), T0).unwrap();
    assert_eq!(used(&bench, 1), Some((2, 1, 3)));
    bench.write(put("123456", Condition::Present), T0).unwrap();
    assert_eq!(used(&bench, 1), Some((2, 1, 6)));
}

pub(super) fn a_pass_that_is_over_opens_nothing_and_takes_nothing_away(
    new: fn(Quota) -> Option<Bench>,
) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.write(add(1, MANY, None, Some(10)), T0).unwrap();
    bench.write(add(2, MANY, None, None), T0).unwrap();
    for n in 1..=2 {
        bench.write(open_with(n, Right::Pass(pass(n))), T0).unwrap();
        bench.write(put_with(n, "a", Condition::Absent, Right::Pass(pass(n))), T0).unwrap();
    }
    bench.write(Write::RevokePass { id: pass(2) }, T0).unwrap();
    let then = T0.plus(10);
    bench.write(Write::Collect, then).unwrap();
    for n in 1..=2 {
        let with = Right::Pass(pass(n));
        assert_eq!(bench.write(open_with(9, with), then), Err(Refusal::NoPass));
        let put = bench.write(put_with(9, "b", Condition::Absent, with), then);
        assert_eq!(put, Err(Refusal::NoPass));
        assert_eq!(bench.write(open_with(n, with), then), Ok(Done::Opened { new: false }));
        assert_eq!(bench.write(post(n, "goes on"), then), seq(1));
        assert!(bench.write(put_with(n, "b", Condition::Present, with), then).is_ok());
        assert_eq!(used(&bench, n), Some((1, 1, 8)));
    }
}

pub(super) fn a_guest_pass_is_made_out_of_another(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    let one = PassQuota { mailboxes: 1, slots: 0, octets: 40 };
    bench.write(add(1, MANY, None, None), T0).unwrap();
    assert_eq!(bench.write(add(2, one, Some(9), None), T0), Err(Refusal::NoPass));
    assert_eq!(bench.write(add(2, one, Some(1), Some(10)), T0), NEW);
    assert_eq!(bench.write(add(3, one, Some(1), None), T0), NEW);
    assert_eq!(used(&bench, 1), Some((2, 0, 80)));
    assert_eq!(bench.write(add(4, one, Some(1), None), T0), Err(Refusal::PassUsedUp));
    assert_eq!(bench.write(open_with(3, Right::Pass(pass(3))), T0), NEW);
    bench.write(Write::Collect, T0.plus(10)).unwrap();
    assert_eq!(used(&bench, 2), None, "it was never used");
    assert_eq!(used(&bench, 1), Some((1, 0, 40)));
    bench.write(Write::CloseMailbox { id: mailbox(3) }, T0).unwrap();
    bench.write(Write::RevokePass { id: pass(1) }, T0).unwrap();
    let refused = bench.write(open_with(4, Right::Pass(pass(3))), T0);
    assert_eq!(refused, Err(Refusal::NoPass), "it ends with the one it was made out of");
    bench.write(Write::Collect, T0.plus(10)).unwrap();
    assert!(bench.any().passes().unwrap().is_empty());
}

pub(super) fn a_guest_pass_makes_no_others(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.write(add(1, MANY, None, None), T0).unwrap();
    assert_eq!(bench.write(add(2, MANY, Some(1), None), T0), NEW);
    for quota in [MANY, PassQuota::default()] {
        assert_eq!(bench.write(add(3, quota, Some(2), None), T0), Err(Refusal::NoPass));
    }
    let batch = [add(4, PassQuota::default(), Some(1), None), add(5, MANY, Some(4), None)];
    let done = bench.any().apply(&batch, T0).unwrap();
    assert_eq!(done, [NEW, Err(Refusal::NoPass)], "nor one of the same batch");
    assert_eq!(bench.any().passes().unwrap().len(), 3);
}

pub(super) fn a_guest_pass_is_used_in_time_and_then_lasts(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    let two = PassQuota { mailboxes: 2, slots: 1, octets: 40 };
    let many = PassQuota { mailboxes: 4, slots: 4, octets: 100 };
    bench.write(add(1, many, None, Some(50)), T0).unwrap();
    bench.write(add(2, two, Some(1), Some(10)), T0).unwrap();
    bench.write(add(3, two, Some(1), Some(10)), T0).unwrap();
    let with = |n| Right::Pass(pass(n));
    assert_eq!(bench.write(open_with(1, with(2)), T0.plus(9)), NEW);
    let then = T0.plus(10);
    assert_eq!(bench.write(open_with(9, with(3)), then), Err(Refusal::NoPass), "not in time");
    bench.write(Write::Collect, then).unwrap();
    assert_eq!((used(&bench, 3), used(&bench, 1)), (None, Some((2, 1, 40))), "it is given back");
    assert_eq!(bench.write(open_with(2, with(2)), then), NEW, "it is in use");
    assert_eq!(bench.write(open_with(3, with(2)), then), Err(Refusal::PassUsedUp));
    assert!(bench.write(put_with(1, "a", Condition::Absent, with(2)), then).is_ok());
    for id in 1..=2 {
        bench.write(Write::CloseMailbox { id: mailbox(id) }, then).unwrap();
    }
    assert_eq!(bench.write(open_with(3, with(2)), then), NEW, "a slot is in use, too");
    bench.write(Write::CloseMailbox { id: mailbox(3) }, then).unwrap();
    bench.write(Write::DeleteSlot { id: slot(1) }, then).unwrap();
    assert_eq!(bench.write(open_with(3, with(2)), then), Err(Refusal::NoPass), "nothing is left");
    bench.write(Write::Collect, then).unwrap();
    assert_eq!((used(&bench, 2), used(&bench, 1)), (None, Some((0, 0, 0))));
    bench.write(add(4, two, Some(1), Some(10)), then).unwrap();
    bench.write(open_with(4, with(4)), then).unwrap();
    let end = T0.plus(50);
    assert_eq!(bench.write(open_with(5, with(4)), end), Err(Refusal::NoPass), "the other is over");
    assert_eq!(bench.write(post(4, "what is open stays"), end), seq(1));
}

pub(super) fn a_session_is_small_and_becomes_ordinary_with_a_pass(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota { messages: 1_000, octets: 8 * 1_024 * 1_024 }) else { return };
    let quotas = Quotas::from(Quota { messages: 1_000, octets: 8 * 1_024 * 1_024 });
    bench.write(open_with(1, Right::Session), T0).unwrap();
    let posts: Vec<_> = (0..quotas.session.messages).map(|n| post(1, &n.to_string())).collect();
    assert!(bench.any().apply(&posts, T0).unwrap().iter().all(Result::is_ok));
    assert_eq!(bench.write(post(1, "more"), T0), Err(Refusal::MailboxFull));
    let large = "x".repeat(32 * 1_024 + 1);
    let put = |right| put_with(1, &large, Condition::Absent, right);
    assert_eq!(bench.write(put(Right::Session), T0), Err(Refusal::SessionSlotTooLarge));
    let quota = PassQuota { mailboxes: 1, slots: 1, octets: 1_000_000 };
    bench.write(add(1, quota, None, None), T0).unwrap();
    let with = Right::Pass(pass(1));
    assert_eq!(bench.write(open_with(1, with), T0), Ok(Done::Opened { new: false }));
    assert!(bench.write(post(1, "more"), T0).is_ok());
    let octets: u64 = (0..quotas.session.messages).map(|n| n.to_string().len() as u64).sum();
    assert_eq!(used(&bench, 1), Some((1, 0, octets + 4)));
    assert!(bench.write(put_with(1, "small", Condition::Absent, Right::Session), T0).is_ok());
    assert!(bench.write(put_with(1, &large, Condition::Present, with), T0).is_ok());
    assert_eq!(used(&bench, 1), Some((1, 1, octets + 4 + large.len() as u64)));
}

pub(super) fn an_unused_pass_is_removed_when_it_is_over(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.write(add(1, MANY, None, Some(10)), T0).unwrap();
    bench.write(add(2, MANY, None, None), T0).unwrap();
    bench.write(open_with(1, Right::Pass(pass(1))), T0).unwrap();
    bench.write(Write::Collect, T0.plus(10)).unwrap();
    assert_eq!(bench.any().passes().unwrap().len(), 2, "something is left under it");
    bench.write(Write::CloseMailbox { id: mailbox(1) }, T0.plus(10)).unwrap();
    bench.write(Write::Collect, T0.plus(10)).unwrap();
    let left: Vec<_> = bench.any().passes().unwrap().iter().map(|pass| pass.id).collect();
    assert_eq!(left, [pass(2)]);
}
