//! Flows.
#![cfg(feature = "testkit")]
use recovery_core::testkit::table::{Table, named};
#[test]
fn happy() {
    let mut t = Table::new(1, &["Anna", "Bob", "Carol", "Dora"]);
    let now = t.now;
    t.people[0].add(named("seed"), b"twelve words", now).unwrap();
    let anna = t.id(0);
    t.circle(0, 2, &[1, 2, 3]);
    assert!(t.people[0].vault().circles[0].active());
    let mut new = t.ask("Anna");
    t.approve(1, &new, anna);
    t.collect(&mut new);
    println!("{:?}", new.assess().sets[0].combine().err());
    t.approve(3, &new, anna);
    t.collect(&mut new);
    let a = new.assess();
    println!("{:?}", a.approvals);
    let set = a.complete(Some(anna));
    let q = set[0].combine().unwrap();
    let root = q.root(None).unwrap();
    let v = t.vault(0);
    let r = q.restore(root, &[v]).unwrap();
    assert_eq!(r.device.id(), anna);
    assert_eq!(r.device.vault().entries[0].content.expose(), b"twelve words");
    println!("{:?}", t.settle());
}

/// Gen 2 reached one contact only.
#[test]
fn newest_knowledge_counts() {
    for large in [false, true] {
        let mut t = Table::new(1, &["Anna", "Bob", "Carol"]);
        let (now, anna) = (t.now, t.id(0));
        if large {
            t.people[0].add(named("large"), &[7; 40_000], now).unwrap();
        }
        t.circle(0, 2, &[1, 2]);
        let old = t.vault(0);
        t.people[0].add(named("new"), b"content", now).unwrap();
        t.protect(0, 2, &[1, 2], None);
        let known = t.people[0].vault().version;
        t.mail().truncate(1);
        t.settle();
        let mut new = t.ask("Anna");
        t.approve(1, &new, anna);
        t.approve(2, &new, anna);
        t.collect(&mut new);
        let a = new.assess();
        let quorum = a.complete(Some(anna))[0].combine().unwrap();
        let restored = quorum.restore(quorum.root(None).unwrap(), &[old]).unwrap();
        assert_eq!(restored.generation, 1);
        if large {
            assert_eq!(restored.rollback.unwrap().known, known);
        } else {
            assert_eq!((restored.device.vault().version, restored.rollback), (known, None));
        }
    }
}
