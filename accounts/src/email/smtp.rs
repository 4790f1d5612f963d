//! A mail server, and the connections to it that are kept.
//!
//! lettre speaks the protocol; the connections are our own, because lettre's pool leaves Nagle's
//! algorithm on. A mail ends with a short packet of its own, which would wait for the server's
//! delayed acknowledgement: 40 ms for each mail.

use std::{
    fmt, io,
    net::IpAddr,
    str::FromStr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use lettre::{
    Message,
    transport::smtp::{
        self,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, TlsParameters},
        extension::ClientId,
    },
};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::transport::SendError;

/// How many mails are on their way at the same time, each over a connection that is kept.
pub(crate) const CONNECTIONS: usize = 4;

/// How long it may take until a connection is ready for mails.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a connection is kept without a mail; after the shorter time it is asked whether it still
/// works before it gets one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const FRESH: Duration = Duration::from_secs(1);

/// A mail server: `smtp://user:password@host:port` (STARTTLS) or `smtps://…` (TLS from the first
/// byte).
#[derive(Clone)]
pub struct SmtpUrl {
    host: String,
    port: u16,
    credentials: Option<Credentials>,
    encryption: Encryption,
    /// Whether the server is on this machine, where nobody listens in: then any certificate will do.
    is_local: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encryption {
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// STARTTLS (RFC 3207), or no mail.
    StartTls,
    /// STARTTLS where the server offers it and it works, for a server on this machine.
    Opportunistic,
    /// None.
    Plain,
}

/// Why a text names no mail server. The text itself is not shown: it may hold a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSmtpUrl {
    /// Not a URL of a mail server.
    #[error("write it as smtp://user:password@host:port or smtps://user:password@host:port")]
    Syntax,
    /// Another value of `tls`.
    #[error("the only option is ?tls=none, for a server without STARTTLS")]
    Option,
}

impl FromStr for SmtpUrl {
    type Err = InvalidSmtpUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InvalidSmtpUrl::Syntax)?;
        // Url knows hosts of the web's schemes only; an address in an unknown one stays a domain.
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            _ => return Err(InvalidSmtpUrl::Syntax),
        };
        let is_local = host == "localhost"
            || host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        let options: Vec<_> = url.query_pairs().collect();
        let is_plain = match options.as_slice() {
            [] => false,
            [(name, value)] if name == "tls" && value == "none" => true,
            _ => return Err(InvalidSmtpUrl::Option),
        };
        let (encryption, port) = match (url.scheme(), is_plain) {
            ("smtps", false) => (Encryption::Implicit, 465),
            ("smtp", true) => (Encryption::Plain, 25),
            ("smtp", false) if is_local => (Encryption::Opportunistic, 25),
            ("smtp", false) => (Encryption::StartTls, 587),
            _ => return Err(InvalidSmtpUrl::Syntax),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(InvalidSmtpUrl::Syntax);
        }
        let decoded = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8()
                .map(String::from)
                .map_err(|_| InvalidSmtpUrl::Syntax)
        };
        let credentials = match url.password() {
            Some(password) => Some(Credentials::new(
                decoded(url.username())?,
                decoded(password)?,
            )),
            None if url.username().is_empty() => None,
            None => return Err(InvalidSmtpUrl::Syntax),
        };
        Ok(Self {
            host,
            port: url.port().unwrap_or(port),
            credentials,
            encryption,
            is_local,
        })
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpUrl({self})")
    }
}

/// Names the server without its password.
impl fmt::Display for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A mail server, and connections to it.
pub struct SmtpServer {
    url: SmtpUrl,
    tls: TlsParameters,
    hello: ClientId,
    idle: Mutex<Vec<Idle>>,
    /// For a server on this machine whose STARTTLS does not work, as its certificate may be of a
    /// kind that no one accepts any more.
    needs_plain: AtomicBool,
}

/// A connection without a mail.
struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
}

