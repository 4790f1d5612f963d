//! Sends one request to the receiver of a webhook, or to a provider of identities.
//!
//! The client resolves a host name once, and connects to the addresses that it has checked, so that a name
//! whose addresses change in between leads nowhere else. It follows no redirect and uses no proxy. Each
//! request has a connection of its own.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use languages::tr_later;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    sync::OnceCell,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

use super::{addresses::is_public, target::Target};

/// How long resolving the name and connecting may take, and how long everything may.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(15);

/// How many addresses of a name are tried.
const ADDRESSES: usize = 4;

/// The maximum size of the head of a response.
const HEAD_LIMIT: usize = 16 * 1024;

/// How much of a body is read, and for how long, so that the receiver can finish writing it.
const BODY_LIMIT: usize = 16 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// Why there was no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    /// The host has no address.
    Unresolved,
    /// All addresses of the host are private.
    Private,
    /// No address accepts connections.
    Unreachable,
    /// No connection was open in time.
    ConnectTimeout,
    /// The TLS handshake has failed.
    Tls,
    /// The connection was closed, or the response is no HTTP.
    NoResponse,
    /// The response has not come in time.
    Timeout,
    /// The request can't be built.
    Invalid,
}

impl SendError {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Unresolved,
        Self::Private,
        Self::Unreachable,
        Self::ConnectTimeout,
        Self::Tls,
        Self::NoResponse,
        Self::Timeout,
        Self::Invalid,
    ];

    /// Returns the reason for administrators, in English.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unresolved => tr_later("The host name could not be resolved."),
            Self::Private => {
                tr_later("The host has private or local addresses only, which are not allowed.")
            }
            Self::Unreachable => tr_later("No connection could be opened."),
            Self::ConnectTimeout => tr_later("No connection was open within 5 seconds."),
            Self::Tls => tr_later("The TLS handshake failed; the certificate may be invalid."),
            Self::NoResponse => tr_later("The connection was closed without a valid response."),
            Self::Timeout => tr_later("There was no response within 15 seconds."),
            Self::Invalid => tr_later("The request could not be built."),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for SendError {}

/// What is sent.
pub(crate) struct Message {
    pub id: String,
    /// In seconds since 1970.
    pub timestamp: i64,
    pub signature: String,
    pub body: String,
}

/// Sends requests to receivers. Clones share the certificates.
#[derive(Clone)]
pub(crate) struct Client {
    allows_private: bool,
    tls: Arc<OnceCell<TlsConnector>>,
}

impl Client {
    /// Creates a client, which connects to addresses that are not public only if `allows_private`.
    pub fn new(allows_private: bool) -> Self {
        Self {
            allows_private,
            tls: Arc::default(),
        }
    }

    /// Sends a message. Returns the status of the response.
    pub async fn send(&self, target: &Target, message: Message) -> Result<u16, SendError> {
        let request = request(target, message).map_err(|_| SendError::Invalid)?;
        let exchange = async {
            let exchanged = self.exchange(target, request).await?;
            let (head, body) = exchanged.response.into_parts();
            // Only the status counts.
            let _ = timeout(BODY_TIMEOUT, read_body(body, BODY_LIMIT)).await;
            Ok(head.status.as_u16())
        };
        let status = timeout(TIMEOUT, exchange).await;
        status.map_err(|_| SendError::Timeout)?
    }

    /// Sends a request, whose URI has no host, and reads the whole response, of which the body has at most
    /// `body_limit` bytes. A redirect is a response like any other.
    pub async fn fetch(
        &self,
        target: &Target,
        request: Request<Full<Bytes>>,
        body_limit: usize,
        time_limit: Duration,
    ) -> Result<Response<Vec<u8>>, SendError> {
        let exchange = async {
            let exchanged = self.exchange(target, request).await?;
            let (head, body) = exchanged.response.into_parts();
            let body = read_body(body, body_limit).await;
            let body = body.ok_or(SendError::NoResponse)?;
            Ok(Response::from_parts(head, body))
        };
        let response = timeout(time_limit, exchange).await;
        response.map_err(|_| SendError::Timeout)?
    }

