//! Subscriptions: who holds a mailbox's token may name where to tell them that something waits.

use super::described::{Id, Problems};
use super::extract::{Controlled, Octets, path};
use super::pages;
use super::problem::{Code, Problem};
use crate::clock::UnixMillis;
use crate::notify::{Kind, TARGET_MAX, Target, keep, kind};
use crate::relay::Relay;
use crate::store::{Body, Subscription, SubscriptionState, Write};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use recovery_core::ids::{MailboxToken, SubscriptionId, SubscriptionToken};
use serde::Serialize;
use utoipa::ToSchema;

/// Longest form that a page sends.
const FORM_MAX: usize = 64;

/// `POST /v1/mailboxes/{id}/subscriptions`
#[utoipa::path(
    post, path = "/v1/mailboxes/{id}/subscriptions", tag = "subscriptions", params(Id),
    security(("token" = [])),
    request_body(content = String, content_type = "text/plain",
        description = "`mailto:ADDRESS`, `ntfy:https://HOST/TOPIC` or `https://HOST/PATH`"),
    responses(
        (status = 201, description = "Asked for confirmation", content_type = "application/json",
            body = Subscribed),
        Problems
    )
)]
pub(super) async fn subscribe(
    State(relay): State<Relay>,
    Controlled(mailbox): Controlled<MailboxToken>,
    octets: Octets<TARGET_MAX>,
) -> Result<Response, Problem> {
    let target = target(&octets.body)?;
    let notifier = relay.notifier();
    if !notifier.offers(target.kind()) {
        return Err(Code::NotOffered.into());
    }
    if !notifier.allows(&target) {
        return Err(Problem::because(
            Code::MalformedTarget,
            "The target is not at a public address.",
        ));
    }
    if !notifier.may_ask(&target) {
        return Err(Problem::because(
            Code::TooManyCalls,
            "This target was asked often enough today.",
        ));
    }
    let token = SubscriptionToken::new(crate::store::random()?);
    let (id, target) = (token.id(), keep(&token, &target));
    let subscription = Subscription { id, mailbox, target, confirmed: false };
    relay.write(Write::Subscribe(subscription)).await?;
    let body = Subscribed { subscription: id.to_string(), confirmed: false };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// `GET /v1/mailboxes/{id}/subscriptions`
#[utoipa::path(
    get, path = "/v1/mailboxes/{id}/subscriptions", tag = "subscriptions", params(Id),
    security(("token" = [])),
    responses(
        (status = 200, description = "All of the mailbox", content_type = "application/json", body = Listed),
        Problems
    )
)]
pub(super) async fn list(
    State(relay): State<Relay>,
    Controlled(mailbox): Controlled<MailboxToken>,
) -> Result<Json<Listed>, Problem> {
    let found = relay.read_subscriptions(mailbox).await?;
    Ok(Json(Listed { subscriptions: found.into_iter().map(Shown::from).collect() }))
}

/// `DELETE /v1/mailboxes/{id}/subscriptions/{subscription}`
#[utoipa::path(
    delete, path = "/v1/mailboxes/{id}/subscriptions/{subscription}", tag = "subscriptions",
    params(Id, ("subscription" = String, Path, description = "As the list names it",
        pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")),
    security(("token" = [])),
    responses((status = 204, description = "Ended, also if there was none"), Problems)
)]
pub(super) async fn unsubscribe(
    State(relay): State<Relay>,
    Controlled(mailbox): Controlled<MailboxToken>,
    Which(id): Which,
) -> Result<StatusCode, Problem> {
    relay.write(Write::Unsubscribe { id, mailbox: Some(mailbox) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /s/{token}`: asks; opening it changes nothing, since programs open links in mail.
pub(super) async fn page() -> Response {
    pages::notices()
}

/// `POST /s/{token}`: the page's buttons, and the one that mail programs show.
pub(super) async fn press(
    State(relay): State<Relay>,
    Link(token): Link,
    octets: Octets<FORM_MAX>,
) -> Result<Response, Problem> {
    let id = token.id();
    match octets.body.octets().as_ref() {
        b"do=start" => {
            relay.write(Write::ConfirmSubscription { id }).await?;
            Ok(pages::notices_on())
        }
        b"do=stop" | b"List-Unsubscribe=One-Click" => {
            relay.write(Write::Unsubscribe { id, mailbox: None }).await?;
            Ok(pages::notices_off())
        }
        _ => Err(Problem::because(Code::MalformedTarget, "The form says neither start nor stop.")),
    }
}

/// The `{subscription}` of the path.
pub(super) struct Which(SubscriptionId);

impl FromRequestParts<Relay> for Which {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, relay: &Relay) -> Result<Self, Problem> {
        path(parts, relay, "subscription").await.map(Self)
    }
}

/// The `{token}` of the path.
pub(super) struct Link(SubscriptionToken);

impl FromRequestParts<Relay> for Link {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, relay: &Relay) -> Result<Self, Problem> {
        path(parts, relay, "token").await.map(Self)
    }
}

fn target(body: &Body) -> Result<Target, Problem> {
    let text = str::from_utf8(body.octets()).map_err(|_| "The target is not text.");
    let target = text.and_then(|text| text.trim_end().parse::<Target>());
    target.map_err(|what| Problem::because(Code::MalformedTarget, what))
}

/// The answer to a new subscription.
#[derive(Serialize, ToSchema)]
pub(super) struct Subscribed {
    /// Its id.
    subscription: String,
    /// Whether the target said yes.
    confirmed: bool,
}

/// The subscriptions of a mailbox.
#[derive(Serialize, ToSchema)]
pub(super) struct Listed {
    subscriptions: Vec<Shown>,
}

/// One of them, for the mailbox's owner, who wrote the target and need not be shown it.
#[derive(Serialize, ToSchema)]
pub(super) struct Shown {
    /// Its id.
    subscription: String,
    /// `mail`, `ntfy` or `webhook`.
    kind: Option<&'static str>,
    /// Whether the target said yes.
    confirmed: bool,
    /// When word was last sent, in seconds since 1970.
    sent_at: Option<i64>,
    /// How often the present or last word failed.
    tries: u32,
}

impl From<SubscriptionState> for Shown {
    fn from(state: SubscriptionState) -> Self {
        Self {
            subscription: state.subscription.id.to_string(),
            kind: kind(&state.subscription.target).map(Kind::name),
            confirmed: state.subscription.confirmed,
            sent_at: state.sent.map(UnixMillis::seconds),
            tries: state.tries,
        }
    }
}
