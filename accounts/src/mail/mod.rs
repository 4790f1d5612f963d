//! Mail: what is said, the outbox where it waits, and the task that sends it.

mod letter;
pub(crate) mod outbox;
pub(crate) mod request;
mod sender;
mod smtp;
mod transport;

pub(crate) use letter::{Letter, Mail};
pub use sender::MailSender;
pub use smtp::{InvalidSmtpUrl, SmtpUrl};
pub use transport::{InvalidMailFrom, MailFrom, MailTransport};
