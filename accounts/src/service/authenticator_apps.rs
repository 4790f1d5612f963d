//! Adds, lists, renames and removes authenticator apps of a user whose second factor is on.

use languages::tr_later;

use super::{
    accounts::Accounts,
    caller::Authorized,
    fields::{id_and_name, label},
    totp::{CODE, no_app_begun},
    verify_second_factor::code_error,
};
use crate::{
    email::template::{EmailTemplate, Origin},
    error::Error,
    id::Id,
    store::{
        audit_events::Event,
        authenticator_app_changes::{Added, Addition, Removal, Removed},
        authenticator_apps::{AuthenticatorApp, NewApp},
        second_factors::CodeRefused,
    },
    validation::{Validator, required_field},
};

const TOO_MANY: &str = tr_later("You have 10 authenticator apps. Remove one first.");

const ONLY_ONE: &str =
    tr_later("This is your only authenticator app. Turn two-factor authentication off instead.");

impl Accounts {
    /// Returns the caller's authenticator apps, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn authenticator_apps(
        &self,
        caller: &Authorized,
    ) -> Result<Vec<AuthenticatorApp>, Error> {
        AuthenticatorApp::list(&self.0.database, caller.user().id).await
    }

    /// Adds the authenticator app that was set up, with its first code, beside the others. Sessions continue.
    ///
    /// # Errors
    /// Field errors for a code that is missing or wrong, when no app was set up, and for a name that is too long;
    /// `PermissionDenied` without a second factor; `Conflict` with 10 apps; `Throttled`; `TokenInvalid` when the
    /// caller was signed out in the meantime.
    pub async fn add_totp(
        &self,
        caller: &Authorized,
        code: Option<&str>,
        name: Option<&str>,
    ) -> Result<AuthenticatorApp, Error> {
        let mut validator = Validator::default();
        let code = validator.required(CODE, code);
        let name = name.and_then(|name| label(&mut validator, name));
        let Some(code) = code.filter(|_| validator.is_empty()) else {
            return Err(validator.into_error());
        };
        let (user, now) = (caller.user(), self.now());
        let app = AuthenticatorApp {
            id: self.random().id(),
            name,
            created_at: Some(now),
            last_used_at: None,
        };
        let template = EmailTemplate::TotpAdded {
            name: app.name().to_owned(),
        };
        let origin = Some(Origin::new(&caller.device, now));
        let notice = self.notice(user, template, origin, now)?;
        let addition = Addition {
            user,
            app: NewApp {
                id: app.id,
                name: app.name.as_deref(),
            },
            step_of: &|encrypted: &[u8]| self.matching_step(user.id, encrypted, code),
            now,
            notice: notice.as_ref(),
            event: &self.event_by(Event::TotpAdded, caller),
            failed: &self.event_by(Event::SecondFactorFailed, caller),
        };
        match addition.apply(&self.0.database).await? {
            Added::Done => {}
            Added::NotOn => return Err(Error::PermissionDenied),
            Added::TooMany => return Err(Error::Conflict(TOO_MANY)),
            Added::CodeRefused(CodeRefused::NotSetUp) => return Err(no_app_begun()),
            Added::CodeRefused(refused) => return Err(code_error(&refused)),
            Added::SessionEnded => return Err(Error::TokenInvalid),
        }
        self.notify_email_worker();
        Ok(app)
    }

    /// Renames one of the caller's authenticator apps.
    ///
    /// # Errors
    /// Field errors for what is missing, and for a name that is too long; `NotFound` for an id that is not one of
    /// the caller's apps.
    pub async fn rename_totp(
        &self,
        caller: &Authorized,
        id: Option<&str>,
        name: Option<&str>,
    ) -> Result<(), Error> {
        let (id, name) = id_and_name(id, name)?;
        let database = &self.0.database;
        let renamed = AuthenticatorApp::rename(database, caller.user().id, id, &name).await?;
        if renamed {
            Ok(())
        } else {
            Err(Error::NotFound)
        }
    }

    /// Removes one of the caller's authenticator apps. Sessions continue, but no device is trusted any more.
    ///
    /// # Errors
    /// Field errors for a missing id, and when the password is missing or wrong; `NotFound` for an id that is not
    /// one of the caller's apps; `Conflict` for the only one; `TokenInvalid` when the caller was signed out in the
    /// meantime; `Throttled`; `Overloaded`.
    pub async fn remove_totp(
        &self,
        caller: &Authorized,
        id: Option<&str>,
        current_password: Option<&str>,
    ) -> Result<(), Error> {
        let (user, now) = (caller.user(), self.now());
        let id = required_field("id", id)?;
        self.confirm_password(caller, current_password).await?;
        let id: Id = id.parse().map_err(|_| Error::NotFound)?;
        let apps = self.authenticator_apps(caller).await?;
        let app = apps
            .iter()
            .find(|app| app.id == id)
            .ok_or(Error::NotFound)?;
        let template = EmailTemplate::TotpRemoved {
            name: app.name().to_owned(),
        };
        let origin = Some(Origin::new(&caller.device, now));
        let notice = self.notice(user, template, origin, now)?;
        let removal = Removal {
            user,
            id,
            notice: notice.as_ref(),
            event: &self.event_by(Event::TotpRemoved, caller),
        };
        match removal.apply(&self.0.database).await? {
            Removed::Done => {}
            Removed::Unknown => return Err(Error::NotFound),
            Removed::OnlyOne => return Err(Error::Conflict(ONLY_ONE)),
            Removed::SessionEnded => return Err(Error::TokenInvalid),
        }
        self.notify_email_worker();
        Ok(())
    }
}
