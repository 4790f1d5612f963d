//! Connections: from the first byte to the last.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use accounts::{Accounts, Cleanup, Hearing, MailSender};
use axum::{
    body::{Body, HttpBody},
    response::Response,
};
use futures_util::FutureExt;
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, oneshot},
};
use tokio_io_timeout::TimeoutStream;

use crate::{
    config::ClientConfig, failure::Failure, metrics::Metrics, router::Router, site::SiteFiles,
};

/// How many connections are open at the same time; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 20_000;

/// How long a client may take for a request's head, and stay without one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a client may take nothing of an answer that waits for it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How much of a request's head is read at most, in bytes.
const MAX_HEAD: usize = 32 * 1024;

/// How long requests in flight may take when the program is told to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// A bound address.
pub struct Listener {
    listener: TcpListener,
    /// The address, with the port that the system chose where none was named.
    pub address: SocketAddr,
}

/// Takes the address.
pub async fn listen(address: SocketAddr) -> Result<Listener, Failure> {
    let failed = |error: io::Error| {
        let mend = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "; another program serves it: stop that, or take another port"
            }
            io::ErrorKind::PermissionDenied => {
                "; take a port from 1024 up, or give this program the right to"
            }
            _ => "",
        };
        Failure::new(format!(
            "LATCHKEY_LISTEN: can't serve {address}: {error}{mend}"
        ))
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Listener { listener, address })
}

/// Serves until the program is told to stop, then answers what is in flight.
pub async fn serve(
    listener: Listener,
    accounts: Accounts,
    sender: MailSender,
    site: SiteFiles,
    public_url: &str,
    clients: ClientConfig,
) -> Result<(), Failure> {
    // Each connection is a file to the system; without more of them, what it allows is enough.
    let _ = rlimit::increase_nofile_limit(MAX_CONNECTIONS as u64 + 1_000);
    let metrics = Metrics::new(accounts.clone()).map_err(Failure::new)?;
    let router = Arc::new(Router::new(
        accounts.clone(),
        metrics,
        site,
        public_url,
        clients,
    ));
    let (stop_mail, mail_stops) = oneshot::channel::<()>();
    let mail = tokio::spawn(sender.run(mail_stops.map(drop)));
    let hearing = tokio::spawn(Hearing::new(accounts.clone()).run());
    let cleanup = tokio::spawn(Cleanup::new(accounts.clone()).run());
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop_signal()?);
    tracing::info!(address = %listener.address, public_url, "serving");
    loop {
        let accepted = async {
            let place = connections.clone().acquire_owned().await;
            (place, listener.listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let router = router.clone();
                let answer = move |request| {
                    let router = router.clone();
                    async move { router.answer(peer.ip(), request).await }
                };
                let connection = graceful.watch(connection(stream, answer));
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection broke off");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Out of files, most likely: give others the time to end.
                tracing::warn!(%error, "can't take a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    tracing::info!("stopping");
    if tokio::time::timeout(STOP_TIMEOUT, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests took too long and were broken off");
    }
    hearing.abort();
    cleanup.abort();
    // Mails on their way are finished; the rest waits in the database.
    drop(stop_mail);
    if let Err(error) = mail.await {
        tracing::error!(%error, "the task that sends mails failed");
    }
    accounts.write_failed_sign_ins().await;
    accounts.database().close().await;
    Ok(())
}

fn connection<F>(
    stream: TcpStream,
    answer: impl Fn(Request<Body>) -> F,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error>
where
    F: Future<Output = Response>,
{
    // Answers are written whole; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let service = service_fn(move |request: Request<Incoming>| {
        answer(request.map(body)).map(Ok::<_, Infallible>)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
}

/// A body that is not there needs no box.
fn body(incoming: Incoming) -> Body {
    if incoming.is_end_stream() {
        Body::empty()
    } else {
        Body::new(incoming)
    }
}

/// Ends when the program is told to stop, by SIGTERM or SIGINT (Ctrl+C).
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
