//! Ids, numbers, proofs and shares.

use crate::{
    case::{Case, hex},
    cbor::{Cbor, bytes},
    people::{ANNA, BOB, CAROL, OTHER_RELAY, RELAY, hash, hkdf},
    primitives::{flipped, shorter},
    rng,
};
use recovery_core::{
    ids::{DrillId, HoldToken, MailboxToken, RequestId, SlotToken},
    kdf::KdfCost,
    number::Number,
    secret::Secret,
    sign::Signed,
    slip39::{self, Groups},
    wire,
};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    [ids(), numbers(), audits(), audit_challenges(), shares()].into_iter().flatten().collect()
}

fn ids() -> Vec<Case> {
    let mut cases = Vec::new();
    for (at, (relay, relay_name)) in
        [(RELAY, "relay"), (OTHER_RELAY, "other-relay")].into_iter().enumerate()
    {
        for thing in ["mailbox", "slot", "hold"] {
            let base = [0x40 + at as u8; 32];
            let token = hkdf(&base, &format!("recovery/v1/{thing}-token"), &[relay.as_bytes()]);
            let id = match thing {
                "mailbox" => *MailboxToken::new(token).id().as_bytes(),
                "slot" => *SlotToken::new(token).id().as_bytes(),
                _ => *HoldToken::new(token).id().as_bytes(),
            };
            let comment = format!("The token of a {thing} at one relay, and its id.");
            let case = Case::new("id", "token", &format!("{thing}-at-{relay_name}"), &comment);
            let case = case.text("thing", thing).hex("base", base).text("relay", relay);
            cases.push(case.hex("token", token).hex("id", id).ok());
        }
    }
    for person in [ANNA, BOB] {
        let name = format!("person-{:02x}", person.seed[0]);
        let case = Case::new("id", "identity", &name, "Keys and id of an identity's seed.");
        let case = case.hex("seed", person.seed).hex("signing_key", person.signing());
        let case = case.hex("sealing_key", person.sealing().as_bytes()).hex("id", person.id());
        let key_hash = hash("recovery/v1/seal-key-hash", &[person.sealing().as_bytes()]);
        cases.push(case.hex("sealing_key_hash", key_hash).ok());
    }
    cases
}

