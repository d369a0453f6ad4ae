//! The vault in its container.

use crate::{
    case::{Case, hex},
    cbor::{Cbor, array, bytes, raw, text, uint},
    circle::{Bundle, CIRCLE, ROOT, no_hold, usual_package},
    people::{ANNA, BOB, CAROL, Kind, MALLORY, NOW, OTHER_RELAY, RELAY, mailbox},
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
        inside(plain.with(7, array([circle(array([uint(needed), array([group])]), 0)])))
    };
    let unknown = array([bytes(BOB.id()), Cbor::Null]);
    let retired_null = array([bytes([0xC0; 16]), uint(1), array([unknown])]);
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
        bad(
            "stage-unknown",
            "A circle at a stage that version 1 does not know.",
            &inside(plain.with(7, array([circle(usual_policy(), 0).with(8, uint(3))]))),
            "malformed",
        ),
        bad(
            "root-of-nothing",
            "A circle with an absent root key that is left out.",
            &inside(plain.with(7, array([without_root(&circle(usual_policy(), 0))]))),
            "malformed",
        ),
        bad(
            "retired-null",
            "That it is not known when a contact deletes its pieces is spelled out.",
            &inside(plain.with(10, array([retired_null]))),
            "malformed",
        ),
        bad("policy-no-group", "None of one group is needed.", &policy(0, 2, 2), "malformed"),
    ]);
    cases
}

fn usual_policy() -> Cbor {
    let group = array([Cbor::Null, uint(1), array([bytes([1; 16])])]);
    array([uint(1), array([group])])
}

/// The circle without its place 9.
fn without_root(circle: &Cbor) -> Cbor {
    let Cbor::Array(mut items) = circle.clone() else { panic!("not an array") };
    items.remove(9);
    Cbor::Array(items)
}

/// `[base, relays]`
fn inbox(octet: u8) -> Cbor {
    array([bytes([octet; 32]), array([text(RELAY), text(OTHER_RELAY)])])
}

/// A circle with this policy; its members are not looked at. The first counts, a second one is dealt.
fn circle(policy: Cbor, at: u64) -> Cbor {
    let member =
        |id: [u8; 16]| array([bytes(id), bytes([0xAD; 32]), bytes([0xB0; 32]), uint(0), uint(NOW)]);
    let carol = [bytes(CAROL.id()), bytes([0xAE; 32]), bytes([0xB1; 32]), uint(1), uint(NOW)];
    let held = array(carol.clone()).and(uint(NOW + 5));
    let asked = array([bytes([0xAF; 32]), uint(NOW + 9)]);
    let waiting = array(carol).with(3, uint(0)).and(Cbor::Null).and(asked);
    let member_of = |at: u64| if at == 0 { held.clone() } else { waiting.clone() };
    let root = array([bytes([0x63; 32]), bytes([0x74; 32])]);
    let contacts = array([uint(86_400), uint(1), array([])]);
    array([
        bytes([CIRCLE[0] + at as u8; 16]),
        uint(at + 1),
        policy,
        raw(usual_package()),
        Cbor::Null,
        if at == 0 { no_hold() } else { contacts },
        array([member(BOB.id()), member_of(at)]),
        uint(NOW),
        uint(if at == 0 { 1 } else { 0 }),
        if at == 0 { Cbor::Null } else { root },
        bytes([0x75 + at as u8; 32]),
    ])
}

fn vault(entries: &[(&str, &[u8])], full: bool) -> Cbor {
    let entry = |(label, content): &(&str, &[u8])| array([text(label), bytes(content), uint(NOW)]);
    let entries: Vec<Cbor> = entries.iter().map(entry).collect();
    let (mut contacts, mut circles, mut held) = (Vec::new(), Vec::new(), Vec::new());
    let mut retired = Vec::new();
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
                Cbor::Bool(person.name == CAROL.name),
                array([uint(6), uint(NOW)]),
            ]));
        }
        let group = array([text("friends"), uint(2), array([bytes(BOB.id()), bytes(CAROL.id())])]);
        let policy = array([uint(1), array([group])]);
        circles.extend([circle(policy.clone(), 0), circle(policy, 1)]);
        let forgot = array([bytes(CAROL.id()), uint(NOW + 2_592_000)]);
        let members = array([array([bytes(BOB.id())]), forgot]);
        retired.push(array([bytes([0xC0; 16]), uint(1), members]));
        let bundle = Bundle { owner: BOB, contact: ANNA, ..Bundle::usual() };
        let stored = array([
            raw(bundle.statement().encode()),
            bytes(CIRCLE),
            uint(1),
            bundle.pieces(None),
            uint(NOW),
        ]);
        let newer = Bundle { circle: [0xC2; 16], generation: 2, ..bundle };
        let superseded = stored.and(uint(NOW + 60)).and(Cbor::Bool(true));
        let newer = array([
            raw(newer.statement().encode()),
            bytes([0xC2; 16]),
            uint(2),
            newer.pieces(None),
            uint(NOW),
            Cbor::Null,
            Cbor::Bool(false),
        ]);
        let newest = array([uint(1), uint(8), uint(NOW)]).encode();
        let newest = BOB.sign(Kind::Newest, &ANNA.id(), &newest).signed();
        let stop = array([bytes([0x5A; 32]), uint(NOW)]);
        let reach = array([text("her landline"), Cbor::Null, text("Where did we meet?")]);
        held.push(array([
            text("Bob"),
            BOB.card(&[mailbox(RELAY, 5)]),
            inbox(0x44),
            bytes([0x45; 16]),
            Cbor::Bool(true),
            reach,
            array([superseded, newer]),
            uint(NOW),
            newest,
            array([stop]),
            uint(NOW - 5),
            array([bytes([0x5B; 16])]),
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
            Cbor::Null,
            array([]),
            uint(0),
            array([]),
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
        uint(if full { 2 } else { 0 }),
        array(retired),
    ])
}
