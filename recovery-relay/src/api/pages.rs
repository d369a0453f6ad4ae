//! What a browser shows at the address of a link: a page without script that says what the link is.
//!
//! What follows `#` in a link never reaches the relay, so the page is the same for all.

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};
use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = include_str!("pages/style.css");
const INVITATION: &str = include_str!("pages/invitation.html");
const REQUEST: &str = include_str!("pages/request.html");

/// Nothing is loaded, run, framed or sent; the one style is named by its hash.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = Base64::encode_string(&Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
});

/// `GET /i`
pub(super) async fn invitation() -> Response {
    page(INVITATION)
}

/// `GET /r`
pub(super) async fn request() -> Response {
    page(REQUEST)
}

fn page(text: &str) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, text.replace("{style}", STYLE)).into_response()
}
