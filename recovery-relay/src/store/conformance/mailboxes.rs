//! Mailboxes and their messages.

use super::*;

pub(super) fn opening_again_extends_and_never_shortens(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    assert_eq!(bench.write(open_for(1, 10), T0), Ok(Done::Opened { new: true }));
    assert_eq!(bench.write(open_for(1, 5), T0), Ok(Done::Opened { new: false }));
    assert!(bench.texts(1, T0.plus(9)).is_some());
    assert_eq!(bench.write(open_for(1, 100), T0), Ok(Done::Opened { new: false }));
    assert!(bench.texts(1, T0.plus(99)).is_some());
    assert_eq!(bench.write(open(1), T0), Ok(Done::Opened { new: false }));
    assert!(bench.texts(1, T0.plus(100 * DAY)).is_some());
    assert_eq!(bench.write(open_for(1, 5), T0), Ok(Done::Opened { new: false }));
    assert!(bench.texts(1, T0.plus(100 * DAY)).is_some());
}

pub(super) fn an_expired_mailbox_is_gone_before_it_is_collected(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.write(open_for(1, 10), T0).unwrap();
    bench.write(post(1, "a"), T0).unwrap();
    bench.write(open_for(2, 20), T0).unwrap();
    let end = T0.plus(10);
    bench.holds(1, T0.plus(9), &[(1, "a")]);
    assert_eq!(bench.texts(1, end), None);
    assert_eq!(bench.write(post(1, "b"), end), Err(Refusal::NoMailbox));
    assert_eq!(bench.write(delete(1, 1), end), Ok(Done::Gone));
    assert_eq!(bench.write(Write::Collect, end), Ok(Done::Collected { more: false }));
    assert_eq!(bench.texts(1, T0), None, "removed");
    assert!(bench.texts(2, end).is_some());
    assert_eq!(bench.write(open(2), T0.plus(20)), Ok(Done::Opened { new: true }));
}

pub(super) fn a_closed_mailbox_begins_anew(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    let close = Write::CloseMailbox { id: mailbox(1) };
    assert_eq!(bench.write(close.clone(), T0), Ok(Done::Gone));
    assert_eq!(bench.write(post(1, "a"), T0), Err(Refusal::NoMailbox));
    bench.write(open(1), T0).unwrap();
    bench.write(post(1, "a"), T0).unwrap();
    assert_eq!(bench.write(close.clone(), T0), Ok(Done::Gone));
    assert_eq!(bench.texts(1, T0), None);
    assert_eq!(bench.write(open(1), T0), Ok(Done::Opened { new: true }));
    bench.holds(1, T0, &[]);
    assert_eq!(bench.write(post(1, "a"), T0), seq(1));
    // In one batch, too.
    let batch = [close.clone(), post(1, "b"), open(1), post(1, "b"), close];
    let outcomes = bench.any().apply(&batch, T0).unwrap();
    assert_eq!(outcomes[1], Err(Refusal::NoMailbox));
    assert_eq!(outcomes[3], seq(1));
    assert_eq!(bench.texts(1, T0), None);
}

pub(super) fn numbers_begin_at_one_and_never_come_twice(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.write(open(1), T0).unwrap();
    bench.write(open(2), T0).unwrap();
    assert_eq!(bench.write(post(1, "a"), T0), seq(1));
    assert_eq!(bench.write(post(2, "a"), T0), seq(1));
    assert_eq!(bench.write(post(1, "b"), T0), seq(2));
    assert_eq!(bench.write(delete(1, 2), T0), Ok(Done::Gone));
    assert_eq!(bench.write(delete(1, 2), T0), Ok(Done::Gone));
    assert_eq!(bench.write(delete(1, u64::MAX), T0), Ok(Done::Gone));
    assert_eq!(bench.write(delete(9, 1), T0), Ok(Done::Gone));
    assert_eq!(bench.write(post(1, "c"), T0), seq(3));
    bench.holds(1, T0, &[(1, "a"), (3, "c")]);
}

pub(super) fn a_read_keeps_to_its_range(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.write(open(1), T0).unwrap();
    for n in 0..10 {
        bench.write(post(1, &format!("text {n}")), T0.plus(n)).unwrap();
    }
    let read = |after, limit, octets| {
        let query = Query { mailbox: mailbox(1), after, limit, octets };
        let messages = bench.page(&query, T0).unwrap().messages;
        messages.iter().map(|message| message.seq).collect::<Vec<_>>()
    };
    assert_eq!(read(0, 3, usize::MAX), [1, 2, 3]);
    assert_eq!(read(8, 3, usize::MAX), [9, 10]);
    assert!(read(10, 3, usize::MAX).is_empty());
    assert!(read(u64::MAX, 3, usize::MAX).is_empty());
    assert_eq!(read(0, 10, 12), [1, 2]);
    assert_eq!(read(0, 10, 13), [1, 2]);
    assert_eq!(read(0, 10, 0), [1], "one message always fits");
    let query = Query { mailbox: mailbox(1), after: 9, limit: 1, octets: 1 };
    let last = bench.page(&query, T0).unwrap().messages.remove(0);
    assert_eq!(last.posted_at, T0.plus(9));
}

