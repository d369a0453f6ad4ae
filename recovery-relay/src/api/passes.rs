//! Passes: by what right things that last are opened on a closed relay.

use super::described::Problems;
use super::extract::one;
use super::problem::{Code, Problem};
use crate::relay::Relay;
use crate::store::{PassQuota, Right, Write};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use recovery_core::ids::PassToken;
use utoipa::ToSchema;

/// The field with a pass's token.
const PASS: HeaderName = HeaderName::from_static("recovery-pass");
/// Longest time to live of what is opened without a pass on a closed relay: 14 days.
const SESSION_MILLIS_MAX: i64 = 14 * 86_400 * 1_000;
/// How long a guest pass waits to be used: 30 days.
const GUEST_MILLIS: i64 = 30 * 86_400 * 1_000;
/// What a guest may open: an inbox, and one more when whom it is for has a new device; the vault, and warnings.
const GUEST_MAILBOXES: u64 = 2;
const GUEST_SLOTS: u64 = 2;

/// The answer with a pass.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub(super) struct Made {
    /// The pass: 32 octets in base64url.
    pass: String,
}

/// `POST /v1/passes`
#[utoipa::path(
    post, path = "/v1/passes", tag = "passes", security(("pass" = [])),
    responses(
        (status = 201, description = "A pass for two mailboxes and two slots, to be used within 30 days", content_type = "application/json",
            body = Made),
        Problems
    )
)]
pub(super) async fn guest(
    State(relay): State<Relay>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parent = Some(pass(&headers)?.ok_or(Code::PassNeeded)?.id());
    let token = PassToken::new(crate::store::random()?);
    // A guest may fill as much as one mailbox takes, and all of it counts against the pass.
    let octets = relay.limits().quota.octets;
    let quota = PassQuota { mailboxes: GUEST_MAILBOXES, slots: GUEST_SLOTS, octets };
    let (id, ttl_millis) = (token.id(), Some(GUEST_MILLIS));
    relay.write(Write::AddPass { id, name: String::new(), quota, ttl_millis, parent }).await?;
    let body = serde_json::json!({ "pass": token.expose() }).to_string();
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((StatusCode::CREATED, kind, body).into_response())
}

/// By what right somebody opens something that ends after `ttl_millis`, or never.
pub(super) fn right(
    relay: &Relay,
    headers: &HeaderMap,
    ttl_millis: Option<i64>,
) -> Result<Right, Problem> {
    if relay.is_open() {
        return Ok(Right::Open);
    }
    match pass(headers)? {
        Some(pass) => Ok(Right::Pass(pass.id())),
        None if ttl_millis.is_some_and(|ttl| ttl <= SESSION_MILLIS_MAX) => Ok(Right::Session),
        None => Err(Code::PassNeeded.into()),
    }
}

/// The pass that was sent. One that can't be a pass is like one that is not known.
fn pass(headers: &HeaderMap) -> Result<Option<PassToken>, Problem> {
    let pass = one(headers, PASS)?.map(str::parse).transpose();
    pass.map_err(|_| Code::PassNeeded.into())
}