    async fn exchange(
        &self,
        target: &Target,
        request: Request<Full<Bytes>>,
    ) -> Result<Exchanged, SendError> {
        let connecting = timeout(CONNECT_TIMEOUT, self.connect(target));
        let stream = connecting.await.map_err(|_| SendError::ConnectTimeout)??;
        if target.is_secure() {
            exchange(self.encrypt(stream, target).await?, request).await
        } else {
            exchange(stream, request).await
        }
    }

    async fn connect(&self, target: &Target) -> Result<TcpStream, SendError> {
        let port = target.port();
        let addresses: Vec<_> = match target.host() {
            Ok(name) => {
                let found = lookup_host((name, port)).await;
                found.map_err(|_| SendError::Unresolved)?.collect()
            }
            Err(address) => vec![SocketAddr::new(address, port)],
        };
        let addresses = self.allowed(&addresses)?;
        // One that drops packets leaves time for the next.
        let share = CONNECT_TIMEOUT / u32::try_from(addresses.len()).unwrap_or(1);
        for address in addresses {
            if let Ok(Ok(stream)) = timeout(share, TcpStream::connect(address)).await {
                return Ok(stream);
            }
        }
        Err(SendError::Unreachable)
    }

    /// Returns the addresses that may be connected to, at least one.
    fn allowed(&self, addresses: &[SocketAddr]) -> Result<Vec<SocketAddr>, SendError> {
        if addresses.is_empty() {
            return Err(SendError::Unresolved);
        }
        let is_allowed = |address: &&SocketAddr| self.allows_private || is_public(address.ip());
        let allowed = addresses.iter().filter(is_allowed).take(ADDRESSES);
        let allowed: Vec<_> = allowed.copied().collect();
        if allowed.is_empty() {
            return Err(SendError::Private);
        }
        Ok(allowed)
    }

    async fn encrypt(
        &self,
        stream: TcpStream,
        target: &Target,
    ) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static, SendError> {
        let connector = self.tls.get_or_try_init(connector).await;
        let connector = connector.map_err(|error| {
            tracing::error!(%error, "can't set up TLS for webhooks");
            SendError::Tls
        })?;
        let name = match target.host() {
            Ok(name) => ServerName::try_from(name.to_owned()).map_err(|_| SendError::Tls)?,
            Err(address) => ServerName::from(address),
        };
        let encrypted = connector.connect(name, stream).await;
        encrypted.map_err(|_| SendError::Tls)
    }
}

/// Reads the certificates of the system's authorities.
async fn connector() -> io::Result<TlsConnector> {
    let reading = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs);
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(reading.await.map_err(io::Error::other)?.certs);
    connector_with(roots)
}

fn connector_with(roots: RootCertStore) -> io::Result<TlsConnector> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A response whose body is still to be read. Its connection ends together with it.
struct Exchanged {
    response: Response<Incoming>,
    _connection: JoinSet<hyper::Result<()>>,
}

/// Sends the request over a connection, and reads the head of the response.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Exchanged, SendError> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_LIMIT);
    let opened = builder.handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = opened.map_err(|_| SendError::NoResponse)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let response = sender.send_request(request).await;
    Ok(Exchanged {
        response: response.map_err(|_| SendError::NoResponse)?,
        _connection: tasks,
    })
}

/// Reads a body. Returns `None` if it is longer than the limit, or breaks off.
async fn read_body(mut body: Incoming, limit: usize) -> Option<Vec<u8>> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.ok()?;
        read.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if read.len() > limit {
            return None;
        }
    }
    Some(read)
}

