//! What goes between an owner and a contact of a circle: bundles, receipts, alerts.

use crate::{
    case::{Case, hex},
    cbor::{Cbor, array, bytes, or_null, raw, text, uint},
    pairing::signature_defects,
    people::{
        ANNA, BOB, CAROL, DEVICE, Kind, MALLORY, NOW, OTHER_RELAY, Person, RELAY, Statement, hash,
        hkdf, mailbox,
    },
    primitives::{kind, longer, shorter},
    rng::{self, Replay},
    values::usual_shares,
};
use recovery_core::{
    ids::CircleId,
    package::{self, Package, Way},
    secret::Secret,
    wire,
};
use serde_json::{Value, json};

pub(crate) const CIRCLE: [u8; 16] = [0xC1; 16];
pub(crate) const ROOT: [u8; 32] = [0x60; 32];
pub(crate) const SHARE_SECRET: [u8; 32] = [0x53; 32];

pub(crate) fn cases() -> Vec<Case> {
    [bundles(), receipts(), alerts()].into_iter().flatten().collect()
}

/// The package of the usual circle.
pub(crate) fn usual_package() -> Vec<u8> {
    let key = package::circle_key(&Secret::new(SHARE_SECRET), CircleId::new(CIRCLE), None).unwrap();
    let random = rng::octets::<64>("usual package");
    let root = Secret::new(ROOT);
    wire::encode(&Package::seal(Way::Circle, &root, key.public(), &mut Replay(&random)).unwrap())
        .to_vec()
}

pub(crate) fn list(shares: &[Vec<u8>]) -> Cbor {
    Cbor::Array(shares.iter().map(bytes).collect())
}

/// What a bundle of the usual circle says.
pub(crate) struct Bundle {
    pub(crate) owner: Person,
    pub(crate) contact: Person,
    pub(crate) circle: [u8; 16],
    pub(crate) generation: u64,
    pub(crate) shares: Vec<Vec<u8>>,
    pub(crate) passphrase: Option<Cbor>,
    pub(crate) hold: Cbor,
    pub(crate) vault_version: u64,
}

impl Bundle {
    /// Bob's, with the first share.
    pub(crate) fn usual() -> Self {
        Self {
            owner: ANNA,
            contact: BOB,
            circle: CIRCLE,
            generation: 1,
            shares: usual_shares()[..1].to_vec(),
            passphrase: None,
            hold: array([uint(0), array([])]),
            vault_version: 7,
        }
    }

    pub(crate) fn body(&self) -> Cbor {
        array([
            uint(1),
            bytes(self.circle),
            uint(self.generation),
            self.owner.usual_card(),
            bytes(self.contact.id()),
            bytes(hash("recovery/v1/pieces-hash", &[&list(&self.shares).encode()])),
            raw(usual_package()),
            or_null(self.passphrase.clone()),
            array([array([text(RELAY), bytes([0x71; 32])])]),
            uint(self.vault_version),
            self.hold.clone(),
            uint(NOW - 60),
        ])
    }

    pub(crate) fn statement(&self) -> Statement {
        self.owner.sign(Kind::Bundle, &self.contact.id(), &self.body().encode())
    }

    pub(crate) fn pieces(&self, container: Option<&[u8]>) -> Cbor {
        let pieces = array([uint(1), list(&self.shares)]);
        match container {
            Some(container) => pieces.and(bytes(container)),
            None => pieces,
        }
    }

    pub(crate) fn letter(&self, container: Option<&[u8]>) -> Vec<u8> {
        letter(&self.statement().encode(), Some(&self.pieces(container).encode()))
    }
}

pub(crate) fn letter(signed: &[u8], attachment: Option<&[u8]>) -> Vec<u8> {
    let letter = array([uint(1), raw(signed)]);
    match attachment {
        Some(attachment) => letter.and(bytes(attachment)).encode(),
        None => letter.encode(),
    }
}

