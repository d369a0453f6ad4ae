//! Boxes, padding, seals, packages.

use crate::{
    case::Case,
    cbor::{Cbor, array, bytes, raw, uint},
    people::{ANNA, BOB, CAROL, Kind, hash},
    rng::{self, Replay},
};
use hpke::{Deserializable, OpModeS, Serializable};
use recovery_core::{
    boxed,
    hpke_suite::SealingKey,
    ids::CircleId,
    kdf::KdfCost,
    package::{self, Package, Way},
    seal::{self, Letter},
    secret::Secret,
    wire,
};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    [boxes(), padding(), seals(), packages()].into_iter().flatten().collect()
}

/// Octets with one bit of one octet turned.
pub(crate) fn flipped(octets: &[u8], at: usize) -> Vec<u8> {
    let mut octets = octets.to_vec();
    octets[at] ^= 1;
    octets
}

/// Octets with one more behind.
pub(crate) fn longer(octets: &[u8]) -> Vec<u8> {
    [octets, &[0]].concat()
}

pub(crate) fn shorter(octets: &[u8]) -> &[u8] {
    &octets[..octets.len() - 1]
}

/// `length(4) ‖ content ‖ zeros`
pub(crate) fn padded(content: &[u8], size: usize) -> Vec<u8> {
    let mut out = (content.len() as u32).to_be_bytes().to_vec();
    out.extend_from_slice(content);
    assert!(out.len() <= size);
    out.resize(size, 0);
    out
}

fn boxes() -> Vec<Case> {
    const LABEL: &str = "recovery/v1/box-vault";
    let case = |name: &str, comment: &str| Case::new("box", "box", name, comment);
    let mut cases = Vec::new();
    for (name, comment, length) in [
        ("empty", "A box around nothing: 72 octets.", 0),
        ("one-octet", "One octet.", 1),
        (
            "one-block",
            "32 octets, which fill the first block of the key stream with the tag's key.",
            32,
        ),
        ("two-blocks", "65 octets: more than a block of the cipher.", 65),
        ("long", "300 octets.", 300),
    ] {
        let (secret, nonce) =
            (rng::octets::<32>(name), rng::octets::<24>(&format!("nonce {name}")));
        let plaintext = &rng::octets::<300>(&format!("plaintext {name}"))[..length];
        let made = boxed::seal(&secret, LABEL, plaintext, &mut Replay(&nonce));
        let case = case(name, comment).text("label", LABEL).hex("secret", secret);
        cases.push(case.hex("box", made).hex("plaintext", plaintext).ok());
    }
    let secret = [7; 16];
    let made =
        boxed::seal(&secret, "recovery/v1/box-invite", b"hello", &mut rng::of("short secret"));
    let short = case("link-secret", "A link's secret has 16 octets.")
        .text("label", "recovery/v1/box-invite");
    cases.push(short.hex("secret", secret).hex("box", made).hex("plaintext", b"hello").ok());

    let secret = [8; 32];
    let good = boxed::seal(&secret, LABEL, b"attack at dawn", &mut rng::of("box"));
    let other_nonce = boxed::seal(&secret, LABEL, b"attack at dawn", &mut rng::of("another box"));
    let swapped = [&good[..24], &other_nonce[24..]].concat();
    let bad = |name, comment, label: &str, secret: &[u8], boxed: &[u8]| {
        case(name, comment)
            .text("label", label)
            .hex("secret", secret)
            .hex("box", boxed)
            .fails("closed")
    };
    cases.extend([
        bad("wrong-secret", "Another secret.", LABEL, &[9; 32], &good),
        bad("wrong-label", "Made for another use.", "recovery/v1/box-home", &secret, &good),
        bad("flipped-nonce", "One bit of the nonce.", LABEL, &secret, &flipped(&good, 0)),
        bad(
            "flipped-commitment",
            "One bit of the commitment.",
            LABEL,
            &secret,
            &flipped(&good, 55),
        ),
        bad("flipped-tag", "One bit of the tag.", LABEL, &secret, &flipped(&good, 56)),
        bad(
            "flipped-ciphertext",
            "One bit of the ciphertext.",
            LABEL,
            &secret,
            &flipped(&good, 72),
        ),
        bad("truncated", "The last octet is missing.", LABEL, &secret, shorter(&good)),
        bad("trailing-octet", "One octet more.", LABEL, &secret, &longer(&good)),
        bad("too-short", "71 octets are no box.", LABEL, &secret, &good[..71]),
        bad("nothing", "No octets.", LABEL, &secret, &[]),
        bad(
            "swapped-nonce",
            "The nonce of another box under the same secret.",
            LABEL,
            &secret,
            &swapped,
        ),
    ]);
    cases.push(bad(
        "no-commitment",
        "The secretbox is right, the commitment is zeros: the commitment has to be checked.",
        LABEL,
        &secret,
        &[&good[..24], &[0; 32], &good[56..]].concat(),
    ));
    cases
}

