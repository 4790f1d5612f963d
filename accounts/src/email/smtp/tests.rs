//! TLS, authentication and time limits, against servers in this process.

use super::*;

use std::io;

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

const NAME: &str = "mail.example";
const PUBLIC_URL: &str = "https://accounts.example:8443";
const EHLO: &str = "EHLO accounts.example";
// base64 of "\0ada\0p@ss" (RFC 4616).
const AUTH: &str = "AUTH PLAIN AGFkYQBwQHNz";

#[derive(Clone, Copy, PartialEq, Eq)]
enum ServerTls {
    Implicit,
    StartTls,
    /// Accepts the command STARTTLS, but speaks no TLS.
    Broken,
}

/// An SMTP server with a certificate, which records each command that it receives.
struct TlsServer {
    port: u16,
    certificate: Vec<u8>,
    received: Arc<Mutex<Vec<String>>>,
}

impl TlsServer {
    async fn start(tls: ServerTls) -> Self {
        let key = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a key");
        let certificate = key.cert.der().clone();
        let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocols")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], private)
            .expect("a certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = received.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, log) = (acceptor.clone(), log.clone());
                tokio::spawn(async move { serve(stream, tls, &acceptor, &log).await });
            }
        });
        Self {
            port,
            certificate: certificate.to_vec(),
            received,
        }
    }

    /// Sends emails one after the other, as to a server on another machine.
    async fn send(
        &self,
        scheme: &str,
        trusts: bool,
        emails: usize,
    ) -> (Vec<Result<(), SendError>>, Vec<String>) {
        let url = format!("{scheme}://ada:p%40ss@127.0.0.1:{}", self.port);
        let mut url: SmtpUrl = url.parse().expect("an SMTP URL");
        url.is_loopback = false;
        if url.encryption == Encryption::Opportunistic {
            url.encryption = Encryption::StartTls;
        }
        let mut tls =
            TlsParameters::builder(NAME.to_owned()).certificate_store(CertificateStore::None);
        if trusts {
            let root = Certificate::from_der(self.certificate.clone()).expect("a certificate");
            tls = tls.add_root_certificate(root);
        }
        let transport = SmtpTransport::with_tls(
            &url,
            PUBLIC_URL,
            tls.build().expect("TLS"),
            Limits::RFC_5321,
        );
        self.send_over(&transport, emails).await
    }

    async fn send_over(
        &self,
        transport: &SmtpTransport,
        emails: usize,
    ) -> (Vec<Result<(), SendError>>, Vec<String>) {
        let results = send_over(transport, emails).await;
        (results, self.received.lock().unwrap().clone())
    }
}

/// Sends emails one after the other, over one connection if the server allows it.
pub(super) async fn send_over(
    transport: &SmtpTransport,
    emails: usize,
) -> Vec<Result<(), SendError>> {
    let message = Message::builder()
        .from("latchkey@example.com".parse().unwrap())
        .to("ada@example.com".parse().unwrap())
        .body("Hello".to_owned())
        .unwrap();
    let mut results = Vec::new();
    let mut idle = None;
    for _ in 0..emails {
        let connection = match idle.take() {
            Some(connection) => Ok(connection),
            None => transport.connect().await,
        };
        results.push(match connection {
            Ok(connection) => {
                let (result, connection) = transport.send(connection, &message).await;
                idle = connection;
                result
            }
            Err(error) => Err(SendError::Server(error)),
        });
    }
    results
}

async fn serve(
    stream: TcpStream,
    tls: ServerTls,
    acceptor: &TlsAcceptor,
    log: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    if tls != ServerTls::Implicit {
        stream.write_all(b"220 hello\r\n").await?;
        if !serve_commands(&mut stream, log, "").await? {
            return Ok(());
        }
    }
    if tls == ServerTls::Broken {
        stream.write_all(b"This is not TLS.\r\n").await?;
        // Closing with unread data would reset the connection.
        return stream.read_to_end(&mut Vec::new()).await.map(drop);
    }
    let mut stream = BufReader::new(acceptor.accept(stream).await?);
    if tls == ServerTls::Implicit {
        stream.write_all(b"220 hello\r\n").await?;
    }
    serve_commands(&mut stream, log, "tls ").await.map(drop)
}

/// Returns whether the last command was STARTTLS.
async fn serve_commands(
    stream: &mut (impl AsyncRead + AsyncWrite + AsyncBufReadExt + Unpin),
    log: &Mutex<Vec<String>>,
    prefix: &str,
) -> io::Result<bool> {
    let mut line = String::new();
    let mut in_data = false;
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(false);
        }
        let command = line.trim_end();
        if in_data && command != "." {
            continue;
        }
        let verb = command.split(' ').next().unwrap_or_default();
        let is_whole = matches!(verb, "AUTH" | "EHLO");
        let entry = if is_whole { command } else { verb };
        log.lock().unwrap().push(format!("{prefix}{entry}"));
        let response = match verb {
            "EHLO" if prefix.is_empty() => "250-mail.example\r\n250 STARTTLS\r\n",
            "EHLO" => "250-mail.example\r\n250 AUTH PLAIN\r\n",
            "AUTH" => "235 welcome\r\n",
            "DATA" => "354 go on\r\n",
            "STARTTLS" => "220 go on\r\n",
            _ => "250 fine\r\n",
        };
        in_data = verb == "DATA";
        stream.write_all(response.as_bytes()).await?;
        stream.flush().await?;
        if verb == "STARTTLS" {
            return Ok(true);
        }
    }
}

