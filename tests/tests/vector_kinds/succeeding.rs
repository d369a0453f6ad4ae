//! Who comes after whom.

use super::{
    Case, Outcome, decode, hex,
    keeping::told,
    messages::{deliver, device, held},
    statement_outcome,
};
use recovery_core::{
    circle::Standing,
    flows::{Event, Source},
    seal::Letter,
    sign::Signed,
    wire::messages::{Moved, Request, Succession, Successor},
};
use serde_json::json;

pub(super) fn successor(case: &Case) -> Outcome {
    let (owner, me) = (case.card("owner_card"), case.person("contact_seed"));
    let mut device = device(case.secret("contact_seed"), |vault| vault.held.push(held(&owner)));
    let source = Source::Owner(owner.id());
    for before in case.get("before").map(|_| case.hexes("before")).unwrap_or_default() {
        let _ = deliver(&mut device, &me, source, &decode(&before).unwrap());
    }
    let signed: Signed = decode(&case.hex("successor"))?;
    let before = device.held()[0].clone();
    let step = deliver(&mut device, &me, source, &Letter::new(signed.clone(), None));
    let said = signed.verify_claim(|s: &Successor| (&s.former, me.id().as_bytes().to_vec()));
    let claimed = matches!(step.events[..], [Event::OwnerClaimed { .. }]);
    let said = said.map_err(statement_outcome);
    let next = said.and_then(|said| {
        let next = said.succession.peek::<Succession>().map_err(statement_outcome)?;
        Ok((said, next))
    });
    let (said, next) = match next {
        Ok(next) => next,
        Err(wrong) => {
            assert!(matches!(step.events[..], [Event::Ignored { .. }]), "{}", case.name);
            return Err(wrong);
        }
    };
    if said.former.id() != owner.id() || next.former != owner.id() {
        assert!(matches!(step.events[..], [Event::Ignored { .. }]), "{}", case.name);
        return Err("wrong-former".to_owned());
    }
    if !claimed {
        assert_eq!(device.held()[0], before, "{}", case.name);
        return Err("known".to_owned());
    }
    assert_eq!(device.held()[0].standing(), Standing::Claimed);
    assert_eq!(device.held()[0].claims()[0].card, next.card);
    let request: Signed = decode(&case.hex("request")).unwrap();
    let request: Request = request.peek().unwrap();
    let vouched = said.succession.verify::<Succession>(request.card.keys(), me.id().as_bytes());
    Ok(json!({
        "former": hex(next.former.as_bytes()),
        "next": hex(next.card.id().as_bytes()),
        "by": hex(next.request.as_bytes()),
        "made": next.made,
        "vouched": vouched.is_ok(),
    }))
}

pub(super) fn moved(case: &Case) -> Outcome {
    let (device, step, said) = told::<Moved>(case, "moved", |_, _| {})?;
    let [Event::ContactMoved { .. }] = &step.events[..] else {
        return Err("known".to_owned());
    };
    assert!(!device.contacts()[0].verified);
    Ok(json!({ "next": hex(said.card.id().as_bytes()), "made": said.made }))
}
