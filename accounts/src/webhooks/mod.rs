//! Webhooks: where they may lead to, what they send, and how it is sent.

pub(crate) mod addresses;
pub(crate) mod client;
pub(crate) mod failure;
pub(crate) mod message;
pub(crate) mod target;
