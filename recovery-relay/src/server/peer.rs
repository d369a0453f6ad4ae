//! Who is at the other end of a connection, noted in each of its requests.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use hyper::body::Incoming;
use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll};
use tower::Service;

/// The address at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The calls, for the requests of one connection.
#[derive(Clone)]
pub(super) struct WithPeer {
    app: Router,
    peer: Peer,
}

impl WithPeer {
    pub(super) fn new(app: Router, peer: IpAddr) -> Self {
        Self { app, peer: Peer(peer) }
    }
}

impl Service<Request<Incoming>> for WithPeer {
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.app.call(request.map(Body::new))
    }
}
