//! How each kind of case is run, and made again.

mod drilling;
mod keeping;
mod messages;
mod primitives;
mod restoring;
mod stopping;
mod succeeding;
mod texts;

use rand_core::{TryCryptoRng, TryRng};
use recovery_core::{
    ids::ContactId,
    keys::{Card, Identity, PublicKeys},
    secret::Secret,
    sign::{Signed, Statement, StatementError},
    wire::{
        self, DecodeError,
        messages::{
            Challenge, Drill, DrillAnswer, Forget, Forgotten, Leave, Moved, Newest, Proof, Stop,
            Successor,
        },
    },
};
use serde_json::Value;
use std::convert::Infallible;

/// Facts of a valid case, or the name of what is wrong.
pub(crate) type Outcome = Result<Value, String>;

pub(crate) fn run(case: &Case) -> Outcome {
    match case.text("kind") {
        "box" => primitives::boxed(case),
        "pad" => primitives::pad(case),
        "seal" => primitives::seal(case),
        "package" => primitives::package(case),
        "token" => primitives::token(case),
        "identity" => primitives::identity(case),
        "number" => primitives::number(case),
        "audit" => primitives::audit(case),
        "audit-challenge" => primitives::audit_challenge(case),
        "share" => primitives::share(case),
        "share-words" => primitives::share_words(case),
        "share-set" => primitives::share_set(case),
        "link" => texts::link(case),
        "armor" => texts::armor(case),
        "relay-url" => texts::relay_url(case),
        "id-text" => texts::id_text(case),
        "card" => messages::card(case),
        "invite" => messages::invite(case),
        "answer" => messages::answer(case),
        "bundle" => messages::bundle(case),
        "receipt" => messages::receipt(case),
        "alert" => messages::alert(case),
        "challenge" => keeping::challenge(case),
        "proof" => keeping::proof(case),
        "forget" => keeping::forget(case),
        "forgotten" => keeping::forgotten(case),
        "leave" => keeping::leave(case),
        "newest" => keeping::newest(case),
        "drill" => drilling::drill(case),
        "drill-answer" => drilling::drill_answer(case),
        "stop" => stopping::stop(case),
        "successor" => succeeding::successor(case),
        "moved" => succeeding::moved(case),
        "alarm" => stopping::alarm(case),
        "request" => restoring::request(case),
        "approval" => restoring::approval(case),
        "decline" => restoring::decline(case),
        "due" => stopping::due(case),
        "assessment" => stopping::assessment(case),
        "vault" => restoring::vault(case),
        kind => panic!("{}: no such kind: {kind}", case.name),
    }
}

/// Fields of a valid case that come out the same when they are made again.
pub(crate) fn remake(case: &Case) -> Vec<(&'static str, Vec<u8>)> {
    match case.text("kind") {
        "box" => vec![("box", primitives::make_box(case))],
        "pad" => vec![("padded", primitives::make_pad(case))],
        "seal" => vec![("message", primitives::make_seal(case))],
        "package" => vec![("package", primitives::make_package(case))],
        "card" => vec![("card", messages::make_card(case))],
        "invite" => vec![("slot", messages::make_invite(case))],
        "answer" => vec![("answer", messages::make_answer(case))],
        "bundle" => vec![("letter", messages::make_bundle(case))],
        "receipt" => vec![("receipt", messages::make_receipt(case))],
        "alert" => vec![("alert", messages::make_alert(case))],
        "challenge" => vec![("challenge", keeping::make_to_contact::<Challenge>(case))],
        "proof" => vec![("proof", keeping::make_to_owner::<Proof>(case))],
        "forget" => vec![("forget", keeping::make_to_contact::<Forget>(case))],
        "forgotten" => vec![("forgotten", keeping::make_to_owner::<Forgotten>(case))],
        "leave" => vec![("leave", keeping::make_to_owner::<Leave>(case))],
        "newest" => vec![("newest", keeping::make_to_contact::<Newest>(case))],
        "drill" => vec![("drill", keeping::make_to_contact::<Drill>(case))],
        "drill-answer" => vec![("drill_answer", keeping::make_to_owner::<DrillAnswer>(case))],
        "stop" => vec![("stop", keeping::make_to_contact::<Stop>(case))],
        "successor" => vec![("successor", keeping::make_to_contact::<Successor>(case))],
        "moved" => vec![("moved", keeping::make_to_owner::<Moved>(case))],
        "alarm" => vec![("slot", stopping::make_alarm(case))],
        "due" => vec![("letter", stopping::make_due(case))],
        "request" => vec![("request", restoring::make_request(case))],
        "approval" => vec![("letter", restoring::make_approval(case))],
        "decline" => vec![("letter", restoring::make_decline(case))],
        "vault" => vec![("container", restoring::make_vault(case))],
        // The runners of texts, ids, numbers, proofs and shares make what they compare.
        _ => vec![],
    }
}

