//! Makes the test vectors of `tests/vectors`, once. What is there and comes out otherwise is never
//! replaced without `--force`.
//!
//! ```text
//! cargo run -p recovery-tests --example make-vectors [-- --force]
//! ```
//! Everything is drawn from the names of the cases, so the same program makes the same files.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unimplemented,
    clippy::too_many_lines,
    reason = "a tool of the developers, mostly lists: it stops where something is wrong"
)]

mod approving;
mod asking;
mod case;
mod cbor;
mod circle;
mod defects;
mod drilling;
mod keeping;
mod pairing;
mod people;
mod primitives;
mod rng;
mod stopping;
mod succeeding;
mod telling;
mod texts;
mod values;
mod vaults;

use case::Case;
use std::{collections::BTreeSet, fs, path::Path};

fn main() {
    let force = std::env::args().any(|argument| argument == "--force");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let cases: Vec<Case> = [
        primitives::cases(),
        values::cases(),
        texts::cases(),
        pairing::cases(),
        circle::cases(),
        telling::cases(),
        asking::cases(),
        keeping::cases(),
        drilling::cases(),
        approving::cases(),
        stopping::cases(),
        succeeding::cases(),
        vaults::cases(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut names = BTreeSet::new();
    let mut fresh = Vec::new();
    for case in &cases {
        let name = format!("{}/{}.json", case.folder, case.name);
        let path = folder.join(&name);
        assert!(names.insert(name.clone()), "{name} stands twice");
        match fs::read_to_string(&path) {
            Ok(text) if text == case.to_json() => {}
            Ok(_) if !force => panic!("{name} is there and is other; --force replaces it"),
            _ => fresh.push((path, case)),
        }
    }
    for (path, case) in &fresh {
        fs::create_dir_all(folder.join(case.folder)).unwrap();
        fs::write(path, case.to_json()).unwrap();
    }
    println!("{} cases, {} of them written", cases.len(), fresh.len());
}
