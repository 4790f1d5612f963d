//! Invitations: sent, listed and revoked by administrators, accepted by the owner of the email address.

use languages::{stated_language, tr_later};
use serde_json::Value;

use super::{
    accounts::Accounts,
    administrator::Administrator,
    fields::{EMAIL_TAKEN, PASSWORD, checked_name, email_address, existing_email_address},
    list_fields::{Cursor, parse_page},
    manage_users::parse_id,
    queue_email::EmailKind,
    register::Registered,
};
use crate::{
    crypto::{
        email_token::{self, LinkToken},
        jwt_secret::JwtSecret,
    },
    device::Device,
    email::template::{Email, EmailTemplate},
    error::Error,
    policies::RegistrationPolicy,
    profile::{CachedMetadata, NewProfile, Roles, stored_metadata},
    store::{
        administration::ManagedUser,
        administrators::Guard,
        audit_events::{Actor, Event, NewEvent},
        email_limits,
        email_tokens::key_of,
        invitations::{Invitation, NewInvitation, Sent},
        users::{NewAccount, NewUser, User},
    },
    validation::Validator,
};

const EMAIL: &str = "email";
const INVITATION: &str = "invitation";
const CLOSED: &str =
    tr_later("Registration is closed, so that an invitation could not be accepted.");
const INVALID_INVITATION: &str = tr_later(
    "This invitation no longer works. It may have expired, been used, or been replaced by a newer one.",
);
const OTHER_ADDRESS: &str = tr_later("The invitation was sent to another email address.");

/// The name of the order of invitations.
const ORDER: &str = "-created_at";

/// A page of a list of invitations.
pub struct InvitationPage {
    /// The invitations, newest first.
    pub invitations: Vec<Invitation>,
    /// Where the next page begins; `None` at the end.
    pub next_cursor: Option<String>,
}

/// What a user who accepts an invitation has entered.
#[derive(Clone, Copy, Default)]
pub struct Acceptance<'a> {
    /// The token of the emailed link.
    pub token: &'a str,
    /// The email address; it may be missing.
    pub email: Option<&'a str>,
    /// The password.
    pub password: Option<&'a str>,
    /// The name; if it is missing, it is the one in the invitation.
    pub name: Option<&'a str>,
}

impl Invitation {
    /// What the user will be able to change.
    #[must_use]
    pub fn metadata_value(&self) -> Value {
        stored_metadata(&self.metadata)
    }

    /// What only administrators will be able to change.
    #[must_use]
    pub fn app_metadata_value(&self) -> Value {
        stored_metadata(&self.app_metadata)
    }
}

impl Accounts {
    /// Invites someone for an operator. It replaces an invitation that waits for the same address.
    ///
    /// # Errors
    /// Field errors; `Conflict` while registration is closed; `Throttled`.
    pub async fn invite_by_operator(
        &self,
        email: Option<&str>,
        name: Option<&str>,
        roles: &[String],
        is_admin: bool,
    ) -> Result<ManagedUser, Error> {
        let mut validator = Validator::default();
        let name = checked_name(&mut validator, name).unwrap_or_default();
        let roles = Roles::parse(roles.iter().map(String::as_str));
        let roles = roles.map_err(|message| Error::field("role", message))?;
        let profile = NewProfile {
            roles,
            ..NewProfile::named(name)
        };
        let operator = Administrator::operator();
        self.invite(&operator, email, profile, is_admin, validator)
            .await
    }

    /// Sends an invitation. The validator has the errors of the profile. Returns the user that it will
    /// create.
    pub(super) async fn invite(
        &self,
        administrator: &Administrator,
        email: Option<&str>,
        profile: NewProfile,
        is_admin: bool,
        mut validator: Validator,
    ) -> Result<ManagedUser, Error> {
        if self.registration_policy() == RegistrationPolicy::Closed {
            return Err(Error::Conflict(CLOSED));
        }
        let email = validator.merge(email_address(EMAIL, email))?;
        let (Some(email), true) = (email, validator.is_empty()) else {
            return Err(validator.into_error());
        };
        let (token, now) = (LinkToken::new(self.random()), self.now());
        let hash = token.hash();
        let message = Email::new(email.as_str(), EmailTemplate::Invitation(token));
        let new = NewInvitation {
            id: self.random().id(),
            hash,
            email: &email,
            profile: &profile,
            is_admin,
            actor: administrator.actor().0,
            now,
            message: self.queued_email(None, &message, now)?,
            limit: self.email_limit(EmailKind::Invitation, false, &email.to_lowercase()),
            by: self.changed_by(administrator, Event::InvitationSent),
        };
        let database = &self.0.database;
        if User::email_is_taken(database, &email, None, now).await? {
            return Err(Error::field(EMAIL, EMAIL_TAKEN));
        }
        match new.insert(database).await? {
            Sent::Done(id) => {
                self.notify_email_worker();
                Ok(self.future_user(NewInvitation { id, ..new }))
            }
            Sent::TooSoon => Err(Error::Throttled(email_limits::PAUSE)),
            Sent::Refused if User::email_is_taken(database, &email, None, now).await? => {
                Err(Error::field(EMAIL, EMAIL_TAKEN))
            }
            Sent::Refused => Err(Error::PermissionDenied),
        }
    }

