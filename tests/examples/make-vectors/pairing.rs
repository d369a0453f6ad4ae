//! How two people come to know each other: cards, invitations, answers.

use crate::{
    case::{Case, hex},
    cbor::{Cbor, array, bytes, raw, text, uint},
    defects::signature_defects,
    people::{ANNA, BOB, CAROL, Kind, NOW, OTHER_RELAY, Person, RELAY, Statement, hkdf, mailbox},
    primitives::{flipped, kind, longer, padded, shorter},
    rng,
    texts::link,
};
use recovery_core::boxed;
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    [cards(), invites(), answers()].into_iter().flatten().collect()
}

fn cards() -> Vec<Case> {
    let case = |name: &str, comment: &str, card: &[u8]| {
        Case::new("card", "card", name, comment).hex("card", card)
    };
    let places = |list: &[(&str, u8)]| -> Value {
        list.iter().map(|(relay, id)| json!({"relay": relay, "id": hex(&[*id; 32])})).collect()
    };
    let mut cases = Vec::new();
    let eight: Vec<_> = (0..8).map(|n| (RELAY, n)).collect();
    for (name, comment, person, list) in [
        ("one-mailbox", "A name beyond ASCII, one mailbox.", ANNA, &[(RELAY, 1)][..]),
        ("two-mailboxes", "Two relays, one with a path.", BOB, &[(RELAY, 1), (OTHER_RELAY, 2)]),
        ("no-mailbox", "No mailbox.", CAROL, &[]),
        ("eight-mailboxes", "As many as there can be.", ANNA, &eight),
        ("long-name", "A name of 200 octets.", Person { name: LONG_NAME, ..ANNA }, &[(RELAY, 1)]),
        (
            "name-with-direction",
            "A name that turns the writing around is a name.",
            Person { name: "a\u{202E}b", ..ANNA },
            &[(RELAY, 1)],
        ),
    ] {
        let mailboxes: Vec<Cbor> = list.iter().map(|(relay, id)| mailbox(relay, *id)).collect();
        let case = case(name, comment, &person.card(&mailboxes).encode()).hex("seed", person.seed);
        let case = case.text("name", person.name).hex("id", person.id());
        cases.push(case.hex("signing_key", person.signing()).json("mailboxes", places(list)).ok());
    }
    let bad = |name, comment, card: &[u8], outcome| case(name, comment, card).fails(outcome);
    let body = ANNA.card_body(&[mailbox(RELAY, 1)]);
    let good = ANNA.sign(Kind::Card, &ANNA.id(), &body.encode());
    let of = |body: &[u8]| ANNA.sign(Kind::Card, &ANNA.id(), body).encode();
    for (name, comment, card, outcome) in signature_defects(&good, BOB.id()) {
        cases.push(bad(name, comment, &card, outcome));
    }
    let signed = good.signed();
    let octets = signed.encode();
    let answer = Statement { kind: kind(Kind::Answer), ..good.clone() };
    let indefinite = [&[0x9F], &octets[1..], &[0xFF]].concat();
    cases.extend(
        [
            bad("wrong-kind", "It says to be an answer.", &answer.encode(), "wrong-kind"),
            bad(
                "unknown-kind",
                "A kind that version 1 does not know.",
                &Statement { kind: uint(99), ..good.clone() }.encode(),
                "malformed",
            ),
            bad(
                "newer-version",
                "The statement is of version 2.",
                &signed.with(0, uint(2)).encode(),
                "newer-version",
            ),
            bad(
                "version-zero",
                "The statement is of version 0.",
                &signed.with(0, uint(0)).encode(),
                "malformed",
            ),
            bad(
                "long-integer",
                "The version takes two octets.",
                &signed.with(0, raw([0x18, 1])).encode(),
                "malformed",
            ),
            bad("indefinite-length", "An array without a length.", &indefinite, "malformed"),
            bad("trailing-octet", "One octet more.", &longer(&octets), "malformed"),
            bad("truncated", "The last octet is missing.", shorter(&octets), "malformed"),
            bad("nothing", "No octets.", &[], "malformed"),
            bad(
                "additional-place",
                "A sixth place.",
                &signed.and(Cbor::Null).encode(),
                "malformed",
            ),
            bad("map", "A map for an array.", &[&[0xA5], &octets[1..]].concat(), "malformed"),
            bad("tag", "A tag in front.", &[&[0xC1], octets.as_slice()].concat(), "malformed"),
            bad(
                "long-length",
                "The length of the body takes four octets.",
                &signed
                    .with(
                        3,
                        raw([&[0x5A][..], &(good.body.len() as u32).to_be_bytes(), &good.body]
                            .concat()),
                    )
                    .encode(),
                "malformed",
            ),
            bad(
                "text-for-octets",
                "The signature is a text.",
                &signed.with(4, text(&"a".repeat(64))).encode(),
                "malformed",
            ),
            bad(
                "short-signature",
                "63 octets.",
                &signed.with(4, bytes([1; 63])).encode(),
                "malformed",
            ),
            bad(
                "short-sender",
                "A sender's id of 15 octets.",
                &signed.with(2, bytes([1; 15])).encode(),
                "malformed",
            ),
            bad("too-long", "More than 65,536 octets.", &[0x85; 65_537], "too-long"),
        ],
    );
    let odd = |name, comment, body: Cbor, outcome| bad(name, comment, &of(&body.encode()), outcome);
    let named = |name: &str| body.with(1, text(name));
    let (signing, sealing) = (ANNA.signing(), ANNA.sealing().as_bytes().to_vec());
    let keys =
        |signing: &[u8], sealing: &[u8]| body.with(2, array([bytes(signing), bytes(sealing)]));
    let place = |relay: &str, id: &[u8]| body.with(3, array([array([text(relay), bytes(id)])]));
    let mut high = sealing.clone();
    high[..3].fill(0xFF);
    let mut low_order = [0; 32];
    low_order[0] = 1;
    let nine: Vec<Cbor> = (0..9).map(|n| mailbox(RELAY, n)).collect();
    let many: Vec<Cbor> = (0..112).map(|n| mailbox(RELAY, n)).collect();
    cases.extend([
        odd(
            "body-newer-version",
            "The body is of version 2.",
            body.with(0, uint(2)),
            "newer-version",
        ),
        bad(
            "body-trailing-octet",
            "The signed body has one octet more.",
            &of(&longer(&good.body)),
            "malformed",
        ),
        bad(
            "body-long-integer",
            "The signed body is not the shortest.",
            &of(&body.with(0, raw([0x19, 0, 1])).encode()),
            "malformed",
        ),
        odd("body-additional-place", "The body has a fifth place.", body.and(uint(0)), "malformed"),
        odd("name-empty", "No name.", named(""), "malformed"),
        odd("name-of-spaces", "White space for a name.", named("   "), "malformed"),
        odd("name-not-trimmed", "A space behind the name.", named("Anna "), "malformed"),
        odd("name-control", "An escape in the name.", named("An\u{1b}[2Jna"), "malformed"),
        odd("name-too-long", "A name of 201 octets.", named(&"a".repeat(201)), "malformed"),
        odd(
            "name-not-utf8",
            "Octets that are no text.",
            body.with(1, raw([0x62, 0xC3, 0x28])),
            "malformed",
        ),
        odd(
            "signing-key-low-order",
            "An Ed25519 key of low order.",
            keys(&low_order, &sealing),
            "malformed",
        ),
        odd(
            "signing-key-no-point",
            "32 octets that are no point of the curve.",
            keys(&no_point(), &sealing),
            "malformed",
        ),
        odd(
            "sealing-key-high",
            "An ML-KEM coefficient that is not below 3,329.",
            keys(&signing, &high),
            "malformed",
        ),
        odd("sealing-key-short", "1,215 octets.", keys(&signing, shorter(&sealing)), "malformed"),
        odd(
            "relay-plain-http",
            "A relay by plain HTTP.",
            place("http://relay.example.org", &[1; 32]),
            "malformed",
        ),
        odd(
            "relay-other-spelling",
            "A relay in another spelling than its own.",
            place("https://Relay.example.org/", &[1; 32]),
            "malformed",
        ),
        odd("mailbox-id-short", "An id of 31 octets.", place(RELAY, &[1; 31]), "malformed"),
        odd(
            "nine-mailboxes",
            "One more than there can be.",
            body.with(3, array(nine)),
            "malformed",
        ),
        odd(
            "body-too-long",
            "A body of more than 8,192 octets.",
            body.with(3, array(many)),
            "too-long",
        ),
    ]);
    cases
}

