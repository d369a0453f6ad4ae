//! Stopping a recovery: the owner's stop, what contacts warn each other with, and what a new device makes
//! of all that comes.

use crate::{
    approving::{Approval, for_request, holding},
    asking::{usual_id, usual_request},
    case::{Case, hex},
    cbor::{Cbor, array, bytes, text, uint},
    circle::{ALARM_KEY, Bundle, letter},
    defects::{signature_defects, statement_defects},
    keeping::{defects, letters, said_to_contact, to_contact},
    pairing::slot_box,
    people::{ANNA, BOB, CAROL, DEVICE, Kind, MALLORY, NOW, Person, Statement},
    primitives::{flipped, longer, padded, shorter},
    rng,
    values::usual_shares,
};
use recovery_core::boxed;
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    [stops(), alarms(), dues(), assessments()].into_iter().flatten().collect()
}

fn stop_body(request: [u8; 32], owner: Person) -> Cbor {
    array([uint(1), bytes(request), owner.usual_card(), uint(NOW)])
}

fn stops() -> Vec<Case> {
    let body = stop_body(usual_id(), ANNA);
    let good = to_contact(Kind::Stop, &body);
    let case =
        |name: &str, comment: &str, stop: &[u8]| said_to_contact("stop", name, comment, stop);
    let mut cases = vec![
        case("usual", "An owner stops a request.", &good.encode())
            .hex("owner_seed", ANNA.seed)
            .hex("request", usual_id())
            .hex("owner", ANNA.id())
            .number("made", NOW)
            .ok(),
    ];
    cases.extend(defects(&good, &body, 4_096, case));
    let for_request = ANNA.sign(Kind::Stop, &usual_id(), &body.encode());
    let sign = |body: &Cbor| to_contact(Kind::Stop, body).encode();
    let changed = crate::cbor::raw(flipped(&ANNA.usual_card().encode(), 1_400));
    cases.extend([
        case("known", "The same stop again: nothing happens.", &good.encode())
            .json("before", letters(&[letter(&good.encode(), None)]))
            .fails("known"),
        case(
            "for-the-request",
            "Signed for the request, as new devices get it.",
            &for_request.encode(),
        )
        .fails("wrong-signature"),
        case("request-short", "A request's id of 31 octets.", &sign(&body.with(1, bytes([1; 31]))))
            .fails("malformed"),
        case(
            "card-of-nobody",
            "The card in it is signed by nobody.",
            &sign(&body.with(2, changed)),
        )
        .fails("malformed"),
    ]);
    cases
}

fn alarms() -> Vec<Case> {
    const LABEL: &str = "recovery/v1/box-alarm";
    let content = |list: &[([u8; 32], u64)]| {
        let warning = |(id, made): &([u8; 32], u64)| array([bytes(id), uint(*made)]);
        array([uint(1), array(list.iter().map(warning).collect::<Vec<_>>())])
    };
    let case = |name: &str, comment: &str, slot: &[u8]| {
        let case = Case::new("alarm", "alarm", name, comment).hex("key", ALARM_KEY);
        case.hex("request", usual_request().encode()).hex("slot", slot)
    };
    let boxed_slot = |content: &[u8]| slot_box(&ALARM_KEY, LABEL, content, 8_192, "alarm");
    let ok = |name, comment, list: &[([u8; 32], u64)]| {
        let octets = content(list).encode();
        let said: Vec<_> =
            list.iter().map(|(id, made)| json!({"request": hex(id), "made": made})).collect();
        let ours = list.iter().filter(|(id, _)| *id == usual_id());
        let warnings: Vec<u64> = ours.map(|(_, made)| *made).collect();
        case(name, comment, &boxed_slot(&octets))
            .hex("content", octets)
            .json("impostors", json!(said))
            .json("warnings", json!(warnings))
            .ok()
    };
    let many: Vec<_> = (0..16).map(|n| ([n; 32], NOW + u64::from(n))).collect();
    let usual = content(&[(usual_id(), NOW)]);
    let octets = usual.encode();
    let slot = boxed_slot(&octets);
    let mut cases = vec![
        ok("usual", "A contact warns of a request.", &[(usual_id(), NOW)]),
        ok("other-request", "Of another request.", &[([4; 32], NOW)]),
        ok("two", "Of two requests.", &[([4; 32], NOW - 60), (usual_id(), NOW)]),
        ok("sixteen", "Of as many as a contact writes.", &many),
        ok("none", "Of none.", &[]),
    ];
    let bad = |name, comment, slot: &[u8], outcome| case(name, comment, slot).fails(outcome);
    let inside = |content: &Cbor| boxed_slot(&content.encode());
    let mut filler = padded(&octets, 8_192 - 72);
    filler[8_000] = 1;
    let filler = boxed::seal(&ALARM_KEY, LABEL, &filler, &mut rng::of("alarm"));
    let long: Vec<_> = (0..120).map(|n| ([n; 32], NOW)).collect();
    cases.extend([
        bad(
            "wrong-key",
            "The alarm key of another circle.",
            &slot_box(&[9; 32], LABEL, &octets, 8_192, "alarm"),
            "damaged",
        ),
        bad(
            "wrong-label",
            "The box is a request's.",
            &slot_box(&ALARM_KEY, "recovery/v1/box-request", &octets, 8_192, "alarm"),
            "damaged",
        ),
        bad("wrong-size", "A box of 8,191 octets.", shorter(&slot), "damaged"),
        bad("flipped", "One bit of the box.", &flipped(&slot, 4_000), "damaged"),
        bad("padding-not-zero", "An octet of the filler is 1.", &filler, "damaged"),
        bad("trailing-octet", "A zero stands behind it.", &boxed_slot(&longer(&octets)), "damaged"),
        bad(
            "too-long",
            "More than 4,096 octets.",
            &slot_box(&ALARM_KEY, LABEL, &content(&long).encode(), 8_192, "alarm"),
            "damaged",
        ),
        bad("newer-version", "Of version 2.", &inside(&usual.with(0, uint(2))), "newer-version"),
        bad(
            "request-short",
            "A request's id of 31 octets.",
            &inside(&usual.with(1, array([array([bytes([1; 31]), uint(NOW)])]))),
            "damaged",
        ),
    ]);
    cases
}

