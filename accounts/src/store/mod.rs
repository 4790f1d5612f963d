//! The database: one file per table, and all SQL of the domain.

/// The columns of a [`User`](users::User), with the first one as it is called in the query. Large
/// metadata are null there.
macro_rules! user_columns {
    ($id:literal) => {
        concat!(
            $id,
            ", email, is_active, is_admin, date_joined, last_login, email_verified, otp_enabled,
            jwt_secret, name, roles, roles_since,
            CASE WHEN octet_length(metadata) <= 256 THEN metadata END AS metadata"
        )
    };
}

/// The columns of a [`Session`](sessions::Session), with the first one as it is called in the query.
macro_rules! session_columns {
    ($id:literal) => {
        concat!(
            $id,
            ", created_at, last_used_at, expires_at, ip, user_agent, refresh_id, second_factor,
            first_factor, trusted_since, passkey_synced,
            COALESCE(authenticated_at, created_at) AS authenticated_at"
        )
    };
}

/// Until when the device of a session is trusted, where `$2` is the time now.
macro_rules! trusted_until {
    () => {
        "(SELECT max(trusted.expires_at) FROM trusted_devices AS trusted
            WHERE trusted.session_id = sessions.id AND trusted.user_id = sessions.user_id
                AND trusted.expires_at > $2) AS trusted_until"
    };
}

pub(crate) mod administration;
pub(crate) mod administrators;
pub(crate) mod audit_events;
pub(crate) mod audit_log;
pub(crate) mod authenticator_app_changes;
pub(crate) mod authenticator_apps;
mod backup;
pub(crate) mod bulk_changes;
pub(crate) mod code_sign_ins;
mod connection;
mod connection_errors;
pub(crate) mod copy;
pub(crate) mod database;
pub(crate) mod database_settings;
pub(crate) mod database_url;
pub(crate) mod deleted_accounts;
pub(crate) mod email_changes;
pub(crate) mod email_limits;
pub(crate) mod email_requests;
pub(crate) mod email_tokens;
pub(crate) mod expired_rows;
mod filter;
pub(crate) mod guarded_users;
pub(crate) mod identities;
pub(crate) mod identity_links;
pub(crate) mod inspection;
pub(crate) mod invalid_database_url;
pub(crate) mod invitations;
pub(crate) mod migrations;
pub(crate) mod outbox;
pub(crate) mod passkey_sign_ins;
pub(crate) mod passkeys;
pub(crate) mod postgres;
pub(crate) mod postgres_servers;
pub(crate) mod profiles;
pub(crate) mod recovery_codes;
pub(crate) mod refresh_tokens;
pub(crate) mod registrations;
pub(crate) mod rekey;
mod retired_refresh_tokens;
pub(crate) mod revocations;
pub(crate) mod second_factors;
pub(crate) mod server_checks;
pub(crate) mod service_keys;
pub(crate) mod sessions;
pub(crate) mod sign_in_codes;
pub(crate) mod sign_in_failures;
pub(crate) mod sign_in_history;
pub(crate) mod sign_in_ways;
pub(crate) mod social_tickets;
pub(crate) mod statement;
pub(crate) mod transaction;
pub(crate) mod trusted_devices;
mod used_totp_steps;
pub(crate) mod user_changes;
pub(crate) mod user_exports;
pub(crate) mod user_list;
pub(crate) mod user_transfers;
pub(crate) mod users;
pub(crate) mod webhook_deliveries;
pub(crate) mod webhooks;
