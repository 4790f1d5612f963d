//! Opens connections to an SMTP server with lettre, and sends emails over them.
//!
//! lettre's pool sends an email as one step. It does not say which command was refused, so it can't
//! tell trouble with one recipient from trouble with the server, and it has one time limit for all
//! commands. So this uses lettre's connections, command by command.

mod addresses;
mod connection;
mod failure;
pub(crate) mod url;

pub(crate) use connection::{Limits, SmtpConnection};

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use ::url::{Host, Url};
use lettre::{
    Message,
    transport::smtp::{
        self,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters},
        extension::ClientId,
    },
};
use tokio::net::TcpStream;

use self::{
    failure::{Cause, Failure, Step, within},
    url::{Encryption, SmtpUrl},
};
use super::send_error::{SendError, ServerError};

/// The ways to authenticate, in order of preference.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// Certificates of certificate authorities that are trusted besides the system's.
#[derive(Clone, Debug)]
pub struct CaCertificates(Certificate);

/// The text is not [`CaCertificates`].
#[derive(Debug, thiserror::Error)]
#[error("it contains no certificates in PEM format, or invalid ones")]
pub struct InvalidCaCertificates;

impl CaCertificates {
    /// Reads certificates in PEM format (RFC 7468).
    ///
    /// # Errors
    /// When there is none, or one is invalid.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidCaCertificates> {
        const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
        if !pem.windows(BEGIN.len()).any(|window| window == BEGIN) {
            return Err(InvalidCaCertificates);
        }
        let certificate = Certificate::from_pem(pem).map_err(|_| InvalidCaCertificates)?;
        // Only building the parameters reads what is in the certificates.
        TlsParameters::builder(String::new())
            .certificate_store(CertificateStore::None)
            .add_root_certificate(certificate.clone())
            .build()
            .map_err(|_| InvalidCaCertificates)?;
        Ok(Self(certificate))
    }
}

/// An SMTP server.
pub struct SmtpTransport(Arc<Server>);

struct Server {
    host: String,
    port: u16,
    encryption: Encryption,
    tls: TlsParameters,
    credentials: Option<Credentials>,
    /// The name of this client.
    hello: ClientId,
    limits: Limits,
    /// Whether a server on this machine has offered STARTTLS in vain.
    is_plaintext: AtomicBool,
    /// The address that was connected to last. It is tried first.
    last_address: Mutex<Option<SocketAddr>>,
}

impl SmtpTransport {
    /// Reads the certificates of the system. Connections are opened when there are emails to send.
    /// EHLO names the host of `public_url`.
    ///
    /// # Errors
    /// Returns an error if TLS can't be set up.
    pub(crate) fn new(
        url: &SmtpUrl,
        ca: Option<&CaCertificates>,
        public_url: &str,
    ) -> Result<Self, smtp::Error> {
        let mut tls = TlsParameters::builder(url.host.clone())
            .dangerous_accept_invalid_certs(url.is_loopback)
            .dangerous_accept_invalid_hostnames(url.is_loopback);
        if let Some(CaCertificates(certificates)) = ca {
            tls = tls.add_root_certificate(certificates.clone());
        }
        Ok(Self::with_tls(
            url,
            public_url,
            tls.build()?,
            Limits::RFC_5321,
        ))
    }

