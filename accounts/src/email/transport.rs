//! Delivers emails: to an SMTP server, or as files in a folder.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use lettre::Message;

use super::{
    draft::Draft,
    send_error::{SendError, ServerError},
    sender::EmailFrom,
    smtp::{CaCertificates, SmtpConnection, SmtpTransport, url::SmtpUrl},
};
use crate::{clock::Timestamp, file::create_file, id::Id};

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
