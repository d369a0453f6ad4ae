//! The calls: one file per kind of thing, one thin handler per call.

mod extract;
mod health;
mod holds;
mod mailboxes;
mod pages;
mod problem;
mod slots;

pub(crate) use problem::{Code, Problem};

use self::extract::Params;
use crate::limits::{HEADERS_MAX, TARGET_MAX, TTL_SECONDS_MAX};
use crate::relay::Relay;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use std::time::Instant;

/// Under which holds a message waits.
const HOLD: HeaderName = HeaderName::from_static("recovery-hold");
/// Which making of the store answers.
const EPOCH: HeaderName = HeaderName::from_static("recovery-epoch");

/// All calls of a relay.
pub fn app(relay: Relay) -> Router {
    let mailbox = put(mailboxes::open).delete(mailboxes::close);
    let messages = get(mailboxes::read).post(mailboxes::post);
    let slot = get(slots::get).put(slots::put).delete(slots::delete);
    Router::new()
        .route("/v1/mailboxes/{id}", mailbox)
        .route("/v1/mailboxes/{id}/messages", messages)
        .route(
            "/v1/mailboxes/{id}/messages/{seq}",
            delete(mailboxes::delete),
        )
        .route("/v1/slots/{id}", slot)
        .route("/v1/holds/{id}/veto", post(holds::veto))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/i", get(pages::invitation))
        .route("/r", get(pages::request))
        .fallback(async || Problem::from(Code::NoSuchPath))
        .method_not_allowed_fallback(other_method)
        // Each call that takes a body has a limit of its own.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(relay.clone(), frame))
        .with_state(relay)
}

/// What holds for every call: limits on the head, fields of the answer, one line in the log.
async fn frame(State(relay): State<Relay>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    // The path's pattern: a path itself holds ids, which no log may.
    let call = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match refuse_head(&request) {
        Some(code) => Problem::from(code).into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(EPOCH, relay.epoch_header());
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    tracing::debug!(
        %method,
        call = call.as_ref().map_or("-", MatchedPath::as_str),
        status = response.status().as_u16(),
        micros = begun.elapsed().as_micros(),
    );
    response
}

/// Why a request's head is not taken.
fn refuse_head(request: &Request) -> Option<Code> {
    let target = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    let size = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    let headers: &HeaderMap = request.headers();
    if target > TARGET_MAX {
        return Some(Code::TargetTooLong);
    }
    (headers.iter().map(size).sum::<usize>() > HEADERS_MAX).then_some(Code::HeadersTooLarge)
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
