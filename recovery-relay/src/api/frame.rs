//! What holds for every call: limits on the head and on how often, fields of the answer, one line in the log.
//!
//! Written by hand rather than as an axum function, because every answer passes here and a function costs
//! several allocations.

use super::cors;
use super::problem::{Code, Problem};
use crate::limits::{HEADERS_MAX, TARGET_MAX};
use crate::ratelimit::Kind;
use crate::relay::Relay;
use crate::server::Peer;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tower::{Layer, Service};

/// Which making of the store answers.
const EPOCH: HeaderName = HeaderName::from_static("recovery-epoch");
/// What the log calls this request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts every call in its frame.
#[derive(Clone)]
pub(super) struct FrameLayer {
    relay: Relay,
    ids: Arc<Ids>,
}

impl FrameLayer {
    pub(super) fn new(relay: &Relay) -> Self {
        Self { relay: relay.clone(), ids: Arc::default() }
    }
}

impl<S> Layer<S> for FrameLayer {
    type Service = Frame<S>;
    fn layer(&self, inner: S) -> Frame<S> {
        Frame { inner, frame: self.clone() }
    }
}

/// A call in its frame.
#[derive(Clone)]
pub(super) struct Frame<S> {
    inner: S,
    frame: FrameLayer,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Frame<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Framed<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Framed<S::Future> {
        let relay = &self.frame.relay;
        let line = Line::new(&request, self.frame.ids.next());
        let for_all = cors::is_for_all(request.uri());
        let answer = match refuse(&request).map_or_else(|| count(&request, relay), Err) {
            Err(problem) => Err(Some(problem.into_response())),
            Ok(()) => Ok(Box::pin(self.inner.call(request))),
        };
        Framed { answer, relay: relay.clone(), for_all, line }
    }
}

/// An answer to come, from the call or at once.
pub(super) struct Framed<F> {
    answer: Result<Pin<Box<F>>, Option<Response>>,
    relay: Relay,
    /// Pages of any origin may read it.
    for_all: bool,
    line: Line,
}

impl<E, F: Future<Output = Result<Response, E>>> Future for Framed<F> {
    type Output = Result<Response, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = match &mut self.answer {
            Ok(call) => ready!(call.as_mut().poll(cx))?,
            Err(refused) => refused.take().unwrap_or_default(),
        };
        let headers = response.headers_mut();
        headers.insert(EPOCH, self.relay.epoch_header());
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.for_all {
            cors::let_read(headers);
        }
        if let Ok(id) = HeaderValue::try_from(format!("{:016x}", self.line.id)) {
            headers.insert(REQUEST_ID, id);
        }
        self.line.write(&response, &self.relay);
        Poll::Ready(Ok(response))
    }
}

/// Numbers of requests: they tell nothing about each other or how many there are.
#[derive(Default)]
struct Ids {
    count: AtomicU64,
    hide: RandomState,
}

impl Ids {
    fn next(&self) -> u64 {
        self.hide.hash_one(self.count.fetch_add(1, Ordering::Relaxed))
    }
}

/// A line of the log, and what is counted.
struct Line {
    id: u64,
    begun: Instant,
    method: Method,
    /// The path's pattern: a path itself holds ids, which no log may.
    call: Option<MatchedPath>,
}

impl Line {
    fn new(request: &Request, id: u64) -> Self {
        let call = request.extensions().get::<MatchedPath>().cloned();
        Self { id, begun: Instant::now(), method: request.method().clone(), call }
    }

    fn write(&self, response: &Response, relay: &Relay) {
        let (status, took) = (response.status().as_u16(), self.begun.elapsed());
        let path = self.call.as_ref().map_or("-", MatchedPath::as_str);
        relay.metrics().answered(call(&self.method, path), status, took);
        let request = format_args!("{:016x}", self.id);
        let micros = took.as_micros();
        if status == 500 {
            tracing::error!(%request, method = %self.method, call = path, status, micros);
        } else {
            tracing::debug!(%request, method = %self.method, call = path, status, micros);
        }
    }
}

/// What the figures name a call.
fn call(method: &Method, path: &str) -> &'static str {
    match (method.as_str(), path) {
        ("PUT", "/v1/mailboxes/{id}") => "open-mailbox",
        ("DELETE", "/v1/mailboxes/{id}") => "close-mailbox",
        ("POST", "/v1/mailboxes/{id}/messages") => "post",
        ("GET", "/v1/mailboxes/{id}/messages") => "read",
        ("DELETE", "/v1/mailboxes/{id}/messages/{seq}") => "delete-message",
        ("PUT", "/v1/slots/{id}") => "put-slot",
        ("GET", "/v1/slots/{id}") => "get-slot",
        ("DELETE", "/v1/slots/{id}") => "delete-slot",
        ("POST", "/v1/holds/{id}/veto") => "veto",
        ("POST", "/v1/passes") => "new-pass",
        (_, "/healthz" | "/readyz") => "health",
        (_, "/i" | "/r") => "page",
        _ => "other",
    }
}

/// Why a request's head is not taken.
fn refuse(request: &Request) -> Option<Problem> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > TARGET_MAX {
        return Some(Code::TargetTooLong.into());
    }
    let size = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    (request.headers().iter().map(size).sum::<usize>() > HEADERS_MAX)
        .then(|| Code::HeadersTooLarge.into())
}

/// Counts the call among those of its address.
fn count(request: &Request, relay: &Relay) -> Result<(), Problem> {
    let Some(Peer(peer)) = request.extensions().get::<Peer>() else {
        return Ok(());
    };
    let path = request.uri().path();
    let kind = match *request.method() {
        _ if !path.starts_with("/v1/") => return Ok(()),
        Method::GET | Method::HEAD | Method::OPTIONS => Kind::Read,
        Method::PUT => Kind::Open,
        _ if path == "/v1/passes" => Kind::Open,
        _ => Kind::Post,
    };
    relay.limiter().count(kind, *peer, request.headers()).map_err(|wait| {
        relay.metrics().limited();
        Problem::too_many(wait)
    })
}