const LONG_NAME: &str = "Anna-Maria-Magdalena-Theresia-Josepha-Walburga-Elisabeth-Johanna-Friederike-Wilhelmine-Charlotte-Adelheid-Kunigunde-Ottilie-Leopoldine-Henriette-Sophie-Eleonore-Karoline-Augusta-Viktoria-von-Beispiels";

/// Octets that are no compressed point.
fn no_point() -> [u8; 32] {
    let octets = |n| {
        let mut octets = [0; 32];
        octets[0] = n;
        octets
    };
    (2..)
        .map(octets)
        .find(|octets| ed25519_dalek::VerifyingKey::from_bytes(octets).is_err())
        .unwrap()
}

/// A box for a slot: padded to the smallest size that holds it, unless `size` says another.
pub(crate) fn slot_box(
    secret: &[u8],
    label: &str,
    content: &[u8],
    size: usize,
    case: &str,
) -> Vec<u8> {
    boxed::seal(secret, label, &padded(content, size - 72), &mut rng::of(case))
}

fn invites() -> Vec<Case> {
    const LABEL: &str = "recovery/v1/box-invite";
    let secret = rng::octets::<16>("invite");
    let place = [(RELAY, [0x51; 32])];
    let url = link("i", &place, secret, None);
    let case = |name: &str, comment: &str, link: &str, slot: &[u8], now: u64| {
        let case = Case::new("invite", "invite", name, comment).text("link", link);
        case.hex("slot", slot).number("now", now)
    };
    let expires = NOW + 7 * 86_400;
    let body =
        |mailboxes: &[Cbor]| array([uint(1), ANNA.usual_card(), array(mailboxes), uint(expires)]);
    let answers = [mailbox(RELAY, 0xA5)];
    let good = body(&answers).encode();
    let slot = slot_box(&secret, LABEL, &good, 8_192, "invite");
    let ok = |case: Case, answers: &[(&str, u8)]| {
        let places: Value = answers
            .iter()
            .map(|(relay, id)| json!({"relay": relay, "id": hex(&[*id; 32])}))
            .collect();
        case.hex("card", ANNA.usual_card().encode())
            .hex("owner", ANNA.id())
            .text("name", ANNA.name)
            .json("answers", places)
            .number("expires", expires)
            .ok()
    };
    let two = body(&[mailbox(RELAY, 1), mailbox(OTHER_RELAY, 2)]).encode();
    let two = slot_box(&secret, LABEL, &two, 32_768, "invite in 32 KiB");
    let mut cases = vec![
        ok(case("usual", "An invitation.", &url, &slot, NOW), &[(RELAY, 0xA5)]),
        ok(
            case("last-second", "A second before it expires.", &url, &slot, expires - 1),
            &[(RELAY, 0xA5)],
        ),
        ok(
            case(
                "larger-slot",
                "Two mailboxes for the answer, in a slot of 32 KiB.",
                &url,
                &two,
                NOW,
            ),
            &[(RELAY, 1), (OTHER_RELAY, 2)],
        ),
    ];
    let pass = |relay: &str, octets: &[u8]| array([text(relay), bytes(octets)]);
    let passes = |list: Vec<Cbor>| {
        array([uint(1), ANNA.usual_card(), array(answers.as_slice()), uint(expires), array(list)])
    };
    let both = passes(vec![pass(RELAY, &[0x77; 32]), pass(OTHER_RELAY, &[0x78; 32])]).encode();
    let both = slot_box(&secret, LABEL, &both, 8_192, "invite with passes");
    let told = json!([
        {"relay": RELAY, "pass": hex(&[0x77; 32])},
        {"relay": OTHER_RELAY, "pass": hex(&[0x78; 32])},
    ]);
    let with = case("with-passes", "With passes to two closed relays.", &url, &both, NOW);
    cases.push(ok(with, &[(RELAY, 0xA5)]).json("passes", told));
    let bad =
        |name, comment, slot: &[u8], outcome| case(name, comment, &url, slot, NOW).fails(outcome);
    let inside = |content: &[u8]| slot_box(&secret, LABEL, content, 8_192, "invite");
    let other = link("i", &place, [9; 16], None);
    let unsigned = flipped(&good, good.len() - 60);
    let mut filler = padded(&good, 8_192 - 72);
    filler[8_000] = 1;
    let filler = boxed::seal(&secret, LABEL, &filler, &mut rng::of("invite"));
    cases.extend([
        case("expired", "The second at which it expires.", &url, &slot, expires).fails("expired"),
        case("wrong-link", "The link is a request's.", &url.replace("/i#", "/r#"), &slot, NOW)
            .fails("wrong-link"),
        case("wrong-secret", "The secret of another link.", &other, &slot, NOW).fails("damaged"),
        bad(
            "wrong-label",
            "The box is a request's.",
            &slot_box(&secret, "recovery/v1/box-request", &good, 8_192, "invite"),
            "damaged",
        ),
        bad(
            "wrong-size",
            "A box of 4,096 octets.",
            &slot_box(&secret, LABEL, &good, 4_096, "invite"),
            "damaged",
        ),
        bad("flipped", "One bit of the box.", &flipped(&slot, 5_000), "damaged"),
        bad("truncated", "The last octet is missing.", shorter(&slot), "damaged"),
        bad("padding-not-zero", "An octet of the filler is 1.", &filler, "damaged"),
        bad(
            "trailing-octet",
            "A zero stands behind the invitation.",
            &inside(&longer(&good)),
            "damaged",
        ),
        bad(
            "card-unsigned",
            "The card in it is not signed by its keys.",
            &inside(&unsigned),
            "damaged",
        ),
        bad(
            "pass-short",
            "A pass of 31 octets.",
            &inside(&passes(vec![pass(RELAY, &[0x77; 31])]).encode()),
            "damaged",
        ),
        bad(
            "pass-plain-http",
            "A pass for a relay by plain HTTP.",
            &inside(&passes(vec![pass("http://relay.example.org", &[0x77; 32])]).encode()),
            "damaged",
        ),
        bad(
            "passes-null",
            "An empty place at the end is written.",
            &inside(&body(&answers).and(Cbor::Null).encode()),
            "damaged",
        ),
        bad(
            "additional-place",
            "A sixth place.",
            &inside(&passes(vec![pass(RELAY, &[0x77; 32])]).and(uint(0)).encode()),
            "damaged",
        ),
        bad(
            "newer-version",
            "An invitation of version 2.",
            &inside(&body(&answers).with(0, uint(2)).encode()),
            "newer-version",
        ),
    ]);
    cases
}

