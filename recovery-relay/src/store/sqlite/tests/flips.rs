//! A closed file is changed behind the store's back, bit by bit and page by page: nothing wrong is ever served, and a
//! check of everything finds whatever changed what is stored.
//!
//! `RECOVERY_FLIPS` and `RECOVERY_PAGES` set how many (150 and 12; all of them: 1,500 and 120), `RECOVERY_SEED` which.

use super::*;
use crate::clock::UnixMillis;
use crate::store::{PassQuota, Subscription};
use recovery_core::ids::{PassId, SubscriptionId};

/// Draws numbers from a seed, the same on every machine.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % end
    }
}

/// Opens a file that was changed, and reads all there is: what is served must be what was stored.
fn survey(path: &Path, full: &[(u64, Vec<u8>)]) -> &'static str {
    let Ok(store) = SqliteStore::open(path, Quota::default()) else {
        return "refused";
    };
    let mut served = Vec::new();
    let mut outcome = "served";
    let mut after = 0;
    loop {
        let query = Query { mailbox: mailbox(1), after, limit: 10, octets: usize::MAX };
        match store.messages(&query, UnixMillis(T0.0)) {
            Ok(Some(page)) if page.messages.is_empty() => break,
            Ok(Some(page)) => {
                after = page.messages.last().map_or(after, |message| message.seq);
                served.extend(page.messages.into_iter().map(|m| (m.seq, m.body.to_vec())));
            }
            Ok(None) => return "lost",
            Err(StoreError::Damaged(damage)) => {
                outcome = "named";
                match damage.seq {
                    Some(seq) if seq > after => after = seq,
                    _ => break,
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
    for message in &served {
        assert!(full.contains(message), "a changed message was served");
    }
    assert!(served.windows(2).all(|pair| pair[0].0 < pair[1].0));
    match outcome == "served" && served.len() < full.len() {
        true => "lost",
        false => outcome,
    }
}

/// A closed file with some of everything, 100 messages among it, and these.
fn hundred() -> (Place, Vec<(u64, Vec<u8>)>) {
    let place = Place::new();
    let store = place.open().unwrap();
    let text = |n: u64| format!("{n:04} {}", "text ".repeat(100));
    let hold = Hold { first: HoldId::new([1; 32]), second: None, millis: 10 };
    let pass = PassId::new([1; 32]);
    let quota = PassQuota { mailboxes: 9, slots: 9, octets: 1_000_000 };
    let subscription = Subscription {
        id: SubscriptionId::new([1; 32]),
        mailbox: mailbox(1),
        target: "somewhere".into(),
        confirmed: true,
    };
    let mut batch = vec![
        open(1),
        Write::AddPass { id: pass, name: "family".into(), quota, ttl_millis: None, parent: None },
        Write::OpenMailbox { id: mailbox(2), ttl_millis: Some(99), right: Right::Pass(pass) },
        Write::Subscribe(subscription),
        Write::PutSlot {
            id: SlotId::new([1; 32]),
            body: body(&"slot".repeat(2_000)),
            condition: Condition::Absent,
            ttl_millis: Some(99),
            right: Right::Pass(pass),
        },
        Write::Veto { hold: HoldId::new([2; 32]), mailbox: None },
        Write::Post { mailbox: mailbox(2), body: body("held"), hold: Some(hold) },
        post(2, "deleted"),
        Write::DeleteMessage { mailbox: mailbox(2), seq: 1 },
    ];
    batch.extend((1..=100).map(|n| post(1, &text(n))));
    store.apply(&batch, T0).unwrap();
    store.close().unwrap();
    (place, (1..=100).map(|n| (n, text(n).into_bytes())).collect())
}

/// Every record, as it is stored; `None` if they can't be read.
fn dump(path: &Path) -> Option<Vec<String>> {
    let store = SqliteStore::beside(path, Quota::default()).ok()?;
    let mut all = vec![format!("{:?}", store.epoch())];
    let door = store.transfer()?.0;
    door.export(None, &mut |records| {
        all.push(format!("{records:?}"));
        Ok(())
    })
    .ok()?;
    Some(all)
}

/// Whether a check of everything finds something; a store that is refused is found, too.
fn is_found(path: &Path) -> bool {
    let Ok(store) = SqliteStore::open(path, Quota::default()) else { return true };
    let mut told = 0;
    match store.verify(&mut |_| told += 1) {
        Ok(checked) => {
            assert_eq!(checked.bad, told);
            told > 0
        }
        Err(StoreError::Damaged(_)) => true,
        Err(error) => panic!("{error}"),
    }
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Changes the file so often and looks what becomes of it.
fn change(count: usize, what: &str, mut change: impl FnMut(&mut Vec<u8>, &mut Draws)) {
    let (place, full) = hundred();
    let (path, seed) = (place.path(), setting("RECOVERY_SEED", 1));
    let sound = fs::read(&path).unwrap();
    let before = dump(&path).unwrap();
    assert!(!is_found(&path), "a sound file");
    let mut counts = std::collections::BTreeMap::new();
    let mut draws = Draws(seed as u64);
    let (mut changed, mut found) = (0, 0);
    for n in 0..count {
        let mut file = sound.clone();
        change(&mut file, &mut draws);
        let put = || {
            SqliteStore::remove(&path).unwrap();
            fs::write(&path, &file).unwrap();
        };
        put();
        *counts.entry(survey(&path, &full)).or_insert(0) += 1;
        put();
        let differs = dump(&path).as_ref() != Some(&before);
        put();
        let is_found = is_found(&path);
        assert!(is_found || !differs, "{what} {n} with seed {seed} changed something unseen");
        changed += usize::from(differs);
        found += usize::from(is_found);
    }
    println!(
        "RECOVERY_SEED={seed} {count} {what}: {changed} changed what is stored, {found} found; {counts:?}"
    );
}

#[test]
fn flipped_bits_are_found_and_never_served() {
    change(setting("RECOVERY_FLIPS", 150), "flipped bits", |file, draws| {
        let bit = draws.below(file.len() * 8);
        file[bit / 8] ^= 1 << (bit % 8);
    });
}

#[test]
fn zeroed_pages_are_found_and_never_served() {
    change(setting("RECOVERY_PAGES", 12), "zeroed pages", |file, draws| {
        let page = draws.below(file.len() / 4_096) * 4_096;
        file[page..page + 4_096].fill(0);
    });
}

#[test]
fn truncated_files_are_found_and_never_served() {
    change(20, "truncations", |file, draws| file.truncate(draws.below(file.len())));
}
