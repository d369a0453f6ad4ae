//! Who comes after whom: an owner's new device, and a contact's.

use crate::{
    asking::{usual_id, usual_request},
    case::Case,
    cbor::{Cbor, array, bytes, raw, uint},
    circle::letter,
    keeping::{defects, letters, said_to_contact, said_to_owner, to_contact, to_owner},
    people::{
        ANNA, BOB, CAROL, DEVICE, Kind, MALLORY, NEXT_ANNA, NEXT_BOB, NOW, Person, Statement,
    },
    primitives::flipped,
};

pub(crate) fn cases() -> Vec<Case> {
    [successors(), moves()].into_iter().flatten().collect()
}

/// The body of a succession.
fn next(former: Person, person: Person) -> Cbor {
    let card = person.usual_card();
    array([uint(1), bytes(former.id()), card, bytes(usual_id()), uint(NOW)])
}

/// A succession of the new device's for Bob.
fn succession(body: &Cbor) -> Statement {
    DEVICE.sign(Kind::Succession, &BOB.id(), &body.encode())
}

/// The body of a successor.
fn body(former: Person, succession: &Statement) -> Cbor {
    array([uint(1), former.keys(), succession.signed()])
}

fn successors() -> Vec<Case> {
    let usual = succession(&next(ANNA, NEXT_ANNA));
    let good_body = body(ANNA, &usual);
    let good = to_contact(Kind::Successor, &good_body);
    let case = |name: &str, comment: &str, successor: &[u8]| {
        said_to_contact("successor", name, comment, successor)
            .hex("request", usual_request().encode())
    };
    let ok = |name: &str, comment: &str, (statement, next): (&Statement, Person), vouched: bool| {
        let successor = to_contact(Kind::Successor, &body(ANNA, statement)).encode();
        case(name, comment, &successor)
            .hex("owner_seed", ANNA.seed)
            .hex("former", ANNA.id())
            .hex("next", next.id())
            .hex("by", usual_id())
            .number("made", NOW)
            .json("vouched", vouched.into())
            .ok()
    };
    let by_another = Statement { signer: MALLORY, ..usual.clone() };
    let from_another = MALLORY.sign(Kind::Succession, &BOB.id(), &next(ANNA, NEXT_ANNA).encode());
    let for_another = DEVICE.sign(Kind::Succession, &CAROL.id(), &next(ANNA, NEXT_ANNA).encode());
    let as_card = Statement { label: Kind::Card.label(), ..usual.clone() };
    let mut cases = vec![
        ok("usual", "Both signatures are right.", (&usual, NEXT_ANNA), true),
        ok(
            "without-request",
            "The request's keys did not sign it.",
            (&by_another, NEXT_ANNA),
            false,
        ),
        ok("by-another", "Somebody else signed the succession.", (&from_another, NEXT_ANNA), false),
        ok("for-another", "The succession is for Carol.", (&for_another, NEXT_ANNA), false),
        ok(
            "wrong-label-inside",
            "The succession is signed as a card.",
            (&as_card, NEXT_ANNA),
            false,
        ),
    ];
    cases.extend(defects(&good, &good_body, 12_288, case));
    let inside = |body: &Cbor| {
        let body = crate::succeeding::body(ANNA, &succession(body));
        to_contact(Kind::Successor, &body).encode()
    };
    let content = next(ANNA, NEXT_ANNA);
    let changed = raw(flipped(&NEXT_ANNA.usual_card().encode(), 1_400));
    let kind = Statement { kind: uint(Kind::Successor as u64), ..usual.clone() };
    let stranger = succession(&next(MALLORY, NEXT_ANNA));
    cases.extend([
        case("known", "The same again: nothing happens.", &good.encode())
            .json("before", letters(&[letter(&good.encode(), None)]))
            .fails("known"),
        case(
            "former-of-nobody",
            "Mallory names a successor of Mallory's.",
            &MALLORY.sign(Kind::Successor, &BOB.id(), &body(MALLORY, &stranger).encode()).encode(),
        )
        .fails("wrong-former"),
        case("other-former", "The succession names Mallory.", &inside(&next(MALLORY, NEXT_ANNA)))
            .fails("wrong-former"),
        case(
            "keys-of-another",
            "The keys in it are Mallory's.",
            &to_contact(Kind::Successor, &body(MALLORY, &usual)).encode(),
        )
        .fails("wrong-sender"),
        case("card-of-nobody", "The card is signed by nobody.", &inside(&content.with(2, changed)))
            .fails("malformed"),
        case(
            "inside-newer-version",
            "A succession of version 2.",
            &inside(&content.with(0, uint(2))),
        )
        .fails("newer-version"),
        case(
            "request-short",
            "A request's id of 31 octets.",
            &inside(&content.with(3, bytes([1; 31]))),
        )
        .fails("malformed"),
        case(
            "inside-wrong-kind",
            "A successor stands in it.",
            &to_contact(Kind::Successor, &body(ANNA, &kind)).encode(),
        )
        .fails("wrong-kind"),
    ]);
    cases
}

fn moves() -> Vec<Case> {
    let body = |person: Person| array([uint(1), person.usual_card(), uint(NOW)]);
    let good = to_owner(Kind::Moved, &body(NEXT_BOB));
    let case =
        |name: &str, comment: &str, moved: &[u8]| said_to_owner("moved", name, comment, moved);
    let mut cases = vec![
        case("usual", "Bob has a new device.", &good.encode())
            .hex("contact_seed", BOB.seed)
            .hex("next", NEXT_BOB.id())
            .number("made", NOW)
            .ok(),
    ];
    cases.extend(defects(&good, &body(NEXT_BOB), 8_192, case));
    let changed = raw(flipped(&NEXT_BOB.usual_card().encode(), 1_400));
    cases.extend([
        case(
            "own-card",
            "The card that is known already: nothing happens.",
            &to_owner(Kind::Moved, &body(BOB)).encode(),
        )
        .fails("known"),
        case(
            "card-of-nobody",
            "The card in it is signed by nobody.",
            &to_owner(Kind::Moved, &body(NEXT_BOB).with(1, changed)).encode(),
        )
        .fails("malformed"),
    ]);
    cases
}
