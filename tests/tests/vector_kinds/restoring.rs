//! Getting the key back. Approvals and declines go through a new device, requests through a friend's.

use super::{
    Case, Outcome, Replay, decode, decode_outcome, hex, messages, statement_outcome, verify,
};
use minicbor::Encoder;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use recovery_core::{
    circle::{Held, HeldBundle, OpenedState},
    flows::{
        Context,
        request::{NewDevice, RequestError, request_id},
        restore::{Assessment, Taken, Verdict},
    },
    ids::{CircleId, ContactId},
    kdf::KdfCost,
    keys::{Card, Identity},
    name::Name,
    package::RootKey,
    seal::{self, Letter},
    secret::Secret,
    sign::Signed,
    vault::{ContainerError, Vault},
    wire::{
        self,
        link::Link,
        messages::{Alarm, Approval, Decline, Pieces, Request},
    },
};
use serde_json::json;

pub(super) fn request(case: &Case) -> Outcome {
    let owner = Identity::from_seed(&Secret::new([0xA0; 32])).card("Anna".parse().unwrap(), vec![]);
    let owner = Card::verify(&owner).unwrap();
    let friend = Secret::new([0xF0; 32]);
    let mut device = messages::device(friend, |vault| vault.held.push(held(&owner, no_alarm())));
    let link: Link = case.text("link").parse().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut ctx = Context { now: case.number("now"), rng: &mut rng, cost: KdfCost::STANDARD };
    let opened = device.open_request(&link, &case.hex("slot"), owner.id(), &mut ctx);
    let id = opened.map_err(|error| match error {
        RequestError::WrongLink(_) => "wrong-link".to_owned(),
        RequestError::Damaged => "damaged".to_owned(),
        RequestError::Newer => "newer-version".to_owned(),
        RequestError::Invalid(error) => statement_outcome(error),
        RequestError::Expired => "expired".to_owned(),
        RequestError::Ahead => "ahead".to_owned(),
        RequestError::Changed => "other-request".to_owned(),
        other => panic!("{other}"),
    })?;
    let kept = &device.opened()[0];
    let request: Request = kept.request.peek().unwrap();
    assert_eq!((kept.id, request_id(&kept.request)), (id.id, id.id));
    Ok(json!({
        "request": hex(wire::encode(&kept.request).as_slice()),
        "id": hex(kept.id.as_bytes()),
        "name": request.card.name().as_str(),
        "device": request.device.as_ref().map(Name::as_str),
        "made": request.made,
        "cancelled": kept.state == OpenedState::Cancelled,
    }))
}

/// An owner of whom something is held; what, does not matter here.
pub(super) fn held(owner: &Card, alarm: Alarm) -> Held {
    let bundle = HeldBundle {
        signed: owner.signed().clone(),
        circle: CircleId::new([0; 16]),
        generation: 1,
        pieces: Pieces::new(Vec::new(), None, alarm),
        stored: 0,
        until: None,
        counted: true,
    };
    Held { bundles: vec![bundle], ..messages::held(owner) }
}

/// Nobody to warn.
fn no_alarm() -> Alarm {
    let own = recovery_core::ids::Base::random(&mut ChaCha20Rng::seed_from_u64(4));
    Alarm { key: Secret::new([0; 32]), own, places: Vec::new() }
}

pub(super) fn make_request(case: &Case) -> Vec<u8> {
    let (signed, device) =
        (wire::decode(&case.hex("request")).unwrap(), case.person("device_seed"));
    let id = device.id();
    wire::encode(&messages::resign::<Request>(&signed, &device, id.as_bytes())).to_vec()
}

/// The new device that made the case's request, after this letter.
pub(super) fn assess(case: &Case, letter: &Letter) -> Result<Assessment, String> {
    let mut device = new_device(case);
    let to = &case.person("device_seed").public().sealing.clone();
    let message = seal::seal(letter, to, &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
    match device.take(&message) {
        Taken::Kept => {}
        _ => return Err("wrong-kind".to_owned()),
    }
    assert_eq!(device.take(&message), Taken::Known);
    Ok(device.assess())
}

/// Its state, written by hand: seed, link secret, slot, session, request, letters, cancelled.
pub(super) fn new_device(case: &Case) -> NewDevice {
    let mut state = Vec::new();
    let mut encoder = Encoder::new(&mut state);
    let start = encoder.array(8).unwrap().u8(1).unwrap().bytes(&case.hex("device_seed")).unwrap();
    let start = start.bytes(&[1; 16]).unwrap().bytes(&[2; 32]).unwrap();
    start.array(2).unwrap().bytes(&[3; 32]).unwrap().array(0).unwrap();
    state.extend(case.hex("request"));
    Encoder::new(&mut state).array(0).unwrap().bool(false).unwrap();
    NewDevice::decode(&state).unwrap()
}

/// The name of a reason that is written for people.
pub(super) fn verdict(assessment: &Assessment) -> Result<Option<&Name>, &'static str> {
    let assessed = &assessment.approvals[0];
    match assessed.verdict {
        Verdict::Good | Verdict::Declined | Verdict::Held { .. } | Verdict::Vetoed { .. } => {
            Ok(assessed.contact.as_ref())
        }
        Verdict::Bad(why) => Err(match why {
            "it was made for another request" => "other-request",
            "it holds no piece" | "it holds more pieces than one contact has" => "no-piece",
            "the piece belongs to another contact" => "other-contact",
            "the piece was not signed by its owner" => "unsigned-piece",
            "the piece is damaged" => "bad-piece",
            "it announces an approval, but is not a contact's"
            | "it says to stop this, but not as anybody known here" => "unknown-sender",
            "it is damaged" | "its signature is wrong" => "statement",
            other => panic!("a new reason: {other}"),
        }),
    }
}

