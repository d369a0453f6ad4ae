//! Holds: delay, veto, and the clock.

use super::*;

fn released(ids: &[u8]) -> Outcome {
    let mailboxes = ids.iter().map(|id| mailbox(*id)).collect();
    Ok(Done::Released { mailboxes, more: false })
}

pub(super) fn a_held_message_is_hidden_until_it_is_due(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.write(open(1), T0).unwrap();
    assert_eq!(bench.any().next_due().unwrap(), None);
    let at = T0.plus(1_000);
    assert_eq!(bench.write(post_held(1, "later", 1, 1_000), T0), due(at));
    assert_eq!(bench.write(post(1, "now"), T0), seq(1));
    assert_eq!(bench.any().next_due().unwrap(), Some(at));
    assert_eq!(bench.write(Write::Release, T0.plus(999)), released(&[]));
    bench.holds(1, at, &[(1, "now")]);
    assert_eq!(bench.write(Write::Release, at), released(&[1]));
    bench.holds(1, at, &[(1, "now"), (2, "later")]);
    assert_eq!(bench.any().next_due().unwrap(), None);
    assert_eq!(bench.write(Write::Release, at), released(&[]));
    let query = Query { mailbox: mailbox(1), after: 1, limit: 1, octets: 100 };
    let message = bench.page(&query, at).unwrap().messages.remove(0);
    assert_eq!(message.posted_at, T0, "when it was posted, not when it became visible");
}

pub(super) fn messages_become_visible_in_the_order_due_then_posted(
    new: fn(Quota) -> Option<Bench>,
) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.write(open(1), T0).unwrap();
    let batch = [
        post_held(1, "third", 1, 20),
        post_held(1, "first", 1, 10),
        post_held(1, "fourth", 1, 20),
        post_held(1, "second", 1, 10),
        post_held(1, "fifth", 1, 30),
    ];
    bench.any().apply(&batch, T0).unwrap();
    assert_eq!(bench.write(Write::Release, T0.plus(25)), released(&[1, 1, 1, 1]));
    let expected = [(1, "first"), (2, "second"), (3, "third"), (4, "fourth")];
    bench.holds(1, T0.plus(25), &expected);
    assert_eq!(bench.any().next_due().unwrap(), Some(T0.plus(30)));
}

pub(super) fn a_held_message_counts_against_the_quota(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota { messages: 2, octets: 100 }) else { return };
    bench.write(open(1), T0).unwrap();
    bench.write(post_held(1, "a", 1, 10), T0).unwrap();
    bench.write(post_held(1, "b", 2, 10), T0).unwrap();
    assert_eq!(bench.write(post(1, "c"), T0), Err(Refusal::MailboxFull));
    bench.write(veto(1), T0).unwrap();
    assert_eq!(bench.write(post(1, "c"), T0), seq(1));
    bench.write(Write::Release, T0.plus(10)).unwrap();
    assert_eq!(bench.write(post(1, "d"), T0.plus(10)), Err(Refusal::MailboxFull));
    bench.write(delete(1, 2), T0.plus(10)).unwrap();
    assert_eq!(bench.write(post(1, "d"), T0.plus(10)), seq(3));
}

pub(super) fn either_hold_drops_it(new: fn(Quota) -> Option<Bench>) {
    for which in [1, 2] {
        let Some(bench) = new(Quota::default()) else { return };
        bench.write(open(1), T0).unwrap();
        let both = Hold { first: hold(1), second: Some(hold(2)), millis: 10 };
        let post_both =
            |text: &str| Write::Post { mailbox: mailbox(1), body: body(text), hold: Some(both) };
        bench.write(post_both("a"), T0).unwrap();
        bench.write(post_held(1, "other", 3, 10), T0).unwrap();
        assert_eq!(bench.write(veto(which), T0), Ok(Done::Gone));
        assert_eq!(bench.write(post_both("b"), T0), Err(Refusal::Vetoed));
        assert_eq!(bench.write(post_held(1, "a", which, 10), T0), Err(Refusal::Vetoed), "dropped");
        bench.write(Write::Release, T0.plus(10)).unwrap();
        bench.holds(1, T0.plus(10), &[(1, "other")]);
        assert_eq!(bench.write(post(1, "a"), T0), seq(2), "without a hold it is a new message");
    }
}

