//! The page for friends who have no terminal: the files of `web-dist`, embedded.
//!
//! They are built from `recovery-web` and checked in, so that this crate needs no other tool. Everything happens in the
//! browser; the relay gives out the same octets to everybody, and what follows `#` in a link never reaches it.

use axum::Router;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

/// What a browser lets the page do: run this module and these files, talk to relays, and nothing else. A link may name
/// relays of any address, so `connect-src` can't be narrower.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    img-src 'self' blob:; connect-src 'self' https: http://127.0.0.1:* http://localhost:* http://*.onion; \
    worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types sw";
/// The page that is one file brings its own policy, with its hashes; only this can't stand in it.
const FRAMES: &str = "frame-ancestors 'none'";
/// The camera for codes; nothing else of the machine.
const PERMISSIONS: &str = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()";

/// One file.
struct File {
    path: &'static str,
    kind: &'static str,
    plain: &'static [u8],
    brotli: &'static [u8],
}

macro_rules! files {
    ($($path:literal = $name:literal: $kind:literal;)*) => {
        [$(File {
            path: $path,
            kind: $kind,
            plain: include_bytes!(concat!("../../web-dist/", $name)),
            brotli: include_bytes!(concat!("../../web-dist/", $name, ".br")),
        }),*]
    };
}

static FILES: [File; 15] = files! {
    "/i" = "home.html": "text/html; charset=utf-8";
    "/r" = "home.html": "text/html; charset=utf-8";
    "/home" = "home.html": "text/html; charset=utf-8";
    "/page.html" = "page.html": "text/html; charset=utf-8";
    "/page.html.sha256" = "page.html.sha256": "text/plain; charset=utf-8";
    "/sw.js" = "sw.js": "text/javascript; charset=utf-8";
    "/page/app.js" = "app.js": "text/javascript; charset=utf-8";
    "/page/chunk.js" = "chunk.js": "text/javascript; charset=utf-8";
    "/page/later.js" = "later.js": "text/javascript; charset=utf-8";
    "/page/en.js" = "en.js": "text/javascript; charset=utf-8";
    "/page/de.js" = "de.js": "text/javascript; charset=utf-8";
    "/page/qr.js" = "qr.js": "text/javascript; charset=utf-8";
    "/page/app.css" = "app.css": "text/css; charset=utf-8";
    "/page/icon.svg" = "icon.svg": "image/svg+xml";
    "/page/core.wasm" = "core.wasm": "application/wasm";
};

/// The page's routes.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.iter().fold(Router::new(), |router, file| {
        let tag = tag(file.plain);
        router.route(file.path, get(async move |headers: HeaderMap| answer(file, &tag, &headers)))
    })
}

/// Names the content, so that a browser asks whether it still has the right one.
fn tag(octets: &[u8]) -> String {
    format!("\"{}\"", Base64UrlUnpadded::encode_string(&Sha256::digest(octets)))
}

fn answer(file: &'static File, tag: &str, asked: &HeaderMap) -> Response {
    let names = |name: &HeaderName, what: &str| {
        let values = asked.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|part| {
            part.split(';').next().is_some_and(|part| part.trim().trim_start_matches("W/") == what)
        })
    };
    let brotli = names(&ACCEPT_ENCODING, "br");
    let policy = if file.path == "/page.html" { FRAMES } else { POLICY };
    let mut response = match names(&IF_NONE_MATCH, tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false if brotli => ([(CONTENT_ENCODING, "br")], file.brotli).into_response(),
        false => file.plain.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, file.kind),
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
        (VARY, "Accept-Encoding"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(ETAG, tag);
    }
    response
}
