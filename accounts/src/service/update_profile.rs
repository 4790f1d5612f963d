//! Changes the caller's profile.

use std::borrow::Cow;

use serde_json::Value;

use super::{accounts::Accounts, caller::Authorized, fields::checked_name, json_fields};
use crate::{
    error::Error,
    profile::{CachedMetadata, stored_metadata},
    store::{
        audit_events::Event,
        profiles::{self, ProfileUpdate},
        users::User,
    },
    validation::Validator,
};

impl Accounts {
    /// Changes the caller's name and metadata, as far as they are given. Returns the user as it is now.
    ///
    /// # Errors
    /// Field errors; `TokenInvalid` when the caller was signed out or deleted in the meantime.
    pub async fn update_profile(
        &self,
        caller: &Authorized,
        name: &Value,
        metadata: &Value,
    ) -> Result<User, Error> {
        let mut validator = Validator::default();
        let name = json_fields::text(&mut validator, "name", name);
        let name = checked_name(&mut validator, name);
        let metadata = json_fields::object(&mut validator, "metadata", metadata);
        if !validator.is_empty() {
            return Err(validator.into_error());
        }
        let user = caller.user();
        if name.is_none() && metadata.is_none() {
            return Ok(user.clone());
        }
        let update = ProfileUpdate {
            user,
            name: name.as_deref(),
            metadata: metadata.as_deref(),
            event: &self.event_by(Event::ProfileUpdated, caller),
        };
        let updated = update.apply(&self.0.database).await;
        self.invalidate(user.id);
        updated?.ok_or(Error::TokenInvalid)
    }

    /// Returns the metadata of a user. A large object is not cached with the user, and read now.
    ///
    /// # Errors
    /// `TokenInvalid` if the user was deleted in the meantime; when the database fails.
    pub async fn metadata(&self, user: &User) -> Result<Value, Error> {
        let json: Cow<'_, str> = match &user.metadata {
            CachedMetadata::Empty => "{}".into(),
            CachedMetadata::Small(json) => json.as_ref().into(),
            CachedMetadata::Large => {
                let read = profiles::metadata(&self.0.database, user.id).await?;
                read.ok_or(Error::TokenInvalid)?.into()
            }
        };
        Ok(stored_metadata(&json))
    }
}
