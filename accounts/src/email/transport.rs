//! Delivers emails: to an SMTP server, or as files in a folder.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use lettre::{Address, Message, message::Mailbox};
use url::Host;

use super::{
    draft::Draft,
    send_error::{SendError, ServerError},
    smtp::{CaCertificates, SmtpConnection, SmtpTransport, url::SmtpUrl},
};
use crate::{clock::Timestamp, file::create_file, id::Id};

/// The sender of all emails: an email address, or `Name <address>`.
#[derive(Clone, Debug)]
pub struct EmailFrom(Mailbox);

/// The text is not an [`EmailFrom`].
#[derive(Debug, thiserror::Error)]
pub enum InvalidEmailFrom {
    /// The syntax is wrong.
    #[error("write it as an address, or as Name <address>")]
    Syntax,
    /// Many mail servers would take no email at all from it.
    #[error("before the @, use ASCII only")]
    NonAscii,
}

impl FromStr for EmailFrom {
    type Err = InvalidEmailFrom;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mailbox: Mailbox = text.parse().map_err(|_| InvalidEmailFrom::Syntax)?;
        let address = with_ascii_domain(mailbox.email);
        if !AsRef::<str>::as_ref(&address).is_ascii() {
            return Err(InvalidEmailFrom::NonAscii);
        }
        Ok(Self(Mailbox::new(mailbox.name, address)))
    }
}

/// Writes a domain with other letters than ASCII as A-labels (RFC 5890), which every mail server
/// understands.
pub(super) fn with_ascii_domain(address: Address) -> Address {
    if address.domain().is_ascii() {
        return address;
    }
    match Host::parse(address.domain()) {
        Ok(Host::Domain(domain)) => Address::new(address.user(), domain).unwrap_or(address),
        _ => address,
    }
}

impl EmailFrom {
    /// Returns the same sender with this name, unless it has one already.
    #[must_use]
    pub fn or_name(self, name: &str) -> Self {
        let Mailbox { name: own, email } = self.0;
        Self(Mailbox::new(own.or_else(|| Some(name.to_owned())), email))
    }

    /// Returns a sender with this name for a server on the user's own machine.
    #[must_use]
    pub fn local(name: &str) -> Self {
        let address = Address::new("no-reply", "localhost").expect("it is an address");
        Self(Mailbox::new(Some(name.to_owned()), address))
    }

    /// The address without the name.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.email.to_string()
    }

    /// Whether other mail servers must refuse it, because its domain is only known to this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let domain = self.0.email.domain();
        domain == "localhost" || domain.ends_with(".localhost") || domain.ends_with(".local")
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.0
    }
}

/// Where emails are delivered to.
pub enum EmailTransport {
    /// An SMTP server.
    Smtp(Box<SmtpTransport>),
    /// A folder, for trying things out: each email becomes a file, `<id>.eml`.
    Folder(PathBuf),
}

/// What one email at a time is sent over.
pub(crate) enum Connection {
    Smtp(Box<SmtpConnection>),
    Folder,
}

impl Connection {
    /// Whether the last email sent over it was the first.
    pub fn is_new(&self) -> bool {
        match self {
            Self::Smtp(connection) => connection.emails() == 1,
            Self::Folder => true,
        }
    }

    /// Closes it properly.
    pub async fn close(self) {
        match self {
            Self::Smtp(connection) => connection.close().await,
            Self::Folder => {}
        }
    }
}

impl EmailTransport {
    /// Creates a transport to an SMTP server, which trusts the authorities in `ca` besides the
    /// system's. It connects when there are emails to send, and gives the host of `public_url` as
    /// its name.
    ///
    /// # Errors
    /// Returns an error if TLS can't be set up, for example because the system has no certificates.
    pub fn smtp(
        url: &SmtpUrl,
        ca: Option<&CaCertificates>,
        public_url: &str,
    ) -> Result<Self, lettre::transport::smtp::Error> {
        SmtpTransport::new(url, ca, public_url).map(|transport| Self::Smtp(Box::new(transport)))
    }

