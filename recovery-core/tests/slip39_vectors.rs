//! The 45 official vectors of SLIP-0039.
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say"
)]

use recovery_core::slip39::{self, Share, Slip39Error};
use serde_json::Value;
use std::path::PathBuf;

const PASSPHRASE: &str = "TREZOR";

/// The vectors, or `None` where they are not installed, which continuous integration forbids.
fn vectors() -> Option<Vec<Value>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let folder = std::env::var_os("RECOVERY_VECTORS").map_or_else(|| beside.into(), PathBuf::from);
    let file = folder.join("slip39/vectors.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        assert!(std::env::var_os("CI").is_none(), "{} is missing", file.display());
        eprintln!("SKIPPED: {} is missing; set RECOVERY_VECTORS", file.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn combine(mnemonics: &Value) -> Result<String, Slip39Error> {
    let words = mnemonics.as_array().unwrap().iter().map(|words| words.as_str().unwrap());
    let shares = words.map(Share::from_words).collect::<Result<Vec<_>, _>>()?;
    let secret = slip39::combine(&shares, PASSPHRASE)?;
    Ok(secret.iter().map(|octet| format!("{octet:02x}")).collect())
}

/// Whether an error is what a vector's name promises.
fn fits(name: &str, error: Slip39Error) -> bool {
    use Slip39Error::{
        Checksum, Conflict, Digest, GroupThreshold, MemberThreshold, Padding, TooFewGroups,
        TooFewShares, WordCount, WrongSet,
    };
    let about = |text| name.contains(text);
    match error {
        Checksum => about("invalid checksum"),
        Conflict { .. } => about("duplicate member indices"),
        Digest { group: Some(0) } => about("invalid digest"),
        GroupThreshold { .. } => about("greater group threshold than group counts"),
        MemberThreshold { .. } => about("mismatching member thresholds"),
        Padding => about("invalid padding"),
        TooFewGroups { .. } => about("nsufficient number of"),
        TooFewShares { .. } => about("Basic sharing 2-of-3"),
        WordCount { .. } => about("insufficient length") || about("invalid master secret length"),
        WrongSet { .. } => {
            about("different identifiers")
                || about("different iteration exponents")
                || about("mismatching group thresholds")
                || about("mismatching group counts")
        }
        _ => false,
    }
}

#[test]
fn all_vectors_have_their_outcome() {
    let Some(vectors) = vectors() else { return };
    let (mut valid, mut invalid) = (0, 0);
    for vector in &vectors {
        let [name, mnemonics, secret] = [0, 1, 2].map(|part| &vector[part]);
        match (combine(mnemonics), secret.as_str().unwrap()) {
            (Err(error), "") => {
                invalid += 1;
                assert!(fits(name.as_str().unwrap(), error), "{name}: {error}");
            }
            (outcome, secret) => {
                valid += 1;
                assert_eq!(outcome.as_deref(), Ok(secret), "{name}");
            }
        }
    }
    assert_eq!((valid, invalid), (15, 30));
}

#[test]
fn words_of_all_valid_shares_come_back() {
    let Some(vectors) = vectors() else { return };
    let mut shares = 0;
    for words in vectors.iter().flat_map(|vector| vector[1].as_array().unwrap()) {
        let Ok(share) = Share::from_words(words.as_str().unwrap()) else {
            continue;
        };
        assert_eq!(share.to_words().as_str(), words.as_str().unwrap());
        assert_eq!(Share::from_bytes(&share.to_bytes()), Ok(share));
        shares += 1;
    }
    assert!(shares > 60, "{shares}");
}
