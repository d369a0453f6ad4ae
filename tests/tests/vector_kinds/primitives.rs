//! Boxes, padding, seals, packages, ids, numbers, proofs and shares.

use super::{Case, Outcome, Replay, decode, decode_outcome, hex};
use recovery_core::{
    boxed as core_box,
    circle::{audit_key, challenge_proof, receipt_proof},
    hpke_suite::OpeningKey,
    ids::{CircleId, DrillId, RequestId, labelled_hash},
    kdf::{KdfCost, hkdf},
    labels,
    number::{Number, NumberError},
    package::{Package, RootKey, Way, circle_key},
    seal::{self as core_seal, Letter, OpenError},
    secret::SecretBytes,
    slip39::{self, Share, Slip39Error},
    wire::{self},
};
use serde_json::json;

pub(super) fn boxed(case: &Case) -> Outcome {
    let opened = core_box::open(&case.hex("secret"), case.text("label"), &case.hex("box"));
    Ok(json!({"plaintext": hex(opened.map_err(|_| "closed")?.as_slice())}))
}

pub(super) fn make_box(case: &Case) -> Vec<u8> {
    let mut nonce = Replay(case.hex("box")[..24].to_vec());
    core_box::seal(&case.hex("secret"), case.text("label"), &case.hex("plaintext"), &mut nonce)
}

pub(super) fn pad(case: &Case) -> Outcome {
    let padded = case.hex("padded");
    Ok(json!({"content": hex(wire::unpad(&padded).ok_or("malformed")?)}))
}

pub(super) fn make_pad(case: &Case) -> Vec<u8> {
    wire::pad(&case.hex("content"), case.hex("padded").len()).unwrap().to_vec()
}

pub(super) fn seal(case: &Case) -> Outcome {
    let letter = core_seal::open(&case.person("recipient_seed"), &case.hex("message"));
    let letter = letter.map_err(|error| match error {
        OpenError::Newer => "newer-version".to_owned(),
        OpenError::NotForUs => "not-for-us".to_owned(),
        OpenError::Letter(error) => decode_outcome(error),
        other => panic!("{other}"),
    })?;
    Ok(json!({"letter": hex(wire::encode(&letter).as_slice())}))
}

pub(super) fn make_seal(case: &Case) -> Vec<u8> {
    let letter: Letter = wire::decode(&case.hex("letter")).unwrap();
    let to = &case.person("recipient_seed").public().sealing.clone();
    core_seal::seal(&letter, to, &mut Replay(case.hex("random"))).unwrap()
}

fn package_key(case: &Case) -> Result<OpeningKey, String> {
    let cost = case.get("cost").map(|cost| {
        let part = |name: &str| u32::try_from(cost[name].as_u64().unwrap()).unwrap();
        KdfCost { memory_kib: part("memory_kib"), passes: part("passes"), lanes: part("lanes") }
    });
    let cost = cost.map(|cost| cost.check_stored().map_err(|_| "cost")).transpose()?;
    let passphrase = cost.map(|cost| (case.text("passphrase"), cost));
    let circle = CircleId::new(case.octets("circle"));
    circle_key(&case.secret("share_secret"), circle, passphrase).map_err(|_| "cost".to_owned())
}

pub(super) fn package(case: &Case) -> Outcome {
    let package: Package = decode(&case.hex("package"))?;
    let root = package.open(&package_key(case)?).map_err(|_| "closed")?;
    Ok(json!({"root": hex(root.expose())}))
}

pub(super) fn make_package(case: &Case) -> Vec<u8> {
    let (root, key): (RootKey, _) = (case.secret("root"), package_key(case).unwrap());
    let random = &mut Replay(case.hex("random"));
    wire::encode(&Package::seal(Way::Circle, &root, key.public(), random).unwrap()).to_vec()
}

pub(super) fn token(case: &Case) -> Outcome {
    // A base has no constructor from octets but its encoding.
    let base = [&[0x58, 0x20][..], &case.hex("base")].concat();
    let base: recovery_core::ids::Base = minicbor::decode(&base).unwrap();
    let relay = case.text("relay");
    let (token, id) = match case.text("thing") {
        "mailbox" => (base.mailbox(relay).expose(), base.mailbox(relay).id().to_string()),
        "slot" => (base.slot(relay).expose(), base.slot(relay).id().to_string()),
        "hold" => (base.hold(relay).expose(), base.hold(relay).id().to_string()),
        thing => panic!("no such thing: {thing}"),
    };
    // The texts are compared by their octets, which the ids read back.
    let octets = |text: &str| hex(text.parse::<RequestId>().unwrap().as_bytes());
    Ok(json!({"token": octets(&token), "id": octets(&id)}))
}