    /// Creates a transport to a folder. A missing folder is created, readable by its owner only.
    ///
    /// # Errors
    /// Returns an error if the folder can't be created.
    pub fn folder(path: PathBuf) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)?;
        Ok(Self::Folder(path))
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Result<Connection, ServerError> {
        match self {
            Self::Smtp(transport) => {
                let connection = transport.connect().await?;
                Ok(Connection::Smtp(Box::new(connection)))
            }
            Self::Folder(_) => Ok(Connection::Folder),
        }
    }

    /// Finds out whether emails can be sent: connects and signs in as for an email, and with a recipient
    /// sends one that says so.
    ///
    /// # Errors
    /// The reason, for the operator. It quotes nothing that the server says.
    pub async fn test(
        &self,
        from: &EmailFrom,
        to: Option<&str>,
        id: Id,
        now: Timestamp,
    ) -> Result<(), String> {
        let message = to.map(|to| test_message(from, to, id, now)).transpose()?;
        let connection = self.connect().await.map_err(|error| error.reason)?;
        let Some(message) = message else {
            connection.close().await;
            return Ok(());
        };
        let (sent, connection) = self.send(connection, id, &message).await;
        if let Some(connection) = connection {
            connection.close().await;
        }
        sent.map_err(|error| match error {
            SendError::Refused(reason) | SendError::Deferred(reason) => reason,
            SendError::Server(error) => error.reason,
        })
    }

    /// Sends an email. Returns the connection, too, if it can be used again.
    pub(crate) async fn send(
        &self,
        connection: Connection,
        id: Id,
        message: &Message,
    ) -> (Result<(), SendError>, Option<Connection>) {
        match (self, connection) {
            (Self::Smtp(transport), Connection::Smtp(connection)) => {
                let (result, connection) = transport.send(*connection, message).await;
                let connection = connection.map(|it| Connection::Smtp(Box::new(it)));
                (result, connection)
            }
            (Self::Folder(folder), _) => match write_file(folder, id, message).await {
                Ok(()) => (Ok(()), Some(Connection::Folder)),
                Err(error) => (Err(SendError::Server(error)), None),
            },
            (Self::Smtp(_), Connection::Folder) => (
                Err(SendError::Deferred("it has no connection".into())),
                None,
            ),
        }
    }
}

fn test_message(from: &EmailFrom, to: &str, id: Id, now: Timestamp) -> Result<Message, String> {
    const SUBJECT: &str = "Test email from Latchkey";
    const TEXT: &str = "Your Latchkey server can send email.";
    let draft = Draft {
        id,
        from,
        reply_to: None,
        to,
        date: now,
        subject: SUBJECT.to_owned(),
        text: format!("{SUBJECT}\n\n{TEXT}\n"),
        html: format!("<!DOCTYPE html><html lang=\"en\"><h1>{SUBJECT}</h1><p>{TEXT}</p></html>"),
    };
    draft.compose()
}

/// Writes an email to a file in the folder.
async fn write_file(folder: &Path, id: Id, message: &Message) -> Result<(), ServerError> {
    let file = folder.join(format!("{id}.eml"));
    let (path, bytes) = (file.clone(), message.formatted());
    tokio::task::spawn_blocking(move || create_file(&path, &bytes))
        .await
        .map_err(io::Error::other)
        .flatten()
        .map_err(|error| ServerError::temporary(format!("{}: {error}", file.display())))?;
    tracing::info!(file = %file.display(), "email written to a file");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::EmailFrom;

    #[test]
    fn a_sender_is_an_ascii_address() {
        for (text, address) in [
            ("Shop <post@shop.example>", Some("post@shop.example")),
            ("Käse <post@käse.example>", Some("post@xn--kse-qla.example")),
            ("käse@shop.example", None),
            ("shop.example", None),
        ] {
            let from = text.parse::<EmailFrom>().ok();
            let found = from.map(|from| from.mailbox().email.to_string());
            assert_eq!(found.as_deref(), address, "{text}");
        }
    }
}
