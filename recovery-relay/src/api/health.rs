//! Health: whether the process answers, and whether it can do its work.

use super::described::Problems;
use super::problem::{Code, Problem};
use crate::relay::Relay;
use axum::extract::State;

/// `GET /healthz`: 200 as long as the relay answers and its store has not failed.
#[utoipa::path(
    get, path = "/healthz", tag = "health",
    responses((status = 200, description = "It lives", content_type = "text/plain", body = String), Problems)
)]
pub(super) async fn alive(State(relay): State<Relay>) -> Result<&'static str, Problem> {
    match relay.failure() {
        None => Ok("ok\n"),
        Some(_) => Err(Code::StoreFailed.into()),
    }
}

/// `GET /readyz`: 200 if the relay takes writes.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses((status = 200, description = "It takes writes", content_type = "text/plain", body = String), Problems)
)]
pub(super) async fn ready(State(relay): State<Relay>) -> Result<&'static str, Problem> {
    relay.ready().await?;
    Ok("ready\n")
}