fn numbers() -> Vec<Case> {
    let usual = KdfCost::STANDARD;
    let secret = [0x5A; 16];
    let request = rng::octets::<32>("request");
    let cards = (ANNA.usual_card().encode(), BOB.usual_card().encode());
    let signed = |octets: &[u8]| wire::decode::<Signed>(octets).unwrap();
    let of_request = |request: [u8; 32], secret: [u8; 16]| {
        Number::of_request(RequestId::new(request), &Secret::new(secret), usual).unwrap()
    };
    let of_pairing = |owner: &[u8], friend: &[u8], secret: [u8; 16]| {
        Number::of_pairing(&signed(owner), &signed(friend), &Secret::new(secret), usual).unwrap()
    };
    let by_request = |name: &str, comment: &str, request: [u8; 32]| {
        let case = Case::new("number", "number", name, comment).text("of", "request");
        case.hex("secret", secret).hex("request", request)
    };
    let by_pairing = |name: &str, comment: &str| {
        let case = Case::new("number", "number", name, comment).text("of", "pairing");
        case.hex("secret", secret).hex("owner_card", &cards.0).hex("friend_card", &cards.1)
    };
    let right = of_request(request, secret);
    let paired = of_pairing(&cards.0, &cards.1, secret);
    let digits = right.digits();
    let typed = |case: Case, typed: &str| case.text("typed", typed);
    let ok = |case: Case, number: &Number, text: &str| {
        typed(case, text).text("number", &number.digits()).ok()
    };
    let drilled = Number::of_drill(DrillId::new([0xD1; 16]), &Secret::new(secret), usual).unwrap();
    let by_drill = |name: &str, comment: &str| {
        let case = Case::new("number", "number", name, comment).text("of", "drill");
        case.hex("secret", secret).hex("drill", [0xD1; 16])
    };
    let zero = of_request([0; 32], [0; 16]);
    let mut cases = vec![
        ok(
            by_request("request", "A request's number, typed as it is shown.", request),
            &right,
            &right.to_string(),
        ),
        ok(by_request("request-no-spaces", "The same, without spaces.", request), &right, &digits),
        ok(
            by_request("request-hyphens", "The same, with hyphens.", request),
            &right,
            &right.to_string().replace(' ', "-"),
        ),
        ok(by_pairing("pairing", "The number of two cards."), &paired, &paired.to_string()),
        ok(by_drill("drill", "A rehearsal's number."), &drilled, &drilled.to_string()),
        ok(
            Case::new("number", "number", "zeros", "Hash and secret of zeros.")
                .text("of", "request")
                .hex("secret", [0; 16])
                .hex("request", [0; 32]),
            &zero,
            &zero.to_string(),
        ),
    ];
    let mut last = digits.clone().into_bytes();
    last[14] = b'0' + (last[14] - b'0' + 1) % 10;
    let mut first = digits.clone().into_bytes();
    first[0] = b'0' + (first[0] - b'0' + 1) % 10;
    let mut swapped = digits.clone().into_bytes();
    let at = (1..15).find(|at| swapped[*at] != swapped[at - 1]).unwrap();
    swapped.swap(at, at - 1);
    let ascii = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    let bad = |name, comment, text: &str, outcome| {
        typed(by_request(name, comment, request), text).fails(outcome)
    };
    cases.extend([
        bad("bad-check-digit", "The check digit is another.", &ascii(last), "mistyped"),
        bad("one-digit-wrong", "The first digit is another.", &ascii(first), "mistyped"),
        bad("two-swapped", "Two neighbours are swapped.", &ascii(swapped), "mistyped"),
        bad("too-short", "14 digits.", &digits[..14], "length"),
        bad("too-long", "16 digits.", &format!("{digits}0"), "length"),
        bad("nothing", "No digits.", "", "length"),
        bad("letter", "An O for a zero.", &format!("O{}", &digits[1..]), "not-digits"),
        bad("other-script", "Arabic-Indic digits.", &"٣".repeat(15), "not-digits"),
        bad(
            "other-request",
            "The number of another request.",
            &of_request([6; 32], secret).to_string(),
            "wrong-number",
        ),
        bad(
            "other-secret",
            "The number with another secret.",
            &of_request(request, [6; 16]).to_string(),
            "wrong-number",
        ),
        typed(
            by_pairing("cards-exchanged", "Owner and friend exchanged."),
            &of_pairing(&cards.1, &cards.0, secret).to_string(),
        )
        .fails("wrong-number"),
        typed(
            by_pairing("other-card", "The number with somebody else's card."),
            &of_pairing(&cards.0, &CAROL.usual_card().encode(), secret).to_string(),
        )
        .fails("wrong-number"),
        typed(
            by_drill("request-for-drill", "A request's number is none of a rehearsal."),
            &right.to_string(),
        )
        .fails("wrong-number"),
        typed(
            by_pairing("number-of-request", "A request's number does not pair."),
            &right.to_string(),
        )
        .fails("wrong-number"),
    ]);
    cases
}

/// Shares of a fixed secret in the compact form, by group.
pub(crate) fn dealt(name: &str, secret: &[u8; 32], groups: &Groups) -> Vec<Vec<Vec<u8>>> {
    let set = slip39::split(secret, groups, &mut rng::of(name)).unwrap();
    set.iter().map(|group| group.iter().map(|share| share.to_bytes().to_vec()).collect()).collect()
}

fn audits() -> Vec<Case> {
    let case = |name: &str, comment: &str| Case::new("audit", "audit", name, comment);
    let dealt = dealt("audit", &[4; 32], &Groups::single(2, 3).unwrap()).remove(0);
    let (circle, bundle) = ([5; 16], [6; 32]);
    let input =
        |case: Case, shares: &[Vec<u8>], circle: [u8; 16], contact: [u8; 16], bundle: [u8; 32]| {
            let shares: Vec<String> = shares.iter().map(|share| hex(share)).collect();
            let case = case.json("shares", json!(shares)).hex("circle", circle);
            case.hex("contact", contact).hex("bundle_hash", bundle)
        };
    let key = |shares: &[Vec<u8>]| {
        let list = Cbor::Array(shares.iter().map(bytes).collect()).encode();
        hkdf(&list, "recovery/v1/audit-key", &[&circle, &BOB.id()])
    };
    let proof = |shares: &[Vec<u8>]| hkdf(&key(shares), "recovery/v1/audit-receipt", &[&bundle]);
    let good = |name, comment, shares: &[Vec<u8>]| {
        input(case(name, comment), shares, circle, BOB.id(), bundle)
            .hex("proof", proof(shares))
            .hex("audit_key", key(shares))
            .ok()
    };
    let bad = |name, comment, shares: &[Vec<u8>], circle, contact, bundle| {
        let right = proof(&dealt[..1]);
        input(case(name, comment), shares, circle, contact, bundle)
            .hex("proof", right)
            .fails("wrong-proof")
    };
    let mine = &dealt[..1];
    vec![
        good("one-share", "The proof of one share.", mine),
        good("two-shares", "A contact that holds two shares.", &dealt[..2]),
        bad("other-share", "The proof of another share.", &dealt[1..2], circle, BOB.id(), bundle),
        bad("more-shares", "The proof of fewer shares.", &dealt[..2], circle, BOB.id(), bundle),
        bad("other-circle", "Another circle.", mine, [9; 16], BOB.id(), bundle),
        bad("other-contact", "Another contact.", mine, circle, CAROL.id(), bundle),
        bad("other-bundle", "Another bundle.", mine, circle, BOB.id(), [9; 32]),
        input(case("flipped", "One bit of the proof."), mine, circle, BOB.id(), bundle)
            .hex("proof", flipped(&proof(mine), 31))
            .fails("wrong-proof"),
    ]
}

