//! What keeps strangers from harm: rates, encryption, and answers that tell nothing. And the figures about it.

use super::bad_input::{furnished, status, talk};
use super::*;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use recovery_relay::Running;
use recovery_relay::config::{StartError, TlsFiles};
use recovery_relay::ratelimit::Rate;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

fn config() -> Config {
    Config::on_free_port(StorePlace::Memory)
}

async fn start(config: Config) -> (Running, String) {
    let running = Relay::start(config).await.unwrap();
    let address = running.url().split_once("://").unwrap().1.to_owned();
    (running, address)
}

/// Calls whose connection ends with the answer.
async fn ask(address: &str, call: &str, fields: &[&str]) -> String {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let request = format!("{call} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n");
    talk(address, request.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_call_has_its_rate() {
    let mut config = config();
    for (rate, a_minute) in
        [(&mut config.rates.open, 2), (&mut config.rates.post, 3), (&mut config.rates.read, 4)]
    {
        *rate = Rate { a_minute, on_loopback: true };
    }
    let (running, address) = start(config).await;
    let mailbox = furnished(&address).await;
    let auth = mailbox.auth[0].as_str();
    let (put, get) = (format!("PUT {}", mailbox.path), mailbox.get(""));
    for (call, fields, allowed) in [
        (&put, &[auth][..], 1),
        (&mailbox.post(), &["Content-Length: 0"], 3),
        (&get, &[auth, "X-Forwarded-For: 192.0.2.1"], 4),
    ] {
        for _ in 0..allowed {
            assert_eq!(status(&ask(&address, call, fields).await).get(..2), Some("20"), "{call}");
        }
        let answer = ask(&address, call, fields).await;
        assert_eq!(status(&answer), "429", "{answer}");
        let retry = answer.lines().find_map(|line| line.strip_prefix("retry-after: "));
        assert!((1..=31).contains(&retry.unwrap().parse().unwrap()), "{answer}");
        assert!(answer.contains("too-many-calls"));
    }
    assert_eq!(status(&ask(&address, &get, &["X-Forwarded-For: 192.0.2.2"]).await), "429");
    assert_eq!(status(&ask(&address, "GET /healthz", &[]).await), "200", "health is not counted");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_trusted_proxy_each_client_counts_for_itself() {
    let mut config = config();
    config.rates.read = Rate { a_minute: 1, on_loopback: false };
    config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let (running, address) = start(config).await;
    let (path, _) = slot(1);
    let get = format!("GET {path}");
    for (client, expected) in [
        ("192.0.2.1", "404"),
        ("192.0.2.1", "429"),
        ("192.0.2.2", "404"),
        ("2001:db8::1", "404"),
        ("2001:db8::2", "429"),
    ] {
        let answer = ask(&address, &get, &[&format!("X-Forwarded-For: {client}")]).await;
        assert_eq!(status(&answer), expected, "{client}");
    }
    assert_eq!(status(&ask(&address, &get, &[]).await), "404", "the proxy itself is on loopback");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_mailbox_is_like_a_closed_one() {
    let (running, address) = start(config()).await;
    let closed = furnished(&address).await;
    let auth = closed.auth[0].as_str();
    assert_eq!(status(&ask(&address, &format!("DELETE {}", closed.path), &[auth]).await), "204");
    let unknown = Mailbox::new(2);
    let (of_closed, of_unknown) = ([auth], [unknown.auth[0].as_str()]);
    let ways = [
        (closed.post(), unknown.post(), [&["Content-Length: 0"][..]; 2]),
        (closed.get(""), unknown.get(""), [&of_closed[..], &of_unknown]),
        (closed.get(""), unknown.get(""), [&[][..]; 2]),
    ];
    for (first, second, [first_fields, second_fields]) in ways {
        let (mut times, mut answers) = ([Vec::new(), Vec::new()], [String::new(), String::new()]);
        for _ in 0..40 {
            for (n, (call, fields)) in
                [(&first, first_fields), (&second, second_fields)].into_iter().enumerate()
            {
                let begun = Instant::now();
                answers[n] = without_request_id(&ask(&address, call, fields).await);
                times[n].push(begun.elapsed());
            }
        }
        assert_eq!(answers[0], answers[1]);
        let [a, b] = times.map(|mut times| {
            times.sort();
            times[times.len() / 2]
        });
        println!("{}: closed {a:?}, unknown {b:?}", status(&answers[0]));
    }
    running.stop().await.unwrap();
}

/// Every answer has another number, and perhaps another second.
fn without_request_id(answer: &str) -> String {
    let same = |line: &&str| !line.starts_with("x-request-id: ") && !line.starts_with("date: ");
    answer.lines().filter(same).collect::<Vec<_>>().join("\n")
}

/// A certificate for localhost in two files.
struct Certificate {
    folder: TempDir,
    der: CertificateDer<'static>,
}

impl Certificate {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let der = Self::write(&folder);
        Self { folder, der }
    }

    fn write(folder: &TempDir) -> CertificateDer<'static> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
        std::fs::write(folder.path().join("cert.pem"), cert.pem()).unwrap();
        cert.der().clone()
    }

    fn files(&self) -> TlsFiles {
        let file = |name| self.folder.path().join(name);
        TlsFiles { cert: file("cert.pem"), key: file("key.pem") }
    }

    /// Connects as one who trusts this certificate only.
    async fn connect(&self, address: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(client)).connect(name, stream).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_certificate_it_encrypts_and_takes_a_new_one() {
    let mut certificate = Certificate::new();
    let mut config = config();
    config.tls = Some(certificate.files());
    config.limits.head = Duration::from_millis(600);
    let (running, address) = start(config).await;
    assert!(running.url().starts_with("https://"));
    let mut stream = certificate.connect(&address).await.unwrap();
    let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(format!("{group:?}"), "X25519MLKEM768");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(status(&answer), "200");
    // Plain HTTP gets no answer; who does not begin is cut off.
    assert!(!talk(&address, b"GET /healthz HTTP/1.1\r\n\r\n").await.contains("HTTP/1.1"));
    let begun = Instant::now();
    assert_eq!(talk(&address, b"").await, "");
    assert!(begun.elapsed() < Duration::from_millis(1_900), "the relay ended it");
    // A half-written file changes nothing; a whole one is taken without a new start.
    let old = certificate.der.clone();
    std::fs::write(certificate.folder.path().join("cert.pem"), "-----BEGIN").unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(certificate.connect(&address).await.is_ok(), "the old one is in use");
    certificate.der = Certificate::write(&certificate.folder);
    assert_ne!(certificate.der, old);
    let begun = Instant::now();
    while certificate.connect(&address).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the new certificate is not in use");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    running.stop().await.unwrap();
}

#[tokio::test]
async fn files_that_are_no_certificate_are_named() {
    let certificate = Certificate::new();
    let other = Certificate::new();
    let mixed = TlsFiles { cert: certificate.files().cert, key: other.files().key };
    let missing = TlsFiles { cert: "missing.pem".into(), key: certificate.files().key };
    let swapped = TlsFiles { cert: certificate.files().key, key: certificate.files().cert };
    for files in [mixed, missing, swapped] {
        let mut config = config();
        config.tls = Some(files);
        let Err(StartError::File { path, .. }) = Relay::start(config).await else {
            panic!("it started");
        };
        assert!(path.extension().is_some_and(|extension| extension == "pem"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_served_apart_and_name_nobody() {
    let mut config = config();
    config.metrics_listen = Some("127.0.0.1:0".parse().unwrap());
    config.rates.read = Rate { a_minute: 1, on_loopback: true };
    let (running, address) = start(config).await;
    let figures_at = running.metrics_address().unwrap().to_string();
    let mailbox = furnished(&address).await;
    for _ in 0..3 {
        assert_eq!(
            status(&ask(&address, &mailbox.post(), &["Content-Length: 0"]).await).get(..2),
            Some("20")
        );
        ask(&address, &mailbox.get(""), &[&mailbox.auth[0]]).await;
    }
    let page = ask(&figures_at, "GET /metrics", &[]).await;
    assert_eq!(status(&page), "200");
    for line in [
        "recovery_relay_answers_total{call=\"open-mailbox\",status=\"201\"} 1",
        "recovery_relay_answers_total{call=\"post\",status=\"201\"} 1",
        "recovery_relay_answers_total{call=\"post\",status=\"200\"} 2",
        "recovery_relay_answers_total{call=\"read\",status=\"429\"} 2",
        "recovery_relay_limited_total 2",
        "recovery_relay_answer_seconds_count{call=\"post\"} 3",
        "# EOF",
    ] {
        assert!(page.lines().any(|shown| shown == line), "{line}: {page}");
    }
    assert!(!page.contains(&mailbox.id[..7]) && !page.contains("127.0.0.1"), "{page}");
    assert_eq!(status(&ask(&address, "GET /metrics", &[]).await), "404", "not for everybody");
    running.stop().await.unwrap();
}
