//! Protecting and keeping: circles, bundles, receipts, alerts.

use crate::octets;
use recovery_core::{
    circle::MemberState,
    flows::{Device, Event, Source, protect::ProtectError},
    policy::Policy,
    testkit::table::{Table, named},
    wire::messages::AlertKind,
};

fn states(table: &Table) -> Vec<MemberState> {
    table.people[0].vault().circles.last().unwrap().members.iter().map(|m| m.state).collect()
}

#[test]
fn a_circle_is_active_with_one_more_than_suffice() {
    let mut table = Table::new(1, &["Anna", "Bob", "Carol", "Dora", "Emil"]);
    let protected = table.circle(0, 2, &[1, 2, 3, 4]);
    assert!(table.people[0].vault().circles[0].active());
    assert_eq!(protected.generation, 1);
    let mut table = Table::new(1, &["Anna", "Bob", "Carol", "Dora", "Emil"]);
    (1..5).for_each(|friend| table.pair(0, friend));
    table.protect(0, 2, &[1, 2, 3, 4], None);
    let bundles: Vec<_> = table.mail().drain(..).collect();
    for (held, bundle) in (1..).zip(bundles) {
        table.mail().push(bundle);
        let told = table.settle();
        let active = told.contains(&(0, Event::CircleActive { generation: 1 }));
        assert_eq!(active, held == 3, "{held}");
        assert_eq!(table.people[0].vault().circles[0].active(), held >= 3, "{held}");
    }
}

#[test]
fn nothing_is_sent_to_strangers_or_the_contested() {
    let mut table = Table::new(1, &["Anna", "Bob", "Mallory"]);
    table.pair(0, 1);
    let stranger = Policy::any(1, vec![table.id(2)]).unwrap();
    let before = octets(&table.people[0]);
    let refused = table.with(0, |device, ctx| device.protect(stranger.into(), ctx));
    assert_eq!(refused.unwrap_err(), ProtectError::NoSuchContact);
    assert_eq!(octets(&table.people[0]), before);

    let invited = table.with(0, |device, ctx| device.invite(named("Carol"), ctx)).unwrap();
    table.put(invited.step);
    let boxed = table.slot(&invited.link);
    for who in [1, 2] {
        let reach = recovery_core::circle::Reach::default();
        let step = table.with(who, |d, ctx| d.accept(&invited.link, &boxed, reach, ctx));
        table.put(step.unwrap().step);
        table.settle();
    }
    // Bob is a contact already, so the invite is Mallory's alone.
    let carol = table.people[0].contact_named(&named("Carol")).unwrap();
    assert_eq!((carol.card.id(), carol.contested()), (table.id(2), false));
}

#[test]
fn a_wrong_proof_is_named_and_a_right_one_still_counts() {
    let mut table = Table::new(1, &["Anna", "Bob"]);
    table.pair(0, 1);
    let circle = table.protect(0, 1, &[1], None).circle;
    let receipt = table.receipt(1, 0, circle, [7; 32]);
    let failed = Event::ProofFailed { contact: named("Bob"), generation: 1 };
    let source = Source::Contact(table.id(1));
    for _ in 0..2 {
        let step = table.with(0, |device, ctx| device.handle(source, &receipt, ctx));
        assert_eq!(
            (step.events, states(&table)),
            (vec![failed.clone()], vec![MemberState::Failed])
        );
    }
    let told = table.settle();
    assert!(told.contains(&(0, Event::PieceHeld { contact: named("Bob"), generation: 1 })));
    assert_eq!(states(&table), [MemberState::Held]);
    // What was proved is not taken back by an old wrong proof, and it is no sign of life.
    let before = octets(&table.people[0]);
    table.now += 1_000;
    let step = table.with(0, |device, ctx| device.handle(source, &receipt, ctx));
    assert_eq!((step.events, octets(&table.people[0])), (vec![failed], before));
    // Of a circle that the owner knows nothing of.
    let receipt = table.receipt(1, 0, recovery_core::ids::CircleId::new([1; 16]), [7; 32]);
    let step = table.with(0, |device, ctx| device.handle(source, &receipt, ctx));
    assert_eq!((step.events, step.outbox), (vec![], vec![]));
}

#[test]
fn the_same_message_twice_changes_nothing() {
    let mut table = Table::new(1, &["Anna", "Bob", "Carol"]);
    let anna = table.id(0);
    (1..3).for_each(|friend| table.pair(0, friend));
    table.protect(0, 2, &[1, 2], None);
    let bundles = std::mem::take(table.mail());
    let new = table.ask("Anna");
    for (to, body) in bundles {
        table.mail().push((to, body.clone()));
        assert!(!table.settle().is_empty());
        let before: Vec<_> = table.people.iter().map(octets).collect();
        table.now += 1_000;
        for who in [1, 2] {
            let step = table.with(who, |d, ctx| d.handle(Source::Owner(anna), &body, ctx));
            assert!(step.outbox.is_empty());
        }
        assert_eq!(table.people.iter().map(octets).collect::<Vec<_>>(), before);
    }
    table.approve(1, &new, anna);
    let mail = table.mail().clone();
    table.settle();
    let before = octets(&table.people[0]);
    // A relay says everything once more, later and in another order: even the times stay.
    table.now += 1_000;
    table.mail().extend(mail.into_iter().rev());
    assert_eq!(table.settle(), []);
    assert_eq!(octets(&table.people[0]), before);
}

