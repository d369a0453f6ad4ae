//! Restoring: from whatever came to the owner's device, or to the reason why not.

use crate::spoilt;
use recovery_core::{
    flows::{
        Device,
        approve::Consent,
        request::NewDevice,
        restore::{ImportError, Quorums, RestoreError, Restored, Rollback, Taken, Verdict},
    },
    ids::ContactId,
    kdf::KdfCost,
    testkit::table::{Table, named},
    wire::armor::{self, Title},
};

const NAMES: [&str; 6] = ["Anna", "Bob", "Carol", "Dora", "Emil", "Fritz"];

/// Anna with an entry, protected by any `k` of `n` friends.
fn table(k: u8, n: usize) -> (Table, ContactId) {
    let mut table = Table::new(1, &NAMES[..=n]);
    let now = table.now;
    table.people[0].add(named("seed"), b"twelve words", now).unwrap();
    table.circle(0, k, &Vec::from_iter(1..=n));
    let anna = table.id(0);
    (table, anna)
}

/// A new device with the approvals of these friends.
fn asked(table: &mut Table, friends: &[usize], owner: ContactId) -> NewDevice {
    let mut new = table.ask("Anna");
    friends.iter().for_each(|friend| drop(table.approve(*friend, &new, owner)));
    table.collect(&mut new);
    new
}

fn restore(
    new: &NewDevice,
    pin: ContactId,
    passphrase: Option<&str>,
    found: &[Vec<u8>],
) -> Result<Restored, RestoreError> {
    let assessment = new.assess();
    let quorums = Quorums::of(&assessment, pin)?;
    quorums.restore(passphrase, found).map(|(restored, _)| restored)
}

fn verdicts(new: &NewDevice) -> Vec<(Option<String>, Verdict)> {
    let name = |name: recovery_core::name::Name| name.to_string();
    new.assess().approvals.into_iter().map(|a| (a.contact.map(name), a.verdict)).collect()
}

#[test]
fn any_k_in_any_order_give_the_owner_back_and_fewer_never() {
    let (mut table, anna) = table(3, 5);
    let container = table.vault(0);
    for friends in [[1, 2, 3], [5, 3, 1], [4, 5, 2]] {
        let mut new = table.ask("Anna");
        for (have, friend) in friends.iter().enumerate() {
            let few = new.assess().leading(None).map(|set| set.combine().unwrap_err());
            assert_eq!(few, (have > 0).then_some(RestoreError::TooFew { have, need: 3 }));
            assert!(new.assess().complete(None).is_empty());
            table.approve(*friend, &new, anna);
            table.collect(&mut new);
            new = NewDevice::decode(&new.encode()).unwrap();
        }
        let restored = restore(&new, anna, None, std::slice::from_ref(&container)).unwrap();
        assert_eq!((restored.device.id(), restored.generation), (anna, 1));
        assert_eq!(restored.device.vault().entries[0].content.expose(), b"twelve words");
        assert_eq!(
            restored.device.encode(),
            Device::decode(&restored.device.encode()).unwrap().encode()
        );
    }
    let all = asked(&mut table, &[1, 2, 3, 4, 5], anna);
    assert!(restore(&all, anna, None, &[container]).is_ok());
}

#[test]
fn one_bad_piece_among_enough_is_named_and_left_aside() {
    let (mut table, anna) = table(2, 3);
    table.people[1] = spoilt(&table.people[1], "Anna");
    let new = asked(&mut table, &[1, 2, 3], anna);
    let bad = Verdict::Bad("the piece is damaged");
    let wanted = [("Bob", bad), ("Carol", Verdict::Good), ("Dora", Verdict::Good)];
    assert_eq!(verdicts(&new), wanted.map(|(name, verdict)| (Some(name.to_owned()), verdict)));
    assert!(restore(&new, anna, None, &[]).is_ok());
    let new = asked(&mut table, &[1, 2], anna);
    let few = restore(&new, anna, None, &[]).unwrap_err();
    assert_eq!(few, RestoreError::TooFew { have: 1, need: 2 });
}

#[test]
fn an_approval_of_another_request_is_named_bad() {
    let (mut table, anna) = table(2, 2);
    let (one, mut other) = (table.ask("Anna"), table.ask("Anna"));
    let message = table.approve(1, &one, anna).message.unwrap();
    assert_eq!(other.take(&message), Taken::Useless);
    let resealed = table.reseal(&message, &one, &other);
    assert_eq!(other.take(&resealed), Taken::Kept);
    let bad = Verdict::Bad("it was made for another request");
    assert_eq!(verdicts(&other), [(Some("Bob".to_owned()), bad)]);
    assert!(other.assess().sets.is_empty());
}

#[test]
fn letters_twice_count_once() {
    let (mut table, anna) = table(2, 3);
    let mut new = table.ask("Anna");
    let message = table.approve(1, &new, anna).message.unwrap();
    let taken = [0; 3].map(|_| new.take(&message));
    assert_eq!(taken, [Taken::Kept, Taken::Known, Taken::Known]);
    let again = table.approve_again(1, &new);
    assert_ne!(again, message);
    assert_eq!(new.take(&again), Taken::Known);
    let few = new.assess().leading(None).unwrap().combine().unwrap_err();
    assert_eq!(few, RestoreError::TooFew { have: 1, need: 2 });
}