pub(super) fn a_veto_may_name_one_mailbox(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    for id in [1, 2] {
        bench.write(open(id), T0).unwrap();
        bench.write(post_held(id, "a", 1, 10), T0).unwrap();
    }
    let one = Write::Veto { hold: hold(1), mailbox: Some(mailbox(1)) };
    assert_eq!(bench.write(one, T0), Ok(Done::Gone));
    assert_eq!(bench.write(post_held(1, "b", 1, 10), T0), Err(Refusal::Vetoed));
    assert_eq!(bench.write(post_held(2, "b", 1, 10), T0), due(T0.plus(10)));
    bench.write(Write::Release, T0.plus(10)).unwrap();
    bench.holds(1, T0.plus(10), &[]);
    bench.holds(2, T0.plus(10), &[(1, "a"), (2, "b")]);
    // A mailbox that is not there yet can be named, too.
    let early = Write::Veto { hold: hold(2), mailbox: Some(mailbox(3)) };
    bench.write(early, T0).unwrap();
    bench.write(open(3), T0).unwrap();
    assert_eq!(bench.write(post_held(3, "a", 2, 10), T0), Err(Refusal::Vetoed));
}

pub(super) fn a_veto_ends(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.write(open(1), T0).unwrap();
    bench.write(veto(1), T0).unwrap();
    let almost = T0.plus(VETO_MILLIS - 1);
    bench.write(Write::Collect, almost).unwrap();
    assert_eq!(bench.write(post_held(1, "a", 1, 10), almost), Err(Refusal::Vetoed));
    // Said again, it begins again.
    bench.write(veto(1), T0.plus(1)).unwrap();
    let end = T0.plus(VETO_MILLIS);
    assert_eq!(bench.write(post_held(1, "a", 1, 10), end), Err(Refusal::Vetoed));
    assert_eq!(bench.write(post_held(1, "a", 1, 10), end.plus(1)), due(end.plus(11)));
    bench.write(Write::Collect, end.plus(1)).unwrap();
    assert_eq!(bench.write(post_held(1, "b", 1, 10), T0), due(T0.plus(10)), "collected");
}

pub(super) fn a_veto_leaves_the_visible(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.write(open(1), T0).unwrap();
    bench.write(post_held(1, "a", 1, 10), T0).unwrap();
    bench.write(Write::Release, T0.plus(10)).unwrap();
    bench.write(veto(1), T0.plus(10)).unwrap();
    bench.holds(1, T0.plus(10), &[(1, "a")]);
    assert_eq!(bench.write(post(1, "no hold"), T0.plus(10)), seq(2));
}

pub(super) fn the_clock_moves_all_deadlines(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.write(open_for(1, 100), T0).unwrap();
    bench.write(open(2), T0).unwrap();
    bench.write(post_held(1, "a", 1, 50), T0).unwrap();
    bench.write(post_held(2, "shown", 3, 1), T0).unwrap();
    bench.write(Write::Release, T0.plus(1)).unwrap();
    bench.write(veto(2), T0).unwrap();
    let put = Write::PutSlot {
        id: slot(1),
        body: body("s"),
        condition: Condition::Absent,
        ttl_millis: Some(100),
        right: Right::Open,
    };
    bench.write(put, T0).unwrap();
    for by in [7 * DAY, -7 * DAY] {
        bench.any().shift_deadlines(by).unwrap();
    }
    bench.any().shift_deadlines(DAY).unwrap();
    let then = T0.plus(DAY);
    assert_eq!(bench.any().next_due().unwrap(), Some(then.plus(50)));
    assert_eq!(bench.write(post(1, "a"), then), due_again(then.plus(50)));
    assert_eq!(bench.write(Write::Release, then.plus(49)), released(&[]));
    assert_eq!(bench.write(Write::Release, then.plus(50)), released(&[1]));
    bench.holds(1, then.plus(99), &[(1, "a")]);
    assert_eq!(bench.texts(1, then.plus(100)), None);
    bench.holds(2, then, &[(1, "shown")]);
    assert_eq!(bench.write(post(2, "shown"), then), due_again(T0.plus(1)), "the past stays");
    assert!(bench.any().slot(&slot(1), then.plus(99)).unwrap().is_some());
    assert!(bench.any().slot(&slot(1), then.plus(100)).unwrap().is_none());
    let almost = then.plus(VETO_MILLIS - 1);
    assert_eq!(bench.write(post_held(2, "v", 2, 1), almost), Err(Refusal::Vetoed));
}

pub(super) fn what_is_held_goes_with_its_mailbox(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.write(open(1), T0).unwrap();
    bench.write(open_for(2, 5), T0).unwrap();
    for id in [1, 2] {
        bench.write(post_held(id, "a", 1, 10), T0).unwrap();
    }
    bench.write(Write::CloseMailbox { id: mailbox(1) }, T0).unwrap();
    bench.write(open(1), T0).unwrap();
    assert_eq!(bench.write(Write::Release, T0.plus(10)), released(&[]));
    bench.holds(1, T0.plus(10), &[]);
    assert_eq!(bench.write(open(2), T0.plus(10)), Ok(Done::Opened { new: true }));
    assert_eq!(bench.any().next_due().unwrap(), None);
}
