//! Answering a request: approvals and declines.

use crate::{
    asking::{usual_id, usual_request},
    case::{Case, hex},
    cbor::{Cbor, array, bytes, or_null, raw, text, uint},
    circle::{Bundle, CIRCLE, letter, list},
    defects::signature_defects,
    keeping::newest_body,
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
pub(crate) struct Approval {
    pub(crate) request: [u8; 32],
    pub(crate) person: Person,
    pub(crate) checked: u64,
    pub(crate) holdings: Vec<Cbor>,
    pub(crate) newest: Option<Statement>,
    pub(crate) overrides: bool,
}

/// `[bundle, shares, container]`
pub(crate) fn holding(bundle: &Bundle, container: Option<&[u8]>) -> Cbor {
    let holding = array([raw(bundle.statement().encode()), list(&bundle.shares)]);
    container.map_or(holding.clone(), |container| holding.and(bytes(container)))
}

/// An owner's word to a contact that the vault has this version, and that the usual circle counts.
fn newest(owner: Person, contact: Person, vault_version: u64) -> Statement {
    let body = newest_body(vault_version, Some(CIRCLE)).encode();
    owner.sign(Kind::Newest, &contact.id(), &body)
}

impl Approval {
    pub(crate) fn usual() -> Self {
        let holdings = vec![holding(&Bundle::usual(), None)];
        let (request, person) = (usual_id(), BOB);
        Self { request, person, checked: 0, holdings, newest: None, overrides: false }
    }

    fn body(&self) -> Cbor {
        let holdings = array(self.holdings.clone());
        let card = self.person.usual_card();
        let newest = or_null(self.newest.as_ref().map(Statement::signed));
        let overrides = Cbor::Bool(self.overrides);
        let checked = uint(self.checked);
        array([uint(1), bytes(self.request), card, checked, holdings, newest, overrides])
    }

    fn sign(&self, body: &Cbor) -> Statement {
        self.person.sign(Kind::Approval, &self.request, &body.encode())
    }

    pub(crate) fn letter(&self) -> Vec<u8> {
        letter(&self.sign(&self.body()).encode(), None)
    }
}

pub(crate) fn for_request(folder: &'static str, name: &str, comment: &str, letter: &[u8]) -> Case {
    let case = Case::new(folder, folder, name, comment).hex("device_seed", DEVICE.seed);
    case.hex("request", usual_request().encode()).hex("letter", letter)
}

/// The version that the owner told Bob.
const TOLD: u64 = 12;

fn approvals() -> Vec<Case> {
    let told = newest(ANNA, BOB, TOLD);
    let case =
        |name: &str, comment: &str, letter: &[u8]| for_request("approval", name, comment, letter);
    let ok = |case: Case, approval: &Approval, bundles: &[&Bundle]| {
        // What one bundle of an owner knows of the vault counts for all of them, and the owner's word too.
        let told = approval.newest.as_ref().filter(|newest| newest.signature() == told.signature());
        let known = bundles.iter().map(|bundle| bundle.vault_version).max();
        let known = known.max(told.map(|_| TOLD));
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
        let case = case.text("name", approval.person.name).json("sets", json!(sets));
        case.json("overrides", json!(approval.overrides)).ok()
    };
    let usual = Approval::usual;
    let bundle = Bundle::usual;
    let scanned = Approval { checked: 1, ..usual() };
    let container = rng::octets::<8_192>("container");
    let copy = Approval { holdings: vec![holding(&bundle(), Some(&container))], ..usual() };
    let overriding = Approval { checked: 1, overrides: true, ..usual() };
    let newer = Approval { newest: Some(told.clone()), ..usual() };
    let for_carol = Approval { newest: Some(newest(ANNA, CAROL, TOLD)), ..usual() };
    let by_mallory = Approval { newest: Some(newest(MALLORY, BOB, TOLD)), ..usual() };
    let second = Bundle { circle: [0xC2; 16], generation: 2, vault_version: 9, ..bundle() };
    let third = Bundle { circle: [0xC4; 16], generation: 3, vault_version: 8, ..bundle() };
    let of_all = |bundles: &[&Bundle]| {
        let holdings = bundles.iter().map(|bundle| holding(bundle, None)).collect();
        Approval { holdings, ..usual() }
    };
    let many: Vec<Bundle> = (4..9)
        .map(|generation| Bundle { circle: [0xD0 + generation as u8; 16], generation, ..bundle() })
        .collect();
    let first = bundle();
    let eight: Vec<&Bundle> = [&first, &second, &third].into_iter().chain(&many).collect();
    let (two, all) = (of_all(&[&first, &second]), of_all(&eight));
    let carols = Bundle { contact: CAROL, shares: usual_shares()[1..2].to_vec(), ..bundle() };
    let by_carol = Approval { person: CAROL, holdings: vec![holding(&carols, None)], ..usual() };
    let broken = |bundle: &Bundle, shares: &[Vec<u8>]| {
        array([raw(bundle.statement().encode()), list(shares)])
    };
    let half = Approval {
        holdings: vec![broken(&bundle(), &usual_shares()[2..]), holding(&second, None)],
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
        ok(case("eight-generations", "As many as a contact holds.", &all.letter()), &all, &eight),
        ok(
            case("overrides", "In spite of the owner's stop.", &overriding.letter()),
            &overriding,
            &[&bundle()],
        ),
        ok(
            case("newest", "The owner told the contact of a newer vault.", &newer.letter()),
            &newer,
            &[&bundle()],
        ),
        ok(
            case(
                "newest-for-another",
                "What the owner told another contact does not count.",
                &for_carol.letter(),
            ),
            &for_carol,
            &[&bundle()],
        ),
        ok(
            case(
                "newest-of-another",
                "What another owner told the contact does not count.",
                &by_mallory.letter(),
            ),
            &by_mallory,
            &[&bundle()],
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
            case(
                "nine-holdings",
                "Nine generations.",
                &of(vec![holding(&bundle(), None); 9]).letter(),
            ),
            true,
        )
        .fails("no-piece"),
        bad_holding(
            "bundle-of-another",
            "Another contact's bundle: no name is given to the sender.",
            holding(&carols, None),
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
            "An absent copy is spelled out.",
            &of(vec![holding(&bundle(), None).and(Cbor::Null)]).letter(),
            "malformed",
        ),
        bad(
            "overrides-missing",
            "It does not say whether it goes against a stop.",
            &signed(array([
                uint(1),
                bytes(usual_id()),
                BOB.usual_card(),
                uint(0),
                array(usual().holdings),
            ])),
            "malformed",
        ),
        bad(
            "newest-is-text",
            "A text for the owner's word.",
            &signed(body.with(5, text("x"))),
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
