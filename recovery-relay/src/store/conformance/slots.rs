//! Slots.

use super::*;

fn put(id: u8, text: &str, condition: Condition) -> Write {
    Write::PutSlot {
        id: slot(id),
        body: body(text),
        condition,
        ttl_millis: None,
        right: Right::Open,
    }
}

fn put_for(id: u8, text: &str, condition: Condition, ttl: i64) -> Write {
    Write::PutSlot {
        id: slot(id),
        body: body(text),
        condition,
        ttl_millis: Some(ttl),
        right: Right::Open,
    }
}

fn version(outcome: Outcome) -> Version {
    match outcome {
        Ok(Done::Slot { version, .. }) => version,
        other => panic!("not written: {other:?}"),
    }
}

pub(super) fn a_slot_is_written_under_a_condition_only(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    let of = |version| Condition::AnyOf(vec![version]);
    assert_eq!(bench.any().slot(&slot(1), T0).unwrap(), None);
    let any = bench.write(put(1, "a", Condition::Present), T0);
    assert_eq!(any, Err(Refusal::Mismatch(None)));
    assert_eq!(bench.write(put(1, "a", of(Version(1))), T0), Err(Refusal::Mismatch(None)));
    let made = bench.write(put(1, "a", Condition::Absent), T0);
    assert!(matches!(made, Ok(Done::Slot { new: true, .. })));
    let first = version(made);
    let again = bench.write(put(1, "b", Condition::Absent), T0);
    assert_eq!(again, Err(Refusal::Mismatch(Some(first))));
    let swapped = bench.write(put(1, "b", Condition::AnyOf(vec![Version(1), first])), T0);
    assert!(matches!(swapped, Ok(Done::Slot { new: false, .. })));
    let second = version(swapped);
    assert_eq!(bench.write(put(1, "c", of(first)), T0), Err(Refusal::Mismatch(Some(second))));
    let slot = bench.any().slot(&slot(1), T0).unwrap().unwrap();
    assert_eq!((slot.version, &slot.body[..]), (second, b"b".as_slice()));
    let third = version(bench.write(put(1, "", Condition::Present), T0));
    // Of two in one batch, one wins.
    let race = [put(1, "x", of(third)), put(1, "y", of(third))];
    let outcomes = bench.any().apply(&race, T0).unwrap();
    let winner = version(outcomes[0].clone());
    assert_eq!(outcomes[1], Err(Refusal::Mismatch(Some(winner))));
}

pub(super) fn no_version_comes_twice(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        assert!(seen.insert(version(bench.write(put(1, "same", Condition::Absent), T0)).0));
        assert!(seen.insert(version(bench.write(put(1, "same", Condition::Present), T0)).0));
        bench.write(Write::DeleteSlot { id: slot(1) }, T0).unwrap();
    }
}

pub(super) fn an_expired_slot_is_gone_before_it_is_collected(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.write(put_for(1, "a", Condition::Absent, 10), T0).unwrap();
    let end = T0.plus(10);
    assert!(bench.any().slot(&slot(1), T0.plus(9)).unwrap().is_some());
    assert!(bench.any().slot(&slot(1), end).unwrap().is_none());
    let present = bench.write(put(1, "b", Condition::Present), end);
    assert_eq!(present, Err(Refusal::Mismatch(None)));
    // Made anew, it has its own time.
    bench.write(put_for(1, "b", Condition::Absent, 5), end).unwrap();
    assert!(bench.any().slot(&slot(1), end.plus(5)).unwrap().is_none());
    bench.write(Write::Collect, end.plus(5)).unwrap();
    assert!(bench.any().slot(&slot(1), T0).unwrap().is_none(), "removed");
    // Writing extends and never shortens.
    bench.write(put_for(2, "a", Condition::Absent, 10), T0).unwrap();
    bench.write(put_for(2, "b", Condition::Present, 5), T0).unwrap();
    assert!(bench.any().slot(&slot(2), T0.plus(9)).unwrap().is_some());
    bench.write(put(2, "c", Condition::Present), T0).unwrap();
    assert!(bench.any().slot(&slot(2), T0.plus(100 * DAY)).unwrap().is_some());
}

pub(super) fn a_deleted_slot_is_gone(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    let delete = Write::DeleteSlot { id: slot(1) };
    assert_eq!(bench.write(delete.clone(), T0), Ok(Done::Gone));
    bench.write(put(1, "a", Condition::Absent), T0).unwrap();
    bench.write(put(2, "b", Condition::Absent), T0).unwrap();
    assert_eq!(bench.write(delete, T0), Ok(Done::Gone));
    assert_eq!(bench.any().slot(&slot(1), T0).unwrap(), None);
    assert!(bench.any().slot(&slot(2), T0).unwrap().is_some());
}