fn answers() -> Vec<Case> {
    let secret = rng::octets::<16>("answer");
    let card = BOB.usual_card();
    let proof =
        |secret: &[u8], card: &Cbor| hkdf(secret, "recovery/v1/answer-proof", &[&card.encode()]);
    let body = |card: &Cbor, proof: [u8; 32]| array([uint(1), card.clone(), bytes(proof)]);
    let right = proof(&secret, &card);
    let sign = |body: &Cbor| BOB.sign(Kind::Answer, &ANNA.id(), &body.encode());
    let case = |name: &str, comment: &str, answer: &[u8]| {
        let case = Case::new("answer", "answer", name, comment).hex("owner_seed", ANNA.seed);
        case.hex("owner", ANNA.id()).hex("secret", secret).hex("answer", answer)
    };
    let good = sign(&body(&card, right));
    let ok = |case: Case, person: Person, proof: [u8; 32]| {
        case.hex("friend_seed", person.seed)
            .hex("friend", person.id())
            .text("name", person.name)
            .hex("proof", proof)
            .ok()
    };
    let carols = CAROL.card(&[mailbox(RELAY, 1), mailbox(OTHER_RELAY, 2)]);
    let carols_proof = proof(&secret, &carols);
    let carols_answer = CAROL.sign(Kind::Answer, &ANNA.id(), &body(&carols, carols_proof).encode());
    let mut cases = vec![
        ok(case("usual", "An answer to an invitation.", &good.encode()), BOB, right),
        ok(
            case("two-mailboxes", "Of a friend at two relays.", &carols_answer.encode()),
            CAROL,
            carols_proof,
        ),
    ];
    let bad = |name, comment, answer: &[u8], outcome| case(name, comment, answer).fails(outcome);
    for (name, comment, answer, outcome) in signature_defects(&good, CAROL.id()) {
        cases.push(bad(name, comment, &answer, outcome));
    }
    let own = ANNA.usual_card();
    let own = ANNA.sign(Kind::Answer, &ANNA.id(), &body(&own, proof(&secret, &own)).encode());
    let other_card = BOB.card(&[mailbox(OTHER_RELAY, 1)]);
    cases.extend([
        bad(
            "other-secret",
            "The proof with another link's secret.",
            &sign(&body(&card, proof(&[9; 16], &card))).encode(),
            "wrong-proof",
        ),
        bad(
            "other-card",
            "The proof of another card.",
            &sign(&body(&other_card, right)).encode(),
            "wrong-proof",
        ),
        bad("own", "The owner's own answer.", &own.encode(), "own"),
        bad(
            "receipt",
            "A receipt where an answer is expected.",
            &Statement { kind: kind(Kind::Receipt), ..good.clone() }.encode(),
            "wrong-kind",
        ),
        bad(
            "body-newer-version",
            "An answer of version 2.",
            &sign(&body(&card, right).with(0, uint(2))).encode(),
            "newer-version",
        ),
        bad(
            "proof-short",
            "A proof of 31 octets.",
            &sign(&body(&card, right).with(2, bytes([1; 31]))).encode(),
            "malformed",
        ),
        bad("proof-missing", "No proof.", &sign(&array([uint(1), card])).encode(), "malformed"),
    ]);
    cases
}