fn request(target: &Target, message: Message) -> http::Result<Request<Full<Bytes>>> {
    Request::post(target.path_and_query())
        .header(header::HOST, target.authority())
        .header(header::CONTENT_TYPE, "application/json")
        .header(
            header::USER_AGENT,
            concat!("Latchkey/", env!("CARGO_PKG_VERSION")),
        )
        .header(header::CONNECTION, "close")
        .header("webhook-id", message.id)
        .header("webhook-timestamp", message.timestamp)
        .header("webhook-signature", message.signature)
        .body(Full::new(message.body.into()))
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use tokio_rustls::{
        TlsAcceptor,
        rustls::{ServerConfig, pki_types::CertificateDer},
        server::TlsStream,
    };

    use super::*;

    #[test]
    fn only_checked_addresses_of_a_name_are_connected_to() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let mixed = addresses(&["127.0.0.1:443", "1.1.1.1:443", "[::1]:443"]);
        let strict = Client::new(false);
        let public = addresses(&["1.1.1.1:443"]);
        assert_eq!(strict.allowed(&mixed), Ok(public));
        let private = addresses(&["10.0.0.1:443", "[::ffff:127.0.0.1]:443"]);
        assert_eq!(strict.allowed(&private), Err(SendError::Private));
        assert_eq!(strict.allowed(&[]), Err(SendError::Unresolved));
        assert_eq!(Client::new(true).allowed(&mixed), Ok(mixed));
    }

    #[tokio::test]
    async fn names_of_this_machine_are_refused_after_they_were_resolved() {
        // Only `localhost` itself is refused before.
        let target = Target::parse("https://localhost", true).unwrap();
        let strict = Client::new(false);
        let refused = strict.connect(&target).await.map(drop);
        assert_eq!(refused, Err(SendError::Private));
    }

    /// A receiver on this machine, with a certificate that it has issued itself.
    struct Receiver {
        listener: TcpListener,
        acceptor: TlsAcceptor,
        certificate: CertificateDer<'static>,
    }

    impl Receiver {
        async fn start() -> Self {
            let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
            let certificate = certified.cert.der().clone();
            let key = certified.signing_key.serialize_der().try_into().unwrap();
            let provider = Arc::new(ring::default_provider());
            let config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate.clone()], key)
                .unwrap();
            Self {
                listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
                acceptor: TlsAcceptor::from(Arc::new(config)),
                certificate,
            }
        }

        fn target(&self) -> Target {
            let url = format!("https://{}/hook", self.listener.local_addr().unwrap());
            Target::parse(&url, true).unwrap()
        }

        async fn accept(&self) -> io::Result<TlsStream<TcpStream>> {
            let (stream, _) = self.listener.accept().await.unwrap();
            self.acceptor.accept(stream).await
        }

        /// Reads the head of a request, and answers with 204.
        async fn answer(&self) -> String {
            let mut stream = self.accept().await.unwrap();
            let mut received = Vec::new();
            while !received.ends_with(b"{}") {
                stream.read_buf(&mut received).await.unwrap();
            }
            let response = b"HTTP/1.1 204 No Content\r\n\r\n";
            stream.write_all(response).await.unwrap();
            stream.shutdown().await.unwrap();
            String::from_utf8(received).unwrap()
        }
    }

    fn message() -> Message {
        Message {
            id: "id".to_owned(),
            timestamp: 0,
            signature: "v1,".to_owned(),
            body: "{}".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_server_without_a_valid_certificate_gets_nothing() {
        let receiver = Receiver::start().await;
        let (client, target) = (Client::new(true), receiver.target());
        let (sent, accepted) = tokio::join!(client.send(&target, message()), receiver.accept());
        assert_eq!(sent, Err(SendError::Tls));
        assert!(accepted.is_err());
    }

    #[tokio::test]
    async fn a_server_whose_certificate_is_trusted_gets_the_message() {
        let receiver = Receiver::start().await;
        let client = Client::new(true);
        let mut roots = RootCertStore::empty();
        roots.add(receiver.certificate.clone()).unwrap();
        let trusting = connector_with(roots).unwrap();
        assert!(client.tls.set(trusting).is_ok());
        let target = receiver.target();
        let (sent, received) = tokio::join!(client.send(&target, message()), receiver.answer());
        assert_eq!(sent, Ok(204));
        assert!(
            received.starts_with("POST /hook HTTP/1.1\r\n"),
            "{received}"
        );
        assert!(
            received.contains("\r\nwebhook-signature: v1,\r\n"),
            "{received}"
        );
    }
}
