//! Composes one email of the outbox and sends it.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use lettre::{
    Message,
    message::{Mailbox, MultiPart},
};

use crate::{
    clock::Timestamp,
    crypto::encryption::Purpose,
    email::{
        design::EmailDesign,
        send_error::SendError,
        template::Email,
        transport::{Connection, EmailFrom, EmailTransport, mark_automatic, with_ascii_domain},
    },
    service::Accounts,
    store::outbox::LeasedEmail,
};

/// What is needed to send an email.
pub(super) struct EmailSender {
    pub accounts: Accounts,
    pub transport: EmailTransport,
    pub from: EmailFrom,
    /// What the operator decides about emails.
    pub design: EmailDesign,
}

impl EmailSender {
    /// Sends an email over a connection. Returns the connection, too, if it can be used again.
    pub async fn send(
        &self,
        email: &LeasedEmail,
        connection: Connection,
    ) -> (Result<(), SendError>, Option<Connection>) {
        let masters = self.accounts.master_secrets();
        let Some(content) = masters.decrypt(Purpose::Email, email.id, &email.content) else {
            // Another server may have the newer secret already, and this one after a restart.
            let reason = "it can't be decrypted with these master secrets";
            return (
                Err(SendError::Deferred(reason.to_owned())),
                Some(connection),
            );
        };
        match self.message(email, &content) {
            Ok(message) => self.transport.send(connection, email.id, &message).await,
            Err(error) => (Err(error), Some(connection)),
        }
    }

    /// Composes the message (RFC 5322). Its ID and date are the same in each attempt, so that email
    /// programs recognize a duplicate.
    fn message(&self, email: &LeasedEmail, content: &[u8]) -> Result<Message, SendError> {
        let refused = |reason: &dyn fmt::Display| SendError::Refused(reason.to_string());
        let content: Email = serde_json::from_slice(content).map_err(|error| refused(&error))?;
        // The operator can mend a template.
        let rendered = content
            .render(&self.design)
            .map_err(|error| SendError::Deferred(error.to_string()))?;
        let to = content
            .to
            .parse()
            .map_err(|_| refused(&"emails can't be sent to its email address"))?;
        let from = self.from.mailbox();
        let mut builder = Message::builder().from(from.clone());
        if let Some(support) = &self.design.support {
            builder = builder.reply_to(support.mailbox().clone());
        }
        let mut message = builder
            .to(Mailbox::new(None, with_ascii_domain(to)))
            .subject(rendered.subject)
            .date(email.created_at.into())
            .message_id(Some(format!("<{}@{}>", email.id, from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(
                rendered.text,
                rendered.html,
            ))
            .map_err(|error| refused(&error))?;
        mark_automatic(&mut message);
        Ok(message)
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        let seconds = u64::try_from(time.unix_seconds()).unwrap_or_default();
        Self::UNIX_EPOCH + Duration::from_secs(seconds)
    }
}