fn bundles() -> Vec<Case> {
    let case = |name: &str, comment: &str, letter: &[u8]| {
        let case = Case::new("bundle", "bundle", name, comment).hex("contact_seed", BOB.seed);
        case.hex("owner_card", ANNA.usual_card().encode()).hex("letter", letter)
    };
    let ok = |case: Case, bundle: &Bundle| {
        let hash = hash("recovery/v1/bundle-hash", &[&bundle.statement().encode()]);
        let key = hkdf(
            &list(&bundle.shares).encode(),
            "recovery/v1/audit-key",
            &[&bundle.circle, &bundle.contact.id()],
        );
        let shares: Vec<String> = bundle.shares.iter().map(|share| hex(share)).collect();
        case.hex("owner_seed", ANNA.seed)
            .hex("circle", bundle.circle)
            .number("generation", bundle.generation)
            .number("vault_version", bundle.vault_version)
            .json("shares", json!(shares))
            .hex("bundle_hash", hash)
            .hex("audit_key", key)
            .hex("proof", hkdf(&key, "recovery/v1/audit-receipt", &[&hash]))
            .ok()
    };
    let usual = Bundle::usual;
    let copy = rng::octets::<8_192>("container");
    let cost = array([uint(65_536), uint(3), uint(1)]);
    let guarded = Bundle { passphrase: Some(cost), ..usual() };
    let holds = array([
        array([text(RELAY), bytes([0x72; 32])]),
        array([text(OTHER_RELAY), bytes([0x73; 32])]),
    ]);
    let held = Bundle { hold: array([uint(172_800), holds]), ..usual() };
    let weighty = Bundle { shares: usual_shares()[..2].to_vec(), ..usual() };
    let second = Bundle { circle: [0xC2; 16], generation: 2, ..usual() };
    let before = |letters: &[&Bundle]| {
        json!(letters.iter().map(|bundle| hex(&bundle.letter(None))).collect::<Vec<_>>())
    };
    let mut cases = vec![
        ok(case("usual", "A bundle with one share.", &usual().letter(None)), &usual()),
        ok(
            case(
                "with-copy",
                "With a copy of the vault's container.",
                &usual().letter(Some(&copy)),
            ),
            &usual(),
        ),
        ok(case("two-shares", "For a contact that counts twice.", &weighty.letter(None)), &weighty),
        ok(case("passphrase", "Of a circle with a passphrase.", &guarded.letter(None)), &guarded),
        ok(case("holds", "With a delay and two holds.", &held.letter(None)), &held),
        ok(
            case(
                "second-generation",
                "A new circle where the first is held.",
                &second.letter(None),
            )
            .json("before", before(&[&usual()])),
            &second,
        ),
    ];
    let bad = |name, comment, letter: &[u8], outcome| case(name, comment, letter).fails(outcome);
    for (name, comment, signed, outcome) in signature_defects(&usual().statement(), CAROL.id()) {
        let letter = letter(&signed, Some(&usual().pieces(None).encode()));
        cases.push(bad(name, comment, &letter, outcome));
    }
    let fork = Bundle { circle: [0xC3; 16], ..usual() };
    let pieces = |pieces: &[u8]| letter(&usual().statement().encode(), Some(pieces));
    let signed_body = |body: Cbor| {
        let signed = ANNA.sign(Kind::Bundle, &BOB.id(), &body.encode()).encode();
        letter(&signed, Some(&usual().pieces(None).encode()))
    };
    let other_share = Bundle { shares: usual_shares()[1..2].to_vec(), ..usual() };
    let shares = |name, comment, shares: Vec<Vec<u8>>| {
        bad(name, comment, &Bundle { shares, ..usual() }.letter(None), "bad-pieces")
    };
    let share = usual_shares()[0].clone();
    let with = |at: usize, octet: u8| {
        let mut share = share.clone();
        share[at] = octet;
        share
    };
    let good_pieces = usual().pieces(None);
    cases.extend([
        bad(
            "for-another",
            "A bundle for Carol, signed for Bob.",
            &signed_body(Bundle { contact: CAROL, ..usual() }.body()),
            "wrong-person",
        ),
        bad(
            "of-another",
            "A bundle that carries another owner's card, signed by this one.",
            &signed_body(Bundle { owner: MALLORY, ..usual() }.body()),
            "wrong-person",
        ),
        bad(
            "no-pieces",
            "The pieces are missing.",
            &letter(&usual().statement().encode(), None),
            "no-pieces",
        ),
        bad(
            "other-pieces",
            "The pieces of another contact.",
            &pieces(&other_share.pieces(None).encode()),
            "wrong-pieces",
        ),
        bad(
            "pieces-newer-version",
            "Pieces of version 2.",
            &pieces(&good_pieces.with(0, uint(2)).encode()),
            "bad-pieces",
        ),
        bad(
            "pieces-trailing-octet",
            "One octet behind the pieces.",
            &pieces(&longer(&good_pieces.encode())),
            "bad-pieces",
        ),
        bad(
            "pieces-truncated",
            "The last octet of the pieces is missing.",
            &pieces(shorter(&good_pieces.encode())),
            "bad-pieces",
        ),
        bad(
            "copy-wrong-size",
            "A copy of the vault of 8,191 octets.",
            &usual().letter(Some(shorter(&copy))),
            "bad-pieces",
        ),
        shares("no-shares", "No share.", vec![]),
        shares("seventeen-shares", "One more than a contact can have.", vec![share.clone(); 17]),
        shares("share-with-exponent", "A share whose encryption costs more.", vec![with(2, 0x10)]),
        shares(
            "share-not-extendable",
            "A share without the extendable flag.",
            vec![with(1, share[1] ^ 1)],
        ),
        shares("share-short", "A share of 16 octets.", vec![share[..21].to_vec()]),
        shares("share-impossible", "A share of the second group of one.", vec![with(2, 0x01)]),
        bad(
            "generation-zero",
            "Generations count from 1.",
            &Bundle { generation: 0, ..usual() }.letter(None),
            "bad-pieces",
        ),
        bad(
            "body-newer-version",
            "A bundle of version 2.",
            &signed_body(usual().body().with(0, uint(2))),
            "newer-version",
        ),
        bad(
            "body-null-behind",
            "An absent place is spelled out behind the body.",
            &signed_body(usual().body().and(Cbor::Null)),
            "malformed",
        ),
        bad(
            "passphrase-left-out",
            "The empty place before the last ones is left out.",
            &signed_body(without(&usual().body(), 7)),
            "malformed",
        ),
        bad(
            "receipt",
            "A receipt where a bundle is expected.",
            &letter(&BOB.sign(Kind::Receipt, &ANNA.id(), &[0x80]).encode(), None),
            "wrong-kind",
        ),
        bad(
            "another-circle",
            "Another circle at a generation that is held.",
            &fork.letter(None),
            "taken",
        )
        .with_before(before(&[&usual()])),
        bad("known", "The same bundle again: nothing happens.", &usual().letter(None), "known")
            .with_before(before(&[&usual()])),
        bad(
            "older",
            "A bundle older than what is held: nothing happens.",
            &usual().letter(None),
            "known",
        )
        .with_before(before(&[&second])),
    ]);
    cases
}

