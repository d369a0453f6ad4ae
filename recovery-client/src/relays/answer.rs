//! Answers of relays. Everything in them is untrusted: sizes first, then every field.

use super::{Etag, Message, Posted, error::plain};
use minicbor::Decoder;
use recovery_core::ids::PassToken;
use recovery_core::wire::limits::{HOLD_SECONDS_MAX, MESSAGE_MAX};
use reqwest::{Response, header::HeaderMap};
use serde_json::Value;

/// Longest JSON read: a problem or a receipt.
pub(super) const JSON_MAX: usize = 16_384;
/// Octets of a message in a list besides its body, at most.
const ENTRY_OVERHEAD: usize = 64;

/// Why an answer is none.
pub(super) enum BodyError {
    /// The connection broke, or it took too long.
    Broken(reqwest::Error),
    /// Longer than it may be.
    TooLong,
}

/// Reads a body of at most `max` octets; never holds more than that.
pub(super) async fn body(mut response: Response, max: usize) -> Result<Vec<u8>, BodyError> {
    if response.content_length().is_some_and(|length| length > max as u64) {
        return Err(BodyError::TooLong);
    }
    let mut octets = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        if chunk.len() > max - octets.len() {
            return Err(BodyError::TooLong);
        }
        octets.extend_from_slice(&chunk);
    }
    Ok(octets)
}

/// Longest list of `limit` messages.
pub(super) fn list_max(limit: usize) -> usize {
    ENTRY_OVERHEAD + limit.saturating_mul(MESSAGE_MAX + ENTRY_OVERHEAD)
}

/// `Recovery-Epoch`: 1 to 64 visible ASCII characters, once.
pub(super) fn epoch(headers: &HeaderMap) -> Option<String> {
    single(headers, "recovery-epoch").filter(|text| !text.is_empty() && text.len() <= 64)
}

/// The version of a slot.
pub(super) fn etag(headers: &HeaderMap) -> Option<Etag> {
    single(headers, "etag")?.parse().ok()
}

/// `Retry-After` in seconds; dates are not understood.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<u64> {
    single(headers, "retry-after")?.parse().ok()
}

/// A header that stands there once, of visible ASCII characters.
fn single(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let text = values.next()?.to_str().ok()?;
    (values.next().is_none() && text.bytes().all(|b| b.is_ascii_graphic())).then(|| text.to_owned())
}

/// What a relay says when it refuses (RFC 9457).
#[derive(Default)]
pub(super) struct Problem {
    pub(super) code: String,
    pub(super) detail: String,
    pub(super) hint: String,
    pub(super) seq: Option<u64>,
}

impl Problem {
    /// Reads what can be read; the rest stays empty.
    pub(super) fn parse(body: &[u8]) -> Self {
        let Ok(json) = serde_json::from_slice::<Value>(body) else {
            return Self::default();
        };
        let text = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_word =
            |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'_');
        let code = Some(text("code")).filter(|code| code.len() <= 64 && code.bytes().all(is_word));
        let detail =
            Some(text("detail")).filter(|text| !text.is_empty()).unwrap_or_else(|| text("title"));
        Self {
            code: code.unwrap_or_default().to_owned(),
            detail: plain(detail, 300),
            hint: plain(text("hint"), 300),
            seq: json.get("seq").and_then(Value::as_u64),
        }
    }
}

/// `{"seq":n}` or `{"release_at":seconds}`, not both.
pub(super) fn posted(body: &[u8]) -> Option<Posted> {
    let json = serde_json::from_slice::<Value>(body).ok()?;
    let number = |name: &str| json.get(name).and_then(Value::as_u64);
    match (number("seq"), number("release_at")) {
        (Some(seq @ 1..), None) => Some(Posted::Seq(seq)),
        (None, Some(release_at)) if release_at <= u64::MAX - HOLD_SECONDS_MAX => {
            Some(Posted::Held { release_at })
        }
        _ => None,
    }
}

/// `{"pass":"…"}`.
pub(super) fn pass(body: &[u8]) -> Option<PassToken> {
    let json = serde_json::from_slice::<Value>(body).ok()?;
    json.get("pass")?.as_str()?.parse().ok()
}

/// A CBOR array of maps with exactly the keys "seq", "posted_at" and "body", at most `limit` of them,
/// with rising numbers beyond `after`; nothing behind it.
pub(super) fn messages(
    octets: &[u8],
    after: u64,
    limit: usize,
) -> Result<Vec<Message>, &'static str> {
    let malformed = "its list of messages is malformed";
    let mut decoder = Decoder::new(octets);
    let count = decoder.array().ok().flatten().and_then(|count| usize::try_from(count).ok());
    let count =
        count.filter(|count| *count <= limit).ok_or("it lists more messages than asked for")?;
    let (mut messages, mut last) = (Vec::with_capacity(count), after);
    for _ in 0..count {
        let message = message(&mut decoder).ok_or(malformed)?;
        if message.seq <= last {
            return Err("its messages are out of order");
        }
        last = message.seq;
        messages.push(message);
    }
    if decoder.position() == octets.len() { Ok(messages) } else { Err(malformed) }
}

