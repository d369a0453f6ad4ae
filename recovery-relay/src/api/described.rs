//! What the description of the calls says: the parts that handlers share.
//!
//! The description is OpenAPI 3.1, made from the notes at the handlers; `docs/spec/openapi.json` is held to it by a
//! test.

use super::problem::Code;
use std::collections::BTreeMap;
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{self, ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses, Modify, OpenApi};

/// The description, before the calls are added.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Relay for social key recovery",
        description = "Store-and-forward for sealed messages: mailboxes, slots and holds, each locked by a hash. \
            What the calls promise is in docs/spec/relay-api.md.",
        version = "1",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/")),
    modifiers(&Locks)
)]
pub(super) struct Description;

/// How calls are authorized.
struct Locks;

impl Modify for Locks {
    fn modify(&self, described: &mut openapi::OpenApi) {
        let parts = described.components.get_or_insert_default();
        parts.schemas.insert("Problem".to_owned(), problem().into());
        let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let pass = ApiKey::Header(ApiKeyValue::new("Recovery-Pass"));
        parts.add_security_scheme("token", token);
        parts.add_security_scheme("pass", SecurityScheme::ApiKey(pass));
    }
}

/// The id in a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only described")]
pub(super) struct Id {
    /// 32 octets in base64url without padding: the hash of the token that controls it
    #[param(pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]
    id: String,
}

/// A time to live.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
pub(super) struct Ttl {
    /// After so many seconds it is gone; without it, it lasts
    #[param(minimum = 1, maximum = 315_360_000)]
    ttl: Option<u64>,
}

/// All errors have one form.
pub(super) struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let response = |description: &str| {
            let content =
                ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let response = ResponseBuilder::new().description(description);
            response.content("application/problem+json", content).build().into()
        };
        BTreeMap::from([
            ("4XX".to_owned(), response("The call can't be done as it is")),
            ("5XX".to_owned(), response("The relay can't do it now")),
        ])
    }
}

/// RFC 9457, with `code` and `hint`.
fn problem() -> Schema {
    let text = || Object::with_type(SchemaType::Type(Type::String));
    let number = || Object::with_type(SchemaType::Type(Type::Integer));
    let codes = Code::ALL.iter().map(|code| code.facts().0);
    let code = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes));
    let mut object = ObjectBuilder::new();
    for (name, form) in [("type", text()), ("title", text()), ("detail", text()), ("hint", text())]
    {
        object = object.property(name, form).required(name);
    }
    object = object.property("status", number()).required("status");
    object = object.property("code", code).required("code");
    object.property("seq", number()).build().into()
}