/// One file.
pub(crate) struct Case {
    pub(crate) name: String,
    fields: Value,
}

impl Case {
    pub(crate) fn new(name: String, fields: Value) -> Self {
        Self { name, fields }
    }

    pub(crate) fn expect(&self) -> &str {
        self.text("expect")
    }

    pub(crate) fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field)
    }

    fn want(&self, field: &str) -> &Value {
        self.get(field).unwrap_or_else(|| panic!("{} has no {field}", self.name))
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.want(field).as_str().unwrap()
    }

    fn number(&self, field: &str) -> u64 {
        self.want(field).as_u64().unwrap()
    }

    pub(crate) fn hex(&self, field: &str) -> Vec<u8> {
        unhex(self.want(field))
    }

    fn hexes(&self, field: &str) -> Vec<Vec<u8>> {
        self.want(field).as_array().unwrap().iter().map(unhex).collect()
    }

    fn octets<const N: usize>(&self, field: &str) -> [u8; N] {
        self.hex(field)
            .try_into()
            .unwrap_or_else(|_| panic!("{}: {field} has another length", self.name))
    }

    fn secret<const N: usize>(&self, field: &str) -> Secret<N> {
        Secret::new(self.octets(field))
    }

    fn person(&self, field: &str) -> Identity {
        Identity::from_seed(&self.secret(field))
    }

    fn card(&self, field: &str) -> Card {
        Card::verify(&wire::decode(&self.hex(field)).unwrap()).unwrap()
    }

    fn contact_id(&self, field: &str) -> ContactId {
        ContactId::new(self.octets(field))
    }
}

pub(crate) fn hex(octets: impl AsRef<[u8]>) -> String {
    octets.as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    assert!(text.len().is_multiple_of(2));
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Gives the octets that a case was made with.
struct Replay(Vec<u8>);

impl TryRng for Replay {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("nothing here draws numbers")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("nothing here draws numbers")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.copy_from_slice(&self.0.drain(..out.len()).collect::<Vec<u8>>());
        Ok(())
    }
}

impl TryCryptoRng for Replay {}

fn decode_outcome(error: DecodeError) -> String {
    match error {
        DecodeError::TooLong { .. } => "too-long",
        DecodeError::Newer { .. } => "newer-version",
        DecodeError::Malformed { .. } => "malformed",
        other => panic!("{other}"),
    }
    .to_owned()
}

fn statement_outcome(error: StatementError) -> String {
    match error {
        StatementError::Body(error) => return decode_outcome(error),
        StatementError::Kind => "wrong-kind",
        StatementError::Sender => "wrong-sender",
        StatementError::Signature => "wrong-signature",
        other => panic!("{other}"),
    }
    .to_owned()
}

/// A statement that these keys signed for this audience.
fn verify<T: Statement>(signed: &Signed, keys: &PublicKeys, audience: &[u8]) -> Result<T, String> {
    signed.verify(keys, audience).map_err(statement_outcome)
}

fn decode<T: wire::Wire>(octets: &[u8]) -> Result<T, String> {
    let value = wire::decode::<T>(octets).map_err(decode_outcome)?;
    assert_eq!(wire::encode(&value).as_slice(), octets);
    Ok(value)
}
