//! Rehearsals: what an owner asks, and what a contact answers.

use crate::{
    case::{Case, hex},
    cbor::{Cbor, array, bytes, uint},
    circle::{Bundle, CIRCLE, letter},
    keeping::{audit_key, both, defects, letters, said_to_contact, second, to_contact, to_owner},
    people::{ANNA, BOB, Kind, NOW, hkdf},
    rng,
};
use recovery_core::{ids::DrillId, kdf::KdfCost, number::Number, secret::Secret};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    [drills(), answers()].into_iter().flatten().collect()
}

fn id() -> [u8; 16] {
    rng::octets("drill")
}

fn proof(bundle: &Bundle) -> [u8; 32] {
    hkdf(&audit_key(bundle), "recovery/v1/audit-drill", &[&id()])
}

fn drills() -> Vec<Case> {
    let secret = rng::octets::<16>("secret of the drill");
    let body = array([uint(1), bytes(id()), bytes(secret), uint(NOW)]);
    let good = to_contact(Kind::Drill, &body);
    let number = Number::of_drill(DrillId::new(id()), &Secret::new(secret), KdfCost::STANDARD);
    let number = number.unwrap().digits();
    let case = |name: &str, comment: &str, drill: &[u8]| {
        said_to_contact("drill", name, comment, drill).number("now", NOW)
    };
    let ok = |name, comment, bundles: &[&Bundle]| {
        let said =
            |bundle: &&Bundle| json!({"circle": hex(&bundle.circle), "proof": hex(&proof(bundle))});
        let proofs: Vec<_> = bundles.iter().map(said).collect();
        case(name, comment, &good.encode())
            .json("before", letters(&both()[..bundles.len()]))
            .hex("owner_seed", ANNA.seed)
            .hex("id", id())
            .text("number", &number)
            .number("made", NOW)
            .json("proofs", json!(proofs))
            .ok()
    };
    let usual = Bundle::usual();
    let mut cases = vec![
        ok("usual", "A contact who holds a piece rehearses.", &[&usual]),
        ok("two-generations", "Who holds two generations.", &[&usual, &second()]),
        ok("nothing-held", "Who holds nothing any more.", &[]),
    ];
    cases.extend(defects(&good, &body, 256, case));
    let sign = |body: &Cbor| to_contact(Kind::Drill, body).encode();
    cases.extend([
        case("known", "The same rehearsal again: nothing happens.", &good.encode())
            .json("before", letters(&[letter(&good.encode(), None)]))
            .fails("known"),
        case("id-short", "An id of 15 octets.", &sign(&body.with(1, bytes([1; 15]))))
            .fails("malformed"),
        case("secret-short", "A secret of 15 octets.", &sign(&body.with(2, bytes([1; 15]))))
            .fails("malformed"),
    ]);
    cases
}

fn answers() -> Vec<Case> {
    let bundle = Bundle::usual();
    let one = |circle: [u8; 16], proof: [u8; 32]| array([bytes(circle), bytes(proof)]);
    let body = |right: bool, proofs: &[Cbor]| {
        array([uint(1), bytes(id()), Cbor::Bool(right), array(proofs), uint(NOW)])
    };
    let sign = |body: &Cbor| to_owner(Kind::DrillAnswer, body);
    let case = |name: &str, comment: &str, answer: &[u8]| {
        let shares = json!([hex(&bundle.shares[0])]);
        Case::new("drill-answer", "drill-answer", name, comment)
            .hex("owner_seed", ANNA.seed)
            .hex("contact_card", BOB.usual_card().encode())
            .hex("drill", id())
            .hex("circle", CIRCLE)
            .json("shares", shares)
            .hex("drill_answer", answer)
    };
    let ok = |name, comment, right: bool, proofs: &[Cbor], opened: bool| {
        case(name, comment, &sign(&body(right, proofs)).encode())
            .hex("contact_seed", BOB.seed)
            .hex("audit_key", audit_key(&bundle))
            .json("number", json!(right))
            .json("opened", json!(opened))
            .number("made", NOW)
            .ok()
    };
    let (mine, other) = (one(CIRCLE, proof(&bundle)), one(second().circle, proof(&second())));
    let challenge = hkdf(&audit_key(&bundle), "recovery/v1/audit-challenge", &[&id()]);
    let mut cases = vec![
        ok(
            "usual",
            "The number was right, and the piece opens.",
            true,
            std::slice::from_ref(&mine),
            true,
        ),
        ok("wrong-number", "Three wrong numbers.", false, std::slice::from_ref(&mine), true),
        ok("two-generations", "Both generations.", true, &[other.clone(), mine.clone()], true),
        ok("nothing-held", "Nothing is held any more.", true, &[], false),
        ok("other-circle", "Only another generation is held.", true, &[other], false),
        ok(
            "absent-proof",
            "Without a proof for the circle.",
            true,
            &[array([bytes(CIRCLE)])],
            false,
        ),
        ok("wrong-proof", "The proof for a challenge.", true, &[one(CIRCLE, challenge)], false),
    ];
    let usual = body(true, &[mine]);
    cases.extend(defects(&sign(&usual), &usual, 512, case));
    cases.extend([
        case(
            "other-drill",
            "Of another rehearsal.",
            &sign(&usual.with(1, bytes([9; 16]))).encode(),
        )
        .fails("unknown-drill"),
        case("number-is-1", "A 1 for true.", &sign(&usual.with(2, uint(1))).encode())
            .fails("malformed"),
    ]);
    cases
}
