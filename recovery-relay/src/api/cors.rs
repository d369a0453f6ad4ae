//! Which pages may read this relay's answers: all of them.
//!
//! A link may name relays beside the one that serves the page, and the page may be a file. It is sound to let pages of
//! any origin call: nothing here goes by who a browser is. There are no cookies and no addresses that count; a call is
//! allowed by a token or an id that the caller has to know, and any program could make it.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// What a page may send; `recovery-pass` is for relays that are closed.
const SENT: &str =
    "authorization, content-type, if-match, if-none-match, recovery-hold, recovery-pass";
/// What a page may read beside what it may always.
const READ: &str = "recovery-epoch, etag, retry-after";

/// Whether a call is one of the interface, rather than a page.
pub(super) fn is_for_all(uri: &Uri) -> bool {
    uri.path().starts_with("/v1/")
}

/// Lets a page of any origin read the answer.
pub(super) fn let_read(headers: &mut HeaderMap) {
    insert(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    insert(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, READ);
}

/// What a browser asks before it sends a token. The frame says to whom it holds.
pub(super) fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    insert(headers, header::ACCESS_CONTROL_ALLOW_METHODS, "GET, PUT, POST, DELETE");
    insert(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, SENT);
    insert(headers, header::ACCESS_CONTROL_MAX_AGE, "86400");
    response
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}
