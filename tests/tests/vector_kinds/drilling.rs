//! Rehearsals: both go through the devices that ask and answer.

use super::{
    Case, Outcome, Replay, decode, hex,
    keeping::{Heard, asked, heard, posted},
    messages::{contact, deliver, device},
    verify,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use recovery_core::{
    circle::{Circle, Stage, audit_key},
    flows::{Context, Device, Event, Source, approve::Tried},
    ids::{CircleId, DrillId},
    kdf::KdfCost,
    keys::Card,
    number::Number,
    seal::Letter,
    secret::{Secret, SecretBytes},
    sign::Signed,
    wire::messages::{Drill, DrillAnswer},
};
use serde_json::json;

pub(super) fn drill(case: &Case) -> Outcome {
    let Heard { mut device, step, said, .. } = heard::<Drill>(case, "drill")?;
    let said = said?;
    let [Event::DrillAsked { drill, .. }] = step.events[..] else {
        return Err("known".to_owned());
    };
    assert_eq!(drill, said.id);
    let number = Number::of_drill(drill, &said.secret, KdfCost::STANDARD).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let mut ctx = Context { now: case.number("now"), rng: &mut rng, cost: KdfCost::STANDARD };
    let (tried, step) = device.answer_drill(drill, &number, &mut ctx).unwrap();
    let answer: DrillAnswer = posted(case, &step);
    assert_eq!((tried, answer.id, answer.number), (Tried::Right, drill, true));
    let proofs: Vec<_> = answer
        .proofs
        .iter()
        .map(|one| json!({"circle": hex(one.circle.as_bytes()), "proof": one.proof.map(hex)}))
        .collect();
    Ok(json!({
        "id": hex(drill.as_bytes()),
        "number": number.digits(),
        "made": said.made,
        "proofs": proofs,
    }))
}

pub(super) fn drill_answer(case: &Case) -> Outcome {
    let shares: Vec<SecretBytes> =
        case.hexes("shares").iter().map(|share| SecretBytes::new(share)).collect();
    let (owner, card) = (case.person("owner_seed"), case.card("contact_card"));
    let circle = CircleId::new(case.octets("circle"));
    let key = audit_key(&shares, circle, card.id());
    let mut device = asking(case, &card, asked(circle, card.id(), (key.clone(), [0; 32])));
    let signed: Signed = decode(&case.hex("drill_answer"))?;
    let source = Source::Contact(card.id());
    let step = deliver(&mut device, &owner, source, &Letter::new(signed.clone(), None));
    let said = verify::<DrillAnswer>(&signed, card.keys(), owner.id().as_bytes());
    let ignored = matches!(step.events[..], [Event::Ignored { .. }]);
    assert_eq!(said.is_err(), ignored, "{}: {step:?}", case.name);
    let said = said?;
    let [Event::DrillAnswered { number, opened, .. }] = step.events[..] else {
        return Err("unknown-drill".to_owned());
    };
    let audit = hex(key.expose());
    Ok(json!({"number": number, "opened": opened, "made": said.made, "audit_key": audit}))
}

/// An owner's device that asked this contact to rehearse, with the case's id.
fn asking(case: &Case, card: &Card, circle: Circle) -> Device {
    let mut device = device(case.secret("owner_seed"), |vault| {
        vault.contacts.push(contact(card));
        vault.circles.push(Circle { stage: Stage::Live, ..circle });
    });
    // The id, the secret, and what sealing draws.
    let mut rng = Replay([case.hex("drill"), vec![0; 16 + 64]].concat());
    let mut ctx = Context { now: 0, rng: &mut rng, cost: KdfCost::STANDARD };
    let (id, step) = device.drill(|_| true, &mut ctx).unwrap();
    assert_eq!((id, step.outbox.len()), (DrillId::new(case.octets("drill")), 1));
    assert!(device.drills()[0].secret == Secret::new([0; 16]));
    device
}
