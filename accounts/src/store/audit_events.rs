//! The table `audit_events`: the history of each account. An event is recorded in the transaction
//! of the change itself, and deleted with its user. It contains no secret and no email address.
//!
//! Token refreshes are not recorded. Events that clients can cause without being signed in, such as a
//! wrong password, share one row with a counter for each user and hour. So a flood adds 24 rows a day,
//! and the fifty events that a user sees still cover two days. Such a row keeps where the first and the
//! last of them came from.

use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{database::Database, statement::Statement, transaction::Transaction},
};

/// How many events of a user are kept. Further ones replace the oldest.
pub(crate) const LIMIT: u32 = 1000;

/// How many events beyond the limit are deleted with a new one: there are more only after an update.
const PRUNE_BATCH: u32 = 100;

/// The kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    SignedIn,
    /// The password was right, and the second factor is still to be completed.
    SignInPending,
    /// An account at a provider was accepted, and the second factor is still to be completed.
    SocialSignInPending,
    /// An account at a provider was linked, and can sign in from now on.
    IdentityLinked,
    IdentityUnlinked,
    /// The password was wrong.
    SignInFailed,
    SignInCodeRequested,
    /// The sign-in was with an emailed code.
    SignInCodeUsed,
    /// The emailed code was wrong.
    SignInCodeFailed,
    SecondFactorPassed,
    SecondFactorFailed,
    /// The device needs no code of the second factor for a time.
    DeviceTrusted,
    TrustedDevicesForgotten,
    SecondFactorOn,
    SecondFactorOff,
    /// An authenticator app was added beside others.
    TotpAdded,
    /// One of several authenticator apps was removed.
    TotpRemoved,
    /// A recovery code was used as second factor.
    RecoveryCodeUsed,
    RecoveryCodesReplaced,
    /// A refresh token was used again after its grace period, which ended the session.
    RefreshTokenReused,
    SignedOut,
    SignedOutEverywhere,
    /// A session was ended from the list of devices.
    SessionRevoked,
    /// A session on a new device was ended by an emailed link.
    SessionRejected,
    Registered,
    AddressConfirmed,
    /// The owner of the email address did not create the account.
    AccountRejected,
    PasswordResetRequested,
    PasswordChanged,
    PasswordRemoved,
    /// The password was changed by an emailed link.
    PasswordReset,
    EmailChangeRequested,
    EmailChanged,
    /// A change of the email address was taken back from the old one.
    EmailChangeUndone,
    /// A mail server has refused an email for good, or has not taken it for 24 hours.
    EmailUndeliverable,
    OperatorCreated,
    OperatorVerified,
    OperatorDeactivated,
    OperatorActivated,
    OperatorSignedOut,
    OperatorResetOtp,
    OperatorSetPassword,
    OperatorChangedEmail,
    OperatorChangedProfile,
    OperatorChangedRoles,
    OperatorGrantedAdmin,
    OperatorRevokedAdmin,
    OperatorRequestedPasswordReset,
    /// The account was prepared by an invitation.
    OperatorInvited,
    /// An administrator has invited somebody.
    InvitationSent,
    /// An administrator has revoked an invitation.
    InvitationRevoked,
    /// The user has changed the own profile.
    ProfileUpdated,
    /// The user has proved again who they are.
    Reauthenticated,
    PasskeyAdded,
    PasskeyRemoved,
    /// A passkey has counted less uses than before, so there may be a copy of it.
    PasskeyRefused,
    /// The user, an administrator, has created a webhook.
    WebhookCreated,
    WebhookChanged,
    WebhookDeleted,
    /// The user, an administrator, has created a service key.
    ServiceKeyCreated,
    ServiceKeyRevoked,
}

