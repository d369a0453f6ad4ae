//! Asking for the key: requests.

use crate::{
    case::Case,
    cbor::{Cbor, array, raw, text, uint},
    defects::signature_defects,
    pairing::slot_box,
    people::{BOB, DEVICE, Kind, MALLORY, NOW, RELAY, Statement, hash},
    primitives::{flipped, longer, padded, shorter},
    rng,
    texts::link,
};
use recovery_core::boxed;
use serde_json::json;

const DAY: u64 = 86_400;

/// The body of a request.
fn request_body(device: Option<&str>, made: u64) -> Cbor {
    let device = device.map_or(Cbor::Null, text);
    array([uint(1), DEVICE.usual_card(), device, uint(made)])
}

pub(crate) fn request_of(body: &Cbor) -> Statement {
    DEVICE.sign(Kind::Request, &DEVICE.id(), &body.encode())
}

pub(crate) fn usual_request_body() -> Cbor {
    request_body(Some("Pixel 9"), NOW)
}

pub(crate) fn usual_request() -> Statement {
    request_of(&usual_request_body())
}

/// Of a device that does not say what it is.
pub(crate) fn plain_request() -> Statement {
    request_of(&request_body(None, NOW))
}

fn request_id(request: &[u8]) -> [u8; 32] {
    hash("recovery/v1/request-id", &[request])
}

pub(crate) fn usual_id() -> [u8; 32] {
    request_id(&usual_request().encode())
}

