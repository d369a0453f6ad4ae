//! One call: sent, repeated where the relay asks for patience, and judged.

use super::{
    Relays,
    answer::{self, BodyError, Problem},
    error::{RelayError, plain},
};
use recovery_core::address::RelayUrl;
use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest `Retry-After` that is waited out, and longest time all of them together take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a call that meets `Retry-After` is tried, the first time included.
const TRIES: u32 = 4;

impl Relays {
    /// A call with a token whose answer is only yes or no.
    pub(super) async fn command(
        &self,
        relay: &RelayUrl,
        method: Method,
        path: &str,
        token: String,
    ) -> Result<(), RelayError> {
        // Where there is no relay, there is nothing to open, close or drop.
        if relay.is_files() {
            return Ok(());
        }
        let token = Zeroizing::new(token);
        self.call(relay, method, path, |call| bearer(call, &token)).await.map(drop)
    }

    /// One call, repeated while the relay names a short time to wait; gives an answer of success that
    /// comes from a relay.
    pub(super) async fn call(
        &self,
        relay: &RelayUrl,
        method: Method,
        path: &str,
        complete: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, RelayError> {
        let url = format!("{relay}{path}");
        let client = self.clients.to(relay)?;
        let (mut patience, mut tries) = (PATIENCE, TRIES);
        loop {
            let request = complete(client.request(method.clone(), &url).timeout(self.total));
            let response = request.send().await.map_err(|error| unreachable(relay, error))?;
            tries -= 1;
            let Some(pause) = pause(&response).filter(|pause| tries > 0 && *pause <= patience)
            else {
                return accept(relay, response).await;
            };
            patience -= pause;
            tokio::time::sleep(pause).await;
        }
    }
}

/// How long the relay asks to wait before the same call may succeed.
fn pause(response: &Response) -> Option<Duration> {
    let busy = matches!(
        response.status(),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    let seconds = answer::retry_after(response.headers()).filter(|_| busy)?;
    Some(Duration::from_secs(seconds).max(Duration::from_millis(250)))
}

/// Lets a relay's success through, and turns the rest into an error.
async fn accept(relay: &RelayUrl, response: Response) -> Result<Response, RelayError> {
    let status = response.status();
    let from_relay = answer::epoch(response.headers()).is_some();
    if status.is_success() && from_relay {
        return Ok(response);
    }
    if status.is_redirection() {
        return Err(nonsense(relay, "it points elsewhere"));
    }
    if status.is_success() {
        return Err(nonsense(relay, "its answer lacks the header Recovery-Epoch"));
    }
    let Problem { code, mut detail, hint, seq } =
        match answer::body(response, answer::JSON_MAX).await {
            Ok(body) => Problem::parse(&body),
            Err(_) => Problem::default(),
        };
    let busy = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    if !busy && !from_relay && code.is_empty() {
        return Err(nonsense(relay, &format!("status {}", status.as_u16())));
    }
    if matches!(code.as_str(), "no-such-path" | "method-not-allowed") {
        return Err(nonsense(relay, "it knows no such call; its address may lack a part"));
    }
    if detail.is_empty() {
        detail = status.canonical_reason().unwrap_or("no reason given").to_lowercase();
    }
    let (relay, status) = (relay.clone(), status.as_u16());
    Err(RelayError::Refused { relay, status, code, detail, hint, seq })
}

/// Reads the body of a success, at most `max` octets of it.
pub(super) async fn read_body(
    relay: &RelayUrl,
    response: Response,
    max: usize,
) -> Result<Vec<u8>, RelayError> {
    answer::body(response, max).await.map_err(|error| match error {
        BodyError::TooLong => nonsense(relay, "its answer is too long"),
        BodyError::Broken(error) => unreachable(relay, error),
    })
}

/// Adds the token, marked so that nothing below prints it.
pub(super) fn bearer(call: RequestBuilder, token: &str) -> RequestBuilder {
    let value = Zeroizing::new(format!("Bearer {token}"));
    secret_header(call, AUTHORIZATION, value.as_bytes())
}

/// Adds a header that nothing below prints.
pub(super) fn secret_header(
    call: RequestBuilder,
    name: HeaderName,
    value: &[u8],
) -> RequestBuilder {
    match HeaderValue::from_bytes(value) {
        Ok(mut value) => {
            value.set_sensitive(true);
            call.header(name, value)
        }
        // A token in base64url is always a header value.
        Err(_) => call,
    }
}

pub(super) fn ttl_query(ttl: Option<u64>) -> String {
    ttl.map(|seconds| format!("?ttl={seconds}")).unwrap_or_default()
}

pub(super) fn nonsense(relay: &RelayUrl, why: &str) -> RelayError {
    RelayError::Answer { relay: relay.clone(), why: why.to_owned() }
}

fn unreachable(relay: &RelayUrl, error: reqwest::Error) -> RelayError {
    RelayError::Unreachable { relay: relay.clone(), why: cause(error) }
}

/// The innermost cause, in a few words, without the address that was called.
pub(super) fn cause(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    plain(&innermost.to_string(), 200)
}

#[cfg(test)]
mod tests {
    use super::bearer;
    use reqwest::{Client, header::AUTHORIZATION};

    #[test]
    fn a_token_is_not_for_logs() {
        let client = Client::builder().tls_certs_only([]).build().unwrap();
        let request = bearer(client.get("http://localhost"), "token").build().unwrap();
        let value = request.headers().get(AUTHORIZATION).unwrap();
        assert_eq!((value.as_bytes(), value.is_sensitive()), (&b"Bearer token"[..], true));
        assert!(!format!("{request:?}").contains("Bearer"));
    }
}
