//! Every vector of `tests/vectors`, run through recovery-core. Its README says what the fields are.
//!
//! Three things are asked of each case: its outcome, the facts that a valid one states, and, where
//! making is deterministic, that making it again gives the same octets.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is wrong"
)]

mod vector_kinds;

use serde_json::Value;
use std::{fs, path::Path};
use vector_kinds::Case;

/// Folder, valid cases, invalid cases: a case that silently goes missing fails the test.
const COUNTS: [(&str, usize, usize); 35] = [
    ("alarm", 5, 9),
    ("alert", 6, 26),
    ("answer", 2, 13),
    ("approval", 11, 23),
    ("armor", 9, 21),
    ("assessment", 13, 0),
    ("audit", 4, 10),
    ("box", 6, 12),
    ("bundle", 14, 35),
    ("card", 6, 42),
    ("challenge", 7, 20),
    ("decline", 3, 10),
    ("drill", 3, 17),
    ("drill-answer", 7, 16),
    ("due", 1, 19),
    ("forget", 4, 17),
    ("forgotten", 2, 16),
    ("id", 11, 7),
    ("invite", 4, 15),
    ("leave", 1, 15),
    ("link", 9, 21),
    ("moved", 1, 16),
    ("newest", 7, 20),
    ("number", 6, 14),
    ("package", 4, 19),
    ("pad", 4, 6),
    ("proof", 2, 23),
    ("receipt", 1, 12),
    ("relay-url", 11, 21),
    ("request", 8, 22),
    ("seal", 5, 20),
    ("share", 10, 19),
    ("stop", 1, 18),
    ("successor", 5, 22),
    ("vault", 4, 19),
];

#[test]
fn every_case_has_its_outcome() {
    let mut counts = Vec::new();
    for folder in names(&root()) {
        let (mut valid, mut invalid) = (0, 0);
        for file in names(&root().join(&folder)) {
            let text = fs::read_to_string(root().join(&folder).join(&file)).unwrap();
            let case = Case::new(format!("{folder}/{file}"), serde_json::from_str(&text).unwrap());
            check(&case);
            if case.expect() == "ok" { valid += 1 } else { invalid += 1 }
        }
        counts.push((folder, valid, invalid));
    }
    let counts: Vec<_> =
        counts.iter().map(|(name, valid, invalid)| (name.as_str(), *valid, *invalid)).collect();
    assert_eq!(counts, COUNTS);
}

fn check(case: &Case) {
    let name = &case.name;
    match vector_kinds::run(case) {
        Err(outcome) => assert_eq!(outcome, case.expect(), "{name}"),
        Ok(facts) => {
            assert_eq!(case.expect(), "ok", "{name}");
            let Value::Object(facts) = facts else { panic!("{name}: facts are an object") };
            assert!(!facts.is_empty(), "{name} states nothing");
            for (field, value) in facts {
                assert_eq!(case.get(&field), Some(&value), "{name}: {field}");
            }
            for (field, octets) in vector_kinds::remake(case) {
                assert!(case.hex(field) == octets, "{name}: {field} comes out otherwise");
            }
        }
    }
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// Folders of the root, files of a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let wanted = entries.filter(|entry| {
        entry.path().is_dir() || entry.path().extension().is_some_and(|end| end == "json")
    });
    let mut names: Vec<String> =
        wanted.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
