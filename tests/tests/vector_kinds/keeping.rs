//! What is said about pieces that are kept. Each statement goes through the device that it is for: its flow
//! and the checks of a statement must agree.

use super::{
    Case, Outcome, decode, hex,
    messages::{contact, deliver_at, device, held, resign},
    verify,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use recovery_core::{
    circle::{
        Asked, Circle, Deletion, Held, Member, MemberState, Retired, Stage, audit_key,
        challenge_proof,
    },
    flows::{Delivery, Device, Event, Source, Step},
    ids::{Base, CircleId, ContactId},
    keys::{Card, Identity},
    package::{Package, Way, circle_key},
    policy::Policy,
    seal::{self, Letter},
    secret::{Secret, SecretBytes},
    sign::{Signed, Statement},
    wire::{
        self,
        messages::{Challenge, Forget, Forgotten, HoldPolicy, Leave, Newest, Proof},
    },
};
use serde_json::json;

/// What the contact of a case has heard from the owner, the last of it just now.
pub(super) struct Heard<T> {
    /// The contact's device.
    pub(super) device: Device,
    /// What it held before the statement came.
    pub(super) before: Held,
    /// What it did with the statement.
    pub(super) step: Step,
    /// The statement, if it is right.
    pub(super) said: Result<T, String>,
    /// It, as it came.
    pub(super) signed: Signed,
}

/// Lets the contact of a case hear everything that came before, and then the statement in `field`.
pub(super) fn heard<T: Statement>(case: &Case, field: &str) -> Result<Heard<T>, String> {
    let (owner, me) = (case.card("owner_card"), case.person("contact_seed"));
    let mut device = device(case.secret("contact_seed"), |vault| vault.held.push(held(&owner)));
    let source = (Source::Owner(owner.id()), case.get("now").map_or(1, |_| case.number("now")));
    for before in case.get("before").map(|_| case.hexes("before")).unwrap_or_default() {
        let step = deliver_at(&mut device, &me, source, &decode(&before).unwrap());
        assert!(!matches!(step.events[..], [Event::Ignored { .. } | Event::PieceRefused { .. }]));
    }
    let signed: Signed = decode(&case.hex(field))?;
    let before = device.held()[0].clone();
    let step = deliver_at(&mut device, &me, source, &Letter::new(signed.clone(), None));
    let said = verify(&signed, owner.keys(), me.id().as_bytes());
    let ignored = matches!(step.events[..], [Event::Ignored { .. }]);
    assert_eq!(said.is_err(), ignored, "{}: {step:?}", case.name);
    Ok(Heard { device, before, step, said, signed })
}

/// The statement to the owner that a step posts.
pub(super) fn posted<T: Statement>(case: &Case, step: &Step) -> T {
    let [Delivery::Post { body, .. }] = &step.outbox[..] else { panic!("{}", case.name) };
    let letter = seal::open(&case.person("owner_seed"), body).unwrap();
    let (me, owner) = (case.person("contact_seed"), case.person("owner_seed").id());
    letter.signed.verify(me.public(), owner.as_bytes()).unwrap()
}

fn ids(circles: &[CircleId]) -> Vec<String> {
    circles.iter().map(|circle| hex(circle.as_bytes())).collect()
}

pub(super) fn challenge(case: &Case) -> Outcome {
    let Heard { step, said, .. } = heard::<Challenge>(case, "challenge")?;
    let said = said?;
    let [Event::Proved { .. }] = &step.events[..] else {
        let ahead = said.made > case.number("now") + 86_400;
        return Err(if ahead { "ahead" } else { "known" }.to_owned());
    };
    let answer: Proof = posted(case, &step);
    assert_eq!(answer.nonce, said.nonce);
    let circles: Vec<CircleId> = answer.proofs.iter().map(|proof| proof.circle).collect();
    assert_eq!(circles, said.circles[..said.circles.len().min(8)]);
    let proofs: Vec<_> = answer.proofs.iter().map(|proof| proof.proof.map(hex)).collect();
    Ok(json!({
        "circles": ids(&said.circles),
        "nonce": hex(said.nonce),
        "made": said.made,
        "proofs": proofs,
    }))
}

pub(super) fn forget(case: &Case) -> Outcome {
    let Heard { device, step, said, .. } = heard::<Forget>(case, "forget")?;
    let said = said?;
    if step.outbox.is_empty() {
        return Err("known".to_owned());
    }
    let answer: Forgotten = posted(case, &step);
    assert_eq!(answer.circles, said.circles);
    let until: Vec<_> = device.held()[0].bundles.iter().map(|bundle| bundle.until).collect();
    Ok(json!({"circles": ids(&said.circles), "until": until, "at": answer.at}))
}

pub(super) fn newest(case: &Case) -> Outcome {
    let Heard { device, before, said, signed, .. } = heard::<Newest>(case, "newest")?;
    let (said, held) = (said?, &device.held()[0]);
    if *held == before {
        return Err("known".to_owned());
    }
    let counted = held.bundles.iter().filter(|bundle| bundle.counted).map(|bundle| bundle.circle);
    Ok(json!({
        "vault_version": said.vault_version,
        "made": said.made,
        "live": said.live.map(|live| hex(live.as_bytes())),
        "kept": held.newest != before.newest && held.newest == Some(signed),
        "counted": ids(&counted.collect::<Vec<_>>()),
    }))
}

/// What the owner of a case makes of a statement of the contact's.
pub(super) fn told<T: Statement>(
    case: &Case,
    field: &str,
    prepare: impl FnOnce(&mut recovery_core::vault::Vault, &Card),
) -> Result<(Device, Step, T), String> {
    let (owner, card) = (case.person("owner_seed"), case.card("contact_card"));
    let mut device = device(case.secret("owner_seed"), |vault| {
        vault.contacts.push(contact(&card));
        prepare(vault, &card);
    });
    let signed: Signed = decode(&case.hex(field))?;
    let source = (Source::Contact(card.id()), u64::MAX);
    let step = deliver_at(&mut device, &owner, source, &Letter::new(signed.clone(), None));
    let said = verify(&signed, card.keys(), owner.id().as_bytes());
    let ignored = matches!(step.events[..], [Event::Ignored { .. }]);
    assert_eq!(said.is_err(), ignored, "{}: {step:?}", case.name);
    Ok((device, step, said?))
}

pub(super) fn proof(case: &Case) -> Outcome {
    let shares: Vec<SecretBytes> =
        case.hexes("shares").iter().map(|share| SecretBytes::new(share)).collect();
    let (circle, nonce) = (CircleId::new(case.octets("circle")), case.octets("nonce"));
    let key = audit_key(&shares, circle, case.card("contact_card").id());
    let (device, step, said) = told::<Proof>(case, "proof", |vault, card| {
        vault.circles.push(asked(circle, card.id(), (key.clone(), nonce)));
    })?;
    let member = &device.vault().circles[0].members[0];
    let own = said.proofs.iter().find(|proof| proof.circle == circle);
    match (&step.events[..], own) {
        ([Event::PieceHeld { .. }, Event::CircleActive { .. }], Some(own)) => {
            assert_eq!((member.state, member.proved), (MemberState::Held, Some(said.made)));
            assert_eq!(own.proof, Some(challenge_proof(&key, &nonce)));
        }
        ([Event::ProofFailed { .. }], Some(own)) if own.proof.is_some() => {
            return Err("wrong-proof".to_owned());
        }
        ([Event::ProofFailed { .. }], Some(_)) => return Err("nothing-held".to_owned()),
        ([], None) => return Err("unknown-circle".to_owned()),
        ([], Some(_)) => {
            assert_ne!(said.nonce, nonce);
            return Err("not-asked".to_owned());
        }
        other => panic!("{}: {other:?}", case.name),
    }
    Ok(json!({
        "audit_key": hex(key.expose()),
        "value": hex(challenge_proof(&key, &nonce)),
        "made": said.made,
    }))
}

/// A circle of one contact, who was asked for a proof.
pub(super) fn asked(
    id: CircleId,
    contact: ContactId,
    (audit, nonce): (Secret<32>, [u8; 32]),
) -> Circle {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let key = circle_key(&Secret::new([1; 32]), id, None).unwrap();
    let member = Member {
        id: contact,
        audit,
        bundle: [0; 32],
        state: MemberState::Sent,
        sent: 0,
        proved: None,
        asked: Some(Asked { nonce, at: 0 }),
    };
    Circle {
        id,
        generation: 1,
        policy: Policy::any(1, vec![contact]).unwrap(),
        package: Package::seal(Way::Circle, &Secret::new([2; 32]), key.public(), &mut rng).unwrap(),
        passphrase: None,
        hold: HoldPolicy::default(),
        members: vec![member],
        made: 0,
        stage: Stage::Pending,
        root: None,
        holds: Base::random(&mut rng),
    }
}

pub(super) fn forgotten(case: &Case) -> Outcome {
    let circle = CircleId::new(case.octets("circle"));
    let (device, step, said) = told::<Forgotten>(case, "forgotten", |vault, card| {
        vault.retired.push(Retired {
            id: circle,
            generation: 1,
            members: vec![Deletion { contact: card.id(), at: None }],
        });
    })?;
    let [Event::PieceForgotten { at, .. }] = step.events[..] else {
        return Err("unknown-circle".to_owned());
    };
    assert_eq!(device.vault().retired[0].members[0].at, Some(at));
    Ok(json!({"circles": ids(&said.circles), "at": at}))
}

pub(super) fn leave(case: &Case) -> Outcome {
    let (device, step, said) = told::<Leave>(case, "leave", |_, _| {})?;
    assert!(matches!(step.events[..], [Event::ContactLeft { .. }]));
    assert!(device.contacts()[0].left);
    Ok(json!({"made": said.made}))
}

fn made<T: Statement>(case: &Case, signer: &Identity, audience: ContactId) -> Vec<u8> {
    let signed: Signed = wire::decode(&case.hex(&case.text("kind").replace('-', "_"))).unwrap();
    wire::encode(&resign::<T>(&signed, signer, audience.as_bytes())).to_vec()
}

pub(super) fn make_to_contact<T: Statement>(case: &Case) -> Vec<u8> {
    made::<T>(case, &case.person("owner_seed"), case.person("contact_seed").id())
}

pub(super) fn make_to_owner<T: Statement>(case: &Case) -> Vec<u8> {
    made::<T>(case, &case.person("contact_seed"), case.person("owner_seed").id())
}
