//! The database: one file per table, and all SQL of the domain.

pub(crate) mod audit_events;
mod connection;
pub(crate) mod database;
pub(crate) mod deleted_accounts;
pub(crate) mod email_changes;
pub(crate) mod email_limits;
pub(crate) mod email_requests;
pub(crate) mod email_tokens;
pub(crate) mod expired_rows;
pub(crate) mod migrations;
pub(crate) mod outbox;
pub(crate) mod postgres;
pub(crate) mod recovery_codes;
pub(crate) mod refresh_tokens;
pub(crate) mod registrations;
pub(crate) mod rekey;
mod retired_refresh_tokens;
pub(crate) mod second_factors;
pub(crate) mod server_checks;
pub(crate) mod sessions;
pub(crate) mod sign_in_failures;
pub(crate) mod sign_in_history;
pub(crate) mod statement;
pub(crate) mod transaction;
mod used_totp_steps;
pub(crate) mod user_changes;
pub(crate) mod users;
