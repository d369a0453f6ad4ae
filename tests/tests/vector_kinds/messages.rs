//! Between an owner and a contact. Each is run by its own checks and, where there is one, by the flow
//! that takes it: the two must agree.

use super::{Case, Outcome, Replay, decode, hex, verify};
use base64ct::{Base64UrlUnpadded, Encoding};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use recovery_core::{
    boxed,
    circle::{Contact, Held, Inbox, Reach, Told, audit_key, receipt_proof},
    flows::{
        Context, Device, Event, Source, Step,
        pair::{PairError, read_invite},
        protect::bundle_hash,
        request::request_id,
    },
    ids::labelled_hash,
    kdf::{KdfCost, hkdf},
    keys::{Card, Identity},
    labels,
    seal::{self, Letter},
    secret::{Secret, SecretBytes},
    sign::{Signed, Statement},
    vault::{Profile, Vault},
    wire::{
        self,
        link::Link,
        messages::{Alert, Answer, Bundle, Pieces, Receipt},
    },
};
use serde_json::{Value, json};

pub(super) fn places(mailboxes: &[recovery_core::address::MailboxAddress]) -> Value {
    mailboxes
        .iter()
        .map(|place| json!({"relay": place.relay.as_str(), "id": hex(place.id.as_bytes())}))
        .collect()
}

/// The device of a person of whom only the seed matters.
pub(super) fn device(seed: Secret<32>, change: impl FnOnce(&mut Vault)) -> Device {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let profile = Profile { name: "Somebody".parse().unwrap(), seed, relays: Vec::new() };
    let mut vault = Vault::new(profile, 0, &mut rng);
    change(&mut vault);
    Device::from_vault(vault, Secret::new([0; 32]))
}

/// The step of a device to which this letter is sealed.
pub(super) fn deliver(device: &mut Device, to: &Identity, source: Source, letter: &Letter) -> Step {
    deliver_at(device, to, (source, 1), letter)
}

/// The same at some time.
pub(super) fn deliver_at(
    device: &mut Device,
    to: &Identity,
    (source, now): (Source, u64),
    letter: &Letter,
) -> Step {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let message = seal::seal(letter, &to.public().sealing, &mut rng).unwrap();
    let mut ctx = Context { now, rng: &mut rng, cost: KdfCost::STANDARD };
    device.handle(source, &message, &mut ctx)
}

/// An owner of whom nothing is held yet.
pub(super) fn held(owner: &Card) -> Held {
    Held {
        name: owner.name().clone(),
        card: owner.clone(),
        inbox: Inbox::new(&[], &mut ChaCha20Rng::seed_from_u64(3)),
        secret: Secret::new([0; 16]),
        verified: true,
        reach: Reach::default(),
        bundles: Vec::new(),
        seen: 0,
        newest: None,
        stopped: Vec::new(),
        asked: 0,
        forgotten: Vec::new(),
        known: None,
        succession: None,
    }
}

/// A contact of whom only the card matters.
pub(super) fn contact(card: &Card) -> Contact {
    Contact {
        name: card.name().clone(),
        card: card.clone(),
        rivals: Vec::new(),
        inbox: Inbox::new(&[], &mut ChaCha20Rng::seed_from_u64(3)),
        secret: Secret::new([0; 16]),
        verified: true,
        removed: false,
        seen: 0,
        left: false,
        told: Told::default(),
        known: None,
        moved: None,
    }
}

/// The same statement by its own maker.
pub(super) fn resign<T: Statement>(
    signed: &Signed,
    identity: &Identity,
    audience: &[u8],
) -> Signed {
    Signed::new(&signed.peek::<T>().unwrap(), identity, audience)
}

pub(super) fn card(case: &Case) -> Outcome {
    let octets = case.hex("card");
    let signed: Signed = decode(&octets)?;
    // Card::verify tells apart what a card in another message can't.
    let card = Card::verify(&signed).map_err(super::statement_outcome);
    assert_eq!(minicbor::decode::<Card>(&octets).is_ok(), card.is_ok());
    let card = card?;
    let keys = wire::encode(card.keys());
    Ok(json!({
        "name": card.name().as_str(),
        "id": hex(card.id().as_bytes()),
        "signing_key": hex(&keys[3..35]),
        "mailboxes": places(card.mailboxes()),
    }))
}

pub(super) fn make_card(case: &Case) -> Vec<u8> {
    let card = case.card("card");
    let name = case.text("name").parse().unwrap();
    wire::encode(&case.person("seed").card(name, card.mailboxes().to_vec())).to_vec()
}

