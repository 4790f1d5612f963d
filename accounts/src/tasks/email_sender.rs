//! Composes one email of the outbox and sends it.

use lettre::Message;

use crate::{
    crypto::encryption::Purpose,
    email::{
        design::EmailDesign,
        draft::Draft,
        send_error::SendError,
        sender::EmailFrom,
        template::Email,
        transport::{Connection, EmailTransport},
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
        let content: Email = serde_json::from_slice(content)
            .map_err(|error| SendError::Refused(error.to_string()))?;
        // The operator can mend a template.
        let rendered = content
            .render(&self.design, email.recipient_language())
            .map_err(|error| SendError::Deferred(error.to_string()))?;
        let draft = Draft {
            id: email.id,
            from: &self.from,
            reply_to: self.design.support.as_ref(),
            to: &content.to,
            date: email.created_at,
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
        };
        draft.compose().map_err(SendError::Refused)
    }
}
