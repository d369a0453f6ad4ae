//! The socket: accepts connections, keeps to the limits of time and number, and stops cleanly.

pub(crate) mod tls;

mod peer;
mod stream;

pub(crate) use self::peer::Peer;

use self::peer::WithPeer;
use self::stream::Stream;
use self::tls::Tls;
use crate::api::app;
use crate::config::{Config, StartError};
use crate::limits::{HEAD_BUFFER, HEADER_FIELDS_MAX, Limits};
use crate::notify;
use crate::relay::Relay;
use crate::store::StoreError;
use axum::Router;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// After an accept that failed, for want of file descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Open files the relay needs beside its connections.
const FILES_OF_ITS_OWN: u64 = 64;

/// A relay that serves.
///
/// Dropping it stops the relay as soon as its connections end; [`Running::stop`] also says when that is.
pub struct Running {
    relay: Relay,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    scheme: &'static str,
    public_url: Option<String>,
    accepting: JoinHandle<Arc<Semaphore>>,
    connections: usize,
}

impl Relay {
    /// Opens the store, listens, and serves until stopped.
    ///
    /// # Errors
    /// [`StartError`] says what to do.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        config.check()?;
        let relay = Self::open(&config).await?;
        match relay.clone().listen(&config).await {
            Ok(running) => Ok(running),
            Err(error) => {
                // The store is as after a clean stop; why it might not be is less than why it did not start.
                let _ = relay.stop().await;
                Err(error)
            }
        }
    }

    async fn listen(self, config: &Config) -> Result<Running, StartError> {
        let tls = config.tls.as_ref().map(Tls::load).transpose()?.map(Arc::new);
        let (listener, address) = bind(config.listen).await?;
        let metrics = match config.metrics_listen {
            Some(address) => Some(self.clone().serve_metrics(address).await?),
            None => None,
        };
        let connections = connections(&config.limits);
        let places = Arc::new(Semaphore::new(connections));
        let scheme = if tls.is_some() { "https" } else { "http" };
        if let Some(tls) = &tls {
            tokio::spawn(renew(Arc::clone(tls), self.clone()));
        }
        let accepting = tokio::spawn(accept(listener, self.clone(), places, tls));
        let public_url = config.public_url.clone();
        if self.notifier().is_any() {
            let url = public_url.clone().unwrap_or_else(|| format!("{scheme}://{address}"));
            tokio::spawn(notify::run(self.clone(), Arc::clone(self.notifier()), url));
        }
        Ok(Running { relay: self, address, metrics, scheme, public_url, accepting, connections })
    }

    /// Serves the figures, on a listener of their own.
    async fn serve_metrics(self, address: SocketAddr) -> Result<SocketAddr, StartError> {
        let (listener, address) = bind(address).await?;
        let relay = self.clone();
        let app = Router::new().route("/metrics", get(async move || relay.figures().await));
        tokio::spawn(async move {
            let stopped = async move { self.stopped().await };
            let _ = axum::serve(listener, app).with_graceful_shutdown(stopped).await;
        });
        Ok(address)
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let refused = |source| StartError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, address))
}

/// Looks for a new certificate until the relay stops.
async fn renew(tls: Arc<Tls>, relay: Relay) {
    while timeout(tls::LOOK_EVERY, relay.stopped()).await.is_err() {
        let tls = Arc::clone(&tls);
        let _ = tokio::task::spawn_blocking(move || tls.renew()).await;
    }
}

impl Running {
    /// `http://HOST:PORT`, or `https://…`, as listened on.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Where the figures are served, if anywhere.
    #[must_use]
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// The address people use: the one configured, or else [`Running::url`].
    #[must_use]
    pub fn public_url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| self.url())
    }

    /// The relay behind the socket.
    #[must_use]
    pub const fn relay(&self) -> &Relay {
        &self.relay
    }

    /// Stops accepting, lets what is under way finish, and closes the store.
    ///
    /// Long polls end at once with what they have; connections that go on longer than the farewell are cut.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not be closed cleanly; nothing acknowledged is lost.
    pub async fn stop(mut self) -> Result<(), StoreError> {
        self.relay.begin_to_stop();
        let all = u32::try_from(self.connections).unwrap_or(u32::MAX);
        if let Ok(places) = (&mut self.accepting).await {
            let farewell = self.relay.limits().farewell;
            if timeout(farewell, places.acquire_many(all)).await.is_err() {
                tracing::warn!("some connections did not end in time");
            }
        }
        self.relay.stop().await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.relay.begin_to_stop();
    }
}

/// Accepts until the relay stops; gives back the places, which are free again once their connections end.
async fn accept(
    listener: TcpListener,
    relay: Relay,
    places: Arc<Semaphore>,
    tls: Option<Arc<Tls>>,
) -> Arc<Semaphore> {
    let app = app(relay.clone());
    loop {
        let accepted = tokio::select! {
            biased;
            () = relay.stopped() => return places,
            accepted = next(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (app, relay, tls) = (WithPeer::new(app.clone(), peer), relay.clone(), tls.clone());
        tokio::spawn(async move {
            let _counted = relay.metrics().connection();
            encrypt_and_serve(stream, app, &relay, tls.as_deref()).await;
            drop(place);
        });
    }
}

async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer.ip(), place)),
        Err(error) => {
            tracing::warn!(%error, "can't accept a connection");
            None
        }
    }
}

/// Serves one connection, encrypted if there is a certificate.
async fn encrypt_and_serve(stream: TcpStream, app: WithPeer, relay: &Relay, tls: Option<&Tls>) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return serve(stream, app, relay).await;
    };
    match timeout(relay.limits().head, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => serve(stream, app, relay).await,
        Ok(Err(error)) => tracing::trace!(%error, "a connection was not encrypted"),
        Err(_) => tracing::trace!("a connection took too long to encrypt"),
    }
}

/// Serves one connection.
async fn serve<S>(stream: S, app: WithPeer, relay: &Relay)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = relay.limits();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BUFFER)
        .max_headers(HEADER_FIELDS_MAX)
        .serve_connection(
            TokioIo::new(Stream::new(stream, limits.stall)),
            TowerToHyperService::new(app),
        );
    tokio::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = relay.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::trace!(%error, "a connection ended");
    }
}

/// How many connections fit beside the relay's own files, after asking for as many as the system allows.
fn connections(limits: &Limits) -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut files = getrlimit(Resource::Nofile);
        files.current = files.maximum;
        let _ = setrlimit(Resource::Nofile, files);
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let free = usize::try_from(files.saturating_sub(FILES_OF_ITS_OWN)).unwrap_or(usize::MAX);
        limits.connections.min(free.max(1))
    }
    #[cfg(not(unix))]
    limits.connections
}
