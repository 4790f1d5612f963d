//! The one error type of the domain.

use std::{borrow::Cow, collections::BTreeMap, error::Error as StdError, time::Duration};

/// Error messages for the user, by field.
pub type FieldErrors = BTreeMap<&'static str, Vec<Cow<'static, str>>>;

/// Why a use case failed. It contains no secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields that break a rule.
    #[error("invalid fields: {0:?}")]
    Fields(FieldErrors),
    /// A token with a valid signature that has expired.
    #[error("the token has expired")]
    TokenExpired,
    /// Any other token that is not accepted.
    #[error("the token is invalid")]
    TokenInvalid,
    /// Wrong email or wrong password; it never says which.
    #[error("wrong email or password")]
    InvalidCredentials,
    /// The right password of an account that is not active.
    #[error("the account is not active")]
    InactiveAccount,
    /// The user has a second factor, and this token has not completed it.
    #[error("the second factor is pending")]
    OtpRequired,
    /// The user must set up a second factor first.
    #[error("a second factor must be set up")]
    SecondFactorSetupRequired,
    /// This needs a verified email address first.
    #[error("the email address is not verified")]
    EmailUnverified,
    /// A service key that is unknown, expired or revoked.
    #[error("the service key is invalid")]
    KeyInvalid,
    /// Not possible in the present state, as there is no second factor to complete or to remove; or not
    /// allowed by the scopes of a service key.
    #[error("not allowed")]
    PermissionDenied,
    /// Not possible with the settings of this server, as a sentence for the user says.
    #[error("not possible here: {0}")]
    NotPossible(&'static str),
    /// This needs a sign-in that is not long ago.
    #[error("a recent sign-in is needed")]
    ReauthenticationRequired,
    /// It contradicts the present state, as a sentence for the user says.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// Too many wrong attempts; how long to wait.
    #[error("too many wrong attempts")]
    Throttled(Duration),
    /// It does not exist, or does not belong to the caller.
    #[error("not found")]
    NotFound,
    /// Too many passwords wait to be hashed.
    #[error("overloaded")]
    Overloaded,
    /// The database can't be reached, or can't read or write now.
    #[error("database unavailable: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A failure that should not happen.
    #[error("{operation}: {source}")]
    Internal {
        /// What failed.
        operation: &'static str,
        /// Why it failed.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// The name of the error, for metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Fields(_) => "invalid_fields",
            Self::TokenExpired => "token_expired",
            Self::TokenInvalid => "token_invalid",
            Self::InvalidCredentials => "invalid_credentials",
            Self::InactiveAccount => "inactive_account",
            Self::OtpRequired => "otp_required",
            Self::SecondFactorSetupRequired => "second_factor_setup_required",
            Self::EmailUnverified => "email_unverified",
            Self::KeyInvalid => "key_invalid",
            Self::PermissionDenied | Self::NotPossible(_) => "permission_denied",
            Self::ReauthenticationRequired => "reauthentication_required",
            Self::Conflict(_) => "conflict",
            Self::Throttled(_) => "throttled",
            Self::NotFound => "not_found",
            Self::Overloaded => "overloaded",
            Self::Unavailable(_) => "unavailable",
            Self::Internal { .. } => "internal_error",
        }
    }

    /// An error of one field with one message.
    pub(crate) fn field(name: &'static str, message: &'static str) -> Self {
        Self::Fields(FieldErrors::from([(name, vec![message.into()])]))
    }

    /// An internal error of this operation.
    pub(crate) fn internal(
        operation: &'static str,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Internal {
            operation,
            source: source.into(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(database) if is_outage(database.code().as_deref()) => {
                Self::Unavailable(error)
            }
            _ => Self::internal("database query failed", error),
        }
    }
}

/// Whether a database's error code means that it can't serve now: PostgreSQL's classes 08
/// (connection), 25006 (read-only, as a standby is), 40 (a deadlock that was broken up), 53
/// (resources), 57P0 (shut down), 57014 (statement timeout) and 58 (the system below it), and SQLite's
/// BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN and PROTOCOL (locking) with their extended codes.
fn is_outage(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    if code.len() == 5 {
        return ["08", "25006", "40", "53", "57P0", "57014", "58"]
            .iter()
            .any(|class| code.starts_with(class));
    }
    let primary = code.parse::<u32>().map(|code| code & 0xff);
    matches!(primary, Ok(5 | 6 | 7 | 8 | 10 | 13 | 14 | 15))
}
