//! What an owner and a contact say about pieces that are kept: challenges and proofs, what is superseded
//! and forgotten, farewells, word of a newer vault.

use crate::{
    case::{Case, hex},
    cbor::{Cbor, array, bytes, uint},
    circle::{Bundle, CIRCLE, letter, list},
    defects::{signature_defects, statement_defects},
    people::{ANNA, BOB, CAROL, Kind, NOW, Statement, hkdf},
    rng,
    values::usual_shares,
};
use serde_json::{Value, json};

const OTHER: [u8; 16] = [0xC2; 16];
const DAY: u64 = 86_400;

pub(crate) fn cases() -> Vec<Case> {
    [challenges(), proofs(), forgets(), forgottens(), leaves(), newests()]
        .into_iter()
        .flatten()
        .collect()
}

/// A statement of Anna's for Bob.
pub(crate) fn to_contact(kind: Kind, body: &Cbor) -> Statement {
    ANNA.sign(kind, &BOB.id(), &body.encode())
}

/// A statement of Bob's for Anna.
pub(crate) fn to_owner(kind: Kind, body: &Cbor) -> Statement {
    BOB.sign(kind, &ANNA.id(), &body.encode())
}

/// A case of what an owner says to a contact.
pub(crate) fn said_to_contact(
    folder: &'static str,
    name: &str,
    comment: &str,
    statement: &[u8],
) -> Case {
    let case = Case::new(folder, folder, name, comment).hex("contact_seed", BOB.seed);
    case.hex("owner_card", ANNA.usual_card().encode()).hex(folder, statement)
}

/// A case of what a contact says to the owner.
pub(crate) fn said_to_owner(
    folder: &'static str,
    name: &str,
    comment: &str,
    statement: &[u8],
) -> Case {
    let case = Case::new(folder, folder, name, comment).hex("owner_seed", ANNA.seed);
    case.hex("contact_card", BOB.usual_card().encode()).hex(folder, statement)
}

/// Everything that can be wrong with a good statement, but for what is particular to its kind.
pub(crate) fn defects(
    good: &Statement,
    body: &Cbor,
    most: usize,
    case: impl Fn(&str, &str, &[u8]) -> Case,
) -> Vec<Case> {
    let all =
        [signature_defects(good, CAROL.id()), statement_defects(good, body, Kind::Card, most)];
    let bad = |(name, comment, statement, outcome): (&str, &str, Vec<u8>, &str)| {
        case(name, comment, &statement).fails(outcome)
    };
    all.into_iter().flatten().map(bad).collect()
}

/// Letters, as they stand in a case.
pub(crate) fn letters(letters: &[Vec<u8>]) -> Value {
    json!(letters.iter().map(|letter| hex(letter)).collect::<Vec<_>>())
}

fn circles(ids: &[[u8; 16]]) -> Cbor {
    array(ids.iter().map(bytes).collect::<Vec<_>>())
}

fn hexes(ids: &[[u8; 16]]) -> Value {
    json!(ids.iter().map(|id| hex(id)).collect::<Vec<_>>())
}

/// Bob's second generation.
pub(crate) fn second() -> Bundle {
    Bundle {
        circle: OTHER,
        generation: 2,
        shares: usual_shares()[1..].to_vec(),
        live: Some(CIRCLE),
        ..Bundle::usual()
    }
}

/// The letters of both generations.
pub(crate) fn both() -> [Vec<u8>; 2] {
    [Bundle::usual().letter(None), second().letter(None)]
}

pub(crate) fn audit_key(bundle: &Bundle) -> [u8; 32] {
    let shares = list(&bundle.shares).encode();
    hkdf(&shares, "recovery/v1/audit-key", &[&bundle.circle, &bundle.contact.id()])
}

fn answer(bundle: &Bundle, nonce: &[u8]) -> [u8; 32] {
    hkdf(&audit_key(bundle), "recovery/v1/audit-challenge", &[nonce])
}

