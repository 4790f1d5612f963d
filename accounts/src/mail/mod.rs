//! Mail: what is said, the outbox where it waits, and the task that sends it.

mod letter;
pub(crate) mod outbox;
pub(crate) mod request;
mod sender;
mod transport;

pub(crate) use letter::{Letter, Mail};
pub use sender::MailSender;
pub use transport::{InvalidMailFrom, InvalidSmtpUrl, MailFrom, MailTransport, SmtpUrl};