#[test]
fn junk_does_not_fill_the_place_of_what_counts() {
    let (mut table, anna) = table(2, 3);
    let (mut new, other) = (table.ask("Anna"), table.ask("Anna"));
    // One contact sends what it has, in a thousand covers.
    let mut kept = 0;
    for at in 0..1_000_u64 {
        let junk = table.approval_with(1, &other, &new, at);
        kept += usize::from(new.take(&junk) == Taken::Kept);
    }
    assert_eq!(kept, 256);
    for friend in [2, 3] {
        table.approve(friend, &new, anna);
    }
    table.collect(&mut new);
    assert!(restore(&new, anna, None, &[]).is_ok());
    // And in a thousand good ones.
    let mut new = table.ask("Anna");
    for at in 0..300 {
        let copy = table.approval_with(1, &new, &new, at);
        assert_eq!(new.take(&copy), Taken::Kept);
    }
    table.approve(2, &new, anna);
    table.collect(&mut new);
    assert!(restore(&new, anna, None, &[]).is_ok());
}

#[test]
fn two_owners_are_both_shown_and_the_pin_decides() {
    let mut table = Table::new(1, &["Anna", "Bob", "Carol", "Anna"]);
    let owners = [0, 3].map(|who| (who, table.id(who)));
    for (who, _) in owners {
        table.circle(who, 2, &[1, 2]);
    }
    let mut new = table.ask("Anna");
    for (_, owner) in owners {
        for friend in [1, 2] {
            let id = table.open(friend, &new.link(false), owner).unwrap();
            let link = new.link(true);
            let sent = table.with(friend, |device, ctx| {
                device.approve(
                    id,
                    Consent { scanned: Some(&link), overrides: false, ..Consent::default() },
                    ctx,
                )
            });
            table.put(sent.unwrap().to_requester);
        }
    }
    table.collect(&mut new);
    let assessment = new.assess();
    assert_eq!(assessment.complete(None).len(), 2);
    for (who, owner) in owners {
        let pinned: Vec<_> =
            assessment.complete(Some(owner)).iter().map(|set| set.owner.id()).collect();
        assert_eq!(pinned, [owner]);
        let container = table.vault(who);
        assert_eq!(restore(&new, owner, None, &[container]).unwrap().device.id(), owner);
    }
    assert!(assessment.complete(Some(table.id(1))).is_empty());
}

#[test]
fn a_single_piece_that_is_the_whole_key_is_flagged() {
    for (k, n, one) in [(1, 1, true), (2, 2, false), (2, 3, false)] {
        let (mut table, anna) = table(k, n);
        let new = asked(&mut table, &[1], anna);
        let assessment = new.assess();
        assert_eq!(assessment.sets[0].one_suffices(), one, "{k} of {n}");
        assert_eq!(assessment.complete(None).len(), usize::from(one));
    }
}

#[test]
fn the_newest_complete_generation_wins() {
    let (mut table, anna) = table(2, 3);
    table.circle(0, 2, &[1, 2, 3]);
    let new = asked(&mut table, &[1, 2], anna);
    let generations = |new: &NewDevice| -> Vec<u64> {
        new.assess().complete(None).iter().map(|set| set.generation).collect()
    };
    assert_eq!(generations(&new), [2]);
    // The third one reaches one contact only: with it alone nothing can be done.
    table.protect(0, 2, &[1, 2, 3], None);
    table.mail().truncate(1);
    table.settle();
    let new = asked(&mut table, &[1, 2], anna);
    assert_eq!(generations(&new), [2]);
}

#[test]
fn what_any_contact_knows_of_the_vault_counts() {
    for large in [false, true] {
        let (mut table, anna) = table(2, 2);
        let now = table.now;
        let size = if large { 40_000 } else { 40 };
        table.people[0].add(named("more"), &vec![7; size], now).unwrap();
        let old = table.vault(0);
        let found = table.people[0].vault().version;
        // A new generation, and a newer vault, that only one contact ever hears of.
        table.people[0].add(named("new"), b"content", now).unwrap();
        table.protect(0, 2, &[1, 2], None);
        let known = table.people[0].vault().version;
        table.mail().truncate(1);
        table.settle();
        let new = asked(&mut table, &[1, 2], anna);
        let restored = restore(&new, anna, None, &[old]).unwrap();
        assert_eq!(restored.generation, 1);
        // What came with the one new piece is under a key that nobody has: it is known to be missing.
        let by = vec![named("Bob")];
        assert_eq!(restored.rollback, Some(Rollback { found, known, by }));
        assert_eq!(restored.device.vault().version, found);
    }
}