fn padding() -> Vec<Case> {
    let case = |name: &str, comment: &str| Case::new("pad", "pad", name, comment);
    let good = |name, comment, content: &[u8]| {
        case(name, comment).hex("padded", padded(content, 64)).hex("content", content).ok()
    };
    let bad =
        |name, comment, padded: &[u8]| case(name, comment).hex("padded", padded).fails("malformed");
    let usual = padded(b"content", 64);
    let mut zero = padded(b"content", 64);
    zero[3] += 60;
    vec![
        good("usual", "Seven octets in 64.", b"content"),
        good("empty", "Nothing in 64 octets.", b""),
        good("full", "60 octets, which leave no room.", &[5; 60]),
        good("zeros", "Zeros are content too: the length says so.", &[0; 9]),
        bad("last-octet-not-zero", "The filler's last octet is 1.", &flipped(&usual, 63)),
        bad("first-octet-not-zero", "The filler's first octet is 1.", &flipped(&usual, 11)),
        bad("length-beyond-end", "The length reaches behind the end.", &zero),
        bad("huge-length", "A length of 2^32 - 1.", &[&[0xFF; 4], &usual[4..]].concat()),
        bad("too-short", "Three octets hold no length.", &[0, 0, 0]),
        bad("nothing", "No octets.", &[]),
    ]
}

/// A message whose padded content is anything: what [`seal::seal`] would never make.
fn sealed_raw(padded: &[u8], info: &str, aad: Option<&[u8]>, random: &[u8]) -> Vec<u8> {
    type Kem = hpke::kem::XWing;
    let key = BOB.sealing();
    let public = <Kem as hpke::Kem>::PublicKey::from_bytes(key.as_bytes()).unwrap();
    let own = hash("recovery/v1/seal-key-hash", &[key.as_bytes()]);
    let (encapsulated, ciphertext) = hpke::single_shot_seal_with_rng::<
        hpke::aead::ChaCha20Poly1305,
        hpke::kdf::HkdfSha256,
        Kem,
    >(
        &OpModeS::Base,
        &public,
        info.as_bytes(),
        padded,
        aad.unwrap_or(&own),
        &mut Replay(random),
    )
    .unwrap();
    [&[1][..], &encapsulated.to_bytes(), &ciphertext].concat()
}

