//! The vault in its container.

use crate::{
    case::{Case, hex},
    cbor::{Cbor, array, bytes, raw, text, uint},
    circle::{Bundle, CIRCLE, ROOT, usual_package},
    people::{ANNA, BOB, CAROL, MALLORY, NOW, OTHER_RELAY, RELAY, mailbox},
    primitives::{flipped, longer, padded, shorter},
    rng,
};
use recovery_core::boxed;
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    const LABEL: &str = "recovery/v1/box-vault";
    let case = |name: &str, comment: &str, root: [u8; 32], container: &[u8]| {
        Case::new("vault", "vault", name, comment).hex("root", root).hex("container", container)
    };
    let container = |vault: &[u8], size: usize, case: &str| {
        boxed::seal(&ROOT, LABEL, &padded(vault, size - 72), &mut rng::of(case))
    };
    let entries: [(&str, &[u8]); 2] =
        [("wallet seed", b"abandon ability able"), ("SSH Schlüssel", &[0, 1, 2, 0xFF])];
    let large: [(&str, &[u8]); 1] = [("file", &[0x5E; 40_000])];
    let mut cases = Vec::new();
    for (name, comment, entries, full, size) in [
        ("empty", "A new owner's vault.", &[][..], false, 8_192),
        ("entries", "Two entries.", &entries, false, 8_192),
        (
            "full",
            "With contacts, a circle, and somebody whose piece is held.",
            &entries,
            true,
            32_768,
        ),
        ("large", "An entry of 40,000 octets.", &large, false, 131_072),
    ] {
        let vault = vault(entries, full).encode();
        let list: Vec<_> = entries
            .iter()
            .map(|(label, content)| json!({"label": label, "content": hex(content), "added": NOW}))
            .collect();
        let case = case(name, comment, ROOT, &container(&vault, size, name)).hex("vault", vault);
        cases.push(
            case.text("name", ANNA.name)
                .hex("owner", ANNA.id())
                .number("version", 7)
                .json("entries", json!(list))
                .ok(),
        );
    }
    let plain = vault(&entries, false);
    let content = plain.encode();
    let good = container(&content, 8_192, "vault");
    let bad = |name, comment, container: &[u8], outcome| {
        case(name, comment, ROOT, container).fails(outcome)
    };
    let inside = |vault: Cbor| container(&vault.encode(), 8_192, "vault");
    let mut filler = padded(&content, 8_192 - 72);
    filler[8_119] = 1;
    let filler = boxed::seal(&ROOT, LABEL, &filler, &mut rng::of("vault"));
    let label = boxed::seal(
        &ROOT,
        "recovery/v1/box-home",
        &padded(&content, 8_192 - 72),
        &mut rng::of("vault"),
    );
    let policy = |needed: u64, threshold: u64, members: u8| {
        let members: Vec<Cbor> = (0..members).map(|n| bytes([n; 16])).collect();
        let group = array([Cbor::Null, uint(threshold), array(members)]);
        inside(plain.with(7, array([circle(array([uint(needed), array([group])]))])))
    };
    cases.extend([
        case("wrong-key", "Another root key.", [0x61; 32], &good).fails("closed"),
        bad("wrong-label", "The box of a home.", &label, "closed"),
        bad("flipped", "One bit of the ciphertext.", &flipped(&good, 6_000), "closed"),
        bad("truncated", "8,191 octets.", shorter(&good), "closed"),
        bad("trailing-octet", "8,193 octets.", &longer(&good), "closed"),
        bad(
            "wrong-size",
            "A right box of 16,384 octets.",
            &container(&content, 16_384, "vault"),
            "closed",
        ),
        bad("nothing", "No octets.", &[], "closed"),
        bad("padding-not-zero", "The filler's last octet is 1.", &filler, "malformed"),
        bad(
            "newer-version",
            "A vault of version 2.",
            &inside(plain.with(0, uint(2))),
            "newer-version",
        ),
        bad(
            "content-trailing-octet",
            "A zero stands behind the vault.",
            &container(&longer(&content), 8_192, "vault"),
            "malformed",
        ),
        bad(
            "entry-without-label",
            "An entry whose label is empty.",
            &inside(plain.with(5, array([array([text(""), bytes([1]), uint(NOW)])]))),
            "malformed",
        ),
        bad(
            "seed-short",
            "An identity's seed of 31 octets.",
            &inside(plain.with(3, array([text("Anna"), bytes([1; 31]), array([])]))),
            "malformed",
        ),
        bad("policy-of-nobody", "A circle of nobody.", &policy(1, 1, 0), "malformed"),
        bad(
            "policy-one-of-many",
            "A circle of which one of two suffices.",
            &policy(1, 1, 2),
            "malformed",
        ),
        bad("policy-out-of-reach", "Three of two.", &policy(1, 3, 2), "malformed"),
        bad("policy-no-group", "None of one group is needed.", &policy(0, 2, 2), "malformed"),
    ]);
    cases
}