pub(super) fn invite(case: &Case) -> Outcome {
    let link: Link = case.text("link").parse().unwrap();
    let invite = read_invite(&link, &case.hex("slot"), case.number("now"));
    let invite = invite.map_err(|error| match error {
        PairError::WrongLink(_) => "wrong-link",
        PairError::Damaged => "damaged",
        PairError::Newer => "newer-version",
        PairError::Expired => "expired",
        other => panic!("{other}"),
    })?;
    let mut found = json!({
        "card": hex(wire::encode(&invite.card).as_slice()),
        "owner": hex(invite.card.id().as_bytes()),
        "name": invite.card.name().as_str(),
        "answers": places(&invite.answers),
        "expires": invite.expires,
    });
    if let Some(passes) = &invite.passes {
        found["passes"] = passes
            .iter()
            .map(|pass| {
                let octets = Base64UrlUnpadded::decode_vec(&pass.token().expose()).unwrap();
                json!({ "relay": pass.relay.as_str(), "pass": hex(&octets) })
            })
            .collect();
    }
    Ok(found)
}

pub(super) fn make_invite(case: &Case) -> Vec<u8> {
    let (link, slot): (Link, _) = (case.text("link").parse().unwrap(), case.hex("slot"));
    let invite = read_invite(&link, &slot, case.number("now")).unwrap();
    let padded = wire::pad(&wire::encode(&invite), slot.len() - boxed::OVERHEAD).unwrap();
    let mut nonce = Replay(slot[..24].to_vec());
    boxed::seal(link.secret.expose(), labels::BOX_INVITE, &padded, &mut nonce)
}

pub(super) fn answer(case: &Case) -> Outcome {
    let signed: Signed = decode(&case.hex("answer"))?;
    let claimed: Answer = signed.peek().map_err(super::statement_outcome)?;
    let owner = case.contact_id("owner");
    assert_eq!(case.person("owner_seed").id(), owner);
    let answer: Answer = verify(&signed, claimed.card.keys(), owner.as_bytes())?;
    let card = wire::encode(&answer.card);
    let proof = hkdf::<32>(&case.hex("secret"), &[], labels::ANSWER_PROOF, &[&card]);
    if *proof.expose() != answer.proof {
        return Err("wrong-proof".to_owned());
    }
    if answer.card.id() == owner {
        return Err("own".to_owned());
    }
    Ok(json!({
        "friend": hex(answer.card.id().as_bytes()),
        "name": answer.card.name().as_str(),
        "proof": hex(answer.proof),
    }))
}

pub(super) fn make_answer(case: &Case) -> Vec<u8> {
    let signed = wire::decode(&case.hex("answer")).unwrap();
    let owner = case.contact_id("owner");
    wire::encode(&resign::<Answer>(&signed, &case.person("friend_seed"), owner.as_bytes())).to_vec()
}

pub(super) fn bundle(case: &Case) -> Outcome {
    let (owner, me) = (case.card("owner_card"), case.person("contact_seed"));
    let held = held(&owner);
    let mut device = device(case.secret("contact_seed"), |vault| vault.held.push(held));
    let source = Source::Owner(owner.id());
    for before in case.get("before").map(|_| case.hexes("before")).unwrap_or_default() {
        let _ = deliver(&mut device, &me, source, &decode(&before).unwrap());
    }
    let letter: Letter = decode(&case.hex("letter"))?;
    let step = deliver(&mut device, &me, source, &letter);
    let bundles = &device.held()[0].bundles;
    let kept = bundles.last().is_some_and(|kept| kept.signed == letter.signed);
    let circles: Vec<String> = bundles.iter().map(|kept| hex(kept.circle.as_bytes())).collect();
    match (verify::<Bundle>(&letter.signed, owner.keys(), me.id().as_bytes()), &step.events[..]) {
        (Err(wrong), [Event::PieceRefused { .. } | Event::Ignored { .. }]) => Err(wrong),
        (Ok(_), [Event::PieceRefused { why, .. }]) => Err(refusal(why).to_owned()),
        (Ok(_), []) => Err("known".to_owned()),
        (Ok(bundle), [Event::PieceStored { .. }]) if kept => {
            let mut facts = bundle_facts(&bundle, &letter);
            if case.get("held").is_some() {
                facts["held"] = json!(circles);
            }
            Ok(facts)
        }
        other => panic!("{}: {other:?}", case.name),
    }
}

