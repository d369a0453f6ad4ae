//! Slots: who knows the id may read, who holds the token may write and delete.

use super::described::{Id, Problems, Ttl};
use super::extract::{Controlled, Named, Octets, Params, one};
use super::passes::right;
use super::problem::{Code, Problem};
use super::ttl_millis;
use crate::relay::Relay;
use crate::store::{Condition, Done, Right, Version, Write};
use axum::extract::{FromRequestParts, State};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use recovery_core::ids::{SlotId, SlotToken};
use recovery_core::wire::limits::SLOT_MAX;

/// `PUT /v1/slots/{id}`
#[utoipa::path(
    put, path = "/v1/slots/{id}", tag = "slots", security(("token" = []), ("token" = [], "pass" = [])),
    params(
        Id, Ttl,
        ("If-Match" = Option<String>, Header, description = "It has this version"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: it is empty")
    ),
    request_body(content_type = "application/octet-stream", description = "At most 524,288 octets"),
    responses(
        (status = 201, description = "Made", headers(("ETag" = String))),
        (status = 200, description = "Replaced", headers(("ETag" = String))),
        Problems
    )
)]
pub(super) async fn put(
    State(relay): State<Relay>,
    Controlled(id): Controlled<SlotToken>,
    Terms { ttl_millis, condition, right }: Terms,
    octets: Octets<SLOT_MAX>,
) -> Result<Response, Problem> {
    let write = Write::PutSlot { id, body: octets.body, condition, ttl_millis, right };
    let Done::Slot { version, new } = relay.write(write).await? else {
        return Err(Code::Internal.into());
    };
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, [(ETAG, etag(version))]).into_response())
}

/// On what terms a slot is written; read before the body is.
pub(super) struct Terms {
    ttl_millis: Option<i64>,
    condition: Condition,
    right: Right,
}

impl FromRequestParts<Relay> for Terms {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, relay: &Relay) -> Result<Self, Problem> {
        let ttl_millis = ttl_millis(&Params::parse(parts.uri.query(), &["ttl"])?)?;
        let right = right(relay, &parts.headers, ttl_millis)?;
        Ok(Self { ttl_millis, condition: condition(&parts.headers)?, right })
    }
}

/// `GET /v1/slots/{id}`
#[utoipa::path(
    get, path = "/v1/slots/{id}", tag = "slots",
    params(Id, ("If-None-Match" = Option<String>, Header, description = "A version that is known")),
    responses(
        (status = 200, description = "What it holds", content_type = "application/octet-stream",
            headers(("ETag" = String))),
        (status = 304, description = "It has the version that is known"),
        Problems
    )
)]
pub(super) async fn get(
    State(relay): State<Relay>,
    Named(id): Named<SlotId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let known = match one(&headers, IF_NONE_MATCH)? {
        Some("*") => Some(Condition::Present),
        Some(tags) => Some(Condition::AnyOf(versions(tags))),
        None => None,
    };
    let slot = relay.read_slot(id).await?.ok_or(Code::NoSuchSlot)?;
    let tag = [(ETAG, etag(slot.version))];
    if known.is_some_and(|known| known.holds(Some(slot.version))) {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    let kind = [(CONTENT_TYPE, "application/octet-stream")];
    Ok((tag, kind, relay.counted(slot.body)?).into_response())
}

/// `DELETE /v1/slots/{id}`
#[utoipa::path(
    delete, path = "/v1/slots/{id}", tag = "slots", params(Id), security(("token" = [])),
    responses((status = 204, description = "Empty, also if it was"), Problems)
)]
pub(super) async fn delete(
    State(relay): State<Relay>,
    Controlled(id): Controlled<SlotToken>,
) -> Result<StatusCode, Problem> {
    relay.write(Write::DeleteSlot { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn etag(version: Version) -> String {
    format!("\"{version}\"")
}

/// Exactly one of `If-Match` and `If-None-Match: *`.
fn condition(headers: &HeaderMap) -> Result<Condition, Problem> {
    match (one(headers, IF_MATCH)?, one(headers, IF_NONE_MATCH)?) {
        (None, None) => Err(Code::ConditionRequired.into()),
        (Some("*"), None) => Ok(Condition::Present),
        (Some(tags), None) => Ok(Condition::AnyOf(versions(tags))),
        (None, Some("*")) => Ok(Condition::Absent),
        (None, Some(_)) => Err(malformed("If-None-Match must be * here.")),
        (Some(_), Some(_)) => Err(malformed("If-Match and If-None-Match exclude each other.")),
    }
}

fn malformed(what: &str) -> Problem {
    Problem::because(Code::MalformedHeader, what)
}

/// The versions in a list of entity tags; a tag that no slot can have matches none.
fn versions(tags: &str) -> Vec<Version> {
    let tags = tags.split(',').filter_map(|tag| tag.trim().strip_prefix('"')?.strip_suffix('"'));
    let shown = |text: &&str| text.len() == 16 && !text.starts_with('+');
    let versions = tags.filter(shown).filter_map(|tag| u64::from_str_radix(tag, 16).ok());
    versions.map(Version).collect()
}

#[cfg(test)]
mod tests {
    use super::versions;
    use crate::store::Version;

    #[test]
    fn tags_are_opaque_and_strong() {
        let tag = Version(0x12ab).to_string();
        assert_eq!(tag, "00000000000012ab");
        assert_eq!(versions(&format!("\"{tag}\"")), [Version(0x12ab)]);
        assert_eq!(versions(&format!("\"x\", \"{tag}\"")), [Version(0x12ab)]);
        for never in [format!("W/\"{tag}\""), tag, "\"12ab\"".into(), "\"+000000000012ab\"".into()]
        {
            assert!(versions(&never).is_empty(), "{never}");
        }
    }
}