/// `[base, relays]`
fn inbox(octet: u8) -> Cbor {
    array([bytes([octet; 32]), array([text(RELAY), text(OTHER_RELAY)])])
}

/// A circle with this policy; its members are not looked at.
fn circle(policy: Cbor) -> Cbor {
    let member =
        |id: [u8; 16]| array([bytes(id), bytes([0xAD; 32]), bytes([0xB0; 32]), uint(0), uint(NOW)]);
    let held = array([
        bytes(CAROL.id()),
        bytes([0xAE; 32]),
        bytes([0xB1; 32]),
        uint(1),
        uint(NOW),
        uint(NOW + 5),
    ]);
    array([
        bytes(CIRCLE),
        uint(1),
        policy,
        raw(usual_package()),
        Cbor::Null,
        array([uint(0), array([])]),
        array([member(BOB.id()), held]),
        uint(NOW),
    ])
}

fn vault(entries: &[(&str, &[u8])], full: bool) -> Cbor {
    let entry = |(label, content): &(&str, &[u8])| array([text(label), bytes(content), uint(NOW)]);
    let entries: Vec<Cbor> = entries.iter().map(entry).collect();
    let (mut contacts, mut circles, mut held) = (Vec::new(), Vec::new(), Vec::new());
    if full {
        for (person, rivals, verified) in
            [(BOB, vec![], true), (CAROL, vec![MALLORY.usual_card()], false)]
        {
            let secret = bytes([person.seed[0]; 16]);
            let (verified, removed) = (Cbor::Bool(verified), Cbor::Bool(false));
            contacts.push(array([
                text(person.name),
                person.usual_card(),
                array(rivals),
                inbox(person.seed[0]),
                secret,
                verified,
                removed,
                uint(NOW),
            ]));
        }
        let group = array([text("friends"), uint(2), array([bytes(BOB.id()), bytes(CAROL.id())])]);
        circles.push(circle(array([uint(1), array([group])])));
        let bundle = Bundle { owner: BOB, contact: ANNA, ..Bundle::usual() };
        let stored = array([
            raw(bundle.statement().encode()),
            bytes(CIRCLE),
            uint(1),
            bundle.pieces(None),
            uint(NOW),
        ]);
        let reach = array([text("her landline"), Cbor::Null, text("Where did we meet?")]);
        held.push(array([
            text("Bob"),
            BOB.card(&[mailbox(RELAY, 5)]),
            inbox(0x44),
            bytes([0x45; 16]),
            Cbor::Bool(true),
            reach,
            array([stored]),
            uint(NOW),
        ]));
        held.push(array([
            text("Carol"),
            CAROL.card(&[mailbox(RELAY, 6)]),
            inbox(0x46),
            bytes([0x47; 16]),
            Cbor::Bool(false),
            array([]),
            array([]),
            uint(NOW),
        ]));
    }
    array([
        uint(1),
        uint(7),
        uint(NOW),
        array([text(ANNA.name), bytes(ANNA.seed), array([text(RELAY), text(OTHER_RELAY)])]),
        bytes([0x70; 32]),
        array(entries),
        array(contacts),
        array(circles),
        array(held),
    ])
}
