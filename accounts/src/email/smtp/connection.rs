//! Sends emails over one connection to an SMTP server.

use std::time::Duration;

use lettre::{
    address::Envelope,
    transport::smtp::{
        client::AsyncSmtpConnection,
        commands::{Data, Mail, Rcpt, Rset},
        extension::{Extension, MailBodyParameter, MailParameter},
    },
};
use tokio::time;

use super::failure::{Failure, Step, within};
use crate::email::send_error::SendError;

/// How long each step may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Establishing a TCP connection to one address, and resolving the server's name.
    pub connect: Duration,
    /// The greeting with the response to EHLO; STARTTLS with EHLO; authentication.
    pub greeting: Duration,
    /// MAIL and RCPT, each.
    pub command: Duration,
    /// DATA.
    pub data: Duration,
    /// The message, and the response to its end.
    pub message: Duration,
    /// After this time, connecting to the next address of the server begins beside the first.
    pub next_address: Duration,
}

impl Limits {
    /// The limits of RFC 5321, 4.5.3.2. A server that is given up earlier may have accepted the
    /// email, which is then sent twice.
    pub const RFC_5321: Self = Self {
        connect: Duration::from_secs(30),
        greeting: Duration::from_secs(2 * 5 * 60),
        command: Duration::from_secs(5 * 60),
        data: Duration::from_secs(2 * 60),
        message: Duration::from_secs(10 * 60),
        next_address: Duration::from_secs(1),
    };
}

/// How long ending an email that was refused, or the connection, may take.
const RESET_LIMIT: Duration = Duration::from_secs(5);

/// A connection to an SMTP server, ready for an email.
pub(crate) struct SmtpConnection {
    connection: AsyncSmtpConnection,
    limits: Limits,
    state: State,
    /// The number of emails whose sender the server has accepted.
    emails: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The server waits for the next email.
    Ready,
    /// The server has closed it, or is about to.
    Closed,
    /// It must not be used: a response is outstanding, which the next email would take for its own.
    Broken,
}

impl SmtpConnection {
    pub(super) fn new(connection: AsyncSmtpConnection, limits: Limits) -> Self {
        Self {
            connection,
            limits,
            state: State::Ready,
            emails: 0,
        }
    }

    /// The number of emails whose sender the server has accepted.
    pub fn emails(&self) -> u32 {
        self.emails
    }

    /// Whether the next email can be sent over it.
    pub(super) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Whether the server has closed it.
    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Sends an email.
    pub(super) async fn send(
        &mut self,
        envelope: &Envelope,
        message: &[u8],
    ) -> Result<(), SendError> {
        let parameters = self.parameters(envelope, message)?;
        // Only this email needs them, so a refusal is about this email.
        let has_parameters = !parameters.is_empty();
        let Err(failure) = self.try_send(envelope, message, parameters).await else {
            return Ok(());
        };
        self.state = if failure.cause.is_closed() {
            State::Closed
        } else if failure.cause.is_refusal() && self.reset().await {
            State::Ready
        } else {
            State::Broken
        };
        let step = match failure.step {
            Step::Sender if has_parameters && failure.cause.is_refusal() => Step::Recipient,
            step => step,
        };
        let error = SendError::from(Failure { step, ..failure });
        if matches!(error, SendError::Server(_)) && self.state == State::Ready {
            self.state = State::Broken;
        }
        Err(error)
    }

    async fn try_send(
        &mut self,
        envelope: &Envelope,
        message: &[u8],
        parameters: Vec<MailParameter>,
    ) -> Result<(), Failure> {
        let Limits {
            command,
            data,
            message: message_limit,
            ..
        } = self.limits;
        let connection = &mut self.connection;
        let at = |step| move |cause| Failure { step, cause };
        let mail = Mail::new(envelope.from().cloned(), parameters);
        within(command, connection.command(mail))
            .await
            .map_err(at(Step::Sender))?;
        self.emails += 1;
        for recipient in envelope.to() {
            let rcpt = Rcpt::new(recipient.clone(), Vec::new());
            within(command, connection.command(rcpt))
                .await
                .map_err(at(Step::Recipient))?;
        }
        within(data, connection.command(Data))
            .await
            .map_err(at(Step::Data))?;
        within(message_limit, connection.message(message))
            .await
            .map_err(at(Step::Message))?;
        Ok(())
    }

    /// The parameters of MAIL for email addresses that are not ASCII (RFC 6531, 3.4).
    fn parameters(
        &self,
        envelope: &Envelope,
        message: &[u8],
    ) -> Result<Vec<MailParameter>, SendError> {
        let is_ascii = message.is_ascii()
            && envelope
                .to()
                .iter()
                .all(|address| AsRef::<str>::as_ref(address).is_ascii());
        if is_ascii {
            return Ok(Vec::new());
        }
        let server = self.connection.server_info();
        if !server.supports_feature(Extension::SmtpUtfEight)
            || !server.supports_feature(Extension::EightBitMime)
        {
            return Err(SendError::Refused(
                "the SMTP server does not support internationalized email addresses (RFC 6531)"
                    .to_owned(),
            ));
        }
        Ok(vec![
            MailParameter::SmtpUtfEight,
            MailParameter::Body(MailBodyParameter::EightBitMime),
        ])
    }

    /// Ends an email that was refused. Returns whether the connection can be used again.
    async fn reset(&mut self) -> bool {
        within(RESET_LIMIT, self.connection.command(Rset))
            .await
            .is_ok()
    }

    /// Says goodbye (RFC 5321, 4.1.1.10) unless a response is outstanding, and closes the connection.
    pub async fn close(mut self) {
        if self.state == State::Ready {
            // The connection is closed in any case.
            let _ = time::timeout(RESET_LIMIT, self.connection.quit()).await;
        }
    }
}
