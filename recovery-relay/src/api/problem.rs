//! Errors as `application/problem+json` (RFC 9457): a stable code, a sentence, and what to do.

use crate::commit::WriteError;
use crate::store::{Damage, Refusal, StoreError, Version};
use axum::http::header::{
    CONTENT_TYPE, ETAG, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::time::Duration;

/// Every kind of error: its code, status, sentence, and what to do.
macro_rules! codes {
    ($($name:ident $code:literal $status:ident $detail:literal $hint:literal)*) => {
        /// What went wrong; the text of each is part of the interface (docs/spec/relay-api.md).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code { $(#[doc = $detail] $name,)* }

        impl Code {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// Code, status, sentence, what to do.
            pub(crate) const fn facts(self) -> (&'static str, StatusCode, &'static str, &'static str) {
                match self { $(Self::$name => ($code, StatusCode::$status, $detail, $hint),)* }
            }
        }
    };
}

codes! {
    MalformedId "malformed-id" BAD_REQUEST
        "The path holds something that is not an id or a number."
        "An id is 32 octets in base64url without padding, 43 characters; a number is written in decimal."
    MalformedQuery "malformed-query" BAD_REQUEST
        "The query can't be read or a value is out of range."
        "Look up the call's parameters and their ranges."
    MalformedHeader "malformed-header" BAD_REQUEST
        "A header field of the request can't be read."
        "Look up the form of the field named in the detail."
    MalformedTarget "malformed-target" BAD_REQUEST
        "The body does not say where to tell somebody."
        "Name one place: mailto:ADDRESS, ntfy:https://HOST/TOPIC, or https://HOST/PATH."
    Unauthorized "unauthorized" UNAUTHORIZED
        "The token is missing or does not belong to this id."
        "Send `Authorization: Bearer` with the token whose hash is the id."
    PassNeeded "pass-needed" FORBIDDEN
        "This relay is for people with a pass, and there is no such pass or its time is over."
        "Send `Recovery-Pass` with a pass from the relay's operator, or name a ttl of at most 14 days."
    PassUsedUp "pass-used-up" FORBIDDEN
        "As much is open under this pass as may be."
        "Close what is no longer needed, or ask the relay's operator for more."
    NotOffered "not-offered" FORBIDDEN
        "This relay does not tell people in this way."
        "Choose another way, or ask the relay's operator."
    NoSuchPath "no-such-path" NOT_FOUND
        "There is nothing at this path."
        "Check the path; calls begin with /v1/."
    NoSuchMailbox "no-such-mailbox" NOT_FOUND
        "There is no such mailbox, or its time is over."
        "Ask its owner whether it was closed or is at another relay."
    NoSuchSlot "no-such-slot" NOT_FOUND
        "There is nothing in this slot, or its time is over."
        "Ask for a new link."
    NoSuchSubscription "no-such-subscription" NOT_FOUND
        "There is no such subscription, or its time is over."
        "Subscribe again."
    MethodNotAllowed "method-not-allowed" METHOD_NOT_ALLOWED
        "This path does not know the method."
        "Use one of the methods named in the Allow field."
    BodyTimeout "body-timeout" REQUEST_TIMEOUT
        "The body did not arrive in time."
        "Send it again over a faster connection."
    BodyBroken "body-broken" BAD_REQUEST
        "The body broke off or is not framed as HTTP asks for."
        "Send it again."
    HoldVetoed "hold-vetoed" CONFLICT
        "Messages under this hold are refused: it was vetoed."
        "Do not send it again; speak to the person whose key this is."
    TooManySubscriptions "too-many-subscriptions" CONFLICT
        "The mailbox has as many subscriptions as it may."
        "End one of them first."
    VersionMismatch "version-mismatch" PRECONDITION_FAILED
        "The slot is not, or no longer, at the version you named."
        "Read the slot, decide anew, and write with the version read."
    BodyTooLarge "body-too-large" PAYLOAD_TOO_LARGE
        "The body is larger than this call takes."
        "A message has at most 65,536 octets, a slot 524,288."
    TargetTooLong "target-too-long" URI_TOO_LONG
        "The request target is longer than 8,192 octets."
        "Check the path and the query."
    EncodingRefused "encoding-refused" UNSUPPORTED_MEDIA_TYPE
        "Bodies are taken as they are, without a content coding."
        "Leave Content-Encoding away."
    ConditionRequired "condition-required" PRECONDITION_REQUIRED
        "A slot is written only under a condition."
        "Send `If-None-Match: *` for a new slot, or `If-Match` with the version you read."
    TooManyCalls "too-many-calls" TOO_MANY_REQUESTS
        "Too many calls came from this address."
        "Try again after the time named in Retry-After."
    HeadersTooLarge "headers-too-large" REQUEST_HEADER_FIELDS_TOO_LARGE
        "The header fields are larger than 16,384 octets together."
        "Leave fields away that this relay has no use for."
    Internal "internal" INTERNAL_SERVER_ERROR
        "The relay made a mistake."
        "Tell its operator; the log says more."
    Busy "busy" SERVICE_UNAVAILABLE
        "The relay has too much to do at once."
        "Try again after the time named in Retry-After."
    Stopping "stopping" SERVICE_UNAVAILABLE
        "The relay is stopping."
        "Try again after the time named in Retry-After."
    RecordDamaged "record-damaged" SERVICE_UNAVAILABLE
        "What is stored here is damaged and is not served."
        "A damaged message can be passed by or deleted by its number, the rest can be put anew; tell the operator."
    StoreUnreachable "store-unreachable" SERVICE_UNAVAILABLE
        "The relay can't reach its database."
        "Try again after the time named in Retry-After."
    ClockWrong "clock-wrong" SERVICE_UNAVAILABLE
        "The relay's clock is wrong."
        "Tell its operator to set the machine's clock."
    QueueStuck "queue-stuck" SERVICE_UNAVAILABLE
        "What is due is not shown in time."
        "Tell the relay's operator; the log says more."
    StoreFailed "store-failed" SERVICE_UNAVAILABLE
        "The relay's disk failed."
        "Use another relay and tell this one's operator."
    MailboxFull "mailbox-full" INSUFFICIENT_STORAGE
        "The mailbox holds as much as it may."
        "Try again once its owner has read and deleted messages."
    StoreFull "store-full" INSUFFICIENT_STORAGE
        "The relay's disk is full."
        "Use another relay or try again later; its operator has to make room."
}

/// An error answer.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: Option<String>,
    seq: Option<u64>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// With a sentence of its own.
    pub(crate) fn because(code: Code, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..Self::from(code) }
    }

    /// The store's damage, with the number of the message, so that a reader can pass it by.
    fn damaged(damage: Damage) -> Self {
        Self { seq: damage.seq, ..Self::from(Code::RecordDamaged) }
    }

    /// Damage that was met since the start, by its kind.
    pub(crate) fn met(damage: Damage) -> Self {
        Self::because(Code::RecordDamaged, format!("The relay met a damaged record: {damage}."))
    }

    /// Too early: how long to wait, in whole seconds.
    pub(crate) fn too_many(wait: Duration) -> Self {
        let seconds = wait.as_secs().saturating_add(1);
        Self { header: Some((RETRY_AFTER, seconds.into())), ..Self::from(Code::TooManyCalls) }
    }

    /// The slot's present version goes with the refusal.
    fn mismatch(current: Option<Version>) -> Self {
        let tag = current.and_then(|version| HeaderValue::try_from(format!("\"{version}\"")).ok());
        Self { header: tag.map(|tag| (ETAG, tag)), ..Self::from(Code::VersionMismatch) }
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        let header = match code {
            Code::Unauthorized => Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Code::Busy | Code::Stopping | Code::StoreUnreachable => {
                Some((RETRY_AFTER, HeaderValue::from_static("1")))
            }
            Code::StoreFull => Some((RETRY_AFTER, HeaderValue::from_static("60"))),
            _ => None,
        };
        Self { code, detail: None, seq: None, header }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Code::StoreFull.into(),
            StoreError::Busy => Code::Busy.into(),
            StoreError::Damaged(damage) => Self::damaged(damage),
            StoreError::Closed => Code::Stopping.into(),
            StoreError::Unreachable(_) => Code::StoreUnreachable.into(),
            StoreError::Unsupported(_) => Code::Internal.into(),
            StoreError::Failed(_) => Code::StoreFailed.into(),
        }
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Refused(Refusal::NoMailbox) => Code::NoSuchMailbox.into(),
            WriteError::Refused(Refusal::Vetoed) => Code::HoldVetoed.into(),
            WriteError::Refused(Refusal::MailboxFull) => Code::MailboxFull.into(),
            WriteError::Refused(Refusal::Mismatch(current)) => Self::mismatch(current),
            WriteError::Refused(Refusal::NoPass) => Code::PassNeeded.into(),
            WriteError::Refused(Refusal::PassUsedUp) => Code::PassUsedUp.into(),
            WriteError::Refused(Refusal::SessionSlotTooLarge) => Self::because(
                Code::BodyTooLarge,
                "A slot without a pass has at most 32,768 octets here.",
            ),
            WriteError::Refused(Refusal::NoSubscription) => Code::NoSuchSubscription.into(),
            WriteError::Refused(Refusal::TooManySubscriptions) => Code::TooManySubscriptions.into(),
            WriteError::Refused(Refusal::Damaged) => Code::RecordDamaged.into(),
            WriteError::Store(error) => error.into(),
            WriteError::Stopping => Code::Stopping.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (code, status, detail, hint) = self.code.facts();
        let mut body = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "code": code,
            "detail": self.detail.as_deref().unwrap_or(detail),
            "hint": hint,
        });
        if let (Some(seq), Some(members)) = (self.seq, body.as_object_mut()) {
            members.insert("seq".into(), seq.into());
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.extend(self.header);
        (status, headers, body.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn the_specification_has_every_code() {
        let spec = include_str!("../../../docs/spec/relay-api.md");
        for code in Code::ALL {
            let (name, status, ..) = code.facts();
            let row = format!("| {} | `{name}` |", status.as_u16());
            assert!(spec.contains(&row), "relay-api.md lacks {row}");
        }
        let rows = spec.lines().filter(|line| line.starts_with("| 4") || line.starts_with("| 5"));
        assert_eq!(rows.count(), Code::ALL.len(), "relay-api.md has a code too many");
    }
}