    /// The user that an invitation will create.
    fn future_user(&self, new: NewInvitation<'_>) -> ManagedUser {
        let NewProfile {
            name,
            roles,
            metadata,
            app_metadata,
        } = new.profile.clone();
        ManagedUser {
            user: User {
                id: new.id,
                email: new.email.as_str().into(),
                is_active: true,
                is_admin: new.is_admin,
                date_joined: new.now,
                last_login: None,
                email_verified: true,
                otp_enabled: false,
                jwt_secret: JwtSecret::new(self.random()),
                name: name.into(),
                roles,
                metadata: CachedMetadata::Large,
                roles_since: 0,
            },
            metadata,
            app_metadata,
        }
    }

    /// Returns a page of the invitations that wait, newest first.
    ///
    /// # Errors
    /// Field errors; when the database fails.
    pub async fn list_invitations(
        &self,
        _: &Administrator,
        limit: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<InvitationPage, Error> {
        let (after, limit) = parse_page(ORDER, limit, cursor)?;
        let (database, now) = (&self.0.database, self.now());
        let mut invitations = Invitation::list(database, after, now, limit + 1).await?;
        let has_more = invitations.len() > limit as usize;
        invitations.truncate(limit as usize);
        let last = invitations.last().filter(|_| has_more);
        let next_cursor =
            last.map(|last| Cursor::new(ORDER, &last.created_at.to_string(), last.id).encode());
        Ok(InvitationPage {
            invitations,
            next_cursor,
        })
    }

    /// Revokes an invitation.
    ///
    /// # Errors
    /// `NotFound`; `PermissionDenied` for a service, if the invited user would be an administrator.
    pub async fn revoke_invitation(
        &self,
        administrator: &Administrator,
        id: &str,
    ) -> Result<(), Error> {
        let by = self.changed_by(administrator, Event::InvitationRevoked);
        Invitation::delete(&self.0.database, parse_id(id.trim())?, &by).await
    }

    /// Creates the account that an invitation has prepared. Its email address is verified: the link was
    /// sent there.
    ///
    /// # Errors
    /// `PermissionDenied` while registration is closed; field errors for an invitation that does not work,
    /// another email address than the invited one, an address that got an account in the meantime, and a
    /// password or name that breaks a rule; `Overloaded`.
    pub async fn accept_invitation(
        &self,
        entered: Acceptance<'_>,
        device: &Device,
    ) -> Result<Registered, Error> {
        self.require_registration(true)?;
        let (database, hash) = (&self.0.database, email_token::hash(entered.token));
        let found = Invitation::find(database, &hash, self.now()).await?;
        let invitation = found.ok_or_else(invalid_invitation)?;
        let mut validator = Validator::default();
        let is_invited = |email: &str| key_of(email.trim()) == key_of(&invitation.email);
        if entered.email.is_some_and(|email| !is_invited(email)) {
            validator.reject(EMAIL, OTHER_ADDRESS);
        }
        let name = checked_name(&mut validator, entered.name);
        let password = self
            .check_new_password(
                &mut validator,
                PASSWORD,
                entered.password,
                Some(&invitation.email),
            )
            .await?;
        let (Some(password), true) = (password, validator.is_empty()) else {
            return Err(validator.into_error());
        };
        let password_hash = self.hash_password(password).await?;
        let user = self.invited_user(&invitation, name, password_hash, device)?;
        let new = NewAccount {
            user,
            activation: None,
            proof: None,
            invitation: Some((&hash, self.event_of_sender(&invitation))),
            identity: None,
            guard: Guard::default(),
        };
        if User::insert(database, &new).await?.is_none() {
            let still_waits = Invitation::find(database, &hash, self.now()).await?;
            return Err(
                still_waits.map_or_else(invalid_invitation, |_| Error::field(EMAIL, EMAIL_TAKEN))
            );
        }
        Ok(Registered {
            id: invitation.id,
            email: invitation.email,
        })
    }

    pub(super) fn invited_user(
        &self,
        invitation: &Invitation,
        name: Option<String>,
        password_hash: String,
        device: &Device,
    ) -> Result<NewUser, Error> {
        Ok(NewUser {
            id: invitation.id,
            email: existing_email_address(EMAIL, Some(&invitation.email))?,
            password_hash,
            profile: NewProfile {
                name: name.unwrap_or_else(|| invitation.name.clone()),
                roles: invitation.roles.clone(),
                metadata: invitation.metadata.clone(),
                app_metadata: invitation.app_metadata.clone(),
            },
            is_admin: invitation.is_admin,
            email_verified: true,
            jwt_secret: JwtSecret::new(self.random()),
            date_joined: self.now(),
            language: stated_language(),
            event: self.event(Event::Registered, invitation.id, device),
        })
    }

    /// Who has sent an invitation, for the history of the user that it creates.
    pub(super) fn event_of_sender(&self, invitation: &Invitation) -> NewEvent {
        let actor = match (invitation.actor_kind.as_deref(), invitation.actor_id) {
            (Some("user"), Some(id)) => Some(Actor::User(id)),
            (Some("service_key"), Some(id)) => Some(Actor::ServiceKey(id)),
            _ => None,
        };
        NewEvent {
            at: invitation.created_at,
            actor,
            request_id: invitation.request_id.clone(),
            ..self.event_without_device(Event::OperatorInvited, invitation.id)
        }
    }
}

fn invalid_invitation() -> Error {
    Error::field(INVITATION, INVALID_INVITATION)
}