impl Event {
    /// The name in the database and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::SignInPending => "sign_in_pending",
            Self::SocialSignInPending => "social_sign_in_pending",
            Self::IdentityLinked => "identity_linked",
            Self::IdentityUnlinked => "identity_unlinked",
            Self::SignInFailed => "sign_in_failed",
            Self::SignInCodeRequested => "sign_in_code_requested",
            Self::SignInCodeUsed => "sign_in_code_used",
            Self::SignInCodeFailed => "sign_in_code_failed",
            Self::SecondFactorPassed => "second_factor_passed",
            Self::SecondFactorFailed => "second_factor_failed",
            Self::DeviceTrusted => "device_trusted",
            Self::TrustedDevicesForgotten => "trusted_devices_forgotten",
            Self::SecondFactorOn => "second_factor_on",
            Self::SecondFactorOff => "second_factor_off",
            Self::TotpAdded => "totp_added",
            Self::TotpRemoved => "totp_removed",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::RecoveryCodesReplaced => "recovery_codes_replaced",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::SignedOut => "signed_out",
            Self::SignedOutEverywhere => "signed_out_everywhere",
            Self::SessionRevoked => "session_revoked",
            Self::SessionRejected => "session_rejected",
            Self::Registered => "registered",
            Self::AddressConfirmed => "address_confirmed",
            Self::AccountRejected => "account_rejected",
            Self::PasswordResetRequested => "password_reset_requested",
            Self::PasswordChanged => "password_changed",
            Self::PasswordRemoved => "password_removed",
            Self::PasswordReset => "password_reset",
            Self::EmailChangeRequested => "email_change_requested",
            Self::EmailChanged => "email_changed",
            Self::EmailChangeUndone => "email_change_undone",
            Self::EmailUndeliverable => "email_undeliverable",
            Self::OperatorCreated => "operator_created",
            Self::OperatorVerified => "operator_verified",
            Self::OperatorDeactivated => "operator_deactivated",
            Self::OperatorActivated => "operator_activated",
            Self::OperatorSignedOut => "operator_signed_out",
            Self::OperatorResetOtp => "operator_reset_otp",
            Self::OperatorSetPassword => "operator_set_password",
            Self::OperatorChangedEmail => "operator_changed_email",
            Self::OperatorChangedProfile => "operator_changed_profile",
            Self::OperatorChangedRoles => "operator_changed_roles",
            Self::OperatorGrantedAdmin => "operator_granted_admin",
            Self::OperatorRevokedAdmin => "operator_revoked_admin",
            Self::OperatorRequestedPasswordReset => "operator_requested_password_reset",
            Self::OperatorInvited => "operator_invited",
            Self::InvitationSent => "invitation_sent",
            Self::InvitationRevoked => "invitation_revoked",
            Self::ProfileUpdated => "profile_updated",
            Self::Reauthenticated => "reauthenticated",
            Self::PasskeyAdded => "passkey_added",
            Self::PasskeyRemoved => "passkey_removed",
            Self::PasskeyRefused => "passkey_refused",
            Self::WebhookCreated => "webhook_created",
            Self::WebhookChanged => "webhook_changed",
            Self::WebhookDeleted => "webhook_deleted",
            Self::ServiceKeyCreated => "service_key_created",
            Self::ServiceKeyRevoked => "service_key_revoked",
        }
    }

    /// Whether one row counts all of an hour: anyone can cause it, or a stolen access token suffices. So
    /// nobody can push out the other events.
    fn shares_a_row(self) -> bool {
        matches!(
            self,
            Self::SignInPending
                | Self::SignInFailed
                | Self::SignInCodeRequested
                | Self::SignInCodeFailed
                | Self::PasswordResetRequested
                | Self::EmailUndeliverable
                | Self::ProfileUpdated
                | Self::PasskeyRefused
        )
    }
}

/// An event to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct NewEvent {
    pub id: Id,
    pub user_id: Id,
    pub at: Timestamp,
    pub event: Event,
    /// The IP address of the device; empty for operators, who work on the server itself.
    pub ip: String,
    /// The user agent of the device; empty for operators.
    pub user_agent: String,
    /// The id of the request that caused it; `None` if that was a command or a background task.
    pub request_id: Option<String>,
    /// The session that the event is about.
    pub session_id: Option<Id>,
    /// How often it happened.
    pub count: i64,
    /// Where the first of several came from.
    pub first: Option<Source>,
    /// Who caused it, if that was neither the user nor an operator on the server itself.
    pub actor: Option<Actor>,
    /// The name of the provider that it is about.
    pub provider: Option<String>,
}