#[test]
fn late_alerts_do_not_undo_what_a_contact_said_last() {
    let mut table = Table::new(1, &["Anna", "Bob"]);
    let anna = table.id(0);
    table.circle(0, 1, &[1]);
    let new = table.ask("Anna");
    table.approve(1, &new, anna);
    table.mail().reverse();
    table.settle();
    let recovery = &table.people[0].recoveries()[0];
    let kinds: Vec<_> = recovery.reports.iter().map(|report| report.kind).collect();
    assert_eq!((recovery.request, kinds), (new.id(), vec![AlertKind::Approved]));
}

#[test]
fn messages_in_the_wrong_place_are_passed_over() {
    let mut table = Table::new(1, &["Anna", "Bob", "Carol"]);
    let (anna, bob, carol) = (table.id(0), table.id(1), table.id(2));
    (1..3).for_each(|friend| table.pair(0, friend));
    table.protect(0, 2, &[1, 2], None);
    let bundles: Vec<_> = table.mail().iter().map(|(_, body)| body.clone()).collect();
    for (who, source, body) in [
        (1, Source::Owner(anna), &bundles[1]),   // Carol's
        (2, Source::Owner(anna), &bundles[0]),   // Bob's
        (0, Source::Contact(bob), &bundles[0]),  // the owner's own
        (1, Source::Owner(carol), &bundles[0]),  // from nobody known
        (1, Source::Contact(anna), &bundles[0]), // from no contact
        (1, Source::Owner(anna), &vec![]),
        (1, Source::Owner(anna), &vec![1; 4_096]),
    ] {
        let before = octets(&table.people[who]);
        let step = table.with(who, |device, ctx| device.handle(source, body, ctx));
        let quiet = step.events.iter().all(|event| matches!(event, Event::Ignored { .. }));
        assert!(quiet && step.outbox.is_empty(), "{source:?}");
        assert_eq!(octets(&table.people[who]), before);
    }
}

#[test]
fn superseded_generations_are_kept_a_while_and_none_comes_back() {
    let mut table = Table::new(1, &["Anna", "Bob"]);
    let anna = table.id(0);
    table.pair(0, 1);
    let mut bundles = Vec::new();
    for generation in 1..=3 {
        assert_eq!(table.protect(0, 1, &[1], None).generation, generation);
        bundles.push(table.mail().last().unwrap().1.clone());
        table.settle();
    }
    let held = |table: &Table| -> Vec<u64> {
        table.people[1].held()[0].bundles.iter().map(|bundle| bundle.generation).collect()
    };
    assert_eq!(held(&table), [1, 2, 3]);
    let until: Vec<_> = table.people[1].held()[0].bundles.iter().map(|b| b.until).collect();
    let kept = Some(table.now + 30 * crate::DAY);
    assert_eq!(until, [kept, kept, None]);
    let before = octets(&table.people[1]);
    for bundle in &bundles {
        let step = table.with(1, |device, ctx| device.handle(Source::Owner(anna), bundle, ctx));
        assert_eq!((step.events, step.outbox), (vec![], vec![]));
    }
    assert_eq!(octets(&table.people[1]), before);
    assert_eq!(table.people[0].vault().circles.len(), 1);
    table.now += 30 * crate::DAY;
    let _ = table.with(1, |device, ctx| device.tidy(ctx));
    assert_eq!(held(&table), [3]);
}

#[test]
fn another_circle_in_the_place_of_a_known_one_is_refused() {
    let mut table = Table::new(1, &["Anna", "Bob"]);
    table.pair(0, 1);
    let before_protecting = octets(&table.people[0]);
    table.protect(0, 1, &[1], None);
    table.settle();
    // The owner's old device, or its backup, makes generation 1 once more.
    table.people[0] = Device::decode(&before_protecting).unwrap();
    table.protect(0, 1, &[1], None);
    let before = octets(&table.people[1]);
    let told = table.settle();
    assert!(matches!(told[..], [(1, Event::PieceRefused { .. })]), "{told:?}");
    assert_eq!(octets(&table.people[1]), before);
}

#[test]
fn who_is_removed_is_left_out_of_the_next_circle() {
    let mut table = Table::new(1, &["Anna", "Bob", "Carol", "Dora"]);
    table.circle(0, 2, &[1, 2, 3]);
    let now = table.now;
    table.people[0].remove_contact(&named("Dora"), now).unwrap();
    let left: Vec<_> = table.people[0].contacts().iter().filter(|c| !c.removed).collect();
    assert_eq!(left.len(), 2);
    table.circle(0, 2, &[1, 2]);
    let generations = |table: &Table, who: usize| -> Vec<u64> {
        table.people[who].held()[0].bundles.iter().map(|bundle| bundle.generation).collect()
    };
    assert_eq!([1, 2, 3].map(|who| generations(&table, who).len()), [2, 2, 1]);
    // Dora and one of the others together have nothing of the new circle but one piece.
    let anna = table.id(0);
    let mut new = table.ask("Anna");
    table.approve(3, &new, anna);
    table.approve(1, &new, anna);
    table.collect(&mut new);
    let assessment = new.assess();
    let complete: Vec<_> =
        assessment.complete(Some(anna)).iter().map(|set| set.generation).collect();
    assert_eq!(complete, [1]);
}
