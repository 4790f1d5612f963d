//! Tests of the domain through its public API, on a database of their own each.

#![allow(clippy::unwrap_used)] // a test that panics has failed

mod access_tokens;
mod administration;
mod audit;
mod audit_rows;
mod authenticator_apps;
mod cache;
mod cleanup;
mod clock;
mod email_language;
mod hang_up;
mod invitations;
mod links;
mod migrations;
mod outbox;
mod ownership;
mod passkeys;
mod pending_sessions;
mod profile;
mod refresh_rule;
mod registrations;
mod rejected_sessions;
mod revocations;
mod rotation;
mod second_factor;
mod service_keys;
mod sessions;
mod sign_in_codes;
mod sign_in_failures;
mod support;
mod text;
mod tokens;
mod trusted_devices;
mod user_list;
mod user_transfers;
mod users;
mod webhooks;
