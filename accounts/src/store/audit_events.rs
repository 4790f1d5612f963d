//! The table `audit_events`: what has happened to accounts. A row is written in the transaction of
//! what it tells, and goes with its user; it holds no secret and no address of mail.
//!
//! Renewed tokens leave no row: they are no news. What a stranger can make happen, as a wrong
//! password, shares one row for each user and hour, which counts. So a flood adds 24 rows a day,
//! and the fifty that a user sees still reach back for two.

use sqlx::FromRow;

use crate::{Database, Error, Id, Timestamp, store::database::reading};

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    SignedIn,
    /// With a wrong password.
    SignInFailed,
    SecondFactorPassed,
    SecondFactorFailed,
    SecondFactorOn,
    SecondFactorOff,
    /// The second factor was passed with one.
    RecoveryCodeUsed,
    RecoveryCodesReplaced,
    /// A refresh token came again after its grace, which has ended the session.
    RefreshTokenReused,
    SignedOut,
    SignedOutEverywhere,
    /// From the list of devices.
    SessionRevoked,
    Registered,
    AddressConfirmed,
    PasswordResetAsked,
    PasswordChanged,
    /// By a mailed link.
    PasswordReset,
    EmailChangeAsked,
    EmailChanged,
    OperatorCreated,
    OperatorDeactivated,
    OperatorActivated,
    OperatorSignedOut,
    OperatorResetOtp,
    OperatorSetPassword,
}

impl Event {
    /// As it stands in the database, and is told to programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::SignInFailed => "sign_in_failed",
            Self::SecondFactorPassed => "second_factor_passed",
            Self::SecondFactorFailed => "second_factor_failed",
            Self::SecondFactorOn => "second_factor_on",
            Self::SecondFactorOff => "second_factor_off",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::RecoveryCodesReplaced => "recovery_codes_replaced",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::SignedOut => "signed_out",
            Self::SignedOutEverywhere => "signed_out_everywhere",
            Self::SessionRevoked => "session_revoked",
            Self::Registered => "registered",
            Self::AddressConfirmed => "address_confirmed",
            Self::PasswordResetAsked => "password_reset_asked",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::EmailChangeAsked => "email_change_asked",
            Self::EmailChanged => "email_changed",
            Self::OperatorCreated => "operator_created",
            Self::OperatorDeactivated => "operator_deactivated",
            Self::OperatorActivated => "operator_activated",
            Self::OperatorSignedOut => "operator_signed_out",
            Self::OperatorResetOtp => "operator_reset_otp",
            Self::OperatorSetPassword => "operator_set_password",
        }
    }

    /// Whether it takes neither password nor token to make it happen.
    fn is_in_strangers_hands(self) -> bool {
        matches!(self, Self::SignInFailed | Self::PasswordResetAsked)
    }
}

/// Something that has happened, to be written down.
#[derive(Clone, Debug)]
pub(crate) struct NewEvent {
    pub id: Id,
    pub user_id: Id,
    pub at: Timestamp,
    pub event: Event,
    /// Address and name of the device; empty where an operator does it, on the server itself.
    pub ip: String,
    pub user_agent: String,
    /// The session that it is about.
    pub session_id: Option<Id>,
    /// How often it has happened.
    pub count: i64,
}

impl NewEvent {
    /// The hour that it shares a row with, where a stranger can make it happen.
    pub fn shared_hour(&self) -> Option<i64> {
        self.event
            .is_in_strangers_hands()
            .then(|| self.at.unix_seconds().div_euclid(60 * 60))
    }
}

/// Who was deleted meanwhile gets no row.
/// Binds: id, user, time, event, address, device, session, count, shared hour.
pub(crate) const RECORD: &str = "
    INSERT INTO audit_events (id, user_id, at, event, ip, user_agent, session_id, count, hour)
    SELECT $1, id, $3, $4, $5, $6, $7, $8, $9 FROM users WHERE id = $2
    ON CONFLICT (user_id, event, hour) WHERE hour IS NOT NULL DO UPDATE
    SET at = excluded.at, ip = excluded.ip, user_agent = excluded.user_agent,
        count = audit_events.count + excluded.count";

/// Writes down what has happened, in a transaction of either database.
macro_rules! audit {
    ($transaction:expr, $event:expr) => {{
        let event: &$crate::store::audit_events::NewEvent = $event;
        sqlx::query($crate::store::audit_events::RECORD)
            .bind(event.id)
            .bind(event.user_id)
            .bind(event.at)
            .bind(event.event.as_str())
            .bind(&event.ip)
            .bind(&event.user_agent)
            .bind(event.session_id)
            .bind(event.count)
            .bind(event.shared_hour())
            .execute(&mut *$transaction)
            .await?;
    }};
}

pub(crate) use audit;

/// Something that has happened to an account.
#[derive(Clone, Debug, FromRow)]
pub struct AuditEvent {
    /// When; the last time, where it happened more than once.
    pub at: Timestamp,
    /// What, as a name: `signed_in`, `password_changed` …
    pub event: String,
    /// From which address; empty where an operator did it.
    pub ip: String,
    /// What the device calls itself.
    pub user_agent: String,
    /// How often, within the hour of the last time.
    pub count: i64,
}

impl AuditEvent {
    /// What has happened to a user last, newest first.
    pub(crate) async fn list(
        database: &Database,
        user_id: Id,
        limit: u32,
    ) -> Result<Vec<Self>, Error> {
        const SQL: &str = "
            SELECT at, event, ip, user_agent, count FROM audit_events
            WHERE user_id = $1 ORDER BY at DESC LIMIT $2";
        Ok(reading!(database, connection => {
            sqlx::query_as(SQL).bind(user_id).bind(i64::from(limit)).fetch_all(connection).await?
        }))
    }
}
