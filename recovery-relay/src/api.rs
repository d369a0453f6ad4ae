//! The calls: one file per kind of thing, one thin handler per call.

mod extract;
mod frame;
mod health;
mod holds;
mod mailboxes;
mod pages;
mod problem;
mod slots;

pub(crate) use problem::{Code, Problem};

use self::extract::Params;
use self::frame::FrameLayer;
use crate::limits::TTL_SECONDS_MAX;
use crate::relay::Relay;
use axum::Router;
use axum::http::{HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};

/// Under which holds a message waits.
const HOLD: HeaderName = HeaderName::from_static("recovery-hold");

/// All calls of a relay.
pub fn app(relay: Relay) -> Router {
    let mailbox = put(mailboxes::open).delete(mailboxes::close);
    let messages = get(mailboxes::read).post(mailboxes::post);
    let slot = get(slots::get).put(slots::put).delete(slots::delete);
    Router::new()
        .route("/v1/mailboxes/{id}", mailbox)
        .route("/v1/mailboxes/{id}/messages", messages)
        .route("/v1/mailboxes/{id}/messages/{seq}", delete(mailboxes::delete))
        .route("/v1/slots/{id}", slot)
        .route("/v1/holds/{id}/veto", post(holds::veto))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/i", get(pages::invitation))
        .route("/r", get(pages::request))
        .fallback(async || Problem::from(Code::NoSuchPath))
        .method_not_allowed_fallback(other_method)
        .layer(FrameLayer::new(&relay))
        .with_state(relay)
}

/// `OPTIONS` is told what there is; everything else that does not fit is refused. The router adds `Allow`.
async fn other_method(method: Method) -> Response {
    match method {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => Problem::from(Code::MethodNotAllowed).into_response(),
    }
}

/// The `ttl` of a query, in milliseconds.
fn ttl_millis(params: &Params<'_>) -> Result<Option<i64>, Problem> {
    let seconds = params.number("ttl", 1..=TTL_SECONDS_MAX)?;
    Ok(seconds.map(|seconds| seconds.cast_signed().saturating_mul(1_000)))
}