pub(crate) fn cases() -> Vec<Case> {
    const LABEL: &str = "recovery/v1/box-request";
    let secret = rng::octets::<16>("request");
    let place = [(RELAY, [0x52; 32])];
    let url = link("r", &place, secret, None);
    let screen = link("r", &place, secret, Some(usual_id()));
    let case = |name: &str, comment: &str, link: &str, slot: &[u8], now: u64| {
        let case = Case::new("request", "request", name, comment).text("link", link);
        case.hex("slot", slot).number("now", now)
    };
    let slot_of = |request: &Cbor, cancel: Option<Cbor>| {
        let content = array([uint(1), request.clone()]);
        cancel.map_or(content.clone(), |cancel| content.and(cancel)).encode()
    };
    let boxed_slot = |content: &[u8]| slot_box(&secret, LABEL, content, 8_192, "request");
    let ok = |case: Case, request: &Statement, device: Option<&str>, cancelled: bool| {
        let octets = request.encode();
        case.hex("device_seed", DEVICE.seed)
            .hex("id", request_id(&octets))
            .hex("request", octets)
            .text("name", DEVICE.name)
            .json("device", json!(device))
            .number("made", NOW)
            .json("cancelled", json!(cancelled))
            .ok()
    };
    let usual = usual_request();
    let content = slot_of(&usual.signed(), None);
    let slot = boxed_slot(&content);
    let plain = plain_request();
    let cancel_body = array([uint(1), uint(NOW + 60)]).encode();
    let cancel = DEVICE.sign(Kind::Cancel, &usual_id(), &cancel_body);
    let cancelled = boxed_slot(&slot_of(&usual.signed(), Some(cancel.signed())));
    let foreign = MALLORY.sign(Kind::Cancel, &usual_id(), &cancel_body);
    let foreign = boxed_slot(&slot_of(&usual.signed(), Some(foreign.signed())));
    let elsewhere = DEVICE.sign(Kind::Cancel, &[7; 32], &cancel_body);
    let elsewhere = boxed_slot(&slot_of(&usual.signed(), Some(elsewhere.signed())));
    let phone = Some("Pixel 9");
    let mut cases = vec![
        ok(
            case("usual", "A request by the link that is sent.", &url, &slot, NOW),
            &usual,
            phone,
            false,
        ),
        ok(
            case("on-screen", "By the link that the screen shows.", &screen, &slot, NOW),
            &usual,
            phone,
            false,
        ),
        ok(
            case(
                "no-device",
                "The device does not say what it is: a place stays empty.",
                &url,
                &boxed_slot(&slot_of(&plain.signed(), None)),
                NOW,
            ),
            &plain,
            None,
            false,
        ),
        ok(
            case(
                "last-second",
                "A second before the 14 days are over.",
                &url,
                &slot,
                NOW + 14 * DAY - 1,
            ),
            &usual,
            phone,
            false,
        ),
        ok(
            case("a-day-ahead", "Dated a day ahead of the reader's clock.", &url, &slot, NOW - DAY),
            &usual,
            phone,
            false,
        ),
        ok(
            case("cancelled", "Taken back by the device.", &url, &cancelled, NOW),
            &usual,
            phone,
            true,
        ),
        ok(
            case(
                "cancelled-by-another",
                "Somebody else's cancellation does not count.",
                &url,
                &foreign,
                NOW,
            ),
            &usual,
            phone,
            false,
        ),
        ok(
            case(
                "cancelled-for-another",
                "A cancellation of another request does not count.",
                &url,
                &elsewhere,
                NOW,
            ),
            &usual,
            phone,
            false,
        ),
    ];
    let bad =
        |name, comment, slot: &[u8], outcome| case(name, comment, &url, slot, NOW).fails(outcome);
    let inside = |request: &[u8]| boxed_slot(&slot_of(&raw(request), None));
    for (name, comment, request, outcome) in signature_defects(&usual, BOB.id()) {
        cases.push(bad(name, comment, &inside(&request), outcome));
    }
    let other_screen = link("r", &place, secret, Some([8; 32]));
    let other = link("r", &place, [9; 16], None);
    let mut filler = padded(&content, 8_192 - 72);
    filler[8_000] = 1;
    let filler = boxed::seal(&secret, LABEL, &filler, &mut rng::of("request"));
    let body = request_body(phone, NOW);
    let with_body = |body: Cbor| inside(&request_of(&body).encode());
    cases.extend([
        case("expired", "14 days old.", &url, &slot, NOW + 14 * DAY).fails("expired"),
        case("ahead", "Dated more than a day ahead.", &url, &slot, NOW - DAY - 1).fails("ahead"),
        case(
            "other-than-screen",
            "Another request than the screen shows.",
            &other_screen,
            &slot,
            NOW,
        )
        .fails("other-request"),
        case("wrong-link", "The link is an invitation's.", &url.replace("/r#", "/i#"), &slot, NOW)
            .fails("wrong-link"),
        case("wrong-secret", "The secret of another link.", &other, &slot, NOW).fails("damaged"),
        bad(
            "box-wrong-label",
            "The box is an invitation's.",
            &slot_box(&secret, "recovery/v1/box-invite", &content, 8_192, "request"),
            "damaged",
        ),
        bad("wrong-size", "A box of 8,191 octets.", shorter(&slot), "damaged"),
        bad("flipped", "One bit of the box.", &flipped(&slot, 4_000), "damaged"),
        bad("padding-not-zero", "An octet of the filler is 1.", &filler, "damaged"),
        bad(
            "trailing-octet",
            "A zero stands behind the request.",
            &boxed_slot(&longer(&content)),
            "damaged",
        ),
        bad(
            "null-cancellation",
            "The absent cancellation is spelled out.",
            &boxed_slot(&slot_of(&usual.signed(), Some(Cbor::Null))),
            "damaged",
        ),
        bad(
            "slot-newer-version",
            "What the slot holds is of version 2.",
            &boxed_slot(&array([uint(2), usual.signed()]).encode()),
            "newer-version",
        ),
        bad(
            "wrong-kind",
            "A card for a request.",
            &inside(&DEVICE.usual_card().encode()),
            "wrong-kind",
        ),
        bad(
            "body-newer-version",
            "A request of version 2.",
            &with_body(body.with(0, uint(2))),
            "newer-version",
        ),
        bad(
            "card-of-another",
            "The card in it is signed by nobody.",
            &with_body(body.with(1, raw(flipped(&DEVICE.usual_card().encode(), 1_400)))),
            "malformed",
        ),
        bad(
            "negative-time",
            "A time before 1970.",
            &with_body(body.with(3, raw([0x20]))),
            "malformed",
        ),
    ]);
    cases
}
