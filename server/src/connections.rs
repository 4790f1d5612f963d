//! HTTP connections: accepting them, their limits, and their graceful end.

use std::{
    convert::Infallible, net::SocketAddr, os::fd::AsFd, pin::pin, sync::Arc, time::Duration,
};

use axum::{body::Body, response::Response};
use http::{Request, Version};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulConnection, GracefulShutdown},
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_io_timeout::TimeoutStream;

use crate::{
    client_stream::ClientStream,
    connection_limits::ConnectionLimits,
    head_timeout::{Head, HeadTimeout},
    unread_body::{Rest, Unread},
};

/// How long clients may take.
#[derive(Clone, Copy)]
struct ConnectionTimeouts {
    /// To send the head of a request, from its first byte on; at the first request, from the start of the
    /// connection on.
    head: Duration,
    /// To begin another request.
    idle: Duration,
    /// Without reading any of a response that is ready.
    write: Duration,
}

const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The maximum size of a request head in bytes.
const MAX_HEAD: usize = 32 * 1024;

/// How many requests of an HTTP/2 connection are handled at the same time.
const MAX_STREAMS: u32 = 100;

/// The pause after a connection could not be accepted, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until `stop` completes, and passes their requests to `respond`. A connection without a
/// request stays open for `keep_alive`.
pub async fn accept<F>(
    listener: &TcpListener,
    stop: impl Future<Output = ()>,
    graceful: &GracefulShutdown,
    limits: &ConnectionLimits,
    keep_alive: Duration,
    respond: impl Fn(SocketAddr, Request<Body>) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = Response> + Send + 'static,
{
    let timeouts = ConnectionTimeouts {
        head: HEAD_TIMEOUT,
        idle: keep_alive,
        write: WRITE_TIMEOUT,
    };
    // Further connections wait in the backlog of the listening socket.
    let permits = Arc::new(Semaphore::new(limits.total()));
    let serve = |stream, peer: SocketAddr, permit| {
        let Some(place) = limits.admit(peer.ip()) else {
            tracing::debug!(%peer, "too many connections of one network");
            return;
        };
        let respond = respond.clone();
        let respond = move |request| respond(peer, request);
        let connection = graceful.watch(connection(stream, respond, timeouts));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended with an error");
            }
            drop((permit, place));
        });
    };
    let mut stop = pin!(stop);
    loop {
        let accepting = async {
            let permit = permits.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accepting => accepted,
        };
        match accepted {
            Ok((stream, peer)) => serve(stream, peer, permit),
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    for (stream, peer) in backlog(listener).take(permits.available_permits()) {
        serve(stream, peer, permits.clone().acquire_owned().await);
    }
}

/// Takes the connections that the system has accepted already. Closing the socket would reset them, and
/// clients such as proxies do not send a request again that may have had an effect.
fn backlog(listener: &TcpListener) -> impl Iterator<Item = (TcpStream, SocketAddr)> {
    let same = listener.as_fd().try_clone_to_owned();
    let same = same.map(std::net::TcpListener::from);
    std::iter::from_fn(move || {
        let (stream, peer) = same.as_ref().ok()?.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    })
}

/// Serves HTTP/1.1, and HTTP/2 to clients that begin with it (RFC 9113, section 3.3), as proxies do.
fn connection<F>(
    stream: TcpStream,
    respond: impl Fn(Request<Body>) -> F + Send + 'static,
    timeouts: ConnectionTimeouts,
) -> impl GracefulConnection<Error = Box<dyn std::error::Error + Send + Sync>>
where
    F: Future<Output = Response> + Send + 'static,
{
    // Responses are written in one piece; Nagle's algorithm would only delay them.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(timeouts.write));
    let unread = Unread::default();
    let head = Head::default();
    let head_timeout = HeadTimeout::new(head.clone(), timeouts.head, timeouts.idle);
    let stream = ClientStream::new(Box::pin(stream), head_timeout, unread.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let (request, rest) = if request.version() == Version::HTTP_2 {
            // It has several requests at a time, and each has an end of its own.
            head.stop();
            (request.map(Body::new), None)
        } else {
            head.complete();
            Rest::of(request)
        };
        let (response, unread, head) = (respond(request), unread.clone(), head.clone());
        async move {
            let mut response = response.await;
            if let Some(rest) = rest {
                response = rest.finish(response, &unread).await;
            }
            head.expect_next();
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // The stream has a limit.
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD as u32)
        // A connection stays open while its client responds to pings.
        .keep_alive_interval(timeouts.idle)
        .keep_alive_timeout(timeouts.head);
    builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned()
}

#[cfg(test)]
mod tests {
    use axum::{body::Bytes, routing::get};
    use futures_util::FutureExt;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpSocket,
        task::JoinSet,
        time::{Instant, sleep},
    };
    use tower::ServiceExt;

    use super::*;
    use crate::middleware::TrustedProxies;

    /// The number of clients that send slowly, and of those that never read. The system buffers some
    /// megabytes for each of the latter.
    const SLOW_CLIENTS: usize = 500;
    const NON_READING_CLIENTS: usize = 10;

    /// More than the system buffers for a client that does not read.
    static LARGE: [u8; 64 * 1024 * 1024] = [0; 64 * 1024 * 1024];

    const SHORT: ConnectionTimeouts = ConnectionTimeouts {
        head: Duration::from_secs(2),
        idle: Duration::from_secs(4),
        write: Duration::from_secs(2),
    };

    /// The delay to allow for on a busy machine.
    const SLACK: Duration = Duration::from_secs(5);

    fn get_request(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    }

    async fn start() -> SocketAddr {
        let router = axum::Router::new()
            .route("/", get(async || "here"))
            .route("/large", get(async || Bytes::from_static(&LARGE)));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let router = router.clone();
                let respond = move |request| router.clone().oneshot(request).map(Result::unwrap);
                tokio::spawn(connection(stream, respond, SHORT));
            }
        });
        address
    }

    /// Sends a request head one byte at a time. Returns how long the server kept the connection.
    async fn trickle(stream: TcpStream) -> Duration {
        let start = Instant::now();
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
        // Nothing is expected; a reset connection has ended, too.
        let _ = read.read_to_end(&mut Vec::new()).await;
        writing.abort();
        start.elapsed()
    }

    /// Requests a large response, and reads none of it until the server must have closed the
    /// connection. Returns the number of bytes received in the end.
    async fn read_late(mut stream: TcpStream) -> usize {
        let request = get_request("/large");
        stream.write_all(request.as_bytes()).await.unwrap();
        sleep(SHORT.write + SLACK).await;
        let mut received = Vec::new();
        let _ = stream.read_to_end(&mut received).await;
        received.len()
    }

    async fn is_served(mut stream: TcpStream) -> bool {
        let request = get_request("/");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        response.starts_with("HTTP/1.1 200 ") && response.ends_with("here")
    }

    #[tokio::test]
    async fn slow_clients_are_disconnected_after_the_timeout_and_others_are_served() {
        let _ = rlimit::increase_nofile_limit(4_000);
        let address = start().await;
        // One by one: the system may take a burst for a SYN flood.
        let connect = || TcpStream::connect(address).map(Result::unwrap);
        let (mut slow, mut non_reading) = (JoinSet::new(), JoinSet::new());
        for _ in 0..SLOW_CLIENTS {
            slow.spawn(trickle(connect().await));
        }
        for _ in 0..NON_READING_CLIENTS {
            non_reading.spawn(read_late(connect().await));
        }
        for _ in 0..20 {
            let start = Instant::now();
            assert!(is_served(connect().await).await);
            assert!(start.elapsed() < SLACK);
            sleep(Duration::from_millis(100)).await;
        }
        for took in slow.join_all().await {
            // The timeout starts when the server accepts the connection, which may be earlier.
            let shortest = SHORT.head / 2;
            assert!((shortest..SHORT.head + SLACK).contains(&took), "{took:?}");
        }
        for received in non_reading.join_all().await {
            assert!(received < LARGE.len(), "{received}");
        }
    }

    #[tokio::test]
    async fn an_idle_connection_stays_open_longer_than_a_head_may_take() {
        const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let mut stream = TcpStream::connect(start().await).await.unwrap();
        let mut response = [0; 1024];
        // Silent at first: the first head has no time for that.
        let silent = TcpStream::connect(stream.peer_addr().unwrap()).await;
        let silence = Instant::now();
        for pause in [Duration::ZERO, SHORT.head + Duration::from_secs(1)] {
            sleep(pause).await;
            stream.write_all(REQUEST).await.unwrap();
            let length = stream.read(&mut response).await.unwrap();
            assert!(response[..length].starts_with(b"HTTP/1.1 200 "));
        }
        let idle = Instant::now();
        let mut silent = silent.unwrap();
        assert_eq!(silent.read(&mut response).await.unwrap_or_default(), 0);
        assert!(silence.elapsed() < SHORT.head + SLACK);
        assert_eq!(stream.read(&mut response).await.unwrap_or_default(), 0);
        let took = idle.elapsed();
        let shortest = SHORT.idle - Duration::from_millis(100);
        assert!((shortest..SHORT.idle + SLACK).contains(&took), "{took:?}");
    }

    #[tokio::test]
    async fn http_2_is_served_to_clients_that_begin_with_it() {
        use http_body_util::{BodyExt, Empty};
        use hyper::client::conn::http2;
        let address = start().await;
        let stream = TcpStream::connect(address).await.unwrap();
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (requests, connection) = handshake.unwrap();
        tokio::spawn(connection);
        let get = |path: &str| {
            let url = format!("http://{address}{path}");
            Request::get(url).body(Empty::<Bytes>::new()).unwrap()
        };
        // A response that nobody reads does not hold up the others.
        let unread = requests.clone().send_request(get("/large")).await.unwrap();
        for _ in 0..3 {
            let response = requests.clone().send_request(get("/")).await.unwrap();
            assert_eq!(response.version(), Version::HTTP_2);
            assert_eq!(response.status(), 200);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, "here");
            // Longer than a head may take and a connection may be idle: its pings are answered.
            sleep(SHORT.head).await;
        }
        drop(unread);
    }

    #[tokio::test]
    async fn a_network_that_holds_all_it_can_get_leaves_room_for_others() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let respond = async |_, _| Response::new(Body::from("here"));
        tokio::spawn(async move {
            let limits = ConnectionLimits::new(100, TrustedProxies::default());
            let (never, graceful) = (std::future::pending(), GracefulShutdown::new());
            accept(&listener, never, &graceful, &limits, SLACK, respond).await;
        });
        let mut greedy = Vec::new();
        for _ in 0..200 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // It may be closed already.
            let _ = stream.write_all(b"GET / HTTP/1.1\r\n").await;
            greedy.push(stream);
        }
        let mut held = Vec::new();
        for mut stream in greedy {
            let end = stream.read_u8();
            let end = tokio::time::timeout(Duration::from_millis(20), end).await;
            if end.is_err() {
                held.push(stream);
            }
        }
        assert_eq!(held.len(), 50);
        for _ in 0..20 {
            let other = TcpSocket::new_v4().unwrap();
            other.bind("127.0.0.2:0".parse().unwrap()).unwrap();
            assert!(is_served(other.connect(address).await.unwrap()).await);
        }
        // A connection that ends makes room.
        held.pop();
        let mut served = false;
        for _ in 0..100 {
            let stream = TcpStream::connect(address).await.unwrap();
            served |= is_served_or_closed(stream).await;
            sleep(Duration::from_millis(10)).await;
        }
        assert!(served);
    }

    async fn is_served_or_closed(mut stream: TcpStream) -> bool {
        let mut response = Vec::new();
        let _ = stream.write_all(get_request("/").as_bytes()).await;
        let _ = stream.read_to_end(&mut response).await;
        response.starts_with(b"HTTP/1.1 200 ")
    }
}