pub(super) fn identity(case: &Case) -> Outcome {
    let person = case.person("seed");
    let sealing = person.public().sealing.as_bytes();
    let keys = wire::encode(person.public());
    // [Ed25519 key, X-Wing key]: 0x82, then 32 octets behind two.
    let signing = &keys[3..35];
    Ok(json!({
        "signing_key": hex(signing),
        "sealing_key": hex(sealing),
        "id": hex(person.id().as_bytes()),
        "sealing_key_hash": hex(labelled_hash(labels::SEAL_KEY_HASH, &[sealing])),
    }))
}

pub(super) fn number(case: &Case) -> Outcome {
    let (secret, cost) = (case.secret("secret"), KdfCost::STANDARD);
    let typed = case.text("typed").parse::<Number>().map_err(|error| match error {
        NumberError::NotDigits => "not-digits",
        NumberError::Length(_) => "length",
        NumberError::Mistyped => "mistyped",
        other => panic!("{other}"),
    })?;
    let right = match case.text("of") {
        "request" => Number::of_request(RequestId::new(case.octets("request")), &secret, cost),
        "drill" => Number::of_drill(DrillId::new(case.octets("drill")), &secret, cost),
        _ => {
            let (owner, friend) = (case.card("owner_card"), case.card("friend_card"));
            Number::of_pairing(owner.signed(), friend.signed(), &secret, cost)
        }
    };
    let right = right.unwrap();
    if right.matches(&typed) {
        Ok(json!({"number": right.digits()}))
    } else {
        Err("wrong-number".to_owned())
    }
}

pub(super) fn audit(case: &Case) -> Outcome {
    let shares: Vec<SecretBytes> =
        case.hexes("shares").iter().map(|share| SecretBytes::new(share)).collect();
    let circle = CircleId::new(case.octets("circle"));
    let key = audit_key(&shares, circle, case.contact_id("contact"));
    let proof = receipt_proof(&key, &case.octets("bundle_hash"));
    if proof != case.octets("proof") {
        return Err("wrong-proof".to_owned());
    }
    // The same by HKDF alone.
    let by_hand = hkdf::<32>(key.expose(), &[], labels::AUDIT_RECEIPT, &[&case.hex("bundle_hash")]);
    assert_eq!(by_hand.expose(), &proof);
    Ok(json!({"audit_key": hex(key.expose())}))
}

pub(super) fn audit_challenge(case: &Case) -> Outcome {
    let shares: Vec<SecretBytes> =
        case.hexes("shares").iter().map(|share| SecretBytes::new(share)).collect();
    let circle = CircleId::new(case.octets("circle"));
    let key = audit_key(&shares, circle, case.contact_id("contact"));
    if challenge_proof(&key, &case.octets("nonce")) != case.octets("proof") {
        return Err("wrong-proof".to_owned());
    }
    Ok(json!({"audit_key": hex(key.expose())}))
}

fn share_outcome(error: Slip39Error) -> String {
    match error {
        Slip39Error::Truncated { .. } => "truncated",
        Slip39Error::Length { .. } => "length",
        Slip39Error::GroupThreshold { .. } => "group-threshold",
        Slip39Error::GroupIndex { .. } => "group-index",
        Slip39Error::WordCount { .. } => "word-count",
        Slip39Error::Word { .. } => "word",
        Slip39Error::Checksum => "checksum",
        Slip39Error::NoShares => "no-shares",
        Slip39Error::TooFewShares { .. } | Slip39Error::TooFewGroups { .. } => "too-few",
        Slip39Error::WrongSet { .. } => "wrong-set",
        Slip39Error::Digest { .. } => "digest",
        Slip39Error::Conflict { .. } => "conflict",
        Slip39Error::Stray { .. } => "stray",
        other => panic!("{other}"),
    }
    .to_owned()
}

pub(super) fn share(case: &Case) -> Outcome {
    let share = Share::from_bytes(&case.hex("share")).map_err(share_outcome)?;
    assert_eq!(Share::from_words(&share.to_words()).as_ref(), Ok(&share));
    assert_eq!(share.to_bytes().as_slice(), case.hex("share"));
    let header = share.header();
    Ok(json!({
        "words": *share.to_words(),
        "value": hex(share.value()),
        "header": {
            "identifier": header.identifier,
            "extendable": header.extendable,
            "exponent": header.exponent,
            "group_index": header.group_index,
            "group_threshold": header.group_threshold,
            "group_count": header.group_count,
            "member_index": header.member_index,
            "member_threshold": header.member_threshold,
        },
    }))
}

pub(super) fn share_words(case: &Case) -> Outcome {
    let share = Share::from_words(case.text("words")).map_err(share_outcome)?;
    Ok(json!({"share": hex(share.to_bytes().as_slice())}))
}

pub(super) fn share_set(case: &Case) -> Outcome {
    let shares: Vec<Share> =
        case.hexes("shares").iter().map(|share| Share::from_bytes(share).unwrap()).collect();
    let secret = slip39::combine(&shares, "").map_err(share_outcome)?;
    Ok(json!({"secret": hex(secret.as_slice())}))
}
