//! Looking for what a relay must not have, in everything it wrote.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use std::{collections::HashSet, fs, path::Path};

/// No needle is shorter.
const START: usize = 8;

/// Looks for all `hidden` in every file of a folder, as they are and as hexadecimal and base64 would show
/// them; gives how many octets were looked through.
#[must_use]
pub fn look_for(folder: &Path, hidden: &[Vec<u8>]) -> usize {
    let needles: Vec<Vec<u8>> = hidden.iter().flat_map(|octets| forms(octets)).collect();
    let files = fs::read_dir(folder).expect("a folder is listed");
    files.map(|file| look_in(&file.expect("a folder is listed").path(), &needles)).sum()
}

/// The secret part of a link: what follows the slot's id, which the relay has to know.
#[must_use]
pub fn after_hash(link: &str) -> String {
    let secret = link.split_once('#').and_then(|(_, rest)| rest.split_once('.'));
    secret.expect("a link with a secret").1.to_owned()
}

/// As it is, and as hexadecimal and base64 would show it at any offset.
fn forms(octets: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    let mut all = vec![octets.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for skip in 0..3.min(octets.len() - 3) {
        let rest = octets.get(skip..).unwrap_or_default();
        let whole = rest.get(..rest.len() - rest.len() % 3).unwrap_or_default();
        all.push(Base64::encode_string(whole).into_bytes());
        all.push(Base64UrlUnpadded::encode_string(whole).into_bytes());
    }
    all
}

/// Looks at the first octets of all needles at once.
fn look_in(path: &Path, needles: &[Vec<u8>]) -> usize {
    let octets = fs::read(path).expect("a file is read");
    let start = |needle: &'_ Vec<u8>| needle.get(..START).expect("a long needle").to_vec();
    let starts: HashSet<Vec<u8>> = needles.iter().map(start).collect();
    for (at, first) in octets.windows(START).enumerate() {
        if starts.contains(first) {
            let rest = octets.get(at..).unwrap_or_default();
            let found = needles.iter().find(|needle| rest.starts_with(needle));
            assert_eq!(found, None, "{} at {at}", path.display());
        }
    }
    octets.len()
}
