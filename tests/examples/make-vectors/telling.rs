//! What a contact tells the owner: receipts and alerts.

use crate::{
    asking::{plain_request, request_of, usual_id, usual_request, usual_request_body},
    case::{Case, hex},
    cbor::{Cbor, array, bytes, raw, text, uint},
    circle::{Bundle, CIRCLE, list},
    defects::{signature_defects, statement_defects},
    people::{ANNA, BOB, CAROL, DEVICE, Kind, NOW, Statement, hash, hkdf},
    primitives::kind,
    values::usual_shares,
};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    [receipts(), alerts()].into_iter().flatten().collect()
}

fn receipts() -> Vec<Case> {
    let bundle = Bundle::usual();
    let hash = hash("recovery/v1/bundle-hash", &[&bundle.statement().encode()]);
    let list = |shares: &[Vec<u8>]| list(shares).encode();
    let key =
        |shares: &[Vec<u8>]| hkdf(&list(shares), "recovery/v1/audit-key", &[&CIRCLE, &BOB.id()]);
    let proof = |shares: &[Vec<u8>]| hkdf(&key(shares), "recovery/v1/audit-receipt", &[&hash]);
    let body = |circle: [u8; 16], proof: [u8; 32]| array([uint(1), bytes(circle), bytes(proof)]);
    let sign = |body: Cbor| BOB.sign(Kind::Receipt, &ANNA.id(), &body.encode());
    let case = |name: &str, comment: &str, receipt: &[u8]| {
        let case = Case::new("receipt", "receipt", name, comment).hex("owner", ANNA.id());
        let case = case.hex("contact_card", BOB.usual_card().encode()).hex("circle", CIRCLE);
        let shares = bundle.shares.iter().map(|share| hex(share)).collect::<Vec<_>>();
        case.json("shares", json!(shares))
            .hex("bundle", bundle.statement().encode())
            .hex("receipt", receipt)
    };
    let mine = &bundle.shares;
    let good = sign(body(CIRCLE, proof(mine)));
    let mut cases = vec![
        case("usual", "A receipt for the usual bundle.", &good.encode())
            .hex("contact_seed", BOB.seed)
            .hex("audit_key", key(mine))
            .hex("bundle_hash", hash)
            .hex("proof", proof(mine))
            .ok(),
    ];
    let bad = |name, comment, receipt: &[u8], outcome| case(name, comment, receipt).fails(outcome);
    for (name, comment, receipt, outcome) in signature_defects(&good, CAROL.id()) {
        cases.push(bad(name, comment, &receipt, outcome));
    }
    cases.extend([
        bad(
            "other-share",
            "The proof of another share.",
            &sign(body(CIRCLE, proof(&usual_shares()[1..2]))).encode(),
            "wrong-proof",
        ),
        bad("zeros", "A proof of zeros.", &sign(body(CIRCLE, [0; 32])).encode(), "wrong-proof"),
        bad(
            "other-circle",
            "A receipt for another circle.",
            &sign(body([9; 16], proof(mine))).encode(),
            "unknown-circle",
        ),
        bad(
            "body-newer-version",
            "A receipt of version 2.",
            &sign(body(CIRCLE, proof(mine)).with(0, uint(2))).encode(),
            "newer-version",
        ),
        bad(
            "body-too-long",
            "A body of more than 256 octets.",
            &sign(body(CIRCLE, proof(mine)).with(2, bytes([1; 256]))).encode(),
            "too-long",
        ),
        bad(
            "alert",
            "An alert where a receipt is expected.",
            &Statement { kind: kind(Kind::Alert), ..good.clone() }.encode(),
            "wrong-kind",
        ),
    ]);
    cases
}

fn alerts() -> Vec<Case> {
    let case = |name: &str, comment: &str, alert: &[u8]| {
        let case = Case::new("alert", "alert", name, comment).hex("owner_seed", ANNA.seed);
        case.hex("contact_card", BOB.usual_card().encode()).hex("alert", alert)
    };
    let body = |request: &[u8], what: u64, reason: Option<&str>| {
        let body = array([uint(1), raw(request), uint(what), uint(NOW)]);
        reason.map_or(body.clone(), |reason| body.and(text(reason)))
    };
    let sign = |body: &Cbor| BOB.sign(Kind::Alert, &ANNA.id(), &body.encode());
    let (usual, plain) = (usual_request(), plain_request());
    let mut cases = Vec::new();
    for (name, comment, what, device, reason) in [
        ("opened", "A contact opened a request.", 0, Some("Pixel 9"), None),
        ("wrong-numbers", "Three wrong numbers.", 1, None, None),
        ("approved", "Approved.", 2, Some("Pixel 9"), None),
        ("declined", "Declined, with a reason.", 3, None, Some("That was not her voice.")),
        ("impostor", "Not from the person it claims.", 4, Some("Pixel 9"), Some("A thief.")),
        ("overridden", "Approved in spite of a stop.", 5, Some("Pixel 9"), None),
    ] {
        let request = if device.is_some() { &usual } else { &plain }.encode();
        let case = case(name, comment, &sign(&body(&request, what, reason)).encode());
        let id = hash("recovery/v1/request-id", &[&request]);
        let case = case.hex("contact_seed", BOB.seed).hex("request", id).number("what", what);
        let case =
            case.text("claims", DEVICE.name).json("device", json!(device)).number("made", NOW);
        cases.push(case.json("reason", json!(reason)).ok());
    }
    let request = usual.encode();
    let usual_body = body(&request, 0, None);
    let good = sign(&usual_body);
    let bad = |name, comment, alert: &[u8], outcome| case(name, comment, alert).fails(outcome);
    for (name, comment, alert, outcome) in signature_defects(&good, CAROL.id()) {
        cases.push(bad(name, comment, &alert, outcome));
    }
    let about = |request: &[u8]| sign(&body(request, 0, None)).encode();
    for (name, comment, request, _) in signature_defects(&usual, BOB.id()) {
        let name = format!("request-{name}");
        let comment = format!("The request inside: {}", comment.to_lowercase());
        cases.push(case(&name, &comment, &about(&request)).fails("bad-request"));
    }
    let long = text(&"x".repeat(201));
    cases.extend([
        bad(
            "request-is-a-card",
            "A card where the request should be.",
            &about(&DEVICE.usual_card().encode()),
            "bad-request",
        ),
        bad(
            "request-newer-version",
            "The request inside is of version 2.",
            &about(&request_of(&usual_request_body().with(0, uint(2))).encode()),
            "bad-request",
        ),
        bad(
            "unknown-event",
            "An event that version 1 does not know.",
            &sign(&usual_body.with(2, uint(6))).encode(),
            "malformed",
        ),
        bad(
            "reason-too-long",
            "The contact's own words have 201 octets.",
            &sign(&usual_body.and(long)).encode(),
            "malformed",
        ),
        bad(
            "request-id-only",
            "The request's id where the request should be.",
            &sign(&usual_body.with(1, bytes(usual_id()))).encode(),
            "malformed",
        ),
        bad(
            "null-behind",
            "The absent reason is spelled out.",
            &sign(&usual_body.and(Cbor::Null)).encode(),
            "malformed",
        ),
    ]);
    cases.extend(
        statement_defects(&good, &usual_body, Kind::Receipt, 8_192)
            .into_iter()
            .map(|(name, comment, alert, outcome)| case(name, comment, &alert).fails(outcome)),
    );
    cases
}
