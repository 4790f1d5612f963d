//! Connections: from the first byte to the last.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use accounts::{Accounts, Cleanup, EmailWorker, InvalidationListener};
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

/// How long clients may take.
#[derive(Clone, Copy)]
struct ConnectionTimeouts {
    /// For a request's head, and to stay without one.
    head: Duration,
    /// To take nothing of an answer that waits for them.
    write: Duration,
}

const CONNECTION_TIMEOUTS: ConnectionTimeouts = ConnectionTimeouts {
    head: Duration::from_secs(15),
    write: Duration::from_secs(30),
};

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
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "; another program serves it: stop that, or take another port"
            }
            io::ErrorKind::PermissionDenied => {
                "; take a port from 1024 up, or give this program the right to"
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

/// Serves until the program is told to stop, then answers what is in flight.
pub async fn serve(
    listener: Listener,
    accounts: Accounts,
    sender: EmailWorker,
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
    let hearing = tokio::spawn(InvalidationListener::new(accounts.clone()).run());
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
                let connection = graceful.watch(connection(stream, answer, CONNECTION_TIMEOUTS));
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
    patience: ConnectionTimeouts,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error>
where
    F: Future<Output = Response>,
{
    // Answers are written whole; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(patience.write));
    let service = service_fn(move |request: Request<Incoming>| {
        answer(request.map(body)).map(Ok::<_, Infallible>)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.head)
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

#[cfg(test)]
mod tests {
    use axum::{body::Bytes, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        task::JoinSet,
        time::{Instant, sleep},
    };
    use tower::ServiceExt;

    use super::*;

    /// How many clients are slow in each way; of those that take nothing, the system keeps some
    /// megabytes each.
    const SLOW_CLIENTS: usize = 500;
    const DEAF_CLIENTS: usize = 10;

    /// More than the system takes over for who does not read.
    static LARGE: [u8; 64 * 1024 * 1024] = [0; 64 * 1024 * 1024];

    const SHORT: ConnectionTimeouts = ConnectionTimeouts {
        head: Duration::from_secs(2),
        write: Duration::from_secs(2),
    };

    /// How long a busy machine may take to notice.
    const SLACK: Duration = Duration::from_secs(5);

    fn get_request(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    }

    async fn start() -> SocketAddr {
        let router = axum::Router::new()
            .route("/", get(async || "here"))
            .route("/large", get(async || Bytes::from_static(&LARGE)));
        let listener = listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.address;
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.listener.accept().await.unwrap();
                let router = router.clone();
                let answer = move |request| router.clone().oneshot(request).map(Result::unwrap);
                tokio::spawn(connection(stream, answer, SHORT));
            }
        });
        address
    }

    /// Sends a head a letter at a time; after how long the server hangs up.
    async fn trickle(stream: TcpStream) -> Duration {
        let began = Instant::now();
        let (mut read, mut write) = stream.into_split();
        write
            .write_all(b"GET / HTTP/1.1\r\nX-Slow: ")
            .await
            .unwrap();
        let writing = tokio::spawn(async move {
            while write.write_all(b"a").await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
        });
        // It says nothing; a connection that was reset has ended, too.
        let _ = read.read_to_end(&mut Vec::new()).await;
        writing.abort();
        began.elapsed()
    }

    /// Asks for much and takes nothing of it, until the server must have hung up; how much there is
    /// to take then.
    async fn take_nothing(mut stream: TcpStream) -> usize {
        let request = get_request("/large");
        stream.write_all(request.as_bytes()).await.unwrap();
        sleep(SHORT.write + SLACK).await;
        let mut received = Vec::new();
        let _ = stream.read_to_end(&mut received).await;
        received.len()
    }

    async fn is_served(address: SocketAddr) -> bool {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = get_request("/");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("here")
    }

    #[tokio::test]
    async fn slow_clients_are_dropped_when_their_time_is_over_and_others_are_served() {
        let _ = rlimit::increase_nofile_limit(4_000);
        let address = start().await;
        // One by one, as the system takes a crowd for an attack.
        let connect = || TcpStream::connect(address).map(Result::unwrap);
        let (mut slow, mut deaf) = (JoinSet::new(), JoinSet::new());
        for _ in 0..SLOW_CLIENTS {
            slow.spawn(trickle(connect().await));
        }
        for _ in 0..DEAF_CLIENTS {
            deaf.spawn(take_nothing(connect().await));
        }
        for _ in 0..20 {
            let asked = Instant::now();
            assert!(is_served(address).await);
            assert!(asked.elapsed() < SLACK);
            sleep(Duration::from_millis(100)).await;
        }
        for took in slow.join_all().await {
            // Its time runs from where the server has taken the connection, which may be before.
            let shortest = SHORT.head / 2;
            assert!((shortest..SHORT.head + SLACK).contains(&took), "{took:?}");
        }
        for received in deaf.join_all().await {
            assert!(received < LARGE.len(), "{received}");
        }
    }
}
