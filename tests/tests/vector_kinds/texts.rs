//! What people send and read.

use super::{Case, Outcome, hex};
use recovery_core::{
    address::{RelayUrl, RelayUrlError},
    ids::{ContactId, MailboxId},
    wire::{
        armor::{self, ArmorError, Title},
        link::{Link, LinkError, LinkKind},
    },
};
use serde_json::json;

pub(super) fn link(case: &Case) -> Outcome {
    let link = case.text("text").parse::<Link>().map_err(|error| match error {
        LinkError::TooLong => "too-long",
        LinkError::NoSecret => "no-secret",
        LinkError::Mangled => "mangled",
        LinkError::Relay => "relay",
        LinkError::Malformed => "malformed",
        other => panic!("{other}"),
    })?;
    let slots: Vec<_> = link
        .slots
        .iter()
        .map(|slot| json!({"relay": slot.relay.as_str(), "id": hex(slot.id.as_bytes())}))
        .collect();
    let mut facts = json!({
        "canonical": *link.expose(),
        "purpose": match link.kind { LinkKind::Invite => "invite", LinkKind::Request => "request" },
        "slots": slots,
        "secret": hex(link.secret.expose()),
    });
    match link.request {
        Some(request) => facts["request"] = json!(hex(request.as_bytes())),
        None => assert!(case.get("request").is_none()),
    }
    Ok(facts)
}

pub(super) fn armor(case: &Case) -> Outcome {
    let text = case.text("text");
    let title = match case.text("title") {
        "approval" => Title::Approval,
        "messages" => Title::Messages,
        other => panic!("{other}"),
    };
    let octets = armor::decode(title, text.as_bytes()).map_err(|error| match error {
        ArmorError::TooLong => "too-long",
        ArmorError::Frame => "frame",
        ArmorError::Damaged => "damaged",
        other => panic!("{other}"),
    })?;
    let made = armor::encode(title, &octets);
    assert_eq!(Title::of(text.as_bytes()), Some(title));
    assert_eq!(made.trim(), text.replace("\r\n", "\n").trim(), "{}", case.name);
    Ok(json!({"octets": hex(octets)}))
}

pub(super) fn relay_url(case: &Case) -> Outcome {
    let url = case.text("text").parse::<RelayUrl>().map_err(|error| match error {
        RelayUrlError::Scheme => "scheme",
        RelayUrlError::PlainHttp => "plain-http",
        RelayUrlError::TooLong => "too-long",
        RelayUrlError::Malformed => "malformed",
        other => panic!("{other}"),
    })?;
    Ok(json!({"canonical": url.as_str()}))
}

pub(super) fn id_text(case: &Case) -> Outcome {
    let text = case.text("text");
    let (octets, again) = if case.number("length") == 16 {
        let id = text.parse::<ContactId>().map_err(|_| "malformed")?;
        (hex(id.as_bytes()), id.to_string())
    } else {
        let id = text.parse::<MailboxId>().map_err(|_| "malformed")?;
        (hex(id.as_bytes()), id.to_string())
    };
    assert_eq!(again, text);
    Ok(json!({"octets": octets}))
}
