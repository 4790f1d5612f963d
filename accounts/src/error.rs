//! Why the domain refuses.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

/// Error messages for a person, by the field that they are about.
pub type FieldErrors = BTreeMap<&'static str, Vec<Cow<'static, str>>>;

/// Why something was not done. Nothing in it is secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields that break a rule.
    #[error("fields break a rule: {0:?}")]
    Fields(FieldErrors),
    /// A token with a good signature whose time is over.
    #[error("the token has expired")]
    TokenExpired,
    /// Any other token that is not accepted.
    #[error("the token is not valid")]
    TokenInvalid,
    /// Wrong email or wrong password; never says which.
    #[error("wrong email or password")]
    InvalidCredentials,
    /// The right password of an account that is not active.
    #[error("the account is not active")]
    InactiveAccount,
    /// The user has a second factor, and this token has not passed it.
    #[error("the second factor is missing")]
    OtpRequired,
    /// Not possible as things stand: there is no second factor to pass or to remove.
    #[error("not allowed")]
    PermissionDenied,
    /// Too many wrong guesses; when to come again.
    #[error("too many wrong guesses")]
    Throttled(Duration),
    /// No such thing, or not the caller's.
    #[error("not found")]
    NotFound,
    /// More password hashing is asked for than can be done in time.
    #[error("too much to do")]
    Overloaded,
    /// The database can't be reached now.
    #[error("the database can't be reached: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// What should not happen.
    #[error("internal error: {0}")]
    Internal(Cow<'static, str>),
}

impl Error {
    /// In one word, for figures.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Fields(_) => "invalid_fields",
            Self::TokenExpired => "token_expired",
            Self::TokenInvalid => "token_invalid",
            Self::InvalidCredentials => "invalid_credentials",
            Self::InactiveAccount => "inactive_account",
            Self::OtpRequired => "otp_required",
            Self::PermissionDenied => "permission_denied",
            Self::Throttled(_) => "throttled",
            Self::NotFound => "not_found",
            Self::Overloaded => "overloaded",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal_error",
        }
    }

    /// One field with one message.
    pub(crate) fn field(name: &'static str, message: &'static str) -> Self {
        Self::Fields(FieldErrors::from([(name, vec![message.into()])]))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(database) if is_outage(database.code().as_deref()) => {
                Self::Unavailable(error)
            }
            _ => Self::Internal(error.to_string().into()),
        }
    }
}

/// Whether a database's error code means that it can't serve just now: PostgreSQL's classes 08
/// (connection), 40 (a deadlock, broken up), 53 (resources), 57P0 (shut down) and 57014 (a statement
/// that took too long), SQLite's BUSY, LOCKED, IOERR and FULL with
/// their extended codes.
fn is_outage(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    if code.len() == 5 {
        return ["08", "40", "53", "57P0", "57014"]
            .iter()
            .any(|class| code.starts_with(class));
    }
    let primary = code.parse::<u32>().map(|code| code & 0xff);
    matches!(primary, Ok(5 | 6 | 10 | 13))
}