/// One message; `None` if anything is missing, doubled, unknown or too long.
fn message(decoder: &mut Decoder<'_>) -> Option<Message> {
    let (mut seq, mut posted_at, mut body) = (None, None, None);
    if decoder.map().ok()?? != 3 {
        return None;
    }
    for _ in 0..3 {
        let doubled = match decoder.str().ok()? {
            "seq" => seq.replace(decoder.u64().ok()?).is_some(),
            "posted_at" => posted_at.replace(decoder.u64().ok()?).is_some(),
            "body" => body.replace(decoder.bytes().ok()?).is_some(),
            _ => return None,
        };
        if doubled {
            return None;
        }
    }
    let body = body.filter(|body| body.len() <= MESSAGE_MAX)?.to_vec();
    Some(Message { seq: seq?, posted_at: posted_at?, body })
}

#[cfg(test)]
mod tests {
    use super::{Problem, epoch, etag, list_max, messages, pass, posted, retry_after};
    use crate::relays::{Message, Posted};
    use minicbor::Encoder;
    use proptest::prelude::*;
    use recovery_core::wire::limits::{MESSAGE_MAX, READ_LIMIT_MAX};
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    fn encode(list: &[Message]) -> Vec<u8> {
        let mut cbor = Encoder::new(Vec::new());
        cbor.array(list.len() as u64).unwrap();
        for Message { seq, posted_at, body } in list {
            cbor.map(3).unwrap().str("seq").unwrap().u64(*seq).unwrap();
            cbor.str("body").unwrap().bytes(body).unwrap();
            cbor.str("posted_at").unwrap().u64(*posted_at).unwrap();
        }
        cbor.into_writer()
    }

    fn one(seq: u64) -> Message {
        Message { seq, posted_at: 25, body: b"hi".to_vec() }
    }

    #[test]
    fn a_list_is_read_as_written() {
        assert_eq!(messages(b"\x80", 0, 1), Ok(Vec::new()));
        let written = b"\x81\xa3\x63seq\x01\x64body\x42hi\x69posted_at\x18\x19";
        assert_eq!(messages(written, 0, 1), Ok(vec![one(1)]));
        let other_order = b"\x81\xa3\x69posted_at\x18\x19\x63seq\x01\x64body\x42hi";
        assert_eq!(messages(other_order, 0, 1), Ok(vec![one(1)]));
    }

    #[test]
    fn everything_else_is_refused() {
        let three = encode(&[one(1), one(2), one(9)]);
        assert!(messages(&three, 0, 3).is_ok());
        assert!(messages(&three, 0, 2).is_err(), "more than asked for");
        assert!(messages(&three, 1, 3).is_err(), "not beyond the cursor");
        for wrong in [
            &b""[..],
            b"\xa0",
            b"\x9f\xff",
            b"\x80\x00",
            b"\x81\xa0",
            b"\x81\x80",
            b"\x81\xbf\x63seq\x01\x64body\x42hi\x69posted_at\x18\x19\xff",
            b"\x81\xa3\x63seq\x01\x64body\x42hi\x69posted_at\x18",
            b"\x81\xa3\x63seq\x01\x64body\x42hi\x69posted_at\x20",
            b"\x81\xa3\x63seq\x01\x64body\x62hi\x69posted_at\x18\x19",
            b"\x81\xa3\x63seq\x01\x64body\x5f\x42hi\xff\x69posted_at\x18\x19",
            b"\x81\xa3\x63seq\x01\x63seq\x01\x69posted_at\x18\x19",
            b"\x81\xa3\x63seq\x01\x64bodi\x42hi\x69posted_at\x18\x19",
            b"\x81\xa2\x63seq\x01\x64body\x42hi",
            b"\x81\xa4\x63seq\x01\x64body\x42hi\x69posted_at\x18\x19\x61x\x00",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x81\xa3\x63seq\x01\x64body\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\xc1\x80",
        ] {
            assert!(messages(wrong, 0, READ_LIMIT_MAX).is_err(), "{wrong:x?}");
        }
        for order in [[2, 1, 3], [1, 1, 2], [0, 1, 2]] {
            assert!(messages(&encode(&order.map(one)), 0, 3).is_err(), "{order:?}");
        }
        let nested = [vec![0x81; 10_000], vec![0x80]].concat();
        assert!(messages(&nested, 0, READ_LIMIT_MAX).is_err());
    }

    #[test]
    fn the_largest_list_fits_and_a_longer_body_does_not() {
        let message =
            |length| Message { seq: u64::MAX, posted_at: u64::MAX, body: vec![0; length] };
        let full = encode(&[message(MESSAGE_MAX)]);
        assert!(messages(&full, 0, 1).is_ok());
        assert!((full.len()..full.len() + 128).contains(&list_max(1)));
        assert!(list_max(READ_LIMIT_MAX) < 17 * 1_024 * 1_024);
        assert!(messages(&encode(&[message(MESSAGE_MAX + 1)]), 0, 1).is_err());
    }