/// Who has changed the account of somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// An administrator.
    User(Id),
    /// A service.
    ServiceKey(Id),
}

impl Actor {
    /// The columns of an actor: its kind and its id.
    pub fn columns(actor: Option<Self>) -> (Option<&'static str>, Option<Id>) {
        match actor {
            Some(Self::User(id)) => (Some("user"), Some(id)),
            Some(Self::ServiceKey(id)) => (Some("service_key"), Some(id)),
            None => (None, None),
        }
    }
}

/// Where an event came from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub ip: String,
    pub user_agent: String,
}

impl NewEvent {
    /// Where the first of these events came from.
    pub fn first_source(&self) -> Source {
        self.first.clone().unwrap_or_else(|| Source {
            ip: self.ip.clone(),
            user_agent: self.user_agent.clone(),
        })
    }

    /// The hour, counted from 1970, whose events share a row.
    fn shared_hour(&self) -> Option<i64> {
        self.event
            .shares_a_row()
            .then(|| self.at.unix_seconds().div_euclid(60 * 60))
    }
}

/// Records an event, unless its user has been deleted.
pub(crate) async fn record(transaction: &mut Transaction, event: &NewEvent) -> Result<(), Error> {
    const SQL: &str = "
        INSERT INTO audit_events (id, user_id, at, event, ip, user_agent, session_id, count, hour,
            first_ip, first_user_agent, actor_kind, actor_id, request_id, provider)
        SELECT $1, id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15
        FROM users WHERE id = $2
        ON CONFLICT (user_id, event, hour) WHERE hour IS NOT NULL DO UPDATE
        SET at = excluded.at, ip = excluded.ip, user_agent = excluded.user_agent,
            request_id = excluded.request_id, count = audit_events.count + excluded.count";
    let first = event.first_source();
    let (actor_kind, actor_id) = Actor::columns(event.actor);
    let statement = Statement::new(SQL)
        .bind(event.id)
        .bind(event.user_id)
        .bind(event.at)
        .bind(event.event.as_str())
        .bind(&event.ip)
        .bind(&event.user_agent)
        .bind(event.session_id)
        .bind(event.count)
        .bind(event.shared_hour())
        .bind(first.ip)
        .bind(first.user_agent)
        .bind(actor_kind)
        .bind(actor_id)
        .bind(event.request_id.as_deref())
        .bind(event.provider.as_deref());
    transaction.execute(statement).await?;
    prune(transaction, event.user_id).await
}

/// Deletes the oldest events of a user beyond the limit. On PostgreSQL it skips rows that a concurrent
/// transaction deletes, so that the two don't wait for each other.
async fn prune(transaction: &mut Transaction, user_id: Id) -> Result<(), Error> {
    const DELETE: &str = "
        DELETE FROM audit_events WHERE id IN (
            SELECT id FROM audit_events WHERE user_id = $1 ORDER BY at DESC LIMIT $2 OFFSET $3
        )";
    const DELETE_UNLOCKED: &str = "
        DELETE FROM audit_events WHERE id IN (
            SELECT id FROM audit_events WHERE user_id = $1 ORDER BY at DESC LIMIT $2 OFFSET $3
            FOR UPDATE SKIP LOCKED
        )";
    let sql = if transaction.is_only_writer() {
        DELETE
    } else {
        DELETE_UNLOCKED
    };
    let statement = Statement::new(sql)
        .bind(user_id)
        .bind(PRUNE_BATCH)
        .bind(LIMIT);
    transaction.execute(statement).await.map(drop)
}

/// Returns the user agent of the device on which an account was registered.
pub(crate) async fn registered_on(
    database: &Database,
    user_id: Id,
) -> Result<Option<String>, Error> {
    const SQL: &str = "
        SELECT user_agent FROM audit_events
        WHERE user_id = $1 AND event = 'registered' ORDER BY at LIMIT 1";
    let row: Option<(String,)> = database
        .fetch_optional(Statement::new(SQL).bind(user_id))
        .await?;
    Ok(row.map(|(user_agent,)| user_agent))
}
