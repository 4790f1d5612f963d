//! Where mails go: to an SMTP server, or into a folder.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    str::FromStr,
};

use lettre::{Message, message::Mailbox};

use super::smtp::{SmtpServer, SmtpUrl};
use crate::Id;

/// UserSelector mails come from: an address, or `Name <address>`.
#[derive(Clone, Debug)]
pub struct EmailFrom(Mailbox);

/// Why a text is no sender.
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

/// What takes the mails.
pub enum EmailTransport {
    /// A mail server.
    Smtp(SmtpServer),
    /// A folder, for trying things out: each mail becomes a file, `<id>.eml`.
    Folder(PathBuf),
}

impl EmailTransport {
    /// A mail server. Connections are made when there are mails.
    ///
    /// # Errors
    /// When TLS can't be set up, as where the system has no certificates.
    pub fn smtp(url: &SmtpUrl) -> Result<Self, lettre::transport::smtp::Error> {
        SmtpServer::new(url.clone()).map(Self::Smtp)
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
    pub(crate) async fn send(&self, id: Id, message: Message) -> Result<(), SendError> {
        match self {
            Self::Smtp(server) => server.send(&message).await,
            Self::Folder(folder) => {
                let file = folder.join(format!("{id}.eml"));
                let (target, bytes) = (file.clone(), message.formatted());
                let written = tokio::task::spawn_blocking(move || write_whole(&target, &bytes));
                match written.await {
                    Ok(Ok(())) => {
                        tracing::info!(file = %file.display(), "a mail was written");
                        Ok(())
                    }
                    Ok(Err(error)) => {
                        Err(SendError::Server(format!("{}: {error}", file.display())))
                    }
                    Err(error) => Err(SendError::Server(error.to_string())),
                }
            }
        }
    }

    /// Ends connections that have had no mail for a while.
    pub(crate) async fn rest(&self) {
        if let Self::Smtp(server) = self {
            server.close_idle().await;
        }
    }
}

/// Why a mail was not taken.
pub(crate) enum SendError {
    /// This one mail.
    Mail(String),
    /// No mail would be taken now.
    Server(String),
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
