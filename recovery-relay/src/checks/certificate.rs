//! The relay's certificate: until when it is valid, for which names, and whether the key is its own.

use super::Finding;
use crate::clock::{SystemTimeSource, TimeSource, UnixMillis};
use crate::config::{Config, TlsFiles};
use crate::server::tls;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use std::net::IpAddr;
use x509_cert::Certificate;
use x509_cert::der::{DateTime, Decode};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

const DAY_MILLIS: i64 = 86_400_000;
/// Under so many days it is time to renew.
const SOON_DAYS: i64 = 14;
/// Most names that are said.
const NAMES_MAX: usize = 8;

/// A finding and what it is about.
type Found = (&'static str, Finding);

/// What clients will make of the certificate; nothing if the relay has none.
///
/// Names of a certificate are shown: whoever connects sees them, and so does everybody where certificates are listed.
#[must_use]
pub fn certificate(config: &Config) -> Vec<Found> {
    let Some(files) = &config.tls else { return Vec::new() };
    look(files, config.public_url.as_deref(), UnixMillis(SystemTimeSource.wall()))
}

fn look(files: &TlsFiles, public_url: Option<&str>, now: UnixMillis) -> Vec<Found> {
    // The errors would name the files.
    let Ok(chain) = tls::chain(files) else {
        return vec![("certificate", Finding::Bad("its file can't be read as PEM".into()))];
    };
    let Some(leaf) = chain.first() else {
        return vec![("certificate", Finding::Bad("its file holds none".into()))];
    };
    let Ok(read) = Certificate::from_der(leaf) else {
        return vec![("certificate", Finding::Odd("its dates and names can't be read".into()))];
    };
    vec![
        ("certificate", validity(&read, now)),
        ("names", names(&read, leaf, public_url)),
        ("key", key(files, chain)),
    ]
}

/// Until when it is valid.
fn validity(read: &Certificate, now: UnixMillis) -> Finding {
    let validity = &read.tbs_certificate.validity;
    let (from, until) = (validity.not_before.to_date_time(), validity.not_after.to_date_time());
    if now.0 < millis(&from) {
        return Finding::Bad(format!("it is valid only from {}; is the clock right?", day(&from)));
    }
    // It is valid to the end of its last second.
    let left = millis(&until).saturating_add(1_000).saturating_sub(now.0);
    if left <= 0 {
        return Finding::Bad(format!("it ended on {}; clients refuse it", day(&until)));
    }
    let text = |days: i64| format!("valid until {}, {days} days from now", day(&until));
    match left / DAY_MILLIS {
        days if days < SOON_DAYS => Finding::Odd(format!("{}: renew it", text(days))),
        days => Finding::Good(text(days)),
    }
}

fn millis(time: &DateTime) -> i64 {
    i64::try_from(time.unix_duration().as_millis()).unwrap_or(i64::MAX)
}

/// As `2026-01-31`, in UTC.
fn day(time: &DateTime) -> String {
    format!("{:04}-{:02}-{:02}", time.year(), time.month(), time.day())
}

/// For which names it is, and whether that of the relay's address is one of them.
fn names(read: &Certificate, leaf: &CertificateDer<'_>, public_url: Option<&str>) -> Finding {
    let all = match read.tbs_certificate.get::<SubjectAltName>() {
        Ok(Some((_, names))) => names.0.iter().filter_map(name).collect(),
        _ => Vec::new(),
    };
    if all.is_empty() {
        return Finding::Bad("it is for none; clients refuse it".into());
    }
    let mut text = all.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > NAMES_MAX {
        text.push_str(&format!(" and {} more", all.len() - NAMES_MAX));
    }
    match public_url.map(|url| is_for(leaf, url)) {
        Some(false) => Finding::Bad(format!("{text}; that of `public_url` is not among them")),
        _ => Finding::Good(text),
    }
}

/// A name that clients look at, fit to be shown.
fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => {
            let fit = |c: char| if c.is_ascii_graphic() { c } else { '?' };
            Some(name.as_str().chars().take(255).map(fit).collect())
        }
        GeneralName::IpAddress(octets) => {
            let octets = octets.as_bytes();
            let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
            let address = four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

/// Whether a client that calls the relay by this address takes the certificate as the relay's.
fn is_for(leaf: &CertificateDer<'_>, url: &str) -> bool {
    let host = |uri: axum::http::Uri| uri.host().map(str::to_owned);
    let Some(host) = url.parse().ok().and_then(host) else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let (Ok(name), Ok(leaf)) = (ServerName::try_from(host), ParsedCertificate::try_from(leaf))
    else {
        return false;
    };
    rustls::client::verify_server_name(&leaf, &name).is_ok()
}

/// Whether the key is the certificate's.
fn key(files: &TlsFiles, chain: Vec<CertificateDer<'static>>) -> Finding {
    let fits = |key: PrivateKeyDer<'static>| {
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
    };
    match tls::key(files).map(fits) {
        Err(_) => Finding::Bad("its file can't be read as PEM".into()),
        Ok(Ok(_)) => Finding::Good("it fits the certificate".into()),
        Ok(Err(rustls::Error::InconsistentKeys(_))) => {
            Finding::Bad("it is the key of another certificate".into())
        }
        Ok(Err(_)) => Finding::Bad("it is of no kind that this relay can use".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Finding, Found, TlsFiles, UnixMillis, look};
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use std::fs;
    use std::path::Path;
    use tempfile::TempDir;

    /// 2026-03-01.
    const FROM: i64 = 1_772_323_200_000;
    const DAY: i64 = super::DAY_MILLIS;

    /// A certificate for these names, valid from 2026-03-01 to 2026-05-30, in two files.
    fn files(at: &Path, names: &[&str]) -> TlsFiles {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2026, 3, 1);
        params.not_after = date_time_ymd(2026, 5, 30);
        let key = KeyPair::generate().unwrap();
        let files = TlsFiles { cert: at.join("cert.pem"), key: at.join("key.pem") };
        fs::write(&files.cert, params.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }

    fn of<'a>(found: &'a [Found], what: &str) -> &'a Finding {
        &found.iter().find(|(name, _)| *name == what).unwrap().1
    }

    #[test]
    fn a_certificate_is_good_until_it_has_to_be_renewed() {
        let home = TempDir::new().unwrap();
        let files = files(home.path(), &["relay.example.org"]);
        let good = |days| Finding::Good(format!("valid until 2026-05-30, {days} days from now"));
        let soon =
            |days| Finding::Odd(format!("valid until 2026-05-30, {days} days from now: renew it"));
        let early = "it is valid only from 2026-03-01; is the clock right?";
        let over = "it ended on 2026-05-30; clients refuse it";
        for (at, expected) in [
            (FROM - 1, Finding::Bad(early.into())),
            (FROM, good(90)),
            (FROM + 76 * DAY, good(14)),
            (FROM + 76 * DAY + 1_000, good(14)),
            (FROM + 76 * DAY + 1_001, soon(13)),
            (FROM + 90 * DAY + 999, soon(0)),
            (FROM + 90 * DAY + 1_000, Finding::Bad(over.into())),
        ] {
            assert_eq!(of(&look(&files, None, UnixMillis(at)), "certificate"), &expected, "{at}");
        }
    }

    #[test]
    fn its_names_are_told_and_compared_with_the_relays_own() {
        let home = TempDir::new().unwrap();
        let look = |names: &[&str], url: &str| {
            let url = Some(url).filter(|url| !url.is_empty());
            of(&look(&files(home.path(), names), url, UnixMillis(FROM)), "names").clone()
        };
        let two = ["relay.example.org", "*.example.net"];
        let good = Finding::Good("relay.example.org, *.example.net".into());
        for url in [
            "",
            "https://relay.example.org",
            "https://relay.example.org:8443",
            "https://x.example.net",
        ] {
            assert_eq!(look(&two, url), good, "{url}");
        }
        for url in ["https://example.org", "https://a.b.example.net", "https://192.0.2.1"] {
            assert!(matches!(look(&two, url), Finding::Bad(text) if text.contains("not among")));
        }
        let numbers = ["192.0.2.1", "2001:db8::1"];
        let good = Finding::Good("192.0.2.1, 2001:db8::1".into());
        for url in ["https://192.0.2.1", "https://[2001:db8::1]:8443"] {
            assert_eq!(look(&numbers, url), good, "{url}");
        }
        assert!(matches!(look(&[], ""), Finding::Bad(text) if text.contains("for none")));
        let many: Vec<String> = (0..20).map(|n| format!("r{n}.example.org")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(matches!(look(&many, ""), Finding::Good(text) if text.ends_with(" and 12 more")));
    }

    #[test]
    fn a_key_has_to_be_the_certificates() {
        let (home, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let good = files(home.path(), &["localhost"]);
        let key = |key| {
            let files = TlsFiles { key, ..good.clone() };
            of(&look(&files, None, UnixMillis(FROM)), "key").clone()
        };
        assert_eq!(key(good.key.clone()), Finding::Good("it fits the certificate".into()));
        let other = files(other.path(), &["localhost"]);
        let is_bad = |found, part| matches!(found, Finding::Bad(text) if text.contains(part));
        assert!(is_bad(key(other.key), "of another certificate"));
        assert!(is_bad(key(good.cert.clone()), "as PEM"));
        assert!(is_bad(key("missing.pem".into()), "as PEM"));
    }

    #[test]
    fn what_is_no_certificate_is_told() {
        let home = TempDir::new().unwrap();
        let good = files(home.path(), &["localhost"]);
        let pem = |octets: &str| {
            format!("-----BEGIN CERTIFICATE-----\n{octets}\n-----END CERTIFICATE-----\n")
        };
        for (text, part) in [
            (pem("MAA="), "can't be read"),
            (pem("!"), "as PEM"),
            (String::new(), "holds none"),
            (fs::read_to_string(&good.key).unwrap(), "holds none"),
        ] {
            fs::write(&good.cert, &text).unwrap();
            let found = look(&good, None, UnixMillis(FROM));
            let (Finding::Bad(told) | Finding::Odd(told)) = of(&found, "certificate") else {
                panic!("{text}");
            };
            assert!(told.contains(part) && found.len() == 1, "{text}: {told}");
        }
    }
}
