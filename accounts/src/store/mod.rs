//! The database: one file per table, and all SQL there is.

pub(crate) mod audit_events;
pub(crate) mod database;
pub(crate) mod email_requests;
pub(crate) mod email_tokens;
pub(crate) mod outbox;
pub(crate) mod second_factors;
pub(crate) mod sessions;
pub(crate) mod sign_in_failures;
pub(crate) mod user_changes;
pub(crate) mod users;
