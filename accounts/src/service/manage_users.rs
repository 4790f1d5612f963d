//! What administrators see of users, and what they change.

use languages::tr_later;
use serde_json::Value;

use super::{
    accounts::Accounts,
    administrator::Administrator,
    fields::{EMAIL_TAKEN, checked_name, email_address},
    json_fields,
    list_fields::{Cursor, EVENT_ORDER, EventListFields, UserListFields},
    register::CreatedBy,
};
use crate::{
    crypto::jwt_secret::JwtSecret,
    email::{
        address::EmailAddress,
        template::{Email, EmailTemplate},
    },
    error::Error,
    id::Id,
    profile::{NewProfile, Roles, stored_metadata},
    store::{
        administration::{Change, ManagedUser, Updated, UserDeletion, UserUpdate},
        audit_events::Event,
        audit_log::AuditEvent,
        deleted_accounts::{DeletedAccount, Deletion},
        outbox::NewEmail,
        rekey::Rekey,
        sessions::Session,
        user_list::Order,
        users::User,
    },
    validation::Validator,
};

/// How many events of a user an administrator sees at once.
const ACTIVITY_LIMIT: u32 = 50;

const EMAIL: &str = "email";

const INVITED_CHOOSES: &str = tr_later("An invited user chooses the password.");

/// A page of a list of users.
pub struct UserPage {
    /// The users.
    pub users: Vec<ManagedUser>,
    /// Where the next page begins; `None` at the end.
    pub next_cursor: Option<String>,
}

/// A page of a list of audit events.
pub struct EventPage {
    /// The events, newest first.
    pub events: Vec<AuditEvent>,
    /// Where the next page begins; `None` at the end.
    pub next_cursor: Option<String>,
}

/// The fields of a request to change a user. What is null stays as it is.
#[derive(Clone, Debug, Default)]
pub struct UserFields {
    /// The email address.
    pub email: Value,
    /// The name.
    pub name: Value,
    /// The roles.
    pub roles: Value,
    /// Whether the account may be used.
    pub is_active: Value,
    /// Whether the user is an administrator.
    pub is_admin: Value,
    /// A JSON object that the user may change, too.
    pub metadata: Value,
    /// A JSON object that the user may not change.
    pub app_metadata: Value,
    /// The version that the user must still have.
    pub version: Value,
}

/// The fields of a request to create a user.
#[derive(Default)]
pub struct NewUserFields {
    /// The password.
    pub password: Value,
    /// Whether the user is invited, and chooses the password.
    pub invite: Value,
    /// Everything else.
    pub user: UserFields,
}

/// What is in the fields, after it was validated.
#[derive(Default)]
pub(super) struct Changes<'a> {
    pub email: Option<EmailAddress>,
    pub name: Option<String>,
    pub roles: Option<Roles>,
    /// Roles to add, and roles to take away.
    pub role_changes: Option<(&'a Roles, &'a Roles)>,
    pub is_active: Option<bool>,
    pub is_admin: Option<bool>,
    pub metadata: Option<String>,
    pub app_metadata: Option<String>,
    pub version: Option<&'a str>,
}

impl UserFields {
    /// Whether this changes what only an administrator who has just signed in may change.
    fn is_sensitive(&self) -> bool {
        [&self.email, &self.roles, &self.is_admin]
            .into_iter()
            .any(json_fields::is_given)
    }

    fn parse(&self, validator: &mut Validator) -> Result<Changes<'_>, Error> {
        let email = json_fields::text(validator, EMAIL, &self.email);
        let email = match email {
            Some(email) => validator.merge(email_address(EMAIL, Some(email)))?,
            None => None,
        };
        let name = json_fields::text(validator, "name", &self.name);
        Ok(Changes {
            email,
            name: checked_name(validator, name),
            roles: json_fields::roles(validator, "roles", &self.roles),
            role_changes: None,
            is_active: json_fields::boolean(validator, "is_active", &self.is_active),
            is_admin: json_fields::boolean(validator, "is_admin", &self.is_admin),
            metadata: json_fields::object(validator, "metadata", &self.metadata),
            app_metadata: json_fields::object(validator, "app_metadata", &self.app_metadata),
            version: json_fields::text(validator, "version", &self.version),
        })
    }
}

impl ManagedUser {
    /// What the user has noted.
    #[must_use]
    pub fn metadata_value(&self) -> Value {
        stored_metadata(&self.metadata)
    }

    /// What administrators have noted.
    #[must_use]
    pub fn app_metadata_value(&self) -> Value {
        stored_metadata(&self.app_metadata)
    }
}

