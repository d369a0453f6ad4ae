//! What holds for every call: limits on the head, fields of the answer, one line in the log.
//!
//! Written by hand rather than as an axum function, because every answer passes here and a function costs
//! several allocations.

use super::problem::{Code, Problem};
use crate::limits::{HEADERS_MAX, TARGET_MAX};
use crate::relay::Relay;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tower::{Layer, Service};

/// Which making of the store answers.
const EPOCH: HeaderName = HeaderName::from_static("recovery-epoch");

/// Puts every call in its frame.
#[derive(Clone)]
pub(super) struct FrameLayer {
    epoch: HeaderValue,
}

impl FrameLayer {
    pub(super) fn new(relay: &Relay) -> Self {
        Self { epoch: relay.epoch_header() }
    }
}

impl<S> Layer<S> for FrameLayer {
    type Service = Frame<S>;
    fn layer(&self, inner: S) -> Frame<S> {
        Frame { inner, epoch: self.epoch.clone() }
    }
}

/// A call in its frame.
#[derive(Clone)]
pub(super) struct Frame<S> {
    inner: S,
    epoch: HeaderValue,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Frame<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Framed<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Framed<S::Future> {
        let log = tracing::enabled!(tracing::Level::DEBUG).then(|| Line::new(&request));
        let answer = match refuse(&request) {
            Some(code) => Err(Some(Problem::from(code).into_response())),
            None => Ok(Box::pin(self.inner.call(request))),
        };
        Framed { answer, epoch: self.epoch.clone(), log }
    }
}

/// An answer to come, from the call or at once.
pub(super) struct Framed<F> {
    answer: Result<Pin<Box<F>>, Option<Response>>,
    epoch: HeaderValue,
    log: Option<Line>,
}

impl<E, F: Future<Output = Result<Response, E>>> Future for Framed<F> {
    type Output = Result<Response, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = match &mut self.answer {
            Ok(call) => ready!(call.as_mut().poll(cx))?,
            Err(refused) => refused.take().unwrap_or_default(),
        };
        let headers = response.headers_mut();
        headers.insert(EPOCH, self.epoch.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(log) = &self.log {
            log.write(&response);
        }
        Poll::Ready(Ok(response))
    }
}

/// A line of the log.
struct Line {
    begun: Instant,
    method: Method,
    /// The path's pattern: a path itself holds ids, which no log may.
    call: Option<MatchedPath>,
}

impl Line {
    fn new(request: &Request) -> Self {
        let call = request.extensions().get::<MatchedPath>().cloned();
        Self { begun: Instant::now(), method: request.method().clone(), call }
    }

    fn write(&self, response: &Response) {
        tracing::debug!(
            method = %self.method,
            call = self.call.as_ref().map_or("-", MatchedPath::as_str),
            status = response.status().as_u16(),
            micros = self.begun.elapsed().as_micros(),
        );
    }
}

/// Why a request's head is not taken.
fn refuse(request: &Request) -> Option<Code> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > TARGET_MAX {
        return Some(Code::TargetTooLong);
    }
    let size = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    (request.headers().iter().map(size).sum::<usize>() > HEADERS_MAX)
        .then_some(Code::HeadersTooLarge)
}
