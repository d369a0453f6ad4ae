//! Answering a request: approvals and declines.

use crate::{
    asking::{usual_id, usual_request},
    case::{Case, hex},
    cbor::{Cbor, array, bytes, raw, text, uint},
    circle::{Bundle, letter, list},
    pairing::signature_defects,
    people::{ANNA, BOB, CAROL, DEVICE, Kind, MALLORY, Person, Statement},
    primitives::{flipped, kind},
    rng,
    values::usual_shares,
};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    [approvals(), declines()].into_iter().flatten().collect()
}

/// What Bob's approval of the usual request says.
struct Approval {
    request: [u8; 32],
    person: Person,
    checked: u64,
    holdings: Vec<Cbor>,
    container: Option<Vec<u8>>,
}

/// `[bundle, shares]`
fn holding(bundle: &Bundle) -> Cbor {
    array([raw(bundle.statement().encode()), list(&bundle.shares)])
}

impl Approval {
    fn usual() -> Self {
        let holdings = vec![holding(&Bundle::usual())];
        Self { request: usual_id(), person: BOB, checked: 0, holdings, container: None }
    }

    fn body(&self) -> Cbor {
        let holdings = array(self.holdings.clone());
        let card = self.person.usual_card();
        let body = array([uint(1), bytes(self.request), card, uint(self.checked), holdings]);
        self.container.as_ref().map_or(body.clone(), |container| body.and(bytes(container)))
    }

    fn sign(&self, body: &Cbor) -> Statement {
        self.person.sign(Kind::Approval, &self.request, &body.encode())
    }

    fn letter(&self) -> Vec<u8> {
        letter(&self.sign(&self.body()).encode(), None)
    }
}

fn for_request(folder: &'static str, name: &str, comment: &str, letter: &[u8]) -> Case {
    let case = Case::new(folder, folder, name, comment).hex("device_seed", DEVICE.seed);
    case.hex("request", usual_request().encode()).hex("letter", letter)
}

fn approvals() -> Vec<Case> {
    let case =
        |name: &str, comment: &str, letter: &[u8]| for_request("approval", name, comment, letter);
    let ok = |case: Case, approval: &Approval, bundles: &[&Bundle]| {
        // What one bundle of an owner knows of the vault counts for all of them.
        let known = bundles.iter().map(|bundle| bundle.vault_version).max();
        let sets: Vec<_> = bundles
            .iter()
            .map(|bundle| {
                json!({
                    "owner": hex(&bundle.owner.id()),
                    "circle": hex(&bundle.circle),
                    "generation": bundle.generation,
                    "vault_version": known,
                })
            })
            .collect();
        let case =
            case.hex("contact_seed", approval.person.seed).hex("contact", approval.person.id());
        case.text("name", approval.person.name).json("sets", json!(sets)).ok()
    };
    let usual = Approval::usual;
    let bundle = Bundle::usual;
    let scanned = Approval { checked: 1, ..usual() };
    let copy = Approval { container: Some(rng::octets::<8_192>("container").to_vec()), ..usual() };
    let second = Bundle { circle: [0xC2; 16], generation: 2, vault_version: 9, ..bundle() };
    let two = Approval { holdings: vec![holding(&bundle()), holding(&second)], ..usual() };
    let carols = Bundle { contact: CAROL, shares: usual_shares()[1..2].to_vec(), ..bundle() };
    let by_carol = Approval { person: CAROL, holdings: vec![holding(&carols)], ..usual() };
    let broken = |bundle: &Bundle, shares: &[Vec<u8>]| {
        array([raw(bundle.statement().encode()), list(shares)])
    };
    let half = Approval {
        holdings: vec![broken(&bundle(), &usual_shares()[2..]), holding(&second)],
        ..usual()
    };
    let mut cases = vec![
        ok(case("usual", "One generation, by number.", &usual().letter()), &usual(), &[&bundle()]),
        ok(
            case("scanned", "By the code on the screen.", &scanned.letter()),
            &scanned,
            &[&bundle()],
        ),
        ok(case("with-copy", "With a copy of the vault.", &copy.letter()), &copy, &[&bundle()]),
        ok(
            case("two-generations", "Both generations that are held.", &two.letter()),
            &two,
            &[&bundle(), &second],
        ),
        ok(
            case("another-contact", "By another contact.", &by_carol.letter()),
            &by_carol,
            &[&carols],
        ),
        ok(
            case("one-of-two-bad", "A bad generation does not spoil a good one.", &half.letter()),
            &half,
            &[&second],
        ),
    ];
    let bad = |name, comment, letter: &[u8], outcome| case(name, comment, letter).fails(outcome);
    for (name, comment, signed, outcome) in
        signature_defects(&usual().sign(&usual().body()), CAROL.id())
    {
        cases.push(bad(name, comment, &letter(&signed, None), outcome));
    }
    let of = |holdings: Vec<Cbor>| Approval { holdings, ..usual() };
    let body = usual().body();
    let signed = |body: Cbor| letter(&usual().sign(&body).encode(), None);
    let unsigned = raw(flipped(&bundle().statement().encode(), 700));
    let forged = MALLORY.sign(Kind::Bundle, &BOB.id(), &bundle().body().encode());
    let forged = Statement { sender: ANNA.id(), ..forged };
    let named = |case: Case, known: bool| case.json("named", json!(known));
    let bad_holding = |name, comment, holding: Cbor, outcome, known: bool| {
        named(case(name, comment, &of(vec![holding]).letter()), known).fails(outcome)
    };
    let share = usual_shares()[0].clone();
    let other_share = flipped(&share, 20);
    cases.extend([
        named(
            case(
                "other-request",
                "An approval of another request.",
                &Approval { request: [4; 32], ..usual() }.letter(),
            ),
            true,
        )
        .fails("other-request"),
        named(case("no-holding", "No generation.", &of(vec![]).letter()), false).fails("no-piece"),
        named(
            case("three-holdings", "Three generations.", &of(vec![holding(&bundle()); 3]).letter()),
            true,
        )
        .fails("no-piece"),
        bad_holding(
            "bundle-of-another",
            "Another contact's bundle: no name is given to the sender.",
            holding(&carols),
            "other-contact",
            false,
        ),
        bad_holding(
            "bundle-forged",
            "A bundle that its owner did not sign.",
            array([raw(forged.encode()), list(&[share])]),
            "unsigned-piece",
            false,
        ),
        bad_holding(
            "bundle-changed",
            "A bundle with one bit changed.",
            array([unsigned, list(&usual_shares()[..1])]),
            "unsigned-piece",
            false,
        ),
        bad_holding(
            "share-changed",
            "One bit of the share: the contact is named.",
            broken(&bundle(), &[other_share]),
            "bad-piece",
            true,
        ),
        bad_holding(
            "share-of-another",
            "Another contact's share.",
            broken(&bundle(), &usual_shares()[1..2]),
            "bad-piece",
            true,
        ),
        bad_holding("share-missing", "No share.", broken(&bundle(), &[]), "bad-piece", true),
        bad_holding(
            "card-for-bundle",
            "A card where the bundle should be.",
            array([ANNA.usual_card(), list(&usual_shares()[..1])]),
            "unsigned-piece",
            false,
        ),
        bad(
            "body-newer-version",
            "An approval of version 2.",
            &signed(body.with(0, uint(2))),
            "newer-version",
        ),
        bad(
            "unknown-check",
            "A way of checking that version 1 does not know.",
            &signed(body.with(3, uint(2))),
            "malformed",
        ),
        bad(
            "null-container",
            "The absent copy is spelled out.",
            &signed(body.and(Cbor::Null)),
            "malformed",
        ),
        bad(
            "request-short",
            "A request's id of 31 octets.",
            &signed(body.with(1, bytes([1; 31]))),
            "malformed",
        ),
        bad(
            "receipt",
            "A receipt where an approval is expected.",
            &letter(&Statement { kind: kind(Kind::Receipt), ..usual().sign(&body) }.encode(), None),
            "wrong-kind",
        ),
    ]);
    cases
}