/// The body of somebody's word of an approval.
fn due_body(request: [u8; 32], person: Person, bundle: &Bundle) -> Cbor {
    let bundle = bundle.statement().signed();
    array([uint(1), bytes(request), person.usual_card(), bundle, uint(NOW + 86_400)])
}

fn due(person: Person, bundle: &Bundle) -> Vec<u8> {
    let body = due_body(usual_id(), person, bundle).encode();
    letter(&person.sign(Kind::Due, &usual_id(), &body).encode(), None)
}

fn dues() -> Vec<Case> {
    let case = |name: &str, comment: &str, letter: &[u8]| for_request("due", name, comment, letter);
    let body = due_body(usual_id(), BOB, &Bundle::usual());
    let good = BOB.sign(Kind::Due, &usual_id(), &body.encode());
    let bad = |name, comment, letter: &[u8], outcome| case(name, comment, letter).fails(outcome);
    let mut cases = vec![
        case("usual", "A contact's approval comes later.", &letter(&good.encode(), None))
            .hex("contact_seed", BOB.seed)
            .hex("contact", BOB.id())
            .text("name", BOB.name)
            .number("at", NOW + 86_400)
            .ok(),
    ];
    let all = [
        signature_defects(&good, CAROL.id()),
        statement_defects(&good, &body, Kind::Receipt, 16_384),
    ];
    for (name, comment, signed, outcome) in all.into_iter().flatten() {
        // A statement inside of something else only makes that one malformed.
        let outcome = if name == "newer-version" { "malformed" } else { outcome };
        cases.push(bad(name, comment, &letter(&signed, None), outcome));
    }
    let of = |bundle: &Bundle| due(BOB, bundle);
    let sign =
        |body: &Cbor| letter(&BOB.sign(Kind::Due, &usual_id(), &body.encode()).encode(), None);
    let changed = crate::cbor::raw(flipped(&Bundle::usual().statement().encode(), 700));
    let other = due_body([4; 32], BOB, &Bundle::usual()).encode();
    let other = letter(&BOB.sign(Kind::Due, &[4; 32], &other).encode(), None);
    cases.extend([
        bad("other-request", "For another request.", &other, "other-request"),
        bad(
            "bundle-of-another",
            "With another contact's bundle.",
            &of(&Bundle { contact: CAROL, ..Bundle::usual() }),
            "unknown-sender",
        ),
        bad(
            "bundle-changed",
            "With a bundle that its owner did not sign.",
            &sign(&body.with(3, changed)),
            "unknown-sender",
        ),
        bad(
            "bundle-is-text",
            "A text for the bundle.",
            &sign(&body.with(3, text("x"))),
            "malformed",
        ),
        bad("no-bundle", "Without a bundle.", &sign(&body.with(3, Cbor::Null)), "malformed"),
    ]);
    cases
}