/// The name of a reason that is written for people.
fn refusal(why: &str) -> &'static str {
    match why {
        "it is for somebody else" => "wrong-person",
        "the piece itself is missing" => "no-pieces",
        "the piece is not the one that was signed" => "wrong-pieces",
        "another piece has its place already" => "taken",
        "too many generations came in a short time" => "too-many",
        "the piece itself is damaged"
        | "the piece is damaged"
        | "the copy of the vault has no size of a vault" => "bad-pieces",
        other => panic!("a new reason: {other}"),
    }
}

fn bundle_facts(bundle: &Bundle, letter: &Letter) -> Value {
    let pieces: Pieces = wire::decode(letter.attachment.as_deref().unwrap()).unwrap();
    let key = audit_key(&pieces.shares, bundle.circle, bundle.contact);
    let hash = bundle_hash(&letter.signed);
    let shares: Vec<String> = pieces.shares.iter().map(|share| hex(share.expose())).collect();
    assert_eq!(hash, labelled_hash(labels::BUNDLE_HASH, &[&wire::encode(&letter.signed)]));
    json!({
        "circle": hex(bundle.circle.as_bytes()),
        "generation": bundle.generation,
        "vault_version": bundle.vault_version,
        "shares": shares,
        "bundle_hash": hex(hash),
        "audit_key": hex(key.expose()),
        "proof": hex(receipt_proof(&key, &hash)),
    })
}

pub(super) fn make_bundle(case: &Case) -> Vec<u8> {
    let letter: Letter = wire::decode(&case.hex("letter")).unwrap();
    let (owner, me) = (case.person("owner_seed"), case.person("contact_seed").id());
    let signed = resign::<Bundle>(&letter.signed, &owner, me.as_bytes());
    wire::encode(&Letter::new(signed, letter.attachment)).to_vec()
}

pub(super) fn receipt(case: &Case) -> Outcome {
    let (signed, card): (Signed, Card) = (decode(&case.hex("receipt"))?, case.card("contact_card"));
    let receipt: Receipt = verify(&signed, card.keys(), &case.hex("owner"))?;
    if receipt.circle.as_bytes() != &case.octets("circle") {
        return Err("unknown-circle".to_owned());
    }
    let shares: Vec<SecretBytes> =
        case.hexes("shares").iter().map(|share| SecretBytes::new(share)).collect();
    let key = audit_key(&shares, receipt.circle, card.id());
    let hash = bundle_hash(&wire::decode(&case.hex("bundle")).unwrap());
    if receipt.proof != receipt_proof(&key, &hash) {
        return Err("wrong-proof".to_owned());
    }
    Ok(json!({
        "audit_key": hex(key.expose()),
        "bundle_hash": hex(hash),
        "proof": hex(receipt.proof),
    }))
}

pub(super) fn make_receipt(case: &Case) -> Vec<u8> {
    let signed = wire::decode(&case.hex("receipt")).unwrap();
    let contact = case.person("contact_seed");
    wire::encode(&resign::<Receipt>(&signed, &contact, &case.hex("owner"))).to_vec()
}

pub(super) fn alert(case: &Case) -> Outcome {
    let (owner, card) = (case.person("owner_seed"), case.card("contact_card"));
    let signed: Signed = decode(&case.hex("alert"))?;
    let mut device = device(case.secret("owner_seed"), |vault| vault.contacts.push(contact(&card)));
    let source = Source::Contact(card.id());
    let step = deliver(&mut device, &owner, source, &Letter::new(signed.clone(), None));
    let alert: Result<Alert, _> = verify(&signed, card.keys(), owner.id().as_bytes());
    let recovery = match (alert, &step.events[..]) {
        (Err(wrong), [Event::Ignored { .. }]) => return Err(wrong),
        (Ok(_), []) => return Err("bad-request".to_owned()),
        (Ok(_), [Event::Alert { .. }]) => &device.recoveries()[0],
        other => panic!("{}: {other:?}", case.name),
    };
    assert_eq!(recovery.request, request_id(&recovery.signed));
    let report = &recovery.reports[0];
    Ok(json!({
        "request": hex(recovery.request.as_bytes()),
        "what": report.kind as u64,
        "claims": recovery.claims.as_str(),
        "device": recovery.device.as_ref().map(|device| device.as_str()),
        "made": report.made,
        "reason": report.reason.as_ref().map(|reason| reason.as_str()),
    }))
}

pub(super) fn make_alert(case: &Case) -> Vec<u8> {
    super::keeping::make_to_owner::<Alert>(case)
}