impl Accounts {
    /// Returns a page of the users that the fields ask for.
    ///
    /// # Errors
    /// Field errors; when the database fails.
    pub async fn list_users(
        &self,
        _: &Administrator,
        fields: &UserListFields<'_>,
    ) -> Result<UserPage, Error> {
        let mut search = String::new();
        let list = fields.parse(&mut search)?;
        let limit = list.limit as usize;
        let mut users = list.query.run(&self.0.database, list.limit + 1).await?;
        let has_more = users.len() > limit;
        users.truncate(limit);
        let last = users.last().filter(|_| has_more);
        let next_cursor = last.map(|ManagedUser { user, .. }| {
            let key = match list.query.order {
                Order::DateJoined { .. } => user.date_joined.to_string(),
                Order::Email { .. } => user.email.to_ascii_lowercase(),
            };
            Cursor::new(list.order, &key, user.id).encode()
        });
        Ok(UserPage { users, next_cursor })
    }

    /// Returns a user.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn managed_user(&self, _: &Administrator, id: &str) -> Result<ManagedUser, Error> {
        let found = ManagedUser::find(&self.0.database, parse_id(id)?).await?;
        found.ok_or(Error::NotFound)
    }

    /// Creates an account, whose email address counts as verified, or sends an invitation and returns the
    /// user that it will create.
    ///
    /// # Errors
    /// `PermissionDenied` for a service that would create an administrator; `ReauthenticationRequired`;
    /// field errors; `Overloaded`. For an invitation, `Conflict` while registration is closed, and
    /// `Throttled` if one was sent to the address a short time ago.
    pub async fn create_managed_user(
        &self,
        administrator: &Administrator,
        fields: &NewUserFields,
    ) -> Result<ManagedUser, Error> {
        let NewUserFields {
            password,
            invite,
            user,
        } = fields;
        if json_fields::is_given(&user.is_admin) {
            administrator.require_person()?;
        }
        if json_fields::is_given(&user.is_admin) || json_fields::is_given(&user.roles) {
            self.require_recent_sign_in(administrator)?;
        }
        let mut validator = Validator::default();
        let text = json_fields::text(&mut validator, EMAIL, &user.email);
        let password = json_fields::text(&mut validator, "password", password);
        let invites = json_fields::boolean(&mut validator, "invite", invite).unwrap_or_default();
        if invites && password.is_some() {
            validator.reject("password", INVITED_CHOOSES);
        }
        let without_email = UserFields {
            email: Value::Null,
            ..user.clone()
        };
        let changes = without_email.parse(&mut validator)?;
        let profile = NewProfile {
            name: changes.name.unwrap_or_default(),
            roles: changes.roles.unwrap_or_default(),
            metadata: changes.metadata.unwrap_or_else(|| "{}".to_owned()),
            app_metadata: changes.app_metadata.unwrap_or_else(|| "{}".to_owned()),
        };
        let is_admin = changes.is_admin.unwrap_or_default();
        if invites {
            let invited = self.invite(administrator, text, profile, is_admin, validator);
            return invited.await;
        }
        let created_by = CreatedBy::Administrator {
            administrator,
            is_admin,
        };
        let created = self.create(text, password, profile, created_by, validator);
        let id = created.await?.id;
        let found = ManagedUser::find(&self.0.database, id).await?;
        found.ok_or(Error::NotFound)
    }

    /// Changes a user. Returns the user as it is now.
    ///
    /// # Errors
    /// `PermissionDenied` for a service, if the user is an administrator or would become one;
    /// `ReauthenticationRequired` for a change of email address, roles or `is_admin`; field errors;
    /// `NotFound`; `Conflict` for another version, and for the last administrator.
    pub async fn change_user(
        &self,
        administrator: &Administrator,
        id: &str,
        fields: &UserFields,
    ) -> Result<ManagedUser, Error> {
        if json_fields::is_given(&fields.is_admin) {
            administrator.require_person()?;
        }
        if fields.is_sensitive() {
            self.require_recent_sign_in(administrator)?;
        }
        let mut validator = Validator::default();
        let changes = fields.parse(&mut validator)?;
        if !validator.is_empty() {
            return Err(validator.into_error());
        }
        self.apply_changes(administrator, parse_id(id)?, &changes)
            .await
    }

    pub(super) async fn apply_changes(
        &self,
        administrator: &Administrator,
        user_id: Id,
        changes: &Changes<'_>,
    ) -> Result<ManagedUser, Error> {
        let now = self.now();
        let update = UserUpdate {
            user_id,
            guard: administrator.guard(),
            version: changes.version,
            email: changes.email.as_ref(),
            name: changes.name.as_deref(),
            roles: changes.roles.as_ref(),
            role_changes: changes.role_changes,
            is_active: changes.is_active,
            is_admin: changes.is_admin,
            metadata: changes.metadata.as_deref(),
            app_metadata: changes.app_metadata.as_deref(),
            new_secret: JwtSecret::new(self.random()),
            now,
            event: &|change| self.event_of(event_name(change), user_id, administrator),
            notice: &|before: &User| {
                let new_email = changes.email.as_ref().map(EmailAddress::as_str);
                let template = EmailTemplate::EmailChanged {
                    new_email: new_email.unwrap_or_default().to_owned(),
                };
                self.notice(before, template, None, now)
            },
        };
        let updated = update.apply(&self.0.database).await;
        // Also after an error: the commit may have succeeded although its response was lost.
        self.invalidate(user_id);
        self.notify_email_worker();
        match updated? {
            Updated::Done(user) => Ok(*user),
            Updated::EmailTaken => Err(Error::field(EMAIL, EMAIL_TAKEN)),
            Updated::TooManyRoles(message) => Err(Error::field("roles", message)),
        }
    }

    /// Deletes a user and everything that belongs to it. A verified email address is notified.
    ///
    /// # Errors
    /// `PermissionDenied` for a service, if the user is an administrator; `ReauthenticationRequired`;
    /// `NotFound`; `Conflict` for the last administrator.
    pub async fn delete_managed_user(
        &self,
        administrator: &Administrator,
        id: &str,
    ) -> Result<User, Error> {
        self.require_recent_sign_in(administrator)?;
        let user = self.managed_user(administrator, id).await?.user;
        self.remove(administrator, &user).await?;
        Ok(user)
    }

    /// Deletes a user that was read before.
    pub(super) async fn remove(
        &self,
        administrator: &Administrator,
        user: &User,
    ) -> Result<(), Error> {
        let (record, notice) = self.deletion_by(administrator, user)?;
        let deletion = UserDeletion {
            user,
            guard: administrator.guard(),
            record: &record,
            notice: notice.as_ref(),
        };
        let deleted = deletion.apply(&self.0.database).await;
        self.invalidate(user.id);
        self.notify_email_worker();
        deleted
    }

    /// What remains of a user whom an administrator deletes, and the email about it.
    pub(super) fn deletion_by(
        &self,
        administrator: &Administrator,
        user: &User,
    ) -> Result<(DeletedAccount, Option<NewEmail>), Error> {
        let now = self.now();
        let notice = user.email_verified.then(|| {
            let email = Email::new(&user.email, EmailTemplate::AccountRemoved);
            self.queued_email(None, &email, now)
        });
        let (actor, device) = administrator.actor();
        let record = DeletedAccount {
            actor,
            ..self.deletion(Deletion::Deleted, &user.email, device)
        };
        Ok((record, notice.transpose()?))
    }

    /// Ends every session of a user.
    ///
    /// # Errors
    /// `PermissionDenied` for a service, if the user is an administrator; `NotFound`.
    pub async fn sign_out_managed_user(
        &self,
        administrator: &Administrator,
        id: &str,
    ) -> Result<(), Error> {
        let user_id = parse_id(id)?;
        let change = Rekey {
            guard: administrator.guard(),
            ..self.new_rekey(self.event_of(Event::OperatorSignedOut, user_id, administrator))
        };
        let changed = self.rekey(&change).await?;
        changed.map(drop).ok_or(Error::NotFound)
    }

    /// Returns the sessions of a user, newest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn sessions_of(
        &self,
        administrator: &Administrator,
        id: &str,
    ) -> Result<Vec<Session>, Error> {
        let user = self.managed_user(administrator, id).await?.user;
        let now = self.now();
        Session::list(&self.0.database, user.id, now, self.idle_since(now)).await
    }

    /// Returns the latest events of a user, newest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn activity_of(
        &self,
        administrator: &Administrator,
        id: &str,
    ) -> Result<Vec<AuditEvent>, Error> {
        let user = self.managed_user(administrator, id).await?.user;
        AuditEvent::list_in_full(&self.0.database, user.id, ACTIVITY_LIMIT).await
    }

    /// Returns a page of the events of all users that the fields ask for, newest first.
    ///
    /// # Errors
    /// Field errors; when the database fails.
    pub async fn list_events(
        &self,
        _: &Administrator,
        fields: &EventListFields<'_>,
    ) -> Result<EventPage, Error> {
        let (query, limit) = fields.parse()?;
        let mut events = query.run(&self.0.database, limit + 1).await?;
        let has_more = events.len() > limit as usize;
        events.truncate(limit as usize);
        let last = events.last().filter(|_| has_more);
        let next_cursor = last.and_then(|event| {
            let id = event.id.parse().ok()?;
            Some(Cursor::new(EVENT_ORDER, &event.at.to_string(), id).encode())
        });
        Ok(EventPage {
            events,
            next_cursor,
        })
    }
}

/// What does not look like an id is not the id of anyone.
pub(super) fn parse_id(id: &str) -> Result<Id, Error> {
    id.parse().map_err(|_| Error::NotFound)
}

fn event_name(change: Change) -> Event {
    match change {
        Change::Email => Event::OperatorChangedEmail,
        Change::Profile => Event::OperatorChangedProfile,
        Change::Roles => Event::OperatorChangedRoles,
        Change::Activated => Event::OperatorActivated,
        Change::Deactivated => Event::OperatorDeactivated,
        Change::AdminGranted => Event::OperatorGrantedAdmin,
        Change::AdminRevoked => Event::OperatorRevokedAdmin,
    }
}
