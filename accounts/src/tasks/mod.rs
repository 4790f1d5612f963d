//! Background tasks of a running server.

pub(crate) mod cleanup;
pub(crate) mod email_worker;
pub(crate) mod invalidation_listener;