/// Proofs for a challenge.
fn audit_challenges() -> Vec<Case> {
    let dealt = dealt("audit", &[4; 32], &Groups::single(2, 3).unwrap()).remove(0);
    let (circle, nonce) = ([5; 16], [6; 32]);
    let key = |shares: &[Vec<u8>]| {
        let list = Cbor::Array(shares.iter().map(bytes).collect()).encode();
        hkdf(&list, "recovery/v1/audit-key", &[&circle, &BOB.id()])
    };
    let proof = |shares: &[Vec<u8>]| hkdf(&key(shares), "recovery/v1/audit-challenge", &[&nonce]);
    let case = |name: &str, comment: &str, shares: &[Vec<u8>], nonce: [u8; 32], proof: &[u8]| {
        let shares: Vec<String> = shares.iter().map(|share| hex(share)).collect();
        let case = Case::new("audit", "audit-challenge", name, comment);
        let case = case.json("shares", json!(shares)).hex("circle", circle);
        case.hex("contact", BOB.id()).hex("nonce", nonce).hex("proof", proof)
    };
    let good = |name, comment, shares: &[Vec<u8>]| {
        case(name, comment, shares, nonce, &proof(shares)).hex("audit_key", key(shares)).ok()
    };
    let bad = |name, comment, shares: &[Vec<u8>], nonce, proof: &[u8]| {
        case(name, comment, shares, nonce, proof).fails("wrong-proof")
    };
    let mine = &dealt[..1];
    let right = proof(mine);
    let receipt = hkdf(&key(mine), "recovery/v1/audit-receipt", &[&nonce]);
    vec![
        good("challenge-one-share", "The proof of one share for a nonce.", mine),
        good("challenge-two-shares", "A contact that holds two shares.", &dealt[..2]),
        bad("challenge-other-share", "Of another share.", &dealt[1..2], nonce, &right),
        bad("challenge-other-nonce", "For another nonce.", mine, [9; 32], &right),
        bad("challenge-receipt", "A receipt's proof of the same octets.", mine, nonce, &receipt),
        bad("challenge-flipped", "One bit of it.", mine, nonce, &flipped(&right, 31)),
    ]
}

fn shares() -> Vec<Case> {
    let case = |name: &str, comment: &str| Case::new("share", "share", name, comment);
    let group = |threshold, members| slip39::Group { threshold, members };
    let mut cases = Vec::new();
    for (name, comment, groups, at) in [
        ("two-of-three", "A share of a circle of three.", Groups::single(2, 3), (0, 2)),
        (
            "one-of-one",
            "The share of a single contact: the secret, encrypted.",
            Groups::single(1, 1),
            (0, 0),
        ),
        ("sixteen-of-sixteen", "All numbers at their highest.", Groups::single(16, 16), (0, 15)),
        ("groups", "The second of two groups.", Groups::new(2, [group(2, 3), group(3, 5)]), (1, 4)),
    ] {
        let set = slip39::split(&[0x77; 32], &groups.unwrap(), &mut rng::of(name)).unwrap();
        let share = &set[at.0][at.1];
        let header = share.header();
        let case =
            case(name, comment).hex("share", share.to_bytes()).text("words", &share.to_words());
        let header = json!({
            "identifier": header.identifier,
            "extendable": header.extendable,
            "exponent": header.exponent,
            "group_index": header.group_index,
            "group_threshold": header.group_threshold,
            "group_count": header.group_count,
            "member_index": header.member_index,
            "member_threshold": header.member_threshold,
        });
        cases.push(case.json("header", header).hex("value", share.value()).ok());
    }
    let good = dealt("share", &[0x77; 32], &Groups::single(2, 3).unwrap())[0][0].clone();
    let with = |at: usize, octet: u8| {
        let mut share = good.clone();
        share[at] = octet;
        share
    };
    let bad = |name, comment, share: &[u8], outcome| {
        case(name, comment).hex("share", share).fails(outcome)
    };
    cases.extend([
        bad("header-cut", "Four octets.", &good[..4], "truncated"),
        bad("nothing", "No octets.", &[], "truncated"),
        bad("no-value", "A header and no value.", &good[..5], "length"),
        bad("odd-value", "A value of 31 octets.", shorter(&good), "length"),
        bad("short-value", "A value of 14 octets.", &good[..19], "length"),
        bad("group-threshold", "Two of one group are needed.", &with(3, 0x10), "group-threshold"),
        bad("group-index", "The second group of one.", &with(2, 0x01), "group-index"),
    ]);
    let words = slip39::Share::from_bytes(&good).unwrap().to_words().to_string();
    let list: Vec<&str> = words.split(' ').collect();
    let mut swapped = list.clone();
    swapped.swap(10, 11);
    let bad = |name, comment, words: &str, outcome| {
        Case::new("share", "share-words", name, comment).text("words", words).fails(outcome)
    };
    cases.extend([
        Case::new("share", "share-words", "words-spaced", "Any case of letters, any white space.")
            .text("words", &format!("  {}\n", words.to_uppercase().replace(' ', "\t ")))
            .hex("share", &good)
            .ok(),
        bad("words-missing", "The last two words are missing.", &list[..31].join(" "), "checksum"),
        bad("words-too-few", "19 words.", &list[..19].join(" "), "word-count"),
        bad("words-swapped", "Two words are swapped.", &swapped.join(" "), "checksum"),
        bad(
            "words-unknown",
            "A word that is not on the list.",
            &words.replacen(list[5], "bitcoin", 1),
            "word",
        ),
    ]);
    cases.extend(share_sets());
    cases
}

