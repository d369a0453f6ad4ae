//! Holds: who holds the token may drop what is held under the id.

use super::described::{Id, Problems};
use super::extract::{Controlled, Params};
use super::problem::{Code, Problem};
use crate::relay::Relay;
use crate::store::Write;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use recovery_core::ids::{HoldToken, MailboxId};

/// `POST /v1/holds/{id}/veto`
#[utoipa::path(
    post, path = "/v1/holds/{id}/veto", tag = "holds", security(("token" = [])),
    params(Id, ("mailbox" = Option<String>, Query, description = "Only in the mailbox with this id")),
    responses((status = 204, description = "What was held is dropped, and more refused"), Problems)
)]
pub(super) async fn veto(
    State(relay): State<Relay>,
    Controlled(hold): Controlled<HoldToken>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    let params = Params::parse(query.as_deref(), &["mailbox"])?;
    let mailbox = params.text("mailbox").map(str::parse::<MailboxId>).transpose();
    let mailbox = mailbox.map_err(|_| Code::MalformedId)?;
    relay.write(Write::Veto { hold, mailbox }).await?;
    Ok(StatusCode::NO_CONTENT)
}
