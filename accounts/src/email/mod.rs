//! Email: addresses, what emails say, and how they are sent.

pub(crate) mod address;
mod content;
pub(crate) mod design;
pub(crate) mod draft;
mod links;
mod notices;
pub(crate) mod palette;
pub(crate) mod send_error;
pub(crate) mod sender;
pub(crate) mod signed_in_with;
pub(crate) mod smtp;
pub(crate) mod template;
pub(crate) mod template_files;
pub(crate) mod transport;