fn seals() -> Vec<Case> {
    const INFO: &str = "recovery/v1/seal-message";
    let case = |name: &str, comment: &str| {
        Case::new("seal", "seal", name, comment).hex("recipient_seed", BOB.seed)
    };
    let letter = |attachment: usize| {
        let card = ANNA.usual_card();
        let letter = array([uint(1), card]);
        if attachment == 0 { letter } else { letter.and(bytes(vec![0xA7; attachment])) }
    };
    let mut cases = Vec::new();
    for (name, comment, attachment) in [
        ("4-kib", "A card, no attachment.", 0),
        ("4-kib-full", "The longest letter of the smallest size.", 1_519),
        ("16-kib", "One octet more than the smallest size holds.", 1_520),
        ("16-kib-copy", "An attachment of 10,000 octets.", 10_000),
        ("64-kib", "An attachment of 20,000 octets.", 20_000),
    ] {
        let (letter, random) = (letter(attachment).encode(), rng::octets::<64>(name));
        let parsed: Letter = wire::decode(&letter).unwrap();
        let message = seal::seal(&parsed, &BOB.sealing(), &mut Replay(&random)).unwrap();
        let case = case(name, comment).hex("message", message).hex("letter", letter);
        cases.push(case.hex("random", random).ok());
    }
    let random = rng::octets::<64>("seal");
    let content = letter(0).encode();
    let inner = 4_096 - 1 - 1_136;
    let good = sealed_raw(&padded(&content, inner), INFO, None, &random);
    let bad = |name, comment, message: &[u8], outcome| {
        case(name, comment).hex("message", message).fails(outcome)
    };
    let inside = |content: &[u8]| sealed_raw(&padded(content, inner), INFO, None, &random);
    let filler = flipped(&padded(&content, inner), inner - 1);
    let mut beyond = padded(&content, inner);
    beyond[2] = 0xFF;
    let mut versions = [good.clone(), good.clone()];
    versions[0][0] = 2;
    versions[1][0] = 0;
    let wrong_key = sealed_raw(&padded(&content, inner), INFO, None, &random);
    cases.extend([
        Case::new("seal", "seal", "wrong-recipient", "It is sealed to somebody else.")
            .hex("recipient_seed", CAROL.seed)
            .hex("message", wrong_key)
            .fails("not-for-us"),
        bad("newer-version", "The first octet is 2.", &versions[0], "newer-version"),
        bad("version-zero", "The first octet is 0.", &versions[1], "not-for-us"),
        bad("flipped-kem", "One bit of the ML-KEM ciphertext.", &flipped(&good, 1), "not-for-us"),
        bad("flipped-x25519", "One bit of the X25519 key.", &flipped(&good, 1_089), "not-for-us"),
        bad(
            "flipped-ciphertext",
            "One bit of the ciphertext.",
            &flipped(&good, 1_121),
            "not-for-us",
        ),
        bad("flipped-tag", "The last bit.", &flipped(&good, 4_095), "not-for-us"),
        bad("truncated", "4,095 octets are no size.", shorter(&good), "not-for-us"),
        bad("trailing-octet", "4,097 octets are no size.", &longer(&good), "not-for-us"),
        bad("nothing", "No octets.", &[], "not-for-us"),
        bad(
            "wrong-size",
            "Sealed and padded to 8,192 octets, which is no size of a message.",
            &sealed_raw(&padded(&content, 8_192 - 1_137), INFO, None, &random),
            "not-for-us",
        ),
        bad(
            "wrong-info",
            "Sealed with the label of a package.",
            &sealed_raw(&padded(&content, inner), "recovery/v1/seal-package", None, &random),
            "not-for-us",
        ),
        bad(
            "wrong-aad",
            "Sealed without the hash of the key as additional data.",
            &sealed_raw(&padded(&content, inner), INFO, Some(&[]), &random),
            "not-for-us",
        ),
        bad(
            "padding-not-zero",
            "It opens, and the last octet of the filler is 1.",
            &sealed_raw(&filler, INFO, None, &random),
            "malformed",
        ),
        bad(
            "padding-too-long",
            "It opens, and the length reaches behind the end.",
            &sealed_raw(&beyond, INFO, None, &random),
            "malformed",
        ),
        bad("no-letter", "It opens, and there is nothing inside.", &inside(&[]), "malformed"),
        bad(
            "letter-trailing-octet",
            "A zero stands behind the letter.",
            &inside(&longer(&content)),
            "malformed",
        ),
        bad(
            "letter-newer-version",
            "The letter is of version 2.",
            &inside(&letter(0).with(0, uint(2)).encode()),
            "newer-version",
        ),
        bad(
            "letter-spelled-null",
            "The absent attachment is spelled out.",
            &inside(&letter(0).and(Cbor::Null).encode()),
            "malformed",
        ),
        bad(
            "letter-long-integer",
            "The version takes two octets.",
            &inside(&letter(0).with(0, raw([0x18, 1])).encode()),
            "malformed",
        ),
    ]);
    cases
}

