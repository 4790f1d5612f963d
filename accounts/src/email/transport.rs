//! Delivers emails: to an SMTP server, or as files in a folder.

use std::{fs, io, os::unix::fs::DirBuilderExt, path::PathBuf, str::FromStr};

use lettre::{Message, message::Mailbox};

use super::{
    smtp::{SendError, SmtpTransport},
    smtp_url::SmtpUrl,
};
use crate::{file::create_file, id::Id};

/// The sender of all emails: an email address, or `Name <address>`.
#[derive(Clone, Debug)]
pub struct EmailFrom(Mailbox);

/// The text is not an [`EmailFrom`].
#[derive(Debug, thiserror::Error)]
#[error("write it as an address, or as Name <address>")]
pub struct InvalidEmailFrom;

impl FromStr for EmailFrom {
    type Err = InvalidEmailFrom;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| InvalidEmailFrom)
    }
}

impl EmailFrom {
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

impl EmailTransport {
    /// Creates a transport to an SMTP server, in the current Tokio runtime. It connects when there
    /// are emails to send, and gives the host of `public_url` as its name.
    ///
    /// # Errors
    /// Returns an error if TLS can't be set up, for example because the system has no certificates.
    pub fn smtp(url: &SmtpUrl, public_url: &str) -> Result<Self, lettre::transport::smtp::Error> {
        SmtpTransport::new(url, public_url).map(|transport| Self::Smtp(Box::new(transport)))
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

    /// Delivers an email.
    pub(crate) async fn send(&self, id: Id, message: &Message) -> Result<(), SendError> {
        match self {
            Self::Smtp(transport) => transport.send(message).await,
            Self::Folder(folder) => {
                let file = folder.join(format!("{id}.eml"));
                let (path, bytes) = (file.clone(), message.formatted());
                tokio::task::spawn_blocking(move || create_file(&path, &bytes))
                    .await
                    .map_err(io::Error::other)
                    .flatten()
                    .map_err(|error| SendError::Server(format!("{}: {error}", file.display())))?;
                tracing::info!(file = %file.display(), "email written to a file");
                Ok(())
            }
        }
    }
}