/// The array without the item at `at`.
fn without(array: &Cbor, at: usize) -> Cbor {
    let Cbor::Array(mut items) = array.clone() else { panic!("not an array") };
    items.remove(at);
    Cbor::Array(items)
}

impl Case {
    /// What came before, in order.
    fn with_before(self, before: Value) -> Self {
        self.json("before", before)
    }
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
    let request = rng::octets::<32>("alert");
    let case = |name: &str, comment: &str, alert: &[u8]| {
        let case = Case::new("alert", "alert", name, comment).hex("owner", ANNA.id());
        case.hex("contact_card", BOB.usual_card().encode()).hex("alert", alert)
    };
    let body = |what: u64, device: Option<&str>, reason: Option<&str>| {
        let session = array([mailbox(RELAY, DEVICE.seed[0])]);
        let items = [
            uint(1),
            bytes(request),
            uint(what),
            text(DEVICE.name),
            or_null(device.map(text)),
            session,
            uint(NOW),
        ];
        match reason {
            Some(reason) => array(items).and(text(reason)),
            None => array(items),
        }
    };
    let sign = |body: Cbor| BOB.sign(Kind::Alert, &ANNA.id(), &body.encode());
    let mut cases = Vec::new();
    for (name, comment, what, device, reason) in [
        ("opened", "A contact opened a request.", 0, Some("Pixel 9"), None),
        ("wrong-numbers", "Three wrong numbers.", 1, None, None),
        ("approved", "Approved.", 2, Some("laptop"), None),
        ("declined", "Declined, with a reason.", 3, None, Some("That was not her voice.")),
    ] {
        let case = case(name, comment, &sign(body(what, device, reason)).encode());
        let case = case.hex("contact_seed", BOB.seed).hex("request", request).number("what", what);
        let case =
            case.text("claims", DEVICE.name).json("device", json!(device)).number("made", NOW);
        cases.push(case.json("reason", json!(reason)).ok());
    }
    let usual = body(0, Some("Pixel 9"), None);
    let good = sign(usual.clone());
    let bad = |name, comment, alert: &[u8], outcome| case(name, comment, alert).fails(outcome);
    for (name, comment, alert, outcome) in signature_defects(&good, CAROL.id()) {
        cases.push(bad(name, comment, &alert, outcome));
    }
    cases.extend([
        bad(
            "unknown-event",
            "An event that version 1 does not know.",
            &sign(usual.with(2, uint(4))).encode(),
            "malformed",
        ),
        bad(
            "name-with-line-break",
            "A claimed name of two lines.",
            &sign(usual.with(3, text("An\nna"))).encode(),
            "malformed",
        ),
        bad(
            "request-short",
            "A request's id of 31 octets.",
            &sign(usual.with(1, bytes([1; 31]))).encode(),
            "malformed",
        ),
        bad(
            "null-behind",
            "The absent reason is spelled out.",
            &sign(usual.and(Cbor::Null)).encode(),
            "malformed",
        ),
        bad(
            "body-newer-version",
            "An alert of version 2.",
            &sign(usual.with(0, uint(2))).encode(),
            "newer-version",
        ),
    ]);
    cases
}
