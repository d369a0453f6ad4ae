//! What handlers take from a request, each with the error it answers when it is not there.

use super::problem::{Code, Problem};
use crate::relay::Relay;
use crate::store::Body;
use axum::body::{Body as HttpBody, Bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use bytes::BytesMut;
use http_body_util::BodyExt;
use recovery_core::ids::{HoldId, HoldToken, MailboxId, MailboxToken, SlotId, SlotToken};
use std::str::FromStr;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

/// The `{id}` of the path.
pub(super) struct Named<Id>(pub(super) Id);

/// The `{id}` of the path, from someone who holds its token.
pub(super) struct Controlled<T: Token>(pub(super) T::Id);

/// A token that names what it controls.
pub(super) trait Token: FromStr {
    /// What it controls.
    type Id: FromStr + PartialEq + Send;
    fn id(&self) -> Self::Id;
}

macro_rules! tokens {
    ($($token:ident => $id:ident),*) => {
        $(impl Token for $token {
            type Id = $id;
            fn id(&self) -> $id {
                $token::id(self)
            }
        })*
    };
}
tokens!(MailboxToken => MailboxId, SlotToken => SlotId, HoldToken => HoldId);

impl<Id: FromStr> FromRequestParts<Relay> for Named<Id> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, relay: &Relay) -> Result<Self, Problem> {
        path(parts, relay, "id").await.map(Self)
    }
}

impl<T: Token> FromRequestParts<Relay> for Controlled<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, relay: &Relay) -> Result<Self, Problem> {
        let id: T::Id = path(parts, relay, "id").await?;
        let token = bearer(&parts.headers).and_then(|token| token.parse::<T>().ok());
        match token.is_some_and(|token| token.id() == id) {
            true => Ok(Self(id)),
            false => Err(Code::Unauthorized.into()),
        }
    }
}

/// A named part of the path.
pub(super) async fn path<T: FromStr>(
    parts: &mut Parts,
    relay: &Relay,
    name: &str,
) -> Result<T, Problem> {
    let malformed = || Problem::from(Code::MalformedId);
    let found = RawPathParams::from_request_parts(parts, relay).await.map_err(|_| malformed())?;
    let value = found.iter().find_map(|(key, value)| (key == name).then_some(value));
    value.and_then(|value| value.parse().ok()).ok_or_else(malformed)
}

/// The credentials of exactly one `Authorization: Bearer`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = one(headers, AUTHORIZATION).ok()??.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}

/// A header field that comes once or not at all.
pub(super) fn one(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Problem> {
    let wrong = |what| Problem::because(Code::MalformedHeader, format!("The field {name} {what}."));
    let mut values = headers.get_all(&name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(wrong("comes twice"));
    }
    value.to_str().map(Some).map_err(|_| wrong("is not text"))
}

/// The query: values by name.
pub(super) struct Params<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Params<'a> {
    /// Reads a query; each name must be known and come once.
    pub(super) fn parse(query: Option<&'a str>, known: &[&str]) -> Result<Self, Problem> {
        let mut params: Vec<(&str, &str)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !known.contains(&name) {
                return Err(query_error(format!("The query may only name: {}.", known.join(", "))));
            }
            if params.iter().any(|(other, _)| *other == name) {
                return Err(query_error(format!("The query names {name} twice.")));
            }
            params.push((name, value));
        }
        Ok(Self(params))
    }

    /// The number under a name, which must be in the range.
    pub(super) fn number(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, Problem> {
        let Some(value) = self.text(name) else {
            return Ok(None);
        };
        match number(value) {
            Some(value) if range.contains(&value) => Ok(Some(value)),
            _ => {
                let (from, to) = range.into_inner();
                Err(query_error(format!("{name} must be a number from {from} to {to}.")))
            }
        }
    }

    /// The text under a name.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find_map(|(other, value)| (*other == name).then_some(*value))
    }
}

fn query_error(what: String) -> Problem {
    Problem::because(Code::MalformedQuery, what)
}

/// A number in plain decimal: no sign, nothing else.
pub(super) fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// A body of at most `MAX` octets, read whole.
///
/// It keeps its share of the memory for bodies until dropped.
pub(super) struct Octets<const MAX: usize> {
    pub(super) body: Body,
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

impl<const MAX: usize> FromRequest<Relay> for Octets<MAX> {
    type Rejection = Problem;
    async fn from_request(request: Request, relay: &Relay) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        if parts.headers.contains_key(CONTENT_ENCODING) {
            return Err(Code::EncodingRefused.into());
        }
        let announced = axum::body::HttpBody::size_hint(&body).lower();
        if announced > MAX as u64 {
            return Err(Code::BodyTooLarge.into());
        }
        let (octets, room) = collect(body, MAX, relay).await?;
        Ok(Self { body: Body::new(octets), _room: room })
    }
}

/// Reads a body up to its limit, in time, within the memory for bodies.
async fn collect(
    mut body: HttpBody,
    max: usize,
    relay: &Relay,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Problem> {
    let deadline = Instant::now() + relay.limits().body;
    let mut room: Option<OwnedSemaphorePermit> = None;
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        let frame = timeout_at(deadline, body.frame()).await;
        let frame = match frame.map_err(|_| Problem::from(Code::BodyTimeout))? {
            None => break,
            Some(frame) => frame.map_err(|_| Problem::from(Code::BodyBroken))?,
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let length = first.len() + rest.len() + data.len();
        if length > max {
            return Err(Code::BodyTooLarge.into());
        }
        let more = relay.room(data.len())?;
        match room.as_mut() {
            Some(room) => room.merge(more),
            None => room = Some(more),
        }
        // Most bodies come in one piece, which needs no copy.
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok((if rest.is_empty() { first } else { rest.freeze() }, room))
}