fn challenges() -> Vec<Case> {
    let nonce = rng::octets::<32>("challenge");
    let body =
        |ids: &[[u8; 16]], made: u64| array([uint(1), circles(ids), bytes(nonce), uint(made)]);
    let sign = |body: &Cbor| to_contact(Kind::Challenge, body);
    let case = |name: &str, comment: &str, challenge: &[u8]| {
        said_to_contact("challenge", name, comment, challenge).number("now", NOW)
    };
    type Proofs<'a> = &'a [Option<[u8; 32]>];
    let ok_at =
        |name, comment, (ids, made): (&[[u8; 16]], u64), before: &[Vec<u8>], proofs: Proofs<'_>| {
            let proofs: Vec<_> =
                proofs.iter().map(|proof| proof.map(|proof| hex(&proof))).collect();
            let case = case(name, comment, &sign(&body(ids, made)).encode());
            case.json("before", letters(before))
                .hex("owner_seed", ANNA.seed)
                .json("circles", hexes(ids))
                .hex("nonce", nonce)
                .number("made", made)
                .json("proofs", json!(proofs))
                .ok()
        };
    let ok = |name, comment, ids: &[[u8; 16]], before: &[Vec<u8>], proofs: Proofs<'_>| {
        ok_at(name, comment, (ids, NOW), before, proofs)
    };
    let nine: Vec<[u8; 16]> = (0..9).map(|n| if n == 7 { CIRCLE } else { [n; 16] }).collect();
    let (first, newer) = (answer(&Bundle::usual(), &nonce), answer(&second(), &nonce));
    let mut cases = vec![
        ok("usual", "One circle, whose piece is held.", &[CIRCLE], &both()[..1], &[Some(first)]),
        ok(
            "two-generations",
            "Both generations that are held.",
            &[CIRCLE, OTHER],
            &both(),
            &[Some(first), Some(newer)],
        ),
        ok("nothing-held", "Nothing is held.", &[CIRCLE], &[], &[None]),
        ok(
            "one-not-held",
            "One of two generations is held.",
            &[CIRCLE, OTHER],
            &both()[..1],
            &[Some(first), None],
        ),
        ok("no-circle", "Nothing is asked for.", &[], &both()[..1], &[]),
        ok(
            "nine-circles",
            "More than a contact holds: the first eight are answered.",
            &nine,
            &both()[..1],
            &[None, None, None, None, None, None, None, Some(first)],
        ),
        ok_at(
            "day-ahead",
            "The owner's clock is a day ahead.",
            (&[CIRCLE], NOW + DAY),
            &both()[..1],
            &[Some(first)],
        ),
    ];
    let usual = body(&[CIRCLE], NOW);
    cases.extend(defects(&sign(&usual), &usual, 256, case));
    let said = |made: u64| letter(&sign(&body(&[CIRCLE], made)).encode(), None);
    let again = |name, comment, made: u64| {
        let before = [both()[0].clone(), said(made)];
        case(name, comment, &sign(&usual).encode()).json("before", letters(&before)).fails("known")
    };
    let bad =
        |name, comment, body: &Cbor| case(name, comment, &sign(body).encode()).fails("malformed");
    cases.extend([
        again("known", "The same challenge again: nothing happens.", NOW),
        again("older", "Older than one that was answered: nothing happens.", NOW + 1),
        case(
            "ahead",
            "The owner's clock is more than a day ahead: nothing happens.",
            &sign(&body(&[CIRCLE], NOW + DAY + 1)).encode(),
        )
        .json("before", letters(&both()[..1]))
        .fails("ahead"),
        bad("nonce-short", "A nonce of 31 octets.", &usual.with(2, bytes([1; 31]))),
        bad("circle-short", "A circle's id of 15 octets.", &usual.with(1, array([bytes([1; 15])]))),
        bad("place-too-many", "One place too many.", &usual.and(uint(1))),
    ]);
    cases
}

fn proofs() -> Vec<Case> {
    let (nonce, bundle) = (rng::octets::<32>("challenge"), Bundle::usual());
    let right = answer(&bundle, &nonce);
    let one = |circle: [u8; 16], proof: Option<[u8; 32]>| {
        let id = array([bytes(circle)]);
        proof.map_or(id.clone(), |proof| id.and(bytes(proof)))
    };
    let body =
        |nonce: [u8; 32], proofs: &[Cbor]| array([uint(1), bytes(nonce), array(proofs), uint(NOW)]);
    let sign = |body: &Cbor| to_owner(Kind::Proof, body);
    let case = |name: &str, comment: &str, proof: &[u8]| {
        let shares = bundle.shares.iter().map(|share| hex(share)).collect::<Vec<_>>();
        let case = said_to_owner("proof", name, comment, proof).hex("circle", CIRCLE);
        case.json("shares", json!(shares)).hex("nonce", nonce)
    };
    let ok = |name, comment, body: &Cbor| {
        let case = case(name, comment, &sign(body).encode()).hex("contact_seed", BOB.seed);
        case.hex("audit_key", audit_key(&bundle)).hex("value", right).number("made", NOW).ok()
    };
    let usual = body(nonce, &[one(CIRCLE, Some(right))]);
    let other = one(OTHER, Some(answer(&second(), &nonce)));
    let mut cases = vec![
        ok("usual", "The proof for one circle.", &usual),
        ok(
            "beside-another",
            "Behind the proof for a circle that the owner does not have.",
            &body(nonce, &[other.clone(), one(CIRCLE, Some(right))]),
        ),
    ];
    cases.extend(defects(&sign(&usual), &usual, 512, case));
    let bad = |name, comment, body: &Cbor, outcome| {
        case(name, comment, &sign(body).encode()).fails(outcome)
    };
    let value = |proof| body(nonce, &[one(CIRCLE, Some(proof))]);
    let spelled = one(CIRCLE, None).and(Cbor::Null);
    let receipt = hkdf(&audit_key(&bundle), "recovery/v1/audit-receipt", &[&nonce]);
    cases.extend([
        bad(
            "nothing-held",
            "The contact has no such pieces any more.",
            &body(nonce, &[one(CIRCLE, None)]),
            "nothing-held",
        ),
        bad("other-share", "The proof of another share.", &value(answer(&second(), &nonce)), WRONG),
        bad("receipt", "The proof of a receipt.", &value(receipt), WRONG),
        bad("zeros", "A proof of zeros.", &value([0; 32]), WRONG),
        bad(
            "other-nonce",
            "A right proof for a nonce that nobody asked with.",
            &body([7; 32], &[one(CIRCLE, Some(answer(&bundle, &[7; 32])))]),
            "not-asked",
        ),
        bad("other-circle", "For another circle only.", &body(nonce, &[other]), "unknown-circle"),
        bad("no-proof", "For no circle.", &body(nonce, &[]), "unknown-circle"),
        bad(
            "null-proof",
            "The absent proof is spelled out.",
            &body(nonce, &[spelled]),
            "malformed",
        ),
        bad(
            "proof-short",
            "A proof of 31 octets.",
            &body(nonce, &[array([bytes(CIRCLE), bytes([1; 31])])]),
            "malformed",
        ),
    ]);
    cases
}