/// A line of an assessment.
fn line(name: Option<&str>, verdict: &str, at: Option<u64>) -> Value {
    json!({"name": name, "verdict": verdict, "at": at, "overrides": false})
}

fn assessments() -> Vec<Case> {
    let case = |name: &str, comment: &str, all: &[&Vec<u8>], lines: &[Value]| {
        let all: Vec<Vec<u8>> = all.iter().map(|letter| (*letter).clone()).collect();
        let case = Case::new("assessment", "assessment", name, comment);
        let case = case.hex("device_seed", DEVICE.seed).hex("request", usual_request().encode());
        case.json("letters", letters(&all)).json("lines", json!(lines)).ok()
    };
    let carols =
        Bundle { contact: CAROL, shares: usual_shares()[1..2].to_vec(), ..Bundle::usual() };
    let by_bob = Approval::usual().letter();
    let overriding = Approval { overrides: true, checked: 1, ..Approval::usual() }.letter();
    let by_carol =
        Approval { person: CAROL, holdings: vec![holding(&carols, None)], ..Approval::usual() };
    let by_carol = by_carol.letter();
    let (bob_later, carol_later) = (due(BOB, &Bundle::usual()), due(CAROL, &carols));
    let stop = |owner: Person, request: [u8; 32]| {
        let body = stop_body(request, owner).encode();
        letter(&owner.sign(Kind::Stop, &request, &body).encode(), None)
    };
    let stopped = stop(ANNA, usual_id());
    let forged: Statement =
        MALLORY.sign(Kind::Stop, &usual_id(), &stop_body(usual_id(), ANNA).encode());
    let forged = letter(&Statement { sender: ANNA.id(), ..forged }.encode(), None);
    let declined = array([uint(1), bytes(usual_id()), BOB.usual_card()]);
    let declined = declined.and(Bundle::usual().statement().signed()).encode();
    let declined = letter(&BOB.sign(Kind::Decline, &usual_id(), &declined).encode(), None);
    let (bob, carol, anna) = (Some(BOB.name), Some(CAROL.name), Some(ANNA.name));
    let (good, no) = (|name| line(name, "good", None), |name| line(name, "declined", None));
    let later = |name| line(name, "held", Some(NOW + 86_400));
    let ended = |name| line(name, "stopped", Some(NOW));
    let nobody = line(None, "bad", None);
    let overrides = json!({"name": bob, "verdict": "good", "at": null, "overrides": true});
    vec![
        case("good", "An approval.", &[&by_bob], &[good(bob)]),
        case(
            "held",
            "One approval, and word of another.",
            &[&by_bob, &carol_later],
            &[good(bob), later(carol)],
        ),
        case(
            "released",
            "An approval behind word of it: one line.",
            &[&bob_later, &by_bob],
            &[good(bob)],
        ),
        case(
            "released-before",
            "Word of an approval behind it: one line.",
            &[&by_bob, &bob_later],
            &[good(bob)],
        ),
        case(
            "declined-after-all",
            "A decline behind word of an approval: one line.",
            &[&bob_later, &declined],
            &[no(bob)],
        ),
        case(
            "stopped",
            "The owner's stop ends what is held, and not what came.",
            &[&by_bob, &carol_later, &stopped],
            &[good(bob), ended(carol), ended(anna)],
        ),
        case(
            "stopped-first",
            "The order does not count.",
            &[&stopped, &carol_later],
            &[ended(anna), ended(carol)],
        ),
        case(
            "stopped-by-nobody",
            "A stop of an owner whose contacts did not answer is nobody's.",
            &[&carol_later, &stop(MALLORY, usual_id())],
            &[later(carol), nobody.clone()],
        ),
        case(
            "stopped-alone",
            "A stop alone is nobody's.",
            &[&stopped],
            std::slice::from_ref(&nobody),
        ),
        case(
            "stop-forged",
            "A stop that the owner did not sign.",
            &[&carol_later, &forged],
            &[later(carol), nobody.clone()],
        ),
        case(
            "stop-of-another",
            "A stop of another request.",
            &[&carol_later, &stop(ANNA, [4; 32])],
            &[later(carol), nobody],
        ),
        case(
            "overridden",
            "An approval in spite of the stop.",
            &[&overriding, &stopped],
            &[overrides, ended(anna)],
        ),
        case(
            "all",
            "Approvals of both, and a stop.",
            &[&by_bob, &by_carol, &stopped],
            &[good(bob), good(carol), ended(anna)],
        ),
    ]
}