    #[test]
    fn a_receipt_says_one_thing() {
        assert_eq!(posted(br#"{"seq":7}"#), Some(Posted::Seq(7)));
        let held = Posted::Held { release_at: 1_800_000_000 };
        assert_eq!(posted(br#"{ "release_at": 1800000000, "more": null }"#), Some(held));
        for wrong in [
            "",
            "{}",
            "[]",
            "7",
            "{\"seq\":0}",
            "{\"seq\":-1}",
            "{\"seq\":1.5}",
            "{\"seq\":\"1\"}",
            "{\"seq\":1,\"release_at\":2}",
            "{\"release_at\":18446744073709551615}",
            "{\"seq\":18446744073709551616}",
            "{\"seq\":1} x",
        ] {
            assert_eq!(posted(wrong.as_bytes()), None, "{wrong}");
        }
        let deep = "[".repeat(10_000);
        assert_eq!(posted(deep.as_bytes()), None);
    }

    #[test]
    fn a_pass_is_43_characters() {
        let good = "A".repeat(43);
        let with = |text: &str| pass(format!("{{\"pass\":\"{text}\"}}").as_bytes());
        assert_eq!(with(&good).map(|pass| pass.expose()), Some(good.clone()));
        for wrong in ["", "x", &good[1..], &format!("{good}A"), &format!("{good}=")] {
            assert_eq!(with(wrong), None, "{wrong}");
        }
        for wrong in ["", "{}", "[]", "{\"pass\":7}", "{\"seq\":1}"] {
            assert_eq!(pass(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_problem_is_made_fit_to_be_shown() {
        let body =
            r#"{"code":"mailbox-full","detail":"a\u001b[31m\nb\u202ec","hint":"later","seq":3}"#;
        let problem = Problem::parse(body.as_bytes());
        assert_eq!((problem.code.as_str(), problem.hint.as_str()), ("mailbox-full", "later"));
        assert_eq!((problem.detail.as_str(), problem.seq), ("a [31m b c", Some(3)));
        for (body, detail) in [
            (
                r#"{"code":"Not A Code","title":"only a title"}"#.to_owned(),
                "only a title".to_owned(),
            ),
            (
                format!(r#"{{"code":"{}","detail":"{}"}}"#, "a".repeat(65), "é".repeat(400)),
                "é".repeat(300),
            ),
            (r#"{"code":7,"detail":["x"]}"#.to_owned(), String::new()),
            ("<html>".to_owned(), String::new()),
        ] {
            let problem = Problem::parse(body.as_bytes());
            assert_eq!((problem.code.as_str(), problem.detail), ("", detail), "{body}");
        }
    }

    #[test]
    fn header_fields_are_checked() {
        let fields = |name: &'static str, values: &[&[u8]]| {
            let mut map = HeaderMap::new();
            for value in values {
                let value = HeaderValue::from_bytes(value).unwrap();
                map.append(HeaderName::from_static(name), value);
            }
            map
        };
        let long = [b'a'; 64];
        for (values, good) in [
            (&[&b"e1"[..]][..], true),
            (&[&long], true),
            (&[&[b'a'; 65]], false),
            (&[b""], false),
            (&[b"a b"], false),
            (&[b"\xc3\xa9"], false),
            (&[b"a", b"a"], false),
            (&[], false),
        ] {
            assert_eq!(epoch(&fields("recovery-epoch", values)).is_some(), good, "{values:x?}");
        }
        for (text, good) in [
            ("\"v1\"", true),
            ("\"\"", true),
            ("W/\"v1\"", false),
            ("v1", false),
            ("\"", false),
            ("\"a\"b\"", false),
            ("\"a b\"", false),
            ("*", false),
        ] {
            assert_eq!(etag(&fields("etag", &[text.as_bytes()])).is_some(), good, "{text}");
        }
        for (text, seconds) in
            [("7", Some(7)), ("-1", None), ("Fri, 31 Dec 1999 23:59:59 GMT", None)]
        {
            assert_eq!(retry_after(&fields("retry-after", &[text.as_bytes()])), seconds, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..200), after: u64) {
            let _ = messages(&octets, after, 5);
            let _ = posted(&octets);
            let _ = pass(&octets);
            let _ = Problem::parse(&octets);
        }

        #[test]
        fn changed_lists_keep_the_rules(at: prop::sample::Index, octet: u8, cut: prop::sample::Index) {
            let mut octets = encode(&[one(3), one(4), one(300)]);
            let at = at.index(octets.len());
            octets[at] = octet;
            if let Ok(list) = messages(&octets, 2, 3) {
                prop_assert!(list.len() <= 3 && list.iter().all(|message| message.seq > 2));
                prop_assert!(list.windows(2).all(|two| two[0].seq < two[1].seq));
            }
            let cut = cut.index(octets.len());
            prop_assert!(messages(&octets[..cut], 2, 3).map_or(true, |list| encode(&list).len() <= cut));
        }
    }
}