pub(super) fn approval(case: &Case) -> Outcome {
    let letter: Letter = decode(&case.hex("letter"))?;
    let assessment = assess(case, &letter)?;
    if let (Some(named), Err(_)) = (case.get("named"), verdict(&assessment)) {
        assert_eq!(json!(assessment.approvals[0].contact.is_some()), *named, "{}", case.name);
    }
    let claimed = letter.signed.peek::<Approval>().map_err(statement_outcome);
    let checked = claimed.and_then(|approval| {
        verify::<Approval>(&letter.signed, approval.card.keys(), approval.request.as_bytes())
    });
    let name = match (verdict(&assessment), checked) {
        (Err("statement"), Err(outcome)) => return Err(outcome),
        (Err(outcome), Ok(_)) => return Err(outcome.to_owned()),
        (Ok(name), Ok(_)) => name.unwrap(),
        other => panic!("{}: {other:?}", case.name),
    };
    let sets: Vec<_> = assessment
        .sets
        .iter()
        .map(|set| {
            json!({
                "owner": hex(set.owner.id().as_bytes()),
                "circle": hex(set.circle.as_bytes()),
                "generation": set.generation,
                "vault_version": set.vault_version,
            })
        })
        .collect();
    let contact = assessment.sets[0].approvers().next().unwrap().id;
    Ok(json!({
        "name": name.as_str(),
        "contact": hex(contact.as_bytes()),
        "sets": sets,
        "overrides": assessment.approvals[0].overrides,
    }))
}

pub(super) fn resigned<T: recovery_core::sign::Statement>(case: &Case) -> Vec<u8> {
    let letter: Letter = wire::decode(&case.hex("letter")).unwrap();
    let request: Signed = wire::decode(&case.hex("request")).unwrap();
    let (contact, audience) = (case.person("contact_seed"), request_id(&request));
    let signed = messages::resign::<T>(&letter.signed, &contact, audience.as_bytes());
    wire::encode(&Letter::new(signed, None)).to_vec()
}

pub(super) fn make_approval(case: &Case) -> Vec<u8> {
    resigned::<Approval>(case)
}

pub(super) fn make_decline(case: &Case) -> Vec<u8> {
    resigned::<Decline>(case)
}

pub(super) fn decline(case: &Case) -> Outcome {
    let letter: Letter = decode(&case.hex("letter"))?;
    let assessment = assess(case, &letter)?;
    let claimed = letter.signed.peek::<Decline>().map_err(statement_outcome);
    let checked = claimed.and_then(|decline| {
        verify::<Decline>(&letter.signed, decline.card.keys(), decline.request.as_bytes())
    });
    match (verdict(&assessment), checked) {
        (Err("statement"), Err(outcome)) => Err(outcome),
        (Err(outcome), Ok(_)) => Err(outcome.to_owned()),
        (Ok(name), Ok(decline)) => Ok(json!({
            "contact": hex(decline.card.id().as_bytes()),
            "name": name.map(Name::as_str),
        })),
        other => panic!("{}: {other:?}", case.name),
    }
}

pub(super) fn vault(case: &Case) -> Outcome {
    let root: RootKey = case.secret("root");
    let vault = Vault::open(&root, &case.hex("container")).map_err(|error| match error {
        ContainerError::Closed => "closed".to_owned(),
        ContainerError::Content(error) => decode_outcome(error),
        other => panic!("{other}"),
    })?;
    let entries: Vec<_> = vault
        .entries
        .iter()
        .map(|entry| {
            let (label, content) = (entry.label.as_str(), hex(entry.content.expose()));
            json!({"label": label, "content": content, "added": entry.added})
        })
        .collect();
    let owner: ContactId = Identity::from_seed(&vault.profile.seed).id();
    Ok(json!({
        "vault": hex(wire::encode(&vault).as_slice()),
        "name": vault.profile.name.as_str(),
        "owner": hex(owner.as_bytes()),
        "version": vault.version,
        "entries": entries,
    }))
}

pub(super) fn make_vault(case: &Case) -> Vec<u8> {
    let vault: Vault = wire::decode(&case.hex("vault")).unwrap();
    let mut nonce = Replay(case.hex("container")[..24].to_vec());
    vault.seal(&case.secret("root"), &mut nonce).unwrap()
}
