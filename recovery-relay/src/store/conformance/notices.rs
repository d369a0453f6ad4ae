//! Subscriptions and their jobs.

use super::*;

fn id(n: u8) -> SubscriptionId {
    SubscriptionId::new([n; 32])
}

fn subscription(n: u8, to: u8, confirmed: bool) -> Subscription {
    Subscription { id: id(n), mailbox: mailbox(to), target: format!("place {n}"), confirmed }
}

fn subscribe(n: u8, to: u8) -> Write {
    Write::Subscribe(subscription(n, to, true))
}

fn take(bench: &Bench, now: UnixMillis) -> Vec<Job> {
    match bench.write(Write::TakeJobs { limit: 10, lease_millis: 1_000 }, now) {
        Ok(Done::Jobs(jobs)) => jobs,
        other => panic!("no jobs: {other:?}"),
    }
}

fn settle(bench: &Bench, job: &Job, settled: Settled, now: UnixMillis) {
    let settle = Write::SettleJob { id: job.subscription.id, ticket: job.ticket, settled };
    assert_eq!(bench.write(settle, now), Ok(Done::Gone));
}

fn next(bench: &Bench) -> Option<UnixMillis> {
    bench.any().next_job().unwrap()
}

pub(super) fn what_becomes_visible_makes_one_job(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    assert_eq!(bench.write(subscribe(1, 1), T0), Err(Refusal::NoMailbox));
    bench.write(open(1), T0).unwrap();
    bench.write(open(2), T0).unwrap();
    bench.write(subscribe(1, 1), T0).unwrap();
    bench.write(subscribe(2, 2), T0).unwrap();
    assert!(take(&bench, T0).is_empty());
    bench.write(post_held(2, "held", 1, 10), T0).unwrap();
    let batch = [post(1, "a"), post(1, "b"), Write::TakeJobs { limit: 10, lease_millis: 1_000 }];
    let done = bench.any().apply(&batch, T0).unwrap();
    let job = Job { subscription: subscription(1, 1, true), ticket: 1, tries: 0 };
    assert_eq!(done[2], Ok(Done::Jobs(vec![job.clone()])), "one for both, in the same commit");
    settle(&bench, &job, Settled::Sent, T0);
    assert_eq!(next(&bench), None, "what is held makes none");
    bench.write(post(1, "a"), T0).unwrap();
    assert_eq!(next(&bench), None, "a repeated post makes none");
    bench.write(Write::Release, T0.plus(10)).unwrap();
    let jobs = take(&bench, T0.plus(10));
    assert_eq!((jobs.len(), jobs[0].subscription.id), (1, id(2)));
    bench.write(post(1, "c"), T0.plus(10)).unwrap();
    assert_eq!(next(&bench), Some(T0.plus(1_010)), "the lease of the other");
    settle(&bench, &jobs[0], Settled::Sent, T0.plus(10));
    assert_eq!(next(&bench), Some(T0.plus(QUIET_MILLIS)), "not again at once");
    let state = bench.any().subscriptions(&mailbox(1)).unwrap().remove(0);
    assert_eq!((state.sent, state.due, state.tries), (Some(T0), Some(T0.plus(QUIET_MILLIS)), 0));
}

pub(super) fn a_job_is_taken_by_one_and_due_again_if_not_settled(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.any().apply(&[open(1), subscribe(1, 1), post(1, "a")], T0).unwrap();
    let first = take(&bench, T0).remove(0);
    assert!(take(&bench, T0.plus(999)).is_empty());
    let second = take(&bench, T0.plus(1_000)).remove(0);
    assert_eq!((second.ticket, second.tries), (first.ticket + 1, 1));
    settle(&bench, &first, Settled::Sent, T0.plus(1_000));
    assert_eq!(next(&bench), Some(T0.plus(2_000)), "who is too late settles nothing");
    settle(&bench, &second, Settled::Sent, T0.plus(1_000));
    settle(&bench, &second, Settled::GivenUp, T0.plus(1_000));
    assert_eq!(next(&bench), None);
}

pub(super) fn news_since_it_was_taken_makes_another_job(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.any().apply(&[open(1), subscribe(1, 1), post(1, "a")], T0).unwrap();
    let job = take(&bench, T0).remove(0);
    bench.write(post(1, "b"), T0).unwrap();
    settle(&bench, &job, Settled::Sent, T0.plus(5));
    assert_eq!(next(&bench), Some(T0.plus(5 + QUIET_MILLIS)));
}

