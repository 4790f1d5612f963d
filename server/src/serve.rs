//! Starting and stopping the server.

use std::{convert::Infallible, io, net::SocketAddr, time::Duration};

use accounts::{Accounts, EmailWorker, Tasks};
use axum::{Router, body::Body, extract::ConnectInfo};
use futures_util::{FutureExt, future::Shared};
use http::{HeaderValue, Request, Version, header};
use hyper_util::server::graceful::GracefulShutdown;
use listenfd::ListenFd;
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::{
    config::ClientConfig,
    connection_limits::{ConnectionLimits, MAX_CONNECTIONS},
    connections,
    failure::Failure,
    metrics::Metrics,
    middleware::TrustedProxies,
    router::router,
    signals,
    site::SiteFiles,
};

/// How long requests in flight may take after the program is told to stop. Systems that stop containers wait
/// for 10 seconds.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);

/// How long connections stay open for requests that are on their way. Each is closed after one.
const GRACE: Duration = Duration::from_millis(250);

/// File descriptors besides those of client connections: files and database connections.
const OTHER_FILES: usize = 1_000;

/// How many connections there may be for metrics.
const METRICS_CONNECTIONS: usize = 100;

/// The sockets that the server listens on.
pub struct Listeners {
    /// For the API and the browser app.
    pub public: Listener,
    /// For metrics.
    pub metrics: Option<Listener>,
}

/// A listening socket.
pub struct Listener {
    listener: TcpListener,
    /// The address, with the actual port if the configured one is 0.
    pub address: SocketAddr,
}

impl Listener {
    /// Takes over the socket that systemd has opened for the program (`LISTEN_FDS`, see sd_listen_fds(3)), or else
    /// binds the address that this variable has set.
    pub async fn take_or_bind(variable: &str, address: SocketAddr) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            Failure::new(format!(
                "LISTEN_FDS: can't serve the socket that was handed over: {error}"
            ))
        };
        let Some(listener) = ListenFd::from_env().take_tcp_listener(0).map_err(failed)? else {
            return Self::bind(variable, address).await;
        };
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = TcpListener::from_std(listener).map_err(failed)?;
        let handed_over = listener.local_addr().map_err(failed)?;
        if handed_over != address {
            tracing::warn!(%address, %handed_over,
                "{variable} names another address than that of the socket that was handed over, which is served");
        }
        Ok(Self {
            listener,
            address: handed_over,
        })
    }

    /// Binds the address that this variable has set.
    pub async fn bind(variable: &str, address: SocketAddr) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            let hint = match error.kind() {
                io::ErrorKind::AddrInUse => {
                    "; another program is using it: stop that program or choose another port"
                }
                io::ErrorKind::PermissionDenied => {
                    "; choose a port from 1024 up, or grant this program the permission"
                }
                _ => "",
            };
            Failure::new(format!("{variable}: can't serve {address}: {error}{hint}"))
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Accepts connections and passes their requests to the router, until the server is to stop.
    async fn serve(
        &self,
        stop: Shared<impl Future<Output = ()> + Send + 'static>,
        graceful: &GracefulShutdown,
        limits: &ConnectionLimits,
        keep_alive: Duration,
        router: Router,
    ) {
        let is_stopping = stop.clone();
        let respond = move |peer: SocketAddr, mut request: Request<Body>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let has_streams = request.version() == Version::HTTP_2;
            let response = router.clone().oneshot(request);
            let is_stopping = is_stopping.clone();
            response.map(move |Ok::<_, Infallible>(mut response)| {
                if is_stopping.peek().is_some() && !has_streams {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(header::CONNECTION, close);
                }
                response
            })
        };
        connections::accept(&self.listener, stop, graceful, limits, keep_alive, respond).await;
    }
}

/// Serves until the program is told to stop, then completes the requests in flight.
pub async fn serve(
    listeners: Listeners,
    accounts: Accounts,
    email_worker: EmailWorker,
    site: SiteFiles,
    public_url: &str,
    clients: ClientConfig,
) -> Result<(), Failure> {
    let keep_alive = clients.keep_alive;
    let limits = ConnectionLimits::new(max_connections(), clients.trusted_proxies.clone());
    let metrics = Metrics::new(accounts.clone()).map_err(Failure::new)?;
    let for_metrics = metrics.clone().router();
    let router = router(accounts.clone(), metrics, site, clients);
    let mut tasks = Tasks::start(accounts.clone(), email_worker);
    let graceful = GracefulShutdown::new();
    let stop = signals::stop()?.shared();
    tracing::info!(address = %listeners.public.address, public_url, "serving");
    let serve_metrics = async {
        if let Some(listener) = &listeners.metrics {
            tracing::info!(address = %listener.address, "serving metrics");
            let limits = ConnectionLimits::new(METRICS_CONNECTIONS, TrustedProxies::default());
            listener
                .serve(stop.clone(), &graceful, &limits, keep_alive, for_metrics)
                .await;
        }
    };
    let serve_public = listeners
        .public
        .serve(stop.clone(), &graceful, &limits, keep_alive, router);
    tokio::join!(serve_public, serve_metrics);
    drop(listeners);
    accounts.end_revocation_streams();
    tasks.stop_sending();
    shut_down(graceful).await;
    tasks.stop().await;
    accounts.database().close().await;
    Ok(())
}

/// Returns how many connections there may be: each needs a file descriptor. If the system's limit
/// can't be raised far enough, there are fewer.
fn max_connections() -> usize {
    let files = rlimit::increase_nofile_limit((MAX_CONNECTIONS + OTHER_FILES) as u64);
    let files = files.map_or(MAX_CONNECTIONS, |files| {
        usize::try_from(files).unwrap_or(usize::MAX)
    });
    let free = files.saturating_sub(OTHER_FILES).max(files / 2);
    free.clamp(1, MAX_CONNECTIONS)
}

/// Waits for the requests in flight, up to a timeout. Connections without a request are closed.
async fn shut_down(graceful: GracefulShutdown) {
    tracing::info!("shutting down");
    let shut_down = async {
        tokio::time::sleep(GRACE).await;
        graceful.shutdown().await;
    };
    let finished = tokio::time::timeout(SHUTDOWN_TIMEOUT, shut_down).await;
    if finished.is_err() {
        tracing::warn!(timeout = ?SHUTDOWN_TIMEOUT, "shutdown timed out; requests in flight are aborted");
    }
}
