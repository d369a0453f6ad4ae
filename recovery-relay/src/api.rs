//! The calls: one file per kind of thing, one thin handler per call.

mod cors;
mod described;
mod extract;
mod frame;
mod health;
mod holds;
mod mailboxes;
mod page;
mod pages;
mod passes;
mod problem;
mod slots;
mod subscriptions;

pub(crate) use problem::{Code, Problem};

use self::described::Description;
use self::extract::Params;
use self::frame::FrameLayer;
use crate::limits::TTL_SECONDS_MAX;
use crate::relay::Relay;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Under which holds a message waits.
const HOLD: HeaderName = HeaderName::from_static("recovery-hold");

/// All calls of a relay.
pub fn app(relay: Relay) -> Router {
    let (calls, described) = calls().split_for_parts();
    let described = described.to_pretty_json().unwrap_or_default();
    let json = [(CONTENT_TYPE, "application/json")];
    calls
        .route("/v1/openapi.json", get(async move || (json, described)))
        .route("/s/{token}", get(subscriptions::page).post(subscriptions::press))
        .merge(if relay.serves_page() { page::routes() } else { pages::routes() })
        .fallback(async || Problem::from(Code::NoSuchPath))
        .method_not_allowed_fallback(other_method)
        .layer(FrameLayer::new(&relay))
        .with_state(relay)
}

/// The calls for programs, each with its description.
fn calls() -> OpenApiRouter<Relay> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(mailboxes::open, mailboxes::close))
        .routes(routes!(mailboxes::read, mailboxes::post))
        .routes(routes!(mailboxes::delete))
        .routes(routes!(slots::get, slots::put, slots::delete))
        .routes(routes!(holds::veto))
        .routes(routes!(passes::guest))
        .routes(routes!(subscriptions::subscribe, subscriptions::list))
        .routes(routes!(subscriptions::unsubscribe))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
}

/// The description of the calls: OpenAPI 3.1, as JSON.
#[must_use]
pub fn description() -> String {
    calls().split_for_parts().1.to_pretty_json().unwrap_or_default()
}

/// `OPTIONS` is told what there is; everything else that does not fit is refused. The router adds `Allow`.
async fn other_method(method: Method, uri: Uri) -> Response {
    match method {
        Method::OPTIONS if cors::is_for_all(&uri) => cors::preflight(),
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => Problem::from(Code::MethodNotAllowed).into_response(),
    }
}

/// The `ttl` of a query, in milliseconds.
fn ttl_millis(params: &Params<'_>) -> Result<Option<i64>, Problem> {
    let seconds = params.number("ttl", 1..=TTL_SECONDS_MAX)?;
    Ok(seconds.map(|seconds| seconds.cast_signed().saturating_mul(1_000)))
}
