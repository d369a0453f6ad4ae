//! Wycheproof's cases and X-Wing's own vectors, through our wrappers where we have one.
//!
//! Ed25519 goes through `PublicKeys::verify`, ML-KEM's bad keys through `SealingKey::from_slice`, X-Wing
//! through `OpeningKey`. X25519 alone is never used by this crate, only inside X-Wing: its cases run on
//! the same crate and version that X-Wing runs on.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say"
)]

use recovery_core::{
    hpke_suite::{OpeningKey, SealingKey},
    keys::{Identity, PublicKeys},
    secret::Secret,
};
use serde_json::Value;
use std::path::PathBuf;

/// A file of vectors, or `None` where they are not installed, which continuous integration forbids.
fn vectors(name: &str) -> Option<Value> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let folder = std::env::var_os("RECOVERY_VECTORS").map_or_else(|| beside.into(), PathBuf::from);
    let file = folder.join(name);
    let Ok(text) = std::fs::read_to_string(&file) else {
        assert!(std::env::var_os("CI").is_none(), "{} is missing", file.display());
        eprintln!("SKIPPED: {} is missing; set RECOVERY_VECTORS", file.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    let octet = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(octet).collect()
}

/// Each case of a Wycheproof file with its group; gives how many there were.
fn each(file: &Value, mut check: impl FnMut(&Value, &Value)) -> usize {
    let mut count = 0;
    for group in file["testGroups"].as_array().unwrap() {
        for case in group["tests"].as_array().unwrap() {
            check(group, case);
            count += 1;
        }
    }
    count
}

/// Public keys with this Ed25519 half, if they decode: weak keys and non-points do not.
fn keys_with(signing: &[u8]) -> Option<PublicKeys> {
    let anyone = Identity::from_seed(&Secret::new([1; 32]));
    let mut octets = minicbor::to_vec(anyone.public()).unwrap();
    let signing: [u8; 32] = signing.try_into().ok()?;
    octets[3..35].copy_from_slice(&signing);
    minicbor::decode(&octets).ok()
}

#[test]
fn ed25519() {
    let Some(file) = vectors("wycheproof/ed25519_test.json") else { return };
    let mut valid = 0;
    let count = each(&file, |group, case| {
        let keys = keys_with(&hex(&group["publicKey"]["pk"]));
        let signature: Option<[u8; 64]> = hex(&case["sig"]).try_into().ok();
        let verified = keys
            .zip(signature)
            .is_some_and(|(keys, signature)| keys.verify(&hex(&case["msg"]), &signature).is_ok());
        assert_eq!(verified, case["result"] == "valid", "case {}", case["tcId"]);
        valid += usize::from(verified);
    });
    assert_eq!((count, valid), (151, 88));
}

#[test]
fn x25519() {
    let Some(file) = vectors("wycheproof/x25519_test.json") else { return };
    let mut zero = 0;
    let count = each(&file, |_, case| {
        let private: [u8; 32] = hex(&case["private"]).try_into().unwrap();
        let public: [u8; 32] = hex(&case["public"]).try_into().unwrap();
        let shared = x25519_dalek::x25519(private, public);
        assert_eq!(shared.as_slice(), hex(&case["shared"]), "case {}", case["tcId"]);
        zero += usize::from(shared == [0; 32]);
    });
    assert_eq!((count, zero), (518, 31));
}

#[test]
fn ml_kem_keys_out_of_range_are_refused() {
    let Some(file) = vectors("wycheproof/mlkem_768_encaps_test.json") else { return };
    let mut refused = 0;
    let count = each(&file, |_, case| {
        let mut key = hex(&case["ek"]);
        key.extend_from_slice(&[9; 32]);
        let taken = SealingKey::from_slice(&key).is_some();
        assert_eq!(taken, case["result"] == "valid", "case {}", case["tcId"]);
        refused += usize::from(!taken);
    });
    assert_eq!((count, refused), (265, 132));
}

#[test]
fn x_wing_keys() {
    let Some(file) = vectors("xwing/test-vectors.json") else { return };
    let cases = file.as_array().unwrap();
    for case in cases {
        let key = OpeningKey::from_seed(&Secret::from_slice(&hex(&case["seed"])).unwrap());
        assert_eq!(key.public().as_bytes().as_slice(), hex(&case["pk"]));
    }
    assert_eq!(cases.len(), 3);
}