pub(super) fn the_same_body_gets_the_same_answer(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota { messages: 3, octets: 100 }) else { return };
    bench.write(open(1), T0).unwrap();
    bench.write(open(2), T0).unwrap();
    assert_eq!(bench.write(post(1, "a"), T0), seq(1));
    assert_eq!(bench.write(post(1, "a"), T0.plus(1)), seq_again(1));
    assert_eq!(bench.write(post(2, "a"), T0), seq(1), "another mailbox");
    let held = T0.plus(10);
    assert_eq!(bench.write(post_held(1, "b", 1, 10), T0), due(held));
    assert_eq!(bench.write(post_held(1, "b", 2, 99), T0.plus(1)), due_again(held));
    assert_eq!(bench.write(post(1, "b"), T0.plus(1)), due_again(held), "no way around the hold");
    assert_eq!(bench.write(post_held(1, "a", 1, 10), T0), seq_again(1));
    bench.write(post(1, "c"), T0).unwrap();
    assert_eq!(bench.write(post(1, "d"), T0), Err(Refusal::MailboxFull));
    assert_eq!(bench.write(post(1, "a"), T0), seq_again(1), "also when full");
    bench.write(Write::Release, held).unwrap();
    assert_eq!(bench.write(post(1, "b"), held), due_again(held), "also when visible");
    bench.write(veto(1), held).unwrap();
    assert_eq!(bench.write(post_held(1, "b", 1, 10), held), due_again(held), "also when vetoed");
    bench.holds(1, held, &[(1, "a"), (2, "c"), (3, "b")]);
    let doubled = [post(2, "x"), post(2, "x")];
    assert_eq!(bench.any().apply(&doubled, T0).unwrap(), [seq(2), seq_again(2)]);
}

pub(super) fn a_deleted_message_does_not_come_back(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota { messages: 1, octets: 100 }) else { return };
    bench.write(open(1), T0).unwrap();
    bench.write(post(1, "a"), T0).unwrap();
    bench.write(delete(1, 1), T0).unwrap();
    assert_eq!(bench.write(post(1, "a"), T0), seq_again(1));
    bench.holds(1, T0, &[]);
    assert_eq!(bench.write(post(1, "b"), T0), seq(2), "deleting makes room");
    let almost = T0.plus(SEEN_MILLIS - 1);
    bench.write(Write::Collect, almost).unwrap();
    assert_eq!(bench.write(post(1, "a"), almost), seq_again(1));
}

pub(super) fn a_deleted_message_is_forgotten_in_time(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.write(open(1), T0).unwrap();
    bench.write(post(1, "a"), T0).unwrap();
    bench.write(post(1, "b"), T0).unwrap();
    bench.write(delete(1, 1), T0).unwrap();
    let then = T0.plus(SEEN_MILLIS);
    bench.write(Write::Collect, then).unwrap();
    assert_eq!(bench.write(post(1, "a"), then), seq(3));
    assert_eq!(bench.write(post(1, "b"), then), seq_again(2), "what is there is never forgotten");
}

pub(super) fn a_deleted_message_is_forgotten_in_number(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota { messages: 2 * SEEN_MESSAGES, octets: 1_000_000 }) else { return };
    bench.write(open(1), T0).unwrap();
    bench.write(post(1, "a"), T0).unwrap();
    bench.write(post(1, "b"), T0).unwrap();
    bench.write(delete(1, 1), T0).unwrap();
    let more: Vec<_> = (0..SEEN_MESSAGES - 2).map(|n| post(1, &format!("m{n}"))).collect();
    bench.any().apply(&more, T0).unwrap();
    assert_eq!(bench.write(post(1, "a"), T0), seq_again(1), "4,095 numbers later");
    bench.write(post(1, "c"), T0).unwrap();
    assert_eq!(bench.write(post(1, "a"), T0), seq(SEEN_MESSAGES + 2), "4,096 numbers later");
    bench.write(delete(1, 2), T0).unwrap();
    assert_eq!(
        bench.write(post(1, "b"), T0),
        seq(SEEN_MESSAGES + 3),
        "deleted too late to be kept"
    );
}

pub(super) fn the_quota_counts_messages_and_octets(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota { messages: 3, octets: 10 }) else { return };
    bench.write(open(1), T0).unwrap();
    bench.write(post(1, "12345"), T0).unwrap();
    assert_eq!(bench.write(post(1, "123456"), T0), Err(Refusal::MailboxFull));
    assert_eq!(bench.write(post(1, "54321"), T0), seq(2));
    assert_eq!(bench.write(post(1, ""), T0), seq(3), "nothing takes no octets");
    assert_eq!(bench.write(post(1, "x"), T0), Err(Refusal::MailboxFull));
    bench.write(delete(1, 3), T0).unwrap();
    assert_eq!(bench.write(post(1, "x"), T0), Err(Refusal::MailboxFull));
    bench.write(delete(1, 1), T0).unwrap();
    bench.write(delete(1, 1), T0).unwrap();
    assert_eq!(bench.write(post(1, "x"), T0), seq(4));
    assert_eq!(bench.write(post(1, "yyyyy"), T0), Err(Refusal::MailboxFull));
    assert_eq!(bench.write(post(1, "yyyy"), T0), seq(5));
}

pub(super) fn writes_of_a_batch_see_each_other(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota { messages: 2, octets: 100 }) else { return };
    let batch = [
        post(1, "early"),
        open(1),
        post(1, "a"),
        post(1, "b"),
        post(1, "c"),
        delete(1, 1),
        post(1, "c"),
        post(1, "a"),
    ];
    let expected = [
        Err(Refusal::NoMailbox),
        Ok(Done::Opened { new: true }),
        seq(1),
        seq(2),
        Err(Refusal::MailboxFull),
        Ok(Done::Gone),
        seq(3),
        seq_again(1),
    ];
    assert_eq!(bench.any().apply(&batch, T0).unwrap(), expected);
    bench.holds(1, T0, &[(2, "b"), (3, "c")]);
}