fn declines() -> Vec<Case> {
    let case =
        |name: &str, comment: &str, letter: &[u8]| for_request("decline", name, comment, letter);
    let body = |request: [u8; 32], bundle: Option<&Statement>| {
        let body = array([uint(1), bytes(request), BOB.usual_card()]);
        bundle.map_or(body.clone(), |bundle| body.and(bundle.signed()))
    };
    let sign = |request: [u8; 32], body: &Cbor| BOB.sign(Kind::Decline, &request, &body.encode());
    let ok = |case: Case, known: bool| {
        let name = known.then_some(BOB.name);
        case.hex("contact_seed", BOB.seed).hex("contact", BOB.id()).json("name", json!(name)).ok()
    };
    let usual_bundle = Bundle::usual().statement();
    let usual = body(usual_id(), Some(&usual_bundle));
    let letter_of = |body: &Cbor| letter(&sign(usual_id(), body).encode(), None);
    let carols = Bundle { contact: CAROL, ..Bundle::usual() }.statement();
    let mut cases = vec![
        ok(
            case(
                "usual",
                "A contact says no, and shows by a bundle that it is one.",
                &letter_of(&usual),
            ),
            true,
        ),
        ok(
            case(
                "no-bundle",
                "Somebody says no: no name is given.",
                &letter_of(&body(usual_id(), None)),
            ),
            false,
        ),
        ok(
            case(
                "bundle-of-another",
                "With another contact's bundle: no name is given.",
                &letter_of(&body(usual_id(), Some(&carols))),
            ),
            false,
        ),
    ];
    let good = sign(usual_id(), &usual);
    let bad = |name, comment, letter: &[u8], outcome| case(name, comment, letter).fails(outcome);
    for (name, comment, signed, outcome) in signature_defects(&good, CAROL.id()) {
        cases.push(bad(name, comment, &letter(&signed, None), outcome));
    }
    let other = body([4; 32], Some(&usual_bundle));
    cases.extend([
        bad(
            "other-request",
            "A decline of another request.",
            &letter(&sign([4; 32], &other).encode(), None),
            "other-request",
        ),
        bad(
            "body-newer-version",
            "A decline of version 2.",
            &letter_of(&usual.with(0, uint(2))),
            "newer-version",
        ),
        bad(
            "null-bundle",
            "The absent bundle is spelled out.",
            &letter_of(&body(usual_id(), None).and(Cbor::Null)),
            "malformed",
        ),
        bad(
            "bundle-is-text",
            "A text for the bundle.",
            &letter_of(&body(usual_id(), None).and(text("x"))),
            "malformed",
        ),
    ]);
    cases
}