pub(super) fn a_failed_job_is_tried_again_and_given_up(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.any().apply(&[open(1), subscribe(1, 1), post(1, "a")], T0).unwrap();
    settle(&bench, &take(&bench, T0)[0], Settled::Retry(T0.plus(50)), T0);
    assert!(take(&bench, T0.plus(49)).is_empty());
    assert_eq!(bench.any().stats().unwrap().jobs_failing, 1);
    let again = take(&bench, T0.plus(50)).remove(0);
    assert_eq!(again.tries, 1);
    settle(&bench, &again, Settled::GivenUp, T0.plus(50));
    let stats = bench.any().stats().unwrap();
    assert_eq!((next(&bench), stats.jobs, stats.jobs_failing), (None, 0, 0));
    assert_eq!(bench.any().subscriptions(&mailbox(1)).unwrap()[0].tries, 2);
    bench.write(post(1, "b"), T0.plus(60)).unwrap();
    assert_eq!(take(&bench, T0.plus(60))[0].tries, 0, "the next message begins anew");
}

pub(super) fn a_subscription_asks_for_confirmation_first(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    let ask = Write::Subscribe(subscription(1, 1, false));
    bench.any().apply(&[open(1), ask.clone()], T0).unwrap();
    assert_eq!(bench.write(ask, T0), Ok(Done::Opened { new: false }));
    let job = take(&bench, T0).remove(0);
    assert!(!job.subscription.confirmed);
    settle(&bench, &job, Settled::Sent, T0);
    bench.write(post(1, "a"), T0).unwrap();
    assert_eq!(next(&bench), None, "nobody said yes");
    assert_eq!(bench.any().stats().unwrap().unconfirmed, 1);
    let confirm = Write::ConfirmSubscription { id: id(1) };
    assert_eq!(bench.write(confirm.clone(), T0), Ok(Done::Gone));
    assert_eq!(bench.write(confirm, T0), Ok(Done::Gone), "twice is once");
    bench.write(post(1, "b"), T0).unwrap();
    assert!(take(&bench, T0)[0].subscription.confirmed, "the first notice comes at once");
    let other = Write::ConfirmSubscription { id: id(9) };
    assert_eq!(bench.write(other, T0), Err(Refusal::NoSubscription));
}

pub(super) fn an_unconfirmed_subscription_ends(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    let ask = Write::Subscribe(subscription(1, 1, false));
    bench.any().apply(&[open(1), ask, subscribe(2, 1)], T0).unwrap();
    let end = T0.plus(CONFIRM_MILLIS);
    assert!(take(&bench, end).is_empty());
    let confirm = Write::ConfirmSubscription { id: id(1) };
    assert_eq!(bench.write(confirm, end), Err(Refusal::NoSubscription));
    bench.write(Write::Collect, end).unwrap();
    let left = bench.any().subscriptions(&mailbox(1)).unwrap();
    assert_eq!((left.len(), left[0].subscription.id), (1, id(2)));
}

pub(super) fn subscriptions_are_limited_and_go_with_their_mailbox(new: fn(Quota) -> Option<Bench>) {
    let Some(bench) = new(Quota::default()) else { return };
    bench.write(open(1), T0).unwrap();
    bench.write(open(2), T0).unwrap();
    let most = SUBSCRIPTIONS_MAX as u8;
    for n in 0..most {
        assert_eq!(bench.write(subscribe(n, 1), T0), Ok(Done::Opened { new: true }));
    }
    assert_eq!(bench.write(subscribe(9, 1), T0), Err(Refusal::TooManySubscriptions));
    assert_eq!(bench.write(subscribe(9, 2), T0), Ok(Done::Opened { new: true }));
    let end = |n, of: Option<u8>| Write::Unsubscribe { id: id(n), mailbox: of.map(mailbox) };
    assert_eq!(bench.write(end(0, Some(2)), T0), Ok(Done::Gone));
    assert_eq!(bench.write(subscribe(10, 1), T0), Err(Refusal::TooManySubscriptions));
    assert_eq!(bench.write(end(0, Some(1)), T0), Ok(Done::Gone));
    assert_eq!(bench.write(end(0, None), T0), Ok(Done::Gone));
    assert_eq!(bench.write(subscribe(10, 1), T0), Ok(Done::Opened { new: true }));
    bench.write(post(1, "a"), T0).unwrap();
    bench.write(Write::CloseMailbox { id: mailbox(1) }, T0).unwrap();
    let stats = bench.any().stats().unwrap();
    assert_eq!((stats.subscriptions, stats.jobs), (1, 0));
    let mut bad = Vec::new();
    assert_eq!(bench.any().verify(&mut |found| bad.push(found)).unwrap().bad, 0, "{bad:?}");
}
