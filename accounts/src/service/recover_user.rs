//! What administrators do for users who can't sign in.

use super::{accounts::Accounts, administrator::Administrator, manage_users::parse_id};
use crate::{
    email::{address::EmailAddress, template::EmailTemplate},
    error::Error,
    store::{
        audit_events::{self, Event},
        email_requests::{EmailRequestKind, NewEmailRequest},
        guarded_users,
        rekey::Rekey,
    },
};

impl Accounts {
    /// Removes the second factor of a user who has lost both authenticator app and recovery codes; the passkeys of
    /// one who must have a second factor, and has no app. Every session ends, and a verified email address is notified.
    ///
    /// # Errors
    /// `PermissionDenied` for a service, if the user is an administrator; `ReauthenticationRequired`;
    /// `NotFound`.
    pub async fn reset_otp_of_managed_user(
        &self,
        administrator: &Administrator,
        id: &str,
    ) -> Result<(), Error> {
        self.require_recent_sign_in(administrator)?;
        let user = self.managed_user(administrator, id).await?.user;
        let notice = if user.otp_enabled {
            self.notice(&user, EmailTemplate::SecondFactorOff, None, self.now())?
        } else {
            None
        };
        let change = Rekey {
            removes_second_factor: true,
            removes_lone_passkeys: self.must_have_second_factor(&user),
            notice,
            guard: administrator.guard(),
            ..self.new_rekey(self.event_of(Event::OperatorResetOtp, user.id, administrator))
        };
        let changed = self.rekey(&change).await?;
        changed.map(drop).ok_or(Error::NotFound)
    }

    /// Emails a user a link to choose a new password, as if the user had asked for it.
    ///
    /// # Errors
    /// `PermissionDenied` for a service, if the user is an administrator; `NotFound`.
    pub async fn email_reset_to_managed_user(
        &self,
        administrator: &Administrator,
        id: &str,
    ) -> Result<(), Error> {
        let user_id = parse_id(id)?;
        let user = self.managed_user(administrator, id).await?.user;
        let email = EmailAddress::parse_existing(&user.email).map_err(|_| Error::NotFound)?;
        let request = NewEmailRequest {
            id: self.random().id(),
            kind: EmailRequestKind::Reset,
            email: &email,
            // The email does not say from where.
            device: None,
            is_own: true,
            // The administrator's is not the user's.
            language: None,
            flow_hash: None,
            now: self.now(),
        };
        let event = Event::OperatorRequestedPasswordReset;
        let event = self.event_of(event, user_id, administrator);
        let mut transaction = self.0.database.begin().await?;
        let guard = administrator.guard();
        guarded_users::check(&mut transaction, guard, user_id, false).await?;
        request.insert(&mut transaction).await?;
        audit_events::record(&mut transaction, &event).await?;
        transaction.commit().await?;
        self.notify_email_worker();
        Ok(())
    }
}
