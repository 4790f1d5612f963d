//! Where mails go: to an SMTP server, or into a folder.

use std::{
    fmt, fs,
    io::{self, Write},
    net::IpAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::Mailbox,
    transport::smtp::{
        self, PoolConfig,
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};
use url::{Host, Url};

use crate::Id;

/// How many mails are on their way at the same time, each over a connection that is kept.
pub(super) const CONNECTIONS: u32 = 4;

/// How long a mail server may take for one step.
const STEP_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a connection is kept without a mail.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

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

/// Whom mails come from: an address, or `Name <address>`.
#[derive(Clone, Debug)]
pub struct MailFrom(Mailbox);

/// Why a text is no sender.
#[derive(Debug, thiserror::Error)]
#[error("write it as an address, or as Name <address>")]
pub struct InvalidMailFrom;

impl FromStr for MailFrom {
    type Err = InvalidMailFrom;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| InvalidMailFrom)
    }
}

impl MailFrom {
    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.0
    }
}

/// What takes the mails.
pub enum MailTransport {
    /// A mail server.
    Smtp(SmtpServer),
    /// A folder, for trying things out: each mail becomes a file, `<id>.eml`.
    Folder(PathBuf),
}

impl MailTransport {
    /// A mail server. Connections are made when there are mails.
    ///
    /// # Errors
    /// When TLS can't be set up, as where the system has no certificates.
    pub fn smtp(url: &SmtpUrl) -> Result<Self, smtp::Error> {
        let parameters = || {
            TlsParameters::builder(url.host.clone())
                .dangerous_accept_invalid_certs(url.is_local)
                .dangerous_accept_invalid_hostnames(url.is_local)
                .build()
        };
        let tls = match url.encryption {
            Encryption::Implicit => Tls::Wrapper(parameters()?),
            Encryption::StartTls => Tls::Required(parameters()?),
            Encryption::Opportunistic => Tls::Opportunistic(parameters()?),
            Encryption::Plain => Tls::None,
        };
        let without_tls =
            (url.encryption == Encryption::Opportunistic).then(|| connections(url, Tls::None));
        Ok(Self::Smtp(SmtpServer {
            server: connections(url, tls),
            without_tls,
            needs_plain: AtomicBool::new(false),
        }))
    }

    /// A folder, which is made where it is missing; its owner alone can read it.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn folder(path: PathBuf) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)?;
        Ok(Self::Folder(path))
    }

    /// Hands a mail over.
    pub(super) async fn send(&self, id: Id, message: Message) -> Result<(), Refusal> {
        match self {
            Self::Smtp(server) => {
                let to = message.envelope().to();
                let is_ascii = to.iter().all(|to| AsRef::<str>::as_ref(to).is_ascii());
                match server.send(message).await {
                    Ok(()) => Ok(()),
                    Err(error) => Err(refusal(&error, is_ascii)),
                }
            }
            Self::Folder(folder) => {
                let file = folder.join(format!("{id}.eml"));
                let (target, bytes) = (file.clone(), message.formatted());
                let written = tokio::task::spawn_blocking(move || write_whole(&target, &bytes));
                match written.await {
                    Ok(Ok(())) => {
                        tracing::info!(file = %file.display(), "a mail was written");
                        Ok(())
                    }
                    Ok(Err(error)) => Err(Refusal::Server(format!("{}: {error}", file.display()))),
                    Err(error) => Err(Refusal::Server(error.to_string())),
                }
            }
        }
    }
}

/// A mail server, and connections to it that are kept.
pub struct SmtpServer {
    server: AsyncSmtpTransport<Tokio1Executor>,
    /// For a server on this machine whose STARTTLS does not work, as its certificate may be of a
    /// kind that no one accepts any more.
    without_tls: Option<AsyncSmtpTransport<Tokio1Executor>>,
    needs_plain: AtomicBool,
}

impl SmtpServer {
    async fn send(&self, message: Message) -> Result<(), smtp::Error> {
        let Some(without_tls) = &self.without_tls else {
            return self.server.send(message).await.map(drop);
        };
        if self.needs_plain.load(Ordering::Relaxed) {
            return without_tls.send(message).await.map(drop);
        }
        match self.server.send(message.clone()).await {
            Err(error) if error.status().is_none() && !error.is_client() => {
                without_tls.send(message).await?;
                self.needs_plain.store(true, Ordering::Relaxed);
                Ok(())
            }
            sent => sent.map(drop),
        }
    }
}

fn connections(url: &SmtpUrl, tls: Tls) -> AsyncSmtpTransport<Tokio1Executor> {
    let pool = PoolConfig::new()
        .max_size(CONNECTIONS)
        .idle_timeout(IDLE_TIMEOUT);
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&url.host)
        .port(url.port)
        .tls(tls)
        .timeout(Some(STEP_TIMEOUT))
        .pool_config(pool);
    match &url.credentials {
        Some(credentials) => builder.credentials(credentials.clone()).build(),
        None => builder.build(),
    }
}

/// Why a mail was not taken.
pub(super) enum Refusal {
    /// This one mail.
    Mail(String),
    /// No mail would be taken now.
    Server(String),
}

/// Whether it is this mail that a mail server does not take, or any. What the server answered stays
/// out of the log: it may quote the address.
fn refusal(error: &smtp::Error, is_ascii: bool) -> Refusal {
    match error.status() {
        Some(code) if OF_NO_MAIL.contains(&u16::from(code)) => {
            Refusal::Server(format!("the mail server refuses all ({code})"))
        }
        Some(code) => Refusal::Mail(format!("the mail server refuses it ({code})")),
        // Without SMTPUTF8 (RFC 6531) the server has no way to write the address.
        None if error.is_client() && !is_ascii => {
            Refusal::Mail("the mail server knows ASCII addresses only".to_owned())
        }
        None => Refusal::Server(format!("{error}: {}", source(error))),
    }
}

/// Answers that are about no single mail: the service closes the connection (RFC 5321, 3.8), or
/// wants another sign-in (RFC 4954, 6).
const OF_NO_MAIL: [u16; 6] = [421, 454, 530, 534, 535, 538];

fn source(error: &dyn std::error::Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

/// A file that is there is there as a whole.
fn write_whole(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = file.with_extension("draft");
    let mut options = fs::OpenOptions::new();
    let mut out = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    fs::rename(draft, file)
}

#[cfg(test)]
mod tests {
    use super::*;

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
