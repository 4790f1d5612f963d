//! Starting and stopping the server.

use std::{convert::Infallible, io, net::SocketAddr, time::Duration};

use accounts::{Accounts, EmailWorker, Tasks};
use axum::{body::Body, extract::ConnectInfo};
use futures_util::FutureExt;
use http::Request;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tower::ServiceExt;

use crate::{
    config::ClientConfig,
    connections::{self, MAX_CONNECTIONS},
    failure::Failure,
    metrics::Metrics,
    router::router,
    site::SiteFiles,
};

/// How long requests in flight may take after the program is told to stop.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

/// File descriptors besides those of client connections: files and database connections.
const OTHER_FILES: u64 = 1_000;

/// A listening socket.
pub struct Listener {
    listener: TcpListener,
    /// The address, with the actual port if the configured one is 0.
    pub address: SocketAddr,
}

/// Binds the address.
pub async fn listen(address: SocketAddr) -> Result<Listener, Failure> {
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
        Failure::new(format!(
            "LATCHKEY_LISTEN: can't serve {address}: {error}{hint}"
        ))
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Listener { listener, address })
}

/// Serves until the program is told to stop, then completes the requests in flight.
pub async fn serve(
    listener: Listener,
    accounts: Accounts,
    email_worker: EmailWorker,
    site: SiteFiles,
    public_url: &str,
    clients: ClientConfig,
) -> Result<(), Failure> {
    // Every connection needs a file descriptor. If the limit can't be raised, fewer are accepted.
    let _ = rlimit::increase_nofile_limit(MAX_CONNECTIONS as u64 + OTHER_FILES);
    let metrics = Metrics::new(accounts.clone()).map_err(Failure::new)?;
    let router = router(accounts.clone(), metrics, site, public_url, clients);
    let tasks = Tasks::start(accounts.clone(), email_worker);
    let graceful = GracefulShutdown::new();
    let stop = stop_signal()?;
    tracing::info!(address = %listener.address, public_url, "serving");
    let respond = move |peer: SocketAddr, mut request: Request<Body>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = router.clone().oneshot(request);
        response.map(|Ok::<_, Infallible>(response)| response)
    };
    tokio::select! {
        biased;
        () = stop => {}
        () = connections::accept(&listener.listener, &graceful, respond) => {}
    }
    drop(listener);
    shut_down(graceful).await;
    tasks.stop().await;
    accounts.database().close().await;
    Ok(())
}

/// Waits for the requests in flight, up to a timeout.
async fn shut_down(graceful: GracefulShutdown) {
    tracing::info!("shutting down");
    let finished = tokio::time::timeout(SHUTDOWN_TIMEOUT, graceful.shutdown()).await;
    if finished.is_err() {
        tracing::warn!(timeout = ?SHUTDOWN_TIMEOUT, "shutdown timed out; requests in flight are aborted");
    }
}

/// Completes on SIGTERM or SIGINT (Ctrl+C).
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::new)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::new)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