const WRONG: &str = "wrong-proof";

fn forgets() -> Vec<Case> {
    let body = |ids: &[[u8; 16]]| array([uint(1), circles(ids)]);
    let sign = |body: &Cbor| to_contact(Kind::Forget, body);
    let case = |name: &str, comment: &str, forget: &[u8]| {
        said_to_contact("forget", name, comment, forget).number("now", NOW)
    };
    let ok = |name, comment, ids: &[[u8; 16]], until: &[Option<u64>]| {
        let before = &both()[..until.len()];
        let case = case(name, comment, &sign(&body(ids)).encode()).json("before", letters(before));
        case.hex("owner_seed", ANNA.seed)
            .json("circles", hexes(ids))
            .json("until", json!(until))
            .number("at", NOW + 30 * DAY)
            .ok()
    };
    let then = Some(NOW + 30 * DAY);
    let mut cases = vec![
        ok("usual", "The only pieces are superseded: kept for 30 days.", &[CIRCLE], &[then]),
        ok("one-of-two", "The older of two generations.", &[CIRCLE], &[then, None]),
        ok("both", "Two generations at once.", &[CIRCLE, OTHER], &[then, then]),
        ok("beside-another", "One of the circles is not held.", &[OTHER, CIRCLE], &[then]),
    ];
    let usual = body(&[CIRCLE]);
    cases.extend(defects(&sign(&usual), &usual, 256, case));
    let known = |name, comment, before: &[Vec<u8>]| {
        case(name, comment, &sign(&usual).encode()).json("before", letters(before)).fails("known")
    };
    let said = letter(&sign(&usual).encode(), None);
    cases.extend([
        known("known", "The same again: nothing happens.", &[both()[0].clone(), said]),
        known("nothing-held", "Nothing is held: nothing happens.", &[]),
        case(
            "circle-short",
            "A circle's id of 15 octets.",
            &sign(&usual.with(1, array([bytes([1; 15])]))).encode(),
        )
        .fails("malformed"),
    ]);
    cases
}

fn forgottens() -> Vec<Case> {
    let at = NOW + 30 * DAY;
    let body = |ids: &[[u8; 16]]| array([uint(1), circles(ids), uint(at)]);
    let sign = |body: &Cbor| to_owner(Kind::Forgotten, body);
    let case = |name: &str, comment: &str, forgotten: &[u8]| {
        said_to_owner("forgotten", name, comment, forgotten).hex("circle", CIRCLE)
    };
    let ok = |name, comment, ids: &[[u8; 16]]| {
        let case = case(name, comment, &sign(&body(ids)).encode()).hex("contact_seed", BOB.seed);
        case.json("circles", hexes(ids)).number("at", at).ok()
    };
    let usual = body(&[CIRCLE]);
    let mut cases = vec![
        ok("usual", "The pieces of one circle go in 30 days.", &[CIRCLE]),
        ok("two-circles", "Those of two circles.", &[OTHER, CIRCLE]),
    ];
    cases.extend(defects(&sign(&usual), &usual, 256, case));
    cases.extend([
        case("other-circle", "Of another circle.", &sign(&body(&[OTHER])).encode())
            .fails("unknown-circle"),
        case(
            "time-missing",
            "It does not say when.",
            &sign(&array([uint(1), circles(&[CIRCLE])])).encode(),
        )
        .fails("malformed"),
    ]);
    cases
}

