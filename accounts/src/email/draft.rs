//! Composes messages (RFC 5322).

use std::time::{Duration, SystemTime};

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};

use super::sender::{EmailFrom, with_ascii_domain};
use crate::{clock::Timestamp, id::Id};

/// What an email consists of.
pub(crate) struct Draft<'a> {
    pub id: Id,
    pub from: &'a EmailFrom,
    pub reply_to: Option<&'a EmailFrom>,
    pub to: &'a str,
    pub date: Timestamp,
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl Draft<'_> {
    /// Composes the message, or says why this email can never be sent.
    pub fn compose(self) -> Result<Message, String> {
        let to: Address = self
            .to
            .parse()
            .map_err(|_| "emails can't be sent to its email address".to_owned())?;
        let from = self.from.mailbox();
        let mut builder = Message::builder().from(from.clone());
        if let Some(reply_to) = self.reply_to {
            builder = builder.reply_to(reply_to.mailbox().clone());
        }
        let mut message = builder
            .to(Mailbox::new(None, with_ascii_domain(to)))
            .subject(self.subject)
            .date(self.date.into())
            .message_id(Some(format!("<{}@{}>", self.id, from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(self.text, self.html))
            .map_err(|error| error.to_string())?;
        // RFC 3834: asks for no automatic responses.
        message.headers_mut().insert_raw(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
        Ok(message)
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        let seconds = u64::try_from(time.unix_seconds()).unwrap_or_default();
        Self::UNIX_EPOCH + Duration::from_secs(seconds)
    }
}
