//! What can be wrong with any statement.

use crate::{
    cbor::{Cbor, bytes, uint},
    people::{Kind, MALLORY, Statement, malleable},
    primitives::longer,
};

/// What a signed statement can have wrong besides its body, each with its outcome.
pub(crate) fn signature_defects(
    good: &Statement,
    other: [u8; 16],
) -> Vec<(&'static str, &'static str, Vec<u8>, &'static str)> {
    let mut unsigned = good.signature();
    unsigned[0] ^= 1;
    let audience = Statement { audience: vec![0x5C; good.audience.len()], ..good.clone() };
    let sender = Statement { sender: other, ..good.clone() };
    let mallory = Statement { signer: MALLORY, ..good.clone() };
    let label = Statement { label: "recovery/v1/sign-nothing", ..good.clone() };
    vec![
        (
            "flipped-signature",
            "One bit of the signature.",
            good.signed_with(unsigned).encode(),
            "wrong-signature",
        ),
        (
            "malleable-signature",
            "The signature with the group's order added.",
            good.signed_with(malleable(good.signature())).encode(),
            "wrong-signature",
        ),
        ("signed-by-another", "Another key signed it.", mallory.encode(), "wrong-signature"),
        (
            "wrong-audience",
            "It was signed for somebody or something else.",
            audience.encode(),
            "wrong-signature",
        ),
        ("wrong-label", "It was signed with another label.", label.encode(), "wrong-signature"),
        (
            "wrong-sender",
            "It says to come from somebody else, and was signed so.",
            sender.encode(),
            "wrong-sender",
        ),
    ]
}

/// What can be wrong with any statement besides its signature: another kind, a newer version, octets
/// behind it, a body that is too long.
pub(crate) fn statement_defects(
    good: &Statement,
    body: &Cbor,
    other: Kind,
    most: usize,
) -> Vec<(&'static str, &'static str, Vec<u8>, &'static str)> {
    let with = |body: Vec<u8>| Statement { body, ..good.clone() }.encode();
    let kind = Statement { kind: uint(other as u64), ..good.clone() };
    let long = body.and(bytes(vec![0; most]));
    vec![
        ("wrong-kind", "Another kind of statement.", kind.encode(), "wrong-kind"),
        (
            "unknown-kind",
            "A kind that version 1 does not know.",
            Statement { kind: uint(99), ..good.clone() }.encode(),
            "malformed",
        ),
        (
            "newer-version",
            "A statement of version 2.",
            good.signed().with(0, uint(2)).encode(),
            "newer-version",
        ),
        (
            "trailing-octet",
            "A zero stands behind the statement.",
            longer(&good.encode()),
            "malformed",
        ),
        (
            "body-newer-version",
            "A body of version 2.",
            with(body.with(0, uint(2)).encode()),
            "newer-version",
        ),
        (
            "body-trailing-octet",
            "A zero stands behind the body.",
            with(longer(&body.encode())),
            "malformed",
        ),
        ("body-too-long", "A body beyond its limit.", with(long.encode()), "too-long"),
        ("body-empty", "No body.", with(vec![]), "malformed"),
    ]
}
