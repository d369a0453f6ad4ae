//! What an owner gives to a contact of a circle: bundles.

use crate::{
    case::{Case, hex},
    cbor::{Cbor, array, bytes, or_null, raw, text, uint},
    defects::signature_defects,
    keeping::{forget_letter, letters, newest_letter},
    people::{
        ANNA, BOB, CAROL, Kind, MALLORY, NOW, OTHER_RELAY, Person, RELAY, Statement, hash, hkdf,
    },
    primitives::{longer, shorter},
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
pub(crate) const ALARM_KEY: [u8; 32] = [0xA0; 32];
pub(crate) const SHARE_SECRET: [u8; 32] = [0x53; 32];

pub(crate) fn cases() -> Vec<Case> {
    bundles()
}

/// The package of the usual circle.
pub(crate) fn usual_package() -> Vec<u8> {
    let key = package::circle_key(&Secret::new(SHARE_SECRET), CircleId::new(CIRCLE), None).unwrap();
    let random = rng::octets::<64>("usual package");
    let root = Secret::new(ROOT);
    wire::encode(&Package::seal(Way::Circle, &root, key.public(), &mut Replay(&random)).unwrap())
        .to_vec()
}

/// No delay.
pub(crate) fn no_hold() -> Cbor {
    array([uint(0), uint(0), array([])])
}

/// What a contact has for its warnings: the key, its own slots, and two others' at one relay.
pub(crate) fn usual_alarm() -> Cbor {
    let others = array([bytes([0xA2; 32]), bytes([0xA3; 32])]);
    let places = array([array([text(RELAY), others])]);
    array([bytes(ALARM_KEY), bytes([0xA1; 32]), places])
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
    pub(crate) live: Option<[u8; 16]>,
    pub(crate) alarm: Cbor,
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
            hold: no_hold(),
            vault_version: 7,
            live: None,
            alarm: usual_alarm(),
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
            or_null(self.live.map(bytes)),
            bytes(hash("recovery/v1/alarm-hash", &[&self.alarm.encode()])),
        ])
    }

    pub(crate) fn statement(&self) -> Statement {
        self.owner.sign(Kind::Bundle, &self.contact.id(), &self.body().encode())
    }

    pub(crate) fn pieces(&self, container: Option<&[u8]>) -> Cbor {
        let container = or_null(container.map(bytes));
        array([uint(1), list(&self.shares), container, self.alarm.clone()])
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
    let held = Bundle { hold: array([uint(172_800), uint(0), holds]), ..usual() };
    let by_contacts = Bundle { hold: array([uint(86_400), uint(1), array([])]), ..usual() };
    let lonely =
        Bundle { alarm: array([bytes(ALARM_KEY), bytes([0xA1; 32]), array([])]), ..usual() };
    let weighty = Bundle { shares: usual_shares()[..2].to_vec(), ..usual() };
    let second = Bundle { circle: [0xC2; 16], generation: 2, live: Some(CIRCLE), ..usual() };
    let third = Bundle { circle: [0xC4; 16], generation: 3, live: Some(CIRCLE), ..usual() };
    let fourth = || Bundle { circle: [0xC5; 16], generation: 4, live: Some(CIRCLE), ..usual() };
    let circles = |bundles: &[&Bundle]| {
        json!(bundles.iter().map(|bundle| hex(&bundle.circle)).collect::<Vec<_>>())
    };
    let before = |letters: &[&Bundle]| {
        json!(letters.iter().map(|bundle| hex(&bundle.letter(None))).collect::<Vec<_>>())
    };
    // Of a circle that never counts.
    let lost = |generation: u64| {
        let circle = [0xE0 + generation as u8; 16];
        Bundle { circle, generation, ..usual() }
    };
    // Each of these calls the one before it live.
    let id = |generation: u64| [0xD0 + generation as u8; 16];
    let chained = |generation: u64| {
        let live = (generation > 1).then(|| id(generation - 1));
        Bundle { circle: id(generation), generation, live, ..usual() }
    };
    let chain =
        |count: u64| letters(&(1..=count).map(|n| chained(n).letter(None)).collect::<Vec<_>>());
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
        )
        .json("held", circles(&[&usual(), &second])),
        ok(
            case(
                "fourth-generation",
                "Three are held: the one that counts stays, of the others the newest two do.",
                &fourth().letter(None),
            )
            .json("before", before(&[&usual(), &second, &third])),
            &fourth(),
        )
        .json("held", circles(&[&usual(), &third, &fourth()])),
        ok(
            case(
                "fourth-of-nothing-live",
                "It calls nothing live, but the first was called so before: that one stays.",
                &Bundle { live: None, ..fourth() }.letter(None),
            )
            .json("before", before(&[&usual(), &second, &third])),
            &Bundle { live: None, ..fourth() },
        )
        .json("held", circles(&[&usual(), &third, &fourth()])),
        ok(
            case(
                "third-of-nothing-live",
                "Two are held, and none was ever called live: the oldest goes.",
                &lost(3).letter(None),
            )
            .json("before", before(&[&usual(), &lost(2)])),
            &lost(3),
        )
        .json("held", circles(&[&lost(2), &lost(3)])),
        ok(
            case(
                "called-live-by-word",
                "The first was called live by a newest: it stays.",
                &lost(3).letter(None),
            )
            .json(
                "before",
                letters(&[
                    usual().letter(None),
                    lost(2).letter(None),
                    newest_letter(7, Some(CIRCLE)),
                ]),
            ),
            &lost(3),
        )
        .json("held", circles(&[&usual(), &lost(2), &lost(3)])),
        ok(
            case(
                "dropped-although-superseded",
                "Of three that never counted the oldest goes, before its 30 days are over.",
                &lost(3).letter(None),
            )
            .json(
                "before",
                letters(&[usual().letter(None), forget_letter(&[CIRCLE]), lost(2).letter(None)]),
            ),
            &lost(3),
        )
        .json("held", circles(&[&lost(2), &lost(3)])),
        ok(
            case("eighth-generation", "Seven that counted are held.", &chained(8).letter(None))
                .json("before", chain(7)),
            &chained(8),
        )
        .json("held", circles(&(1..9).map(chained).collect::<Vec<_>>().iter().collect::<Vec<_>>())),
        ok(
            case(
                "by-contacts",
                "With a delay that the contacts' own devices keep.",
                &by_contacts.letter(None),
            ),
            &by_contacts,
        ),
        ok(
            case(
                "alone",
                "Nobody else is to be warned, and there is no place.",
                &lonely.letter(None),
            ),
            &lonely,
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
            "other-alarm",
            "Another alarm than the one that was signed.",
            &pieces(&good_pieces.with(3, lonely.alarm.clone()).encode()),
            "wrong-pieces",
        ),
        bad(
            "alarm-missing",
            "Pieces without an alarm.",
            &pieces(&array([uint(1), list(&usual().shares)]).encode()),
            "bad-pieces",
        ),
        bad(
            "alarm-key-short",
            "An alarm whose key has 31 octets.",
            &Bundle { alarm: usual_alarm().with(0, bytes([1; 31])), ..usual() }.letter(None),
            "bad-pieces",
        ),
        bad(
            "alarm-slot-short",
            "A slot of another contact with an id of 31 octets.",
            &Bundle {
                alarm: usual_alarm()
                    .with(2, array([array([text(RELAY), array([bytes([1; 31])])])])),
                ..usual()
            }
            .letter(None),
            "bad-pieces",
        ),
        bad(
            "unknown-holder",
            "Approvals are held by somebody whom version 1 does not know.",
            &Bundle { hold: array([uint(60), uint(2), array([])]), ..usual() }.letter(None),
            "malformed",
        ),
        bad(
            "alarm-hash-missing",
            "The last place is missing.",
            &signed_body(without(&usual().body(), 13)),
            "malformed",
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
            "An empty place before the last ones is left out.",
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
        bad(
            "ninth-generation",
            "Eight that counted are held: no more is kept.",
            &chained(9).letter(None),
            "too-many",
        )
        .with_before(chain(8)),
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
