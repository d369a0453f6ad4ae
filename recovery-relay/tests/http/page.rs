//! The page for friends, as the relay serves it, and calls from pages of other origins.

use crate::{NONE, Reply, World, slot};
use sha2::{Digest, Sha256};

const PAGES: [&str; 3] = ["/i", "/r", "/home"];
const PARTS: [&str; 10] = [
    "/sw.js",
    "/page/app.js",
    "/page/chunk.js",
    "/page/later.js",
    "/page/en.js",
    "/page/de.js",
    "/page/qr.js",
    "/page/app.css",
    "/page/icon.svg",
    "/page/core.wasm",
];

fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_page_may_run_itself_and_nothing_else() {
    let world = World::new().await;
    for path in PAGES {
        let page = world.call(&format!("GET {path}?fbclid=1"), NONE, "").await;
        assert_eq!(page.status, 200);
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&page, "referrer-policy"), "no-referrer");
        let policy = header(&page, "content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self' 'wasm-unsafe-eval';",
            "style-src 'self';",
            "frame-ancestors 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(part), "{path} lacks {part}");
        }
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"));
        let text = String::from_utf8(page.body).unwrap();
        assert!(text.contains("<noscript>") && !text.contains("<style"), "{path}");
        assert_eq!(text.matches("<script").count(), 1, "{path} has a script of its own");
        assert!(!text.contains("http:") && !text.contains("https:"), "{path} loads from elsewhere");
    }
}

#[tokio::test]
async fn every_part_is_there_once_and_again() {
    let world = World::new().await;
    for path in PAGES.into_iter().chain(PARTS).chain(["/page.html", "/page.html.sha256"]) {
        let call = format!("GET {path}");
        let plain = world.call(&call, NONE, "").await;
        assert_eq!(plain.status, 200, "{path}");
        assert_eq!(header(&plain, "cache-control"), "no-cache");
        assert_eq!(header(&plain, "vary"), "Accept-Encoding");
        let brotli = world.call(&call, &["Accept-Encoding: gzip, br;q=1".into()], "").await;
        assert_eq!(header(&brotli, "content-encoding"), "br", "{path}");
        assert_eq!(header(&brotli, "etag"), header(&plain, "etag"));
        let known = format!("If-None-Match: {}", header(&plain, "etag"));
        let again = world.call(&call, &[known], "").await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{path}");
        assert_eq!(world.call(&format!("HEAD {path}"), NONE, "").await.status, 200);
    }
    assert_eq!(world.call("GET /page/nothing.js", NONE, "").await.status, 404);
}

#[tokio::test]
async fn the_file_is_the_one_whose_hash_is_published() {
    let world = World::new().await;
    let file = world.call("GET /page.html", NONE, "").await;
    let hash: String =
        Sha256::digest(&file.body).iter().map(|octet| format!("{octet:02x}")).collect();
    let published = world.call("GET /page.html.sha256", NONE, "").await;
    assert_eq!(String::from_utf8(published.body).unwrap(), format!("{hash}  page.html\n"));
    assert_eq!(header(&file, "content-security-policy"), "frame-ancestors 'none'");
    let text = String::from_utf8(file.body).unwrap();
    assert!(text.contains("http-equiv=\"Content-Security-Policy\""));
    assert!(!text.contains("src=\"") && !text.contains("<link"), "it loads something");
}

#[tokio::test]
async fn pages_of_other_origins_may_call() {
    let world = World::new().await;
    let (slot, _) = slot(1);
    let origin = ["Origin: null".to_owned()];
    let asked = world.call(&format!("OPTIONS {slot}"), &origin, "").await;
    assert_eq!(asked.status, 204);
    assert_eq!(header(&asked, "access-control-allow-origin"), "*");
    for method in ["GET", "PUT", "POST", "DELETE"] {
        assert!(header(&asked, "access-control-allow-methods").contains(method));
    }
    for field in ["authorization", "if-match", "if-none-match", "recovery-hold", "recovery-pass"] {
        assert!(header(&asked, "access-control-allow-headers").contains(field), "{field}");
    }
    assert!(!asked.headers.contains_key("access-control-allow-credentials"));
    // A refusal too: the page has to be able to say why.
    let missing = world.call(&format!("GET {slot}"), &origin, "").await;
    assert_eq!(missing.status, 404);
    assert_eq!(header(&missing, "access-control-allow-origin"), "*");
    assert_eq!(
        header(&missing, "access-control-expose-headers"),
        "recovery-epoch, etag, retry-after"
    );
    for path in ["/healthz", "/i", "/page/app.js"] {
        let reply = world.call(&format!("GET {path}"), &origin, "").await;
        assert!(!reply.headers.contains_key("access-control-allow-origin"), "{path}");
    }
}
