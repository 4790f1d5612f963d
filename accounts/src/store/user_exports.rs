//! Everything that is stored about a user, except what is secret.

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{
        administration::ManagedUser,
        audit_events,
        audit_log::AuditEvent,
        authenticator_apps::AuthenticatorApp,
        database::Database,
        identities::{self, Identity},
        passkeys::Passkey,
        recovery_codes::RecoveryCodesLeft,
        sessions::Session,
        statement::Statement,
        trusted_devices::TrustedDevice,
    },
};

/// Everything that is stored about a user, except what is secret: passwords, keys and codes.
#[derive(Debug)]
pub struct UserExport {
    /// The user's row.
    pub user: ManagedUser,
    /// The sessions that have not ended.
    pub sessions: Vec<Session>,
    /// The audit events, newest first.
    pub events: Vec<AuditEvent>,
    /// The emailed links that have not expired, newest first.
    pub links: Vec<SentLink>,
    /// The recovery codes that are left.
    pub recovery_codes: RecoveryCodesLeft,
    /// The authenticator apps, oldest first.
    pub authenticator_apps: Vec<AuthenticatorApp>,
    /// The passkeys, oldest first.
    pub passkeys: Vec<Passkey>,
    /// The devices on which no code of the second factor is needed, newest first.
    pub trusted_devices: Vec<TrustedDevice>,
    /// The linked accounts at providers.
    pub identities: Vec<Identity>,
    /// The language of the emails, if it is known.
    pub language: Option<String>,
}

/// A link that was sent to a user.
#[derive(Debug, FromRow)]
pub struct SentLink {
    /// What it is for: `activation`, `reset`, `email` or `undo`.
    pub purpose: String,
    /// The email address that it was sent to.
    pub email: String,
    /// The IP address from which it was requested.
    pub ip: String,
    /// The user agent from which it was requested.
    pub user_agent: String,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// How many rows of each kind are read: more than a user can have.
const LIMIT: u32 = 10_000;

impl UserExport {
    /// Reads everything about a user. Returns `None` if there is no such user.
    pub(crate) async fn read(
        database: &Database,
        user_id: Id,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        const SESSIONS: &str = concat!(
            "SELECT ",
            session_columns!("id"),
            ", ",
            trusted_until!(),
            " FROM sessions WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $3"
        );
        const LINKS: &str = "
            SELECT purpose, email, ip, user_agent, created_at, used_at, expires_at
            FROM mailed_tokens WHERE user_id = $1 ORDER BY created_at DESC LIMIT $2";
        const TRUSTED: &str = "
            SELECT created_at, expires_at FROM trusted_devices
            WHERE user_id = $1 ORDER BY created_at DESC LIMIT $2";
        const LANGUAGE: &str = "SELECT language FROM users WHERE id = $1";
        let Some(user) = ManagedUser::find(database, user_id).await? else {
            return Ok(None);
        };
        let statement = Statement::new(LANGUAGE).bind(user_id);
        let language: Option<(Option<String>,)> = database.fetch_optional(statement).await?;
        let of_user = |sql: &'static str| Statement::new(sql).bind(user_id).bind(LIMIT);
        let sessions = Statement::new(SESSIONS).bind(user_id).bind(now).bind(LIMIT);
        Ok(Some(Self {
            user,
            sessions: database.fetch_all(sessions).await?,
            trusted_devices: database.fetch_all(of_user(TRUSTED)).await?,
            events: AuditEvent::list(database, user_id, audit_events::LIMIT).await?,
            links: database.fetch_all(of_user(LINKS)).await?,
            recovery_codes: RecoveryCodesLeft::of_user(database, user_id).await?,
            authenticator_apps: AuthenticatorApp::list(database, user_id).await?,
            passkeys: Passkey::list(database, user_id).await?,
            identities: identities::list(database, user_id).await?,
            language: language.and_then(|(language,)| language),
        }))
    }
}
