//! Mailboxes: who knows the id may post, who holds the token may read, delete and close.

use super::described::{Id, Problems, Ttl};
use super::extract::{Controlled, Named, Octets, Params, number, one, path};
use super::passes::right;
use super::problem::{Code, Problem};
use super::{HOLD, ttl_millis};
use crate::relay::Relay;
use crate::store::{Answer, Done, Hold, Query, Write};
use axum::extract::{FromRequestParts, RawQuery, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use recovery_core::ids::{HoldId, MailboxId, MailboxToken};
use recovery_core::wire::limits::{
    HOLD_SECONDS_MAX, MESSAGE_MAX, READ_LIMIT_MAX, WAIT_SECONDS_MAX,
};
use std::time::Duration;
use utoipa::ToSchema;

/// Added to every delay, so that it is kept also for someone who counts from the answer.
const GRACE_MILLIS: i64 = 250;

/// `PUT /v1/mailboxes/{id}`
#[utoipa::path(
    put, path = "/v1/mailboxes/{id}", tag = "mailboxes", params(Id, Ttl),
    security(("token" = []), ("token" = [], "pass" = [])),
    responses((status = 201, description = "Made"), (status = 200, description = "Was there"), Problems)
)]
pub(super) async fn open(
    State(relay): State<Relay>,
    Controlled(id): Controlled<MailboxToken>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let ttl_millis = ttl_millis(&Params::parse(query.as_deref(), &["ttl"])?)?;
    let right = right(&relay, &headers, ttl_millis)?;
    match relay.write(Write::OpenMailbox { id, ttl_millis, right }).await? {
        Done::Opened { new: true } => Ok(StatusCode::CREATED),
        _ => Ok(StatusCode::OK),
    }
}