/// One connection and one authentication for two emails, and none of their commands in
/// plaintext.
#[tokio::test]
async fn authenticates_and_sends_over_one_encrypted_connection() {
    let email = ["tls MAIL", "tls RCPT", "tls DATA", "tls ."];
    let (hello, auth) = (format!("tls {EHLO}"), format!("tls {AUTH}"));
    for (scheme, tls, before) in [
        ("smtp", ServerTls::StartTls, &[EHLO, "STARTTLS"][..]),
        ("smtps", ServerTls::Implicit, &[]),
    ] {
        let server = TlsServer::start(tls).await;
        let (results, received) = server.send(scheme, true, 2).await;
        assert!(results.iter().all(Result::is_ok), "{scheme}: {received:?}");
        let expected = [before, &[&*hello, &*auth], &email, &email].concat();
        assert_eq!(received, expected, "{scheme}");
    }
}

#[tokio::test]
async fn sends_no_password_to_a_server_whose_certificate_is_not_trusted() {
    for (scheme, tls) in [
        ("smtp", ServerTls::StartTls),
        ("smtps", ServerTls::Implicit),
    ] {
        let server = TlsServer::start(tls).await;
        let (results, received) = server.send(scheme, false, 1).await;
        let [Err(SendError::Server(error))] = &results[..] else {
            panic!("{scheme}: the server was trusted");
        };
        assert!(error.reason.contains("certificate"), "{error:?}");
        assert!(error.reason.contains("LATCHKEY_SMTP_CA_FILE"), "{error:?}");
        let has_auth = received.iter().any(|command| command.contains("AUTH"));
        assert!(!has_auth, "{received:?}");
    }
}

#[tokio::test]
async fn falls_back_to_plaintext_on_this_machine_only() {
    let server = TlsServer::start(ServerTls::Broken).await;
    let (results, received) = server.send("smtp", true, 1).await;
    assert!(matches!(&results[..], [Err(SendError::Server(_))]));
    assert_eq!(received, [EHLO, "STARTTLS"]);

    let server = TlsServer::start(ServerTls::Broken).await;
    let url = format!("smtp://127.0.0.1:{}", server.port);
    let url = url.parse().expect("an SMTP URL");
    let transport = SmtpTransport::new(&url, None, PUBLIC_URL).expect("TLS");
    let (results, received) = server.send_over(&transport, 2).await;
    assert!(
        results.iter().all(Result::is_ok),
        "{results:?} {received:?}"
    );
    let email = ["MAIL", "RCPT", "DATA", "."];
    let expected = [&[EHLO, "STARTTLS", EHLO][..], &email, &email].concat();
    assert_eq!(received, expected);
}

#[test]
fn names_the_host_of_the_public_url() {
    for (public_url, name) in [
        (PUBLIC_URL, "accounts.example"),
        ("http://127.0.0.1:3000", "[127.0.0.1]"),
        ("http://[::1]:3000", "[IPv6:::1]"),
        ("https://accounts.example.", "accounts.example"),
        ("https://käse.example", "xn--kse-qla.example"),
    ] {
        assert_eq!(client_id(public_url).to_string(), name);
    }
}

#[tokio::test]
async fn trusts_the_authorities_of_a_file() {
    let server = TlsServer::start(ServerTls::Implicit).await;
    let key = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a key");
    // A file may hold several.
    let pem = [key.cert.pem(), pem(&server.certificate)].concat();
    let CaCertificates(certificates) = CaCertificates::from_pem(pem.as_bytes()).expect("a CA");
    let tls = TlsParameters::builder(NAME.to_owned())
        .certificate_store(CertificateStore::None)
        .add_root_certificate(certificates);
    let mut url: SmtpUrl = format!("smtps://127.0.0.1:{}", server.port)
        .parse()
        .unwrap();
    url.is_loopback = false;
    let transport =
        SmtpTransport::with_tls(&url, PUBLIC_URL, tls.build().unwrap(), Limits::RFC_5321);
    let (results, received) = server.send_over(&transport, 1).await;
    assert!(results[0].is_ok(), "{results:?} {received:?}");
}

fn pem(certificate: &[u8]) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let base64 = BASE64_STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
}

#[test]
fn rejects_files_without_valid_certificates() {
    for pem in [
        "",
        "certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n",
    ] {
        assert!(CaCertificates::from_pem(pem.as_bytes()).is_err(), "{pem}");
    }
}
