//! What can fail while an SMTP server is spoken to, and what a failure is about: the server or one
//! email.

use std::{error::Error as _, io, iter, time::Duration};

use lettre::transport::smtp;
use tokio::time;

use crate::email::send_error::{SendError, ServerError};

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Connecting, up to the response to EHLO.
    Connect,
    StartTls,
    Authenticate,
    /// The command MAIL.
    Sender,
    /// The command RCPT.
    Recipient,
    /// The command DATA.
    Data,
    /// The message itself, and the response to its end.
    Message,
}

impl Step {
    /// Whether a failure says something about the server. The others are about one email.
    fn concerns_server(self) -> bool {
        !matches!(self, Self::Recipient | Self::Data | Self::Message)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Connect => "the connection or EHLO",
            Self::StartTls => "STARTTLS",
            Self::Authenticate => "the user name and password",
            Self::Sender => "the sender",
            Self::Recipient => "the recipient",
            Self::Data => "DATA",
            Self::Message => "the message",
        }
    }

    /// The settings that a permanent failure is about.
    fn settings(self) -> &'static str {
        match self {
            Self::Connect => "LATCHKEY_SMTP_URL, and LATCHKEY_PUBLIC_URL, whose host EHLO names",
            Self::StartTls => "LATCHKEY_SMTP_URL and LATCHKEY_SMTP_CA_FILE",
            Self::Sender => "LATCHKEY_MAIL_FROM, and user name and password in LATCHKEY_SMTP_URL",
            _ => "user name and password in LATCHKEY_SMTP_URL",
        }
    }
}

/// Why a step has failed.
#[derive(Debug)]
pub(super) enum Cause {
    /// There was no response within this time.
    Timeout(Duration),
    /// TCP or name resolution.
    Network(io::Error),
    /// The server's response, or lettre.
    Smtp(smtp::Error),
}

impl From<smtp::Error> for Cause {
    fn from(error: smtp::Error) -> Self {
        Self::Smtp(error)
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::Network(error)
    }
}

/// Waits for a step, up to its limit.
pub(super) async fn within<T, E: Into<Cause>>(
    limit: Duration,
    step: impl Future<Output = Result<T, E>>,
) -> Result<T, Cause> {
    match time::timeout(limit, step).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(Cause::Timeout(limit)),
    }
}

/// "Service not available, closing transmission channel" (RFC 5321, 3.8). Servers send it after a
/// number of emails, too.
const CLOSING: u16 = 421;

/// "Authentication required" (RFC 4954, 6): any command may get it.
const AUTHENTICATION_REQUIRED: u16 = 530;

/// The first code of permanent refusals (RFC 5321, 4.2.1).
const PERMANENT: u16 = 500;

impl Cause {
    /// The code of the response that the server has refused something with.
    fn code(&self) -> Option<u16> {
        match self {
            Self::Smtp(error) => error.status().map(Into::into),
            _ => None,
        }
    }

    /// Whether the server has closed the connection, or says that it does.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Timeout(_) => false,
            Self::Network(_) => true,
            Self::Smtp(error) => match self.code() {
                Some(code) => code == CLOSING,
                None => !error.is_client(),
            },
        }
    }

    /// Whether the server has refused something and waits for the next command.
    pub fn is_refusal(&self) -> bool {
        self.code().is_some_and(|code| code != CLOSING)
    }

    /// Whether TLS could not be set up, for example because the certificate is not trusted.
    pub fn is_handshake_failure(&self) -> bool {
        let Self::Smtp(error) = self else {
            return false;
        };
        iter::successors(error.source(), |error| (*error).source())
            .filter_map(|error| error.downcast_ref::<io::Error>())
            .any(|error| error.kind() == io::ErrorKind::InvalidData)
    }

    /// Describes the failure without the words of the server.
    fn describe(&self, step: Step) -> String {
        let name = step.name();
        match self {
            Self::Timeout(limit) => {
                format!("no response of the SMTP server to {name} within {limit:?}")
            }
            Self::Network(error) => format!("can't connect to the SMTP server: {error}"),
            Self::Smtp(error) => match self.code() {
                Some(code) => format!("the SMTP server refused {name} ({code})"),
                // The error may quote the response.
                None if error.is_response() => {
                    format!(
                        "the SMTP server closed the connection or can't be understood at {name}"
                    )
                }
                None => format!("can't use the SMTP server: {error}"),
            },
        }
    }
}

/// A step that has failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub step: Step,
    pub cause: Cause,
}

impl From<Failure> for ServerError {
    fn from(Failure { step, cause }: Failure) -> Self {
        let is_permanent = match &cause {
            Cause::Smtp(error) if cause.code().is_none() => {
                // lettre itself: no STARTTLS, or no common way to authenticate.
                error.is_client() || cause.is_handshake_failure()
            }
            _ => cause.code().is_some_and(|code| code >= PERMANENT),
        };
        let mut reason = cause.describe(step);
        if is_permanent {
            let settings = if cause.is_handshake_failure() {
                Step::StartTls.settings()
            } else if cause.code() == Some(AUTHENTICATION_REQUIRED) {
                Step::Authenticate.settings()
            } else {
                step.settings()
            };
            reason += &format!("; check {settings}");
        }
        Self {
            reason,
            is_permanent,
        }
    }
}

impl From<Failure> for SendError {
    fn from(failure: Failure) -> Self {
        let code = failure.cause.code();
        if failure.step.concerns_server() || code == Some(AUTHENTICATION_REQUIRED) {
            return Self::Server(failure.into());
        }
        let reason = failure.cause.describe(failure.step);
        match code {
            Some(PERMANENT..) => Self::Refused(reason),
            _ => Self::Deferred(reason),
        }
    }
}