fn leaves() -> Vec<Case> {
    let body = array([uint(1), uint(NOW)]);
    let sign = |body: &Cbor| to_owner(Kind::Leave, body);
    let case =
        |name: &str, comment: &str, leave: &[u8]| said_to_owner("leave", name, comment, leave);
    let good = sign(&body);
    let mut cases = vec![
        case("usual", "A contact says farewell.", &good.encode())
            .hex("contact_seed", BOB.seed)
            .number("made", NOW)
            .ok(),
    ];
    cases.extend(defects(&good, &body, 64, case));
    cases.push(
        case("time-missing", "It does not say when.", &sign(&array([uint(1)])).encode())
            .fails("malformed"),
    );
    cases
}

pub(crate) fn newest_body(number: u64, live: Option<[u8; 16]>) -> Cbor {
    let body = array([uint(1), uint(number), uint(NOW)]);
    live.map_or(body.clone(), |live| body.and(bytes(live)))
}

/// Word of a vault of this version, and of the circle that counts.
pub(crate) fn newest_letter(number: u64, live: Option<[u8; 16]>) -> Vec<u8> {
    letter(&to_contact(Kind::Newest, &newest_body(number, live)).encode(), None)
}

/// Word that these circles are superseded.
pub(crate) fn forget_letter(ids: &[[u8; 16]]) -> Vec<u8> {
    letter(&to_contact(Kind::Forget, &array([uint(1), circles(ids)])).encode(), None)
}

fn newests() -> Vec<Case> {
    let body = |number: u64| newest_body(number, None);
    let sign = |number: u64| to_contact(Kind::Newest, &body(number));
    let case =
        |name: &str, comment: &str, newest: &[u8]| said_to_contact("newest", name, comment, newest);
    let said = |number: u64| letters(&[newest_letter(number, None)]);
    let ok = |case: Case, live: Option<[u8; 16]>, kept: bool, counted: &[[u8; 16]]| {
        case.hex("owner_seed", ANNA.seed)
            .number("vault_version", 8)
            .number("made", NOW)
            .json("live", json!(live.map(|live| hex(&live))))
            .json("kept", json!(kept))
            .json("counted", hexes(counted))
            .ok()
    };
    let good = sign(8).encode();
    let calls = |live: [u8; 16]| to_contact(Kind::Newest, &newest_body(8, Some(live))).encode();
    let live = |name, comment, live: [u8; 16], before: &[Vec<u8>], kept, counted: &[[u8; 16]]| {
        let case = case(name, comment, &calls(live)).json("before", letters(before));
        ok(case, Some(live), kept, counted)
    };
    let [first, newer] = both();
    let held = [first.clone()];
    let knows = |number: u64| [first.clone(), newest_letter(number, None)];
    let mut cases = vec![
        ok(case("usual", "The vault has version 8.", &good), None, true, &[]),
        ok(
            case("newer", "Newer than what was known.", &good).json("before", said(7)),
            None,
            true,
            &[],
        ),
        live("live", "The circle that is held counts.", CIRCLE, &held, true, &[CIRCLE]),
        live("live-not-held", "Another circle counts.", OTHER, &held, true, &[]),
        live(
            "live-known-version",
            "The version is known, what counts is not.",
            CIRCLE,
            &knows(8),
            false,
            &[CIRCLE],
        ),
        live(
            "live-older-version",
            "A newer version is known, what counts is not.",
            CIRCLE,
            &knows(9),
            false,
            &[CIRCLE],
        ),
        live(
            "live-second",
            "A second one counts: the first is not forgotten.",
            OTHER,
            &[first.clone(), newer],
            true,
            &[CIRCLE, OTHER],
        ),
    ];
    cases.extend(defects(&sign(8), &body(8), 64, case));
    let known = |name, comment, number: u64| {
        case(name, comment, &good).json("before", said(number)).fails("known")
    };
    cases.extend([
        known("known", "What is known: nothing happens.", 8),
        known("older", "Older than what is known: nothing happens.", 9),
        case("live-known", "All of it is known: nothing happens.", &calls(CIRCLE))
            .json("before", letters(&[first, newest_letter(9, Some(CIRCLE))]))
            .fails("known"),
        case(
            "live-short",
            "A circle's id of 15 octets.",
            &to_contact(Kind::Newest, &body(8).and(bytes([1; 15]))).encode(),
        )
        .fails("malformed"),
        case(
            "live-null",
            "That nothing counts is spelled out.",
            &to_contact(Kind::Newest, &body(8).and(Cbor::Null)).encode(),
        )
        .fails("malformed"),
        case(
            "negative-version",
            "A version below 0.",
            &to_contact(Kind::Newest, &body(8).with(1, crate::cbor::raw([0x20]))).encode(),
        )
        .fails("malformed"),
    ]);
    cases
}
