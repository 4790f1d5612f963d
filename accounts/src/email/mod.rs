//! Email: addresses, what emails say, and how they are sent.

pub(crate) mod address;
mod content;
mod links;
mod notices;
pub(crate) mod send_error;
pub(crate) mod smtp;
pub(crate) mod template;
pub(crate) mod transport;