    fn with_tls(url: &SmtpUrl, public_url: &str, tls: TlsParameters, limits: Limits) -> Self {
        Self(Arc::new(Server {
            host: url.host.clone(),
            port: url.port,
            encryption: url.encryption,
            tls,
            credentials: url.credentials.clone(),
            hello: client_id(public_url),
            limits,
            is_plaintext: AtomicBool::new(false),
            last_address: Mutex::new(None),
        }))
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Result<SmtpConnection, ServerError> {
        let mut result = self.try_connect().await;
        if let Err(failure) = &result
            && self.0.encryption == Encryption::Opportunistic
            && failure.cause.is_handshake_failure()
            && !self.0.is_plaintext.swap(true, Ordering::Relaxed)
        {
            result = self.try_connect().await;
        }
        result.map_err(Into::into)
    }

    async fn try_connect(&self) -> Result<SmtpConnection, Failure> {
        let server = &self.0;
        let limits = server.limits;
        let at = |step| move |cause| Failure { step, cause };
        let mut connection = self.reach().await.map_err(at(Step::Connect))?;
        if server.wants_starttls(&connection) {
            let starttls = connection.starttls(server.tls.clone(), &server.hello);
            within(limits.greeting, starttls)
                .await
                .map_err(at(Step::StartTls))?;
        }
        if let Some(credentials) = &server.credentials {
            let authentication = connection.auth(&MECHANISMS, credentials);
            within(limits.greeting, authentication)
                .await
                .map_err(at(Step::Authenticate))?;
        }
        Ok(SmtpConnection::new(connection, limits))
    }

    /// Connects to the first address of the server that answers.
    async fn reach(&self) -> Result<AsyncSmtpConnection, Cause> {
        let server = &self.0;
        let last_address = || {
            let guard = server.last_address.lock();
            guard.unwrap_or_else(PoisonError::into_inner)
        };
        let lookup = addresses::resolve(&server.host, server.port, *last_address());
        let found = within(server.limits.connect, lookup).await?;
        let this = self.0.clone();
        let open = move |address| this.clone().open(address);
        let (address, connection) =
            addresses::first_of(found, server.limits.next_address, open).await?;
        *last_address() = Some(address);
        Ok(connection)
    }

    /// Sends an email over a connection, which is returned if it can be used again.
    ///
    /// Servers close connections that were idle, or after a number of emails. That is no failure:
    /// the email is sent over a new connection then.
    pub(crate) async fn send(
        &self,
        mut connection: SmtpConnection,
        message: &Message,
    ) -> (Result<(), SendError>, Option<SmtpConnection>) {
        let (envelope, bytes) = (message.envelope(), message.formatted());
        let was_used = connection.emails() > 0;
        let mut result = connection.send(envelope, &bytes).await;
        if result.is_err() && was_used && connection.is_closed() {
            connection = match self.connect().await {
                Ok(connection) => connection,
                Err(error) => return (Err(SendError::Server(error)), None),
            };
            result = connection.send(envelope, &bytes).await;
        }
        (result, connection.is_ready().then_some(connection))
    }
}

impl Server {
    /// Connects to an address, and reads the greeting and the response to EHLO.
    async fn open(self: Arc<Self>, address: SocketAddr) -> Result<AsyncSmtpConnection, Cause> {
        let limits = self.limits;
        if self.encryption == Encryption::Implicit {
            let tls = Some(self.tls.clone());
            let connection = AsyncSmtpConnection::connect_tokio1(
                address,
                Some(limits.connect),
                &self.hello,
                tls,
                None,
            );
            return within(limits.greeting, connection).await;
        }
        let stream = within(limits.connect, TcpStream::connect(address)).await?;
        // lettre writes the end of a message apart from the message. Nagle's algorithm would let it
        // wait 40 ms for the server's delayed acknowledgement.
        stream.set_nodelay(true)?;
        let connection = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.hello);
        within(limits.greeting, connection).await
    }

    fn wants_starttls(&self, connection: &AsyncSmtpConnection) -> bool {
        match self.encryption {
            // Fails if the server does not offer it.
            Encryption::StartTls => true,
            Encryption::Opportunistic => {
                connection.can_starttls() && !self.is_plaintext.load(Ordering::Relaxed)
            }
            Encryption::Implicit | Encryption::None => false,
        }
    }
}

/// Returns the host of the public URL as the name of this client (RFC 5321, 4.1.3).
fn client_id(public_url: &str) -> ClientId {
    match Url::parse(public_url).as_ref().map(Url::host) {
        Ok(Some(Host::Domain(name))) => ClientId::Domain(name.trim_end_matches('.').to_owned()),
        Ok(Some(Host::Ipv4(address))) => ClientId::Ipv4(address),
        Ok(Some(Host::Ipv6(address))) => ClientId::Ipv6(address),
        _ => ClientId::default(),
    }
}

#[cfg(test)]
mod failure_tests;
#[cfg(test)]
mod tests;