fn packages() -> Vec<Case> {
    let case = |name: &str, comment: &str| Case::new("package", "package", name, comment);
    let (shared, circle, root) = ([1; 32], [2; 16], [3; 32]);
    let least = KdfCost { memory_kib: 19 * 1_024, passes: 1, lanes: 1 };
    let key_of = |passphrase| {
        package::circle_key(&Secret::new(shared), CircleId::new(circle), passphrase).unwrap()
    };
    let input = |case: Case, passphrase: Option<(&str, KdfCost)>| {
        let case = case.hex("share_secret", shared).hex("circle", circle);
        match passphrase {
            None => case,
            Some((text, cost)) => case.text("passphrase", text).json("cost", cost_json(cost)),
        }
    };
    let mut cases = Vec::new();
    for (name, comment, passphrase) in [
        ("circle", "A circle without a passphrase.", None),
        (
            "passphrase",
            "A passphrase, at the usual cost.",
            Some(("correct horse", KdfCost::STANDARD)),
        ),
        (
            "passphrase-unicode",
            "A passphrase beyond ASCII: its UTF-8, as it is.",
            Some(("Größe 🔑", least)),
        ),
        ("passphrase-empty", "An empty passphrase is another one than none.", Some(("", least))),
    ] {
        let random = rng::octets::<64>(name);
        let key = key_of(passphrase);
        let made =
            Package::seal(Way::Circle, &Secret::new(root), key.public(), &mut Replay(&random))
                .unwrap();
        let case = input(case(name, comment), passphrase).hex("package", wire::encode(&made));
        cases.push(case.hex("root", root).hex("random", random).ok());
    }
    let random = rng::octets::<64>("package");
    let seal = |key: &SealingKey, info: &str, root: &[u8]| {
        key.seal(info, root, &mut Replay(&random)).unwrap()
    };
    let info = "recovery/v1/seal-package";
    let sealed = seal(key_of(None).public(), info, &root);
    let body = |sealed: &[u8]| array([uint(1), uint(0), bytes(sealed)]);
    let good = body(&sealed);
    let bad = |name, comment, package: Vec<u8>, outcome| {
        input(case(name, comment), None).hex("package", package).fails(outcome)
    };
    let wrong = |name, comment, shared: [u8; 32], circle: [u8; 16]| {
        case(name, comment)
            .hex("share_secret", shared)
            .hex("circle", circle)
            .hex("package", good.encode())
            .fails("closed")
    };
    cases.extend([
        wrong("wrong-secret", "Another share secret.", [9; 32], circle),
        wrong("wrong-circle", "Another circle.", shared, [9; 16]),
        input(
            case("passphrase-unasked", "A passphrase where the circle has none."),
            Some(("x", least)),
        )
        .hex("package", good.encode())
        .fails("closed"),
        bad(
            "passphrase-missing",
            "The circle has a passphrase, and none is given.",
            body(&seal(key_of(Some(("x", least))).public(), info, &root)).encode(),
            "closed",
        ),
        bad(
            "wrong-info",
            "Sealed with the label of a message.",
            body(&seal(key_of(None).public(), "recovery/v1/seal-message", &root)).encode(),
            "closed",
        ),
        bad(
            "flipped",
            "One bit of what is sealed.",
            body(&flipped(&sealed, 1_130)).encode(),
            "closed",
        ),
        bad("newer-version", "Version 2.", good.with(0, uint(2)).encode(), "newer-version"),
        bad(
            "unknown-way",
            "A way that version 1 does not know.",
            good.with(1, uint(1)).encode(),
            "malformed",
        ),
        bad("short", "1,167 octets are sealed.", body(shorter(&sealed)).encode(), "malformed"),
        bad("long", "1,169 octets are sealed.", body(&longer(&sealed)).encode(), "malformed"),
        bad(
            "truncated",
            "The last octet is missing.",
            shorter(&good.encode()).to_vec(),
            "malformed",
        ),
        bad("trailing-octet", "One octet more.", longer(&good.encode()), "malformed"),
        bad("additional-place", "A fourth place.", good.and(uint(0)).encode(), "malformed"),
        bad("too-long", "More than 2,048 octets.", vec![0x83; 2_049], "too-long"),
    ]);
    for (name, comment, cost) in [
        (
            "cost-too-low",
            "Argon2id with less than 19 MiB.",
            KdfCost { memory_kib: 19 * 1_024 - 1, passes: 3, lanes: 1 },
        ),
        (
            "cost-too-high",
            "Argon2id with more than 1 GiB.",
            KdfCost { memory_kib: 1_048_577, passes: 3, lanes: 1 },
        ),
        (
            "cost-no-pass",
            "Argon2id with no pass.",
            KdfCost { memory_kib: 65_536, passes: 0, lanes: 1 },
        ),
        (
            "cost-many-passes",
            "Argon2id with 17 passes.",
            KdfCost { memory_kib: 65_536, passes: 17, lanes: 1 },
        ),
        (
            "cost-many-lanes",
            "Argon2id with 17 lanes.",
            KdfCost { memory_kib: 65_536, passes: 3, lanes: 17 },
        ),
    ] {
        let case = input(case(name, comment), Some(("correct horse", cost)));
        cases.push(case.hex("package", good.encode()).fails("cost"));
    }
    cases
}

fn cost_json(cost: KdfCost) -> serde_json::Value {
    json!({"memory_kib": cost.memory_kib, "passes": cost.passes, "lanes": cost.lanes})
}

/// A statement's kind as a number on the wire.
pub(crate) fn kind(kind: Kind) -> Cbor {
    uint(kind as u64)
}