fn share_sets() -> Vec<Case> {
    let case = |name: &str, comment: &str| Case::new("share", "share-set", name, comment);
    let secret = [0xC3; 32];
    let group = |threshold, members| slip39::Group { threshold, members };
    let list =
        |shares: &[&Vec<u8>]| json!(shares.iter().map(|share| hex(share)).collect::<Vec<_>>());
    let single = dealt("set", &secret, &Groups::single(3, 5).unwrap()).remove(0);
    let other = dealt("other set", &secret, &Groups::single(3, 5).unwrap()).remove(0);
    let groups =
        dealt("groups", &secret, &Groups::new(2, [group(1, 1), group(2, 3), group(2, 2)]).unwrap());
    let good = |name, comment, shares: &[&Vec<u8>]| {
        case(name, comment).json("shares", list(shares)).hex("secret", secret).ok()
    };
    let bad = |name, comment, shares: &[&Vec<u8>], outcome| {
        case(name, comment).json("shares", list(shares)).fails(outcome)
    };
    let s = |at: usize| &single[at];
    let (damaged, mut moved) = (flipped(s(2), 20), s(2).clone());
    moved[4] = moved[4] & 0x0F | 0x70;
    vec![
        good("set-three-of-five", "Exactly enough.", &[s(0), s(1), s(2)]),
        good("set-other-three", "Others, in another order.", &[s(4), s(0), s(3)]),
        good("set-all", "More than enough.", &[s(0), s(1), s(2), s(3), s(4)]),
        good("set-twice", "A share given twice counts once.", &[s(0), s(1), s(1), s(2)]),
        good("set-groups", "Two of three groups.", &[&groups[0][0], &groups[2][0], &groups[2][1]]),
        bad("set-nothing", "No shares.", &[], "no-shares"),
        bad("set-too-few", "Two where three are needed.", &[s(0), s(1)], "too-few"),
        bad(
            "set-too-few-groups",
            "One group where two are needed.",
            &[&groups[0][0], &groups[1][0]],
            "too-few",
        ),
        bad(
            "set-of-two-sets",
            "A share of another sharing of the same secret.",
            &[s(0), s(1), &other[2]],
            "wrong-set",
        ),
        bad("set-damaged", "One bit of one share.", &[s(0), s(1), &damaged], "digest"),
        bad("set-moved", "A share that claims another place.", &[s(0), s(1), &moved], "digest"),
        bad(
            "set-conflict",
            "Two different shares in one place.",
            &[s(0), s(1), s(2), &damaged],
            "conflict",
        ),
        bad(
            "set-stray",
            "A surplus share that does not fit.",
            &[s(0), s(1), s(3), &damaged],
            "stray",
        ),
    ]
}

/// A circle's usual three shares, for messages.
pub(crate) fn usual_shares() -> Vec<Vec<u8>> {
    dealt("usual", &[0x53; 32], &Groups::single(2, 3).unwrap()).remove(0)
}