#[test]
fn a_vault_is_found_anywhere_or_missed() {
    let (mut table, anna) = table(2, 2);
    let now = table.now;
    let new = asked(&mut table, &[1, 2], anna);
    let copies = restore(&new, anna, None, &[vec![], vec![0; 8_192]]).unwrap();
    assert_eq!((copies.device.id(), copies.rollback), (anna, None));
    // The copy knows who holds what, so that later receipts count.
    assert_eq!(copies.device.vault().circles[0].members.len(), 2);
    // Too large for copies: what is left is what came with the piece before.
    let found = table.people[0].vault().version;
    table.people[0].add(named("large"), &[7; 40_000], now).unwrap();
    table.circle(0, 2, &[1, 2]);
    let new = asked(&mut table, &[1, 2], anna);
    let old = restore(&new, anna, None, &[]).unwrap();
    assert!(old.rollback.is_some_and(|rollback| rollback.found < found));
    // Contacts keep what is superseded for 30 days.
    table.circle(0, 2, &[1, 2]);
    table.now += 31 * crate::DAY;
    for who in [1, 2] {
        let _ = table.with(who, |device, ctx| device.tidy(ctx));
    }
    let other = table.vault(1);
    let new = asked(&mut table, &[1, 2], anna);
    assert_eq!(restore(&new, anna, None, &[other]).map(drop), Err(RestoreError::NoVault));
    let container = table.vault(0);
    assert_eq!(restore(&new, anna, None, &[container]).map(|restored| restored.rollback), Ok(None));
}

#[test]
fn a_passphrase_is_asked_for_and_must_be_right() {
    for (cost, wrong, right) in [
        (
            KdfCost { memory_kib: 19 * 1_024, passes: 1, lanes: 1 },
            RestoreError::WrongPassphrase,
            true,
        ),
        // A downgrade: somebody stored parameters that protect nothing.
        (KdfCost { memory_kib: 8, passes: 1, lanes: 1 }, RestoreError::WrongKey, false),
    ] {
        let mut table = Table::new(1, &NAMES[..3]);
        (1..3).for_each(|friend| table.pair(0, friend));
        let anna = table.id(0);
        table.cost = cost;
        table.protect(0, 2, &[1, 2], Some("open sesame"));
        table.cost = recovery_core::testkit::CHEAP;
        table.settle();
        let new = asked(&mut table, &[1, 2], anna);
        let open = |passphrase| restore(&new, anna, passphrase, &[]).map(|r| r.device.id());
        assert_eq!(open(None), Err(RestoreError::PassphraseNeeded));
        assert_eq!(open(Some("open sesamE")), Err(wrong.clone()));
        assert_eq!(open(Some("open sesame")), if right { Ok(anna) } else { Err(wrong) });
    }
}

#[test]
fn approvals_travel_as_text_too() {
    let (mut table, anna) = table(2, 2);
    let (mut new, other) = (table.ask("Anna"), table.ask("Anna"));
    for friend in [1, 2] {
        let message = table.approve(friend, &new, anna).message.unwrap();
        let text = armor::encode(Title::Approval, &message).replace('\n', "\r\n");
        assert_eq!(new.import(text.as_bytes()), Ok(()));
        assert_eq!(new.import(text.as_bytes()), Ok(()));
        assert!(matches!(new.import(&text.as_bytes()[9..]), Err(ImportError::Armor(_))));
    }
    assert!(restore(&new, anna, None, &[]).is_ok());
    let message = table.approve(1, &other, anna).message.unwrap();
    let text = armor::encode(Title::Approval, &message);
    let before = new.encode();
    assert_eq!(new.import(text.as_bytes()), Err(ImportError::NotForUs));
    assert_eq!(new.encode(), before);
}

#[test]
fn what_is_not_for_this_device_changes_nothing() {
    let (mut table, anna) = table(2, 2);
    let mut new = table.ask("Anna");
    let message = table.approve(1, &new, anna).message.unwrap();
    let before = new.encode();
    let bundle_sizes = [0, 1, 4_095, 4_096, 16_384, 65_536, 65_537];
    for junk in bundle_sizes.map(|size| vec![1; size]) {
        assert_eq!(new.take(&junk), Taken::Useless);
    }
    for at in (0..message.len()).step_by(997) {
        let mut changed = message.clone();
        changed[at] ^= 1;
        assert_eq!(new.take(&changed), Taken::Useless, "{at}");
        assert_eq!(new.take(&message[..at]), Taken::Useless, "{at}");
    }
    assert_eq!(new.encode(), before);
}

/// What contacts tell of the recovery by which a device came back is no alarm there; of any other it
/// is.
#[test]
fn the_owners_own_recovery_is_no_alarm() {
    let (mut table, anna) = table(2, 2);
    let (new, other) = (table.ask("Anna"), table.ask("Anna"));
    let now = table.now;
    table.people[0].came_back(&new, 0, now);
    table.people[0] = Device::decode(&table.people[0].encode()).unwrap();
    table.approve(1, &new, anna);
    assert_eq!(table.settle(), []);
    table.approve(1, &other, anna);
    assert_eq!(table.settle().len(), 2, "opened and approved");
    assert_eq!(table.people[0].recoveries().len(), 1);
}
