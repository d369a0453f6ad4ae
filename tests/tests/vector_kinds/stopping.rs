//! Stops, warnings, and what a new device makes of everything that comes.

use super::{
    Case, Outcome, Replay, decode, decode_outcome, hex,
    keeping::{Heard, heard},
    messages, restoring, statement_outcome, verify,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use recovery_core::{
    boxed,
    flows::{
        Context, Device, Event,
        request::request_id,
        restore::{Assessed, Taken, Verdict},
    },
    ids::{Base, RequestId},
    kdf::KdfCost,
    keys::{Card, Identity},
    labels,
    name::Name,
    seal::{self, Letter},
    secret::Secret,
    sign::Signed,
    wire::{
        self,
        limits::SLOT_SIZES,
        link::{Link, LinkKind},
        messages::{Alarm, Alarms, Due, Request, RequestSlot, Stop},
    },
};
use serde_json::{Value, json};

pub(super) fn stop(case: &Case) -> Outcome {
    let Heard { device, step, said, .. } = heard::<Stop>(case, "stop")?;
    let said = said?;
    let stopped = device.held()[0].stopped.last().copied();
    let [Event::Stopped { request, withdrawn: false, .. }] = step.events[..] else {
        return Err("known".to_owned());
    };
    assert_eq!(stopped.map(|stopped| (stopped.request, stopped.made)), Some((request, said.made)));
    let (request, owner) = (hex(request.as_bytes()), hex(said.owner.id().as_bytes()));
    Ok(json!({"request": request, "owner": owner, "made": said.made}))
}

/// What an alarm slot holds.
fn open_alarm(case: &Case) -> Result<Alarms, String> {
    let damaged = || "damaged".to_owned();
    let slot = case.hex("slot");
    if !SLOT_SIZES.contains(&slot.len()) {
        return Err(damaged());
    }
    let padded = boxed::open(&case.hex("key"), labels::BOX_ALARM, &slot).map_err(|_| damaged())?;
    let content = wire::unpad(&padded).ok_or_else(damaged)?;
    wire::decode(content).map_err(|error| match decode_outcome(error).as_str() {
        "newer-version" => "newer-version".to_owned(),
        _ => damaged(),
    })
}

pub(super) fn alarm(case: &Case) -> Outcome {
    let opened = open_alarm(case);
    let (device, id) = warned(case);
    let warnings = &device.opened()[0].alarms;
    assert!(opened.is_ok() || warnings.is_empty(), "{}", case.name);
    let opened = opened?;
    let said = opened.impostors.iter();
    let said: Vec<Value> = said
        .map(|said| json!({"request": hex(said.request.as_bytes()), "made": said.made}))
        .collect();
    assert!(device.opened()[0].id == id);
    Ok(json!({
        "content": hex(wire::encode(&opened).as_slice()),
        "impostors": said,
        "warnings": warnings,
    }))
}

/// A friend's device that opened the case's request and read the case's slot.
fn warned(case: &Case) -> (Device, RequestId) {
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let owner = Identity::from_seed(&Secret::new([0xA0; 32])).card("Anna".parse().unwrap(), vec![]);
    let owner = Card::verify(&owner).unwrap();
    let alarm = Alarm { key: case.secret("key"), own: Base::random(&mut rng), places: Vec::new() };
    let friend = Secret::new([0xF0; 32]);
    let mut device =
        messages::device(friend, |vault| vault.held.push(restoring::held(&owner, alarm)));
    let signed: Signed = wire::decode(&case.hex("request")).unwrap();
    let (id, made) = (request_id(&signed), signed.peek::<Request>().unwrap().made);
    let secret = Link::secret(&mut rng);
    let link = Link { kind: LinkKind::Request, slots: Vec::new(), secret, request: None };
    let content = wire::encode(&RequestSlot::new(signed, None));
    let padded = wire::pad(&content, SLOT_SIZES[0] - boxed::OVERHEAD).unwrap();
    let slot = boxed::seal(link.secret.expose(), labels::BOX_REQUEST, &padded, &mut rng);
    let mut ctx = Context { now: made, rng: &mut rng, cost: KdfCost::STANDARD };
    device.open_request(&link, &slot, owner.id(), &mut ctx).unwrap();
    device.hear_alarms(id, &[case.hex("slot")]);
    (device, id)
}

pub(super) fn make_alarm(case: &Case) -> Vec<u8> {
    let slot = case.hex("slot");
    let padded = wire::pad(&case.hex("content"), slot.len() - boxed::OVERHEAD).unwrap();
    let mut nonce = Replay(slot[..24].to_vec());
    boxed::seal(&case.hex("key"), labels::BOX_ALARM, &padded, &mut nonce)
}

pub(super) fn due(case: &Case) -> Outcome {
    let letter: Letter = decode(&case.hex("letter"))?;
    let assessment = restoring::assess(case, &letter)?;
    let claimed = letter.signed.peek::<Due>().map_err(statement_outcome);
    let checked = claimed
        .and_then(|due| verify::<Due>(&letter.signed, due.card.keys(), due.request.as_bytes()));
    match (restoring::verdict(&assessment), checked) {
        (Err("statement"), Err(outcome)) => Err(outcome),
        (Err(outcome), Ok(_)) => Err(outcome.to_owned()),
        (Ok(name), Ok(due)) => {
            assert_eq!(assessment.approvals[0].verdict, Verdict::Held { until: due.at });
            Ok(json!({
                "contact": hex(due.card.id().as_bytes()),
                "name": name.map(Name::as_str),
                "at": due.at,
            }))
        }
        other => panic!("{}: {other:?}", case.name),
    }
}

pub(super) fn make_due(case: &Case) -> Vec<u8> {
    restoring::resigned::<Due>(case)
}

fn line(assessed: &Assessed) -> Value {
    let (verdict, at) = match assessed.verdict {
        Verdict::Good => ("good", None),
        Verdict::Held { until } => ("held", Some(until)),
        Verdict::Declined => ("declined", None),
        Verdict::Vetoed { at } => ("stopped", Some(at)),
        Verdict::Bad(_) => ("bad", None),
    };
    let name = assessed.contact.as_ref().map(Name::as_str);
    json!({"name": name, "verdict": verdict, "at": at, "overrides": assessed.overrides})
}

pub(super) fn assessment(case: &Case) -> Outcome {
    let mut device = restoring::new_device(case);
    let to = &case.person("device_seed").public().sealing.clone();
    for letter in case.hexes("letters") {
        let letter: Letter = decode(&letter).unwrap();
        let message = seal::seal(&letter, to, &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
        assert_eq!(device.take(&message), Taken::Kept);
    }
    let lines: Vec<Value> = device.assess().approvals.iter().map(line).collect();
    Ok(json!({"lines": lines}))
}