/// `DELETE /v1/mailboxes/{id}`
#[utoipa::path(
    delete, path = "/v1/mailboxes/{id}", tag = "mailboxes", params(Id), security(("token" = [])),
    responses((status = 204, description = "Gone, also if there was none"), Problems)
)]
pub(super) async fn close(
    State(relay): State<Relay>,
    Controlled(id): Controlled<MailboxToken>,
) -> Result<StatusCode, Problem> {
    relay.write(Write::CloseMailbox { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/mailboxes/{id}/messages`
#[utoipa::path(
    post, path = "/v1/mailboxes/{id}/messages", tag = "messages",
    params(Id, ("Recovery-Hold" = Option<String>, Header,
        description = "`<hold id>[,<other hold id>]; for=<seconds>`: shown only after so many seconds")),
    request_body(content_type = "application/octet-stream", description = "At most 65,536 octets"),
    responses(
        (status = 201, description = "Visible", content_type = "application/json", body = Seq),
        (status = 202, description = "Held", content_type = "application/json", body = ReleaseAt),
        (status = 200, description = "Was posted before", content_type = "application/json",
            body = inline(Posted)),
        Problems
    )
)]
pub(super) async fn post(
    State(relay): State<Relay>,
    Named(mailbox): Named<MailboxId>,
    Held(hold): Held,
    octets: Octets<MESSAGE_MAX>,
) -> Result<Response, Problem> {
    let done = relay.write(Write::Post { mailbox, body: octets.body, hold }).await?;
    let Done::Posted { answer, repeated } = done else {
        return Err(Code::Internal.into());
    };
    let (first, body) = match answer {
        Answer::Seq(seq) => (StatusCode::CREATED, format!("{{\"seq\":{seq}}}")),
        Answer::ReleaseAt(due) => {
            (StatusCode::ACCEPTED, format!("{{\"release_at\":{}}}", due.seconds_up()))
        }
    };
    let status = if repeated { StatusCode::OK } else { first };
    Ok((status, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// `GET /v1/mailboxes/{id}/messages`
#[utoipa::path(
    get, path = "/v1/mailboxes/{id}/messages", tag = "messages", security(("token" = [])),
    params(
        Id,
        ("after" = Option<u64>, Query, description = "Only greater numbers",
            maximum = 9_223_372_036_854_775_807_u64),
        ("limit" = Option<u64>, Query, description = "At most so many", minimum = 1, maximum = 256),
        ("wait" = Option<u64>, Query, description = "So many seconds, if there is none yet", maximum = 60)
    ),
    responses(
        (status = 200, description = "Deterministic CBOR: an array of maps `seq`, `body`, `posted_at`",
            content_type = "application/cbor"),
        Problems
    )
)]
pub(super) async fn read(
    State(relay): State<Relay>,
    Controlled(mailbox): Controlled<MailboxToken>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let params = Params::parse(query.as_deref(), &["after", "limit", "wait"])?;
    let after = params.number("after", 0..=i64::MAX.cast_unsigned())?.unwrap_or(0);
    let limit = params.number("limit", 1..=READ_LIMIT_MAX as u64)?;
    let limit = limit.map_or(READ_LIMIT_MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let wait = Duration::from_secs(params.number("wait", 0..=WAIT_SECONDS_MAX)?.unwrap_or(0));
    let query = Query { mailbox, after, limit, octets: crate::limits::READ_OCTETS_MAX };
    let answer = relay.read_messages(query, wait).await?.ok_or(Code::NoSuchMailbox)?;
    let body = relay.counted(answer.into_octets())?;
    Ok(([(header::CONTENT_TYPE, "application/cbor")], body).into_response())
}

/// `DELETE /v1/mailboxes/{id}/messages/{seq}`
#[utoipa::path(
    delete, path = "/v1/mailboxes/{id}/messages/{seq}", tag = "messages", security(("token" = [])),
    params(Id, ("seq" = u64, Path, description = "The message's number",
        maximum = 9_223_372_036_854_775_807_u64)),
    responses((status = 204, description = "Gone, also if there was none"), Problems)
)]
pub(super) async fn delete(
    State(relay): State<Relay>,
    Controlled(mailbox): Controlled<MailboxToken>,
    Number(seq): Number,
) -> Result<StatusCode, Problem> {
    relay.write(Write::DeleteMessage { mailbox, seq }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The answer to a post that is visible.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub(super) struct Seq {
    /// The message's number.
    seq: u64,
}

/// The answer to a post that is held.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub(super) struct ReleaseAt {
    /// When it becomes visible, in seconds since 1970.
    release_at: i64,
}

/// The answer to a post that was done before.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only described")]
pub(super) enum Posted {
    Visible(Seq),
    Held(ReleaseAt),
}

/// The `{seq}` of the path.
pub(super) struct Number(u64);

impl FromRequestParts<Relay> for Number {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, relay: &Relay) -> Result<Self, Problem> {
        let text: String = path(parts, relay, "seq").await?;
        let seq = number(&text).filter(|seq| i64::try_from(*seq).is_ok());
        seq.map(Self).ok_or_else(|| Code::MalformedId.into())
    }
}

/// The `Recovery-Hold` field, if there is one.
pub(super) struct Held(Option<Hold>);

impl FromRequestParts<Relay> for Held {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Relay) -> Result<Self, Problem> {
        Ok(Self(one(&parts.headers, HOLD)?.map(parse_hold).transpose()?))
    }
}

/// Reads `<hold id>[,<hold id>]; for=<seconds>`.
fn parse_hold(text: &str) -> Result<Hold, Problem> {
    let read = || {
        let (ids, delay) = text.split_once(';')?;
        let seconds = number(delay.trim().strip_prefix("for=")?)?;
        if seconds > HOLD_SECONDS_MAX {
            return None;
        }
        let millis = i64::try_from(seconds).ok()? * 1_000 + GRACE_MILLIS;
        let (first, second) = match ids.split_once(',') {
            None => (ids, None),
            Some((first, second)) => (first, Some(second.trim().parse::<HoldId>().ok()?)),
        };
        let first: HoldId = first.trim().parse().ok()?;
        (second != Some(first)).then_some(Hold { first, second, millis })
    };
    let form = format!(
        "Recovery-Hold is not of the form `<hold id>[,<other hold id>]; for=<0 to {HOLD_SECONDS_MAX}>`."
    );
    read().ok_or_else(|| Problem::because(Code::MalformedHeader, form))
}

#[cfg(test)]
mod tests {
    use super::parse_hold;
    use recovery_core::ids::HoldId;

    #[test]
    fn a_hold_names_one_or_two_ids_and_a_delay() {
        let (a, b) = (HoldId::new([1; 32]), HoldId::new([2; 32]));
        for good in [format!("{a}; for=0"), format!("{a};for=604800"), format!(" {a} ;  for=5 ")] {
            let hold = parse_hold(&good).unwrap();
            assert_eq!((hold.first, hold.second), (a, None), "{good}");
        }
        for good in [format!("{a},{b}; for=7"), format!("{a} , {b} ; for=7")] {
            let hold = parse_hold(&good).unwrap();
            assert_eq!((hold.first, hold.second, hold.millis), (a, Some(b), 7_250), "{good}");
        }
        let bad = [
            String::new(),
            format!("{a}"),
            format!("{a}; for="),
            format!("{a}; for=-1"),
            format!("{a}; for=+1"),
            format!("{a}; for=604801"),
            format!("{a}; for=18446744073709551616"),
            format!("{a}; for=1; for=2"),
            format!("{a}; until=5"),
            format!("{a},; for=1"),
            format!("{a},{a}; for=1"),
            format!("{a},{b},{b}; for=1"),
            format!("x{a}; for=1"),
            "; for=1".into(),
        ];
        for bad in bad {
            assert!(parse_hold(&bad).is_err(), "{bad}");
        }
    }
}