/// Why a connection was not made, or a mail not sent.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("can't connect: {0}")]
    Connect(#[from] io::Error),
    #[error("it takes too long to connect")]
    Timeout,
    #[error("{0}: {source}", source = source(.0))]
    Smtp(#[from] smtp::Error),
}

impl SmtpServer {
    /// # Errors
    /// When TLS can't be set up.
    pub(crate) fn new(url: SmtpUrl) -> Result<Self, smtp::Error> {
        let tls = TlsParameters::builder(url.host.clone())
            .dangerous_accept_invalid_certs(url.is_local)
            .dangerous_accept_invalid_hostnames(url.is_local)
            .build()?;
        Ok(Self::with_tls(url, tls))
    }

    fn with_tls(url: SmtpUrl, tls: TlsParameters) -> Self {
        Self {
            url,
            tls,
            hello: ClientId::default(),
            idle: Mutex::default(),
            needs_plain: AtomicBool::new(false),
        }
    }

    /// Hands a mail over.
    pub(crate) async fn send(&self, message: &Message) -> Result<(), SendError> {
        let to = message.envelope().to();
        let is_ascii = to.iter().all(|to| AsRef::<str>::as_ref(to).is_ascii());
        self.try_send(message)
            .await
            .map_err(|failure| failure.refusal(is_ascii))
    }

    async fn try_send(&self, message: &Message) -> Result<(), Failure> {
        let bytes = message.formatted();
        if let Some(mut kept) = self.take_idle().await {
            match kept.send(message.envelope(), &bytes).await {
                Ok(_) => {
                    self.keep(kept);
                    return Ok(());
                }
                // A server may end a connection after so many mails, or so much time.
                Err(error) if is_about_the_connection(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut connection = self.connect().await?;
        connection.send(message.envelope(), &bytes).await?;
        self.keep(connection);
        Ok(())
    }

    /// A connection that is kept, if there is one that still works.
    async fn take_idle(&self) -> Option<AsyncSmtpConnection> {
        loop {
            // The one used last is the likeliest to live; the others may rest.
            let Idle {
                mut connection,
                since,
            } = self.idle().pop()?;
            let age = since.elapsed();
            if age < FRESH || (age < IDLE_TIMEOUT && connection.test_connected().await) {
                return Some(connection);
            }
        }
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        self.idle().push(Idle {
            connection,
            since: Instant::now(),
        });
    }

    /// Ends connections that have had no mail for a while.
    pub(crate) async fn close_idle(&self) {
        let old: Vec<_> = {
            let mut idle = self.idle();
            idle.extract_if(.., |idle| idle.since.elapsed() >= IDLE_TIMEOUT)
                .collect()
        };
        for Idle { mut connection, .. } in old {
            // Whether it hears the goodbye does not matter.
            let _ = tokio::time::timeout(FRESH, connection.quit()).await;
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let connecting = async {
            match self.url.encryption {
                Encryption::Implicit => self.wrapped().await,
                Encryption::StartTls => self.plain_then_tls().await,
                Encryption::Plain => self.plain().await,
                Encryption::Opportunistic if self.needs_plain.load(Ordering::Relaxed) => {
                    self.plain().await
                }
                Encryption::Opportunistic => self.with_tls_if_it_works().await,
            }
        };
        tokio::time::timeout(CONNECT_TIMEOUT, async {
            let mut connection = connecting.await?;
            if let Some(credentials) = &self.url.credentials {
                connection.auth(DEFAULT_MECHANISMS, credentials).await?;
            }
            Ok::<_, Failure>(connection)
        })
        .await
        .map_err(|_| Failure::Timeout)?
    }

    async fn plain(&self) -> Result<AsyncSmtpConnection, Failure> {
        let stream = TcpStream::connect((&*self.url.host, self.url.port)).await?;
        stream.set_nodelay(true)?;
        Ok(AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.hello).await?)
    }

    async fn plain_then_tls(&self) -> Result<AsyncSmtpConnection, Failure> {
        let mut connection = self.plain().await?;
        connection.starttls(self.tls.clone(), &self.hello).await?;
        Ok(connection)
    }

    async fn with_tls_if_it_works(&self) -> Result<AsyncSmtpConnection, Failure> {
        let mut connection = self.plain().await?;
        if connection.can_starttls()
            && connection
                .starttls(self.tls.clone(), &self.hello)
                .await
                .is_err()
        {
            self.needs_plain.store(true, Ordering::Relaxed);
            return self.plain().await;
        }
        Ok(connection)
    }

    /// TLS from the first byte. lettre makes such a connection only by itself, with Nagle's
    /// algorithm.
    async fn wrapped(&self) -> Result<AsyncSmtpConnection, Failure> {
        let server = (&*self.url.host, self.url.port);
        let tls = Some(self.tls.clone());
        Ok(AsyncSmtpConnection::connect_tokio1(server, None, &self.hello, tls, None).await?)
    }
}

impl Failure {
    /// Whether it is this mail that a mail server does not take, or any. What the server answered
    /// stays out of the log: it may quote the address.
    fn refusal(&self, is_ascii: bool) -> SendError {
        let Self::Smtp(error) = self else {
            return SendError::Server(self.to_string());
        };
        match error.status() {
            Some(code) if OF_NO_MAIL.contains(&u16::from(code)) => {
                SendError::Server(format!("the mail server refuses all ({code})"))
            }
            Some(code) => SendError::Mail(format!("the mail server refuses it ({code})")),
            // Without SMTPUTF8 (RFC 6531) the server has no way to write the address.
            None if error.is_client() && !is_ascii => {
                SendError::Mail("the mail server knows ASCII addresses only".to_owned())
            }
            None => SendError::Server(self.to_string()),
        }
    }
}

/// Answers that are about no single mail: the service closes the connection (RFC 5321, 3.8), or
/// wants another sign-in (RFC 4954, 6).
const OF_NO_MAIL: [u16; 6] = [CLOSES, 454, 530, 534, 535, 538];
const CLOSES: u16 = 421;

/// Whether another connection may fare better.
fn is_about_the_connection(error: &smtp::Error) -> bool {
    match error.status() {
        Some(code) => u16::from(code) == CLOSES,
        None => !error.is_client(),
    }
}

fn source(error: &dyn std::error::Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::Arc;

    use lettre::transport::smtp::client::{Certificate, CertificateStore};
    use tokio::{
        io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
        net::TcpListener,
    };
    use tokio_rustls::{
        TlsAcceptor,
        rustls::{ServerConfig, pki_types::PrivateKeyDer},
    };

    const NAME: &str = "mail.example";
    // base64 of "\0ada\0p@ss" (RFC 4616).
    const SIGN_IN: &str = "AUTH PLAIN AGFkYQBwQHNz";

    /// A mail server with a certificate: what it heard, one line for each command.
    struct TlsServer {
        port: u16,
        certificate: Vec<u8>,
        heard: Arc<Mutex<Vec<String>>>,
    }

    impl TlsServer {
        async fn start(is_wrapped: bool) -> Self {
            let key = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a key");
            let certificate = key.cert.der().clone();
            let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).expect("a key");
            let config = ServerConfig::builder_with_provider(Arc::new(
                tokio_rustls::rustls::crypto::ring::default_provider(),
            ))
            .with_safe_default_protocol_versions()
            .expect("protocols")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], private)
            .expect("a certificate");
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let port = listener.local_addr().expect("an address").port();
            let heard = Arc::new(Mutex::new(Vec::new()));
            let log = heard.clone();
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (acceptor, log) = (acceptor.clone(), log.clone());
                    tokio::spawn(async move {
                        let mut stream = BufReader::new(stream);
                        if !is_wrapped {
                            stream.write_all(b"220 hello\r\n").await?;
                            serve(&mut stream, &log, "").await?;
                        }
                        if is_wrapped || log.lock().unwrap().last().unwrap() == "STARTTLS" {
                            let mut stream = BufReader::new(acceptor.accept(stream).await?);
                            if is_wrapped {
                                stream.write_all(b"220 hello\r\n").await?;
                            }
                            serve(&mut stream, &log, "tls ").await?;
                        }
                        Ok::<_, io::Error>(())
                    });
                }
            });
            Self {
                port,
                certificate: certificate.to_vec(),
                heard,
            }
        }

        /// Sends mails there one after the other, as to a server that is not on this machine.
        async fn send(
            &self,
            scheme: &str,
            trusts: bool,
            mails: usize,
        ) -> (Vec<Result<(), SendError>>, Vec<String>) {
            let url = format!("{scheme}://ada:p%40ss@127.0.0.1:{}", self.port);
            let mut url: SmtpUrl = url.parse().expect("a mail server");
            url.is_local = false;
            if url.encryption == Encryption::Opportunistic {
                url.encryption = Encryption::StartTls;
            }
            let mut tls =
                TlsParameters::builder(NAME.to_owned()).certificate_store(CertificateStore::None);
            if trusts {
                let root = Certificate::from_der(self.certificate.clone()).expect("a certificate");
                tls = tls.add_root_certificate(root);
            }
            let server = SmtpServer::with_tls(url, tls.build().expect("TLS"));
            let message = Message::builder()
                .from("latchkey@example.com".parse().unwrap())
                .to("ada@example.com".parse().unwrap())
                .body("Hello".to_owned())
                .unwrap();
            let mut results = Vec::new();
            for _ in 0..mails {
                results.push(server.send(&message).await);
            }
            (results, self.heard.lock().unwrap().clone())
        }
    }

    async fn serve(
        stream: &mut (impl AsyncRead + AsyncWrite + AsyncBufReadExt + Unpin),
        log: &Mutex<Vec<String>>,
        prefix: &str,
    ) -> io::Result<()> {
        let mut line = String::new();
        let mut in_mail = false;
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let command = line.trim_end();
            if in_mail && command != "." {
                continue;
            }
            let verb = command.split(' ').next().unwrap_or_default();
            let said = if verb == "AUTH" { command } else { verb };
            log.lock().unwrap().push(format!("{prefix}{said}"));
            let answer = match verb {
                "EHLO" if prefix.is_empty() => "250-mail.example\r\n250 STARTTLS\r\n",
                "EHLO" => "250-mail.example\r\n250 AUTH PLAIN\r\n",
                "AUTH" => "235 welcome\r\n",
                "DATA" => "354 go on\r\n",
                "STARTTLS" => "220 go on\r\n",
                _ => "250 fine\r\n",
            };
            in_mail = verb == "DATA";
            stream.write_all(answer.as_bytes()).await?;
            stream.flush().await?;
            if verb == "STARTTLS" {
                return Ok(());
            }
        }
    }

    /// One connection, one sign-in, two mails, and no word of them in the clear.
    #[tokio::test]
    async fn signs_in_and_sends_over_a_kept_encrypted_connection() {
        let mail = ["tls MAIL", "tls RCPT", "tls DATA", "tls ."];
        let sign_in = format!("tls {SIGN_IN}");
        for (scheme, before) in [("smtp", &["EHLO", "STARTTLS"][..]), ("smtps", &[])] {
            let server = TlsServer::start(scheme == "smtps").await;
            let (results, heard) = server.send(scheme, true, 2).await;
            assert!(results.iter().all(Result::is_ok), "{scheme}: {heard:?}");
            let expected = [before, &["tls EHLO", &sign_in], &mail, &mail].concat();
            assert_eq!(heard, expected, "{scheme}");
        }
    }

    #[tokio::test]
    async fn tells_no_password_to_a_server_whose_certificate_is_not_trusted() {
        for scheme in ["smtp", "smtps"] {
            let server = TlsServer::start(scheme == "smtps").await;
            let (results, heard) = server.send(scheme, false, 1).await;
            let [Err(SendError::Server(reason))] = &results[..] else {
                panic!("{scheme}: the server was trusted");
            };
            assert!(reason.contains("certificate"), "{reason}");
            assert!(!heard.iter().any(|said| said.contains("AUTH")), "{heard:?}");
        }
    }

    #[test]
    fn reads_mail_servers() {
        let read = |text: &str| {
            text.parse::<SmtpUrl>()
                .map(|url| (url.to_string(), url.encryption, url.credentials.is_some()))
        };
        let good = [
            (
                "smtp://mail.example.com",
                "mail.example.com:587",
                Encryption::StartTls,
                false,
            ),
            (
                "smtp://u:p%40ss@mail.example.com:25/",
                "mail.example.com:25",
                Encryption::StartTls,
                true,
            ),
            (
                "smtps://u:p@mail.example.com",
                "mail.example.com:465",
                Encryption::Implicit,
                true,
            ),
            (
                "smtp://127.0.0.1:2525",
                "127.0.0.1:2525",
                Encryption::Opportunistic,
                false,
            ),
            (
                "smtp://localhost",
                "localhost:25",
                Encryption::Opportunistic,
                false,
            ),
            (
                "smtp://relay:25?tls=none",
                "relay:25",
                Encryption::Plain,
                false,
            ),
        ];
        for (text, name, encryption, has_credentials) in good {
            let expected = Ok((name.to_owned(), encryption, has_credentials));
            assert_eq!(read(text), expected, "{text}");
        }
        for bad in [
            "",
            "mail.example.com",
            "http://mail.example.com",
            "smtp://",
            "smtp://user@host",
            "smtp://host/path",
            "smtps://host?tls=none&x=1",
            "smtps://host?tls=none",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(
            format!("{:?}", "smtp://user:secret@host:1".parse::<SmtpUrl>()),
            "Ok(SmtpUrl(host:1))"
        );
    }
}
