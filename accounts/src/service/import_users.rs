//! Imports users from elsewhere, with the hashes of their passwords. No password is hashed for it: that
//! happens when a user signs in.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

use serde_json::Value;

use super::{
    accounts::Accounts,
    fields::{checked_name, email_address},
    json_fields,
    list_fields::parse_time,
};
use crate::{
    clock::{CLOCK_SKEW, Timestamp},
    crypto::{jwt_secret::JwtSecret, password::NO_PASSWORD},
    error::Error,
    id::Id,
    profile::NewProfile,
    store::{
        audit_events::Event,
        user_transfers::{self, ImportConflict, ImportedUser},
    },
    validation::Validator,
};

/// How many users of a dry run are remembered, to find those that are in the file twice. It takes some
/// 100 MB then.
const REMEMBERED: usize = 4_000_000;

const ID_TAKEN: &str = "A user with that ID already exists.";

/// The fields of a user to be imported, all of which but the email address may be missing.
#[derive(Clone, Default)]
pub struct ImportedFields {
    email: Value,
    id: Value,
    password_hash: Value,
    name: Value,
    roles: Value,
    is_active: Value,
    is_admin: Value,
    email_verified: Value,
    date_joined: Value,
    last_login: Value,
    metadata: Value,
    app_metadata: Value,
}

impl ImportedFields {
    /// Sets a field. Returns `false` if there is no field with this name.
    pub fn set(&mut self, name: &str, value: Value) -> bool {
        let field = match name {
            "email" => &mut self.email,
            "id" => &mut self.id,
            "password_hash" => &mut self.password_hash,
            "name" => &mut self.name,
            "roles" => &mut self.roles,
            "is_active" => &mut self.is_active,
            "is_admin" => &mut self.is_admin,
            "email_verified" => &mut self.email_verified,
            "date_joined" => &mut self.date_joined,
            "last_login" => &mut self.last_login,
            "metadata" => &mut self.metadata,
            "app_metadata" => &mut self.app_metadata,
            _ => return false,
        };
        *field = value;
        true
    }

    /// The email address as it was given; empty if it is missing.
    #[must_use]
    pub fn email(&self) -> &str {
        self.email.as_str().unwrap_or_default()
    }
}

/// What became of a user.
#[derive(Debug)]
pub enum ImportResult {
    /// The user was imported, or could be in a dry run.
    Imported,
    /// There is an account with the email address already. It was left alone.
    Exists,
    /// Messages for the fields that break a rule.
    Rejected(Error),
}

/// An import that is under way.
pub struct UserImport<'a> {
    accounts: &'a Accounts,
    is_dry_run: bool,
    are_verified: bool,
    hasher: RandomState,
    /// The hashes of email addresses and ids: of one batch, or of all batches of a dry run, which the
    /// database does not know.
    seen: HashSet<u64>,
}

impl Accounts {
    /// Starts an import. A dry run changes nothing. Where a user's fields don't say whether the email
    /// address is verified, `are_verified` does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn import_users(
        &self,
        is_dry_run: bool,
        are_verified: bool,
    ) -> Result<UserImport<'_>, Error> {
        user_transfers::prepare(&self.0.database).await?;
        Ok(UserImport {
            accounts: self,
            is_dry_run,
            are_verified,
            hasher: RandomState::new(),
            seen: HashSet::new(),
        })
    }
}

