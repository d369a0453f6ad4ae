//! What a browser shows at the address of a link where the relay does not serve the page: a page without script that says
//! what the link is.
//!
//! What follows `#` in a link never reaches the relay, so the page is the same for all.

use axum::Router;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = include_str!("pages/style.css");
const FRAME: &str = include_str!("pages/frame.html");

/// A page: its title, and what it says.
struct Page(&'static str, &'static str);

const INVITATION: Page =
    Page("An invitation to be a recovery contact", include_str!("pages/invitation.html"));
const REQUEST: Page = Page("A request to help recover a key", include_str!("pages/request.html"));
const NOTICES: Page = Page("Hear when something is waiting", include_str!("pages/notices.html"));
const NOTICES_ON: Page =
    Page("You will hear when something is waiting", include_str!("pages/notices_on.html"));
const NOTICES_OFF: Page =
    Page("You will hear no more of it", include_str!("pages/notices_off.html"));

/// Nothing is loaded, run, framed or sent; the one style is named by its hash.
static POLICY: LazyLock<String> = LazyLock::new(|| policy("'none'"));
/// A page with buttons that go to where it came from.
static POLICY_OF_BUTTONS: LazyLock<String> = LazyLock::new(|| policy("'self'"));

fn policy(form_action: &str) -> String {
    let hash = Base64::encode_string(&Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action {form_action}; \
         frame-ancestors 'none'"
    )
}

/// `GET /i` and `GET /r`
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/i", get(async || page(INVITATION, &POLICY)))
        .route("/r", get(async || page(REQUEST, &POLICY)))
}

/// `GET /s/{token}`
pub(super) fn notices() -> Response {
    page(NOTICES, &POLICY_OF_BUTTONS)
}

/// After the button that says yes.
pub(super) fn notices_on() -> Response {
    page(NOTICES_ON, &POLICY)
}

/// After the button that says no.
pub(super) fn notices_off() -> Response {
    page(NOTICES_OFF, &POLICY)
}

fn page(Page(title, main): Page, policy: &str) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, "no-referrer"),
    ];
    let text = FRAME.replace("{title}", title).replace("{style}", STYLE).replace("{main}", main);
    (headers, text).into_response()
}