impl UserImport<'_> {
    /// Imports users in one transaction, some hundred at most. Returns what became of each, in their order.
    /// Nothing is imported of a user who is rejected.
    ///
    /// # Errors
    /// When the database fails; then none of them was imported, unless only the response was lost.
    pub async fn add(&mut self, users: &[ImportedFields]) -> Result<Vec<ImportResult>, Error> {
        let (database, now) = (&self.accounts.0.database, self.accounts.now());
        if !self.is_dry_run || self.seen.len() > REMEMBERED {
            self.seen.clear();
        }
        let mut results = Vec::with_capacity(users.len());
        let (mut valid, mut positions) = (Vec::new(), Vec::new());
        for fields in users {
            let read = self
                .read(fields, now)
                .and_then(|user| self.check_seen(user));
            results.push(match read {
                Ok(Some(user)) => {
                    valid.push(user);
                    positions.push(results.len());
                    ImportResult::Imported
                }
                Ok(None) => ImportResult::Exists,
                Err(error @ Error::Fields(_)) => ImportResult::Rejected(error),
                Err(error) => return Err(error),
            });
        }
        let added = if self.is_dry_run || valid.is_empty() {
            HashSet::new()
        } else {
            user_transfers::insert(database, &valid, now).await?
        };
        let others: Vec<_> = valid
            .iter()
            .filter(|user| !added.contains(&user.id))
            .collect();
        let conflicts = user_transfers::conflicts(database, &others, now).await?;
        for (user, position) in valid.iter().zip(positions) {
            results[position] = match conflicts.get(&user.id) {
                Some(ImportConflict::EmailTaken) => ImportResult::Exists,
                Some(ImportConflict::IdTaken) => {
                    ImportResult::Rejected(Error::field("id", ID_TAKEN))
                }
                // One that was in the way and is gone.
                None if !self.is_dry_run && !added.contains(&user.id) => ImportResult::Exists,
                None => ImportResult::Imported,
            };
        }
        Ok(results)
    }

    /// Returns `None` for a user whose email address was there before.
    fn check_seen(&mut self, user: ImportedUser) -> Result<Option<ImportedUser>, Error> {
        if !self
            .seen
            .insert(self.hasher.hash_one(user.email.to_lowercase()))
        {
            return Ok(None);
        }
        if !self.seen.insert(self.hasher.hash_one(user.id)) {
            return Err(Error::field("id", ID_TAKEN));
        }
        Ok(Some(user))
    }

    /// Reads the fields of a user.
    fn read(&self, fields: &ImportedFields, now: Timestamp) -> Result<ImportedUser, Error> {
        let accounts = self.accounts;
        let mut validator = Validator::default();
        let v = &mut validator;
        let email = json_fields::text(v, "email", &fields.email);
        let email = match email {
            None if !v.is_empty() => None,
            email => v.merge(email_address("email", email))?,
        };
        let id = id(v, &fields.id).unwrap_or_else(|| accounts.random().id());
        let password_hash = self.password_hash(v, &fields.password_hash);
        let name = json_fields::text(v, "name", &fields.name);
        let profile = NewProfile {
            name: checked_name(v, name).unwrap_or_default(),
            roles: json_fields::roles(v, "roles", &fields.roles).unwrap_or_default(),
            metadata: object(v, "metadata", &fields.metadata),
            app_metadata: object(v, "app_metadata", &fields.app_metadata),
        };
        let is_active = json_fields::boolean(v, "is_active", &fields.is_active);
        let is_admin = json_fields::boolean(v, "is_admin", &fields.is_admin);
        let email_verified = json_fields::boolean(v, "email_verified", &fields.email_verified);
        let date_joined = time(v, "date_joined", &fields.date_joined, now);
        let last_login = time(v, "last_login", &fields.last_login, now);
        let (Some(email), true) = (email, validator.is_empty()) else {
            return Err(validator.into_error());
        };
        Ok(ImportedUser {
            id,
            email,
            password_hash,
            profile,
            is_active: is_active.unwrap_or(true),
            is_admin: is_admin.unwrap_or(false),
            email_verified: email_verified.unwrap_or(self.are_verified),
            jwt_secret: JwtSecret::new(accounts.random()),
            date_joined: date_joined.unwrap_or(now),
            last_login,
            event: accounts.event_without_device(Event::OperatorCreated, id),
        })
    }

    /// Returns the hash as it is stored. A user without one has to choose a password by email, like one of
    /// Django's whose password is unusable, which it marks with an exclamation mark.
    fn password_hash(&self, validator: &mut Validator, value: &Value) -> String {
        let hash = json_fields::text(validator, "password_hash", value).unwrap_or_default();
        if hash.is_empty() || hash.starts_with('!') {
            return NO_PASSWORD.to_owned();
        }
        if let Err(reason) = self.accounts.0.hasher.check_imported(hash) {
            validator.reject("password_hash", reason.to_string());
        }
        hash.to_owned()
    }
}

fn id(validator: &mut Validator, value: &Value) -> Option<Id> {
    let text = json_fields::text(validator, "id", value)?;
    let id = text.parse().ok().filter(|id| *id != Id::nil());
    if id.is_none() {
        validator.reject("id", "This must be a UUID.");
    }
    id
}

fn object(validator: &mut Validator, field: &'static str, value: &Value) -> String {
    json_fields::object(validator, field, value).unwrap_or_else(|| "{}".to_owned())
}

fn time(
    validator: &mut Validator,
    field: &'static str,
    value: &Value,
    now: Timestamp,
) -> Option<Timestamp> {
    let text = json_fields::text(validator, field, value)?;
    match parse_time(text) {
        Some(time) if time.since(now) > CLOCK_SKEW => {
            validator.reject(field, "This time is in the future.");
            None
        }
        Some(time) => Some(time),
        None => {
            validator.reject(
                field,
                "This must be a time in RFC 3339, such as 2026-01-31T08:15:30Z.",
            );
            None
        }
    }
}
