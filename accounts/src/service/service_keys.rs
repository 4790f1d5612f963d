//! Service keys: created and revoked by operators, presented by other services.

use std::time::Duration;

use languages::tr_later;
use serde_json::Value;

use super::{
    accounts::Accounts, administrator::Administrator, json_fields, list_fields::parse_time,
};
use crate::{
    cache::CachedServiceKey,
    clock::Timestamp,
    crypto::service_key::ServiceKeyText,
    error::Error,
    id::Id,
    store::{
        administrators::ChangedBy,
        audit_events::Event,
        service_keys::{NewServiceKey, Scope, ServiceKey},
    },
    text,
    validation::Validator,
};

/// The maximum length of a key's name, in characters.
const NAME_LIMIT: usize = 100;

impl Accounts {
    /// Creates a service key, and returns its text, which can't be found out again.
    ///
    /// # Errors
    /// Field errors for a name that is missing, too long or has control characters, for no scope, and
    /// for too many keys.
    pub async fn create_service_key(
        &self,
        name: Option<&str>,
        scopes: &[Scope],
        lifetime: Option<Duration>,
    ) -> Result<String, Error> {
        let now = self.now();
        let expires_at = lifetime.map(|lifetime| now.plus(lifetime));
        let by = ChangedBy::default();
        self.insert_service_key(name, scopes, now, expires_at, &by)
            .await
    }

    async fn insert_service_key(
        &self,
        name: Option<&str>,
        scopes: &[Scope],
        now: Timestamp,
        expires_at: Option<Timestamp>,
        by: &ChangedBy,
    ) -> Result<String, Error> {
        let mut validator = Validator::default();
        let name = validator.required("name", name.map(text::trim));
        if name.is_some_and(|name| name.chars().count() > NAME_LIMIT) {
            validator.reject("name", tr_later("A name has at most 100 characters."));
        }
        if name.is_some_and(|name| name.contains(text::is_control)) {
            validator.reject("name", tr_later("A name has no control characters."));
        }
        if scopes.is_empty() {
            validator.reject("scopes", tr_later("Choose at least one scope."));
        }
        let Some(name) = name.filter(|_| validator.is_valid("name") && !scopes.is_empty()) else {
            return Err(validator.into_error());
        };
        let (key, text) = ServiceKeyText::generate(self.random());
        let new = NewServiceKey {
            id: key.id,
            hash: key.hash,
            name,
            scopes,
            now,
            expires_at,
        };
        if new.insert(&self.0.database, by).await? {
            Ok(text)
        } else {
            Err(Error::field(
                "name",
                tr_later("There are too many service keys."),
            ))
        }
    }

    /// Creates a service key for an administrator who has just signed in. Returns it with its text.
    ///
    /// # Errors
    /// `PermissionDenied` for a service; `ReauthenticationRequired`; `EmailUnverified`; the field errors of
    /// [`Self::create_service_key`], and for an unknown scope and a time that is not ahead.
    pub async fn create_managed_key(
        &self,
        administrator: &Administrator,
        name: &Value,
        scopes: &Value,
        expires_at: &Value,
    ) -> Result<(ServiceKey, String), Error> {
        self.require_key_administrator(administrator)?;
        let mut validator = Validator::default();
        let name = json_fields::text(&mut validator, "name", name);
        let scopes = parse_scopes(&mut validator, scopes);
        let expires_at = json_fields::text(&mut validator, "expires_at", expires_at);
        let now = self.now();
        let expires_at = match expires_at.filter(|text| !text.is_empty()) {
            Some(text) => match parse_time(text) {
                Some(at) if at > now => Some(at),
                _ => {
                    let message =
                        tr_later("This must be a time to come, as in 2027-01-31T08:15:30Z.");
                    validator.reject("expires_at", message);
                    None
                }
            },
            None => None,
        };
        if !validator.is_empty() {
            return Err(validator.into_error());
        }
        let by = self.changed_by(administrator, Event::ServiceKeyCreated);
        let created = self.insert_service_key(name, &scopes, now, expires_at, &by);
        let text = created.await?;
        let id = ServiceKeyText::parse(&text).map(|key| key.id);
        let found = match id {
            Some(id) => ServiceKey::find(&self.0.database, id).await?,
            None => None,
        };
        Ok((found.ok_or(Error::NotFound)?, text))
    }

    /// Returns all service keys, oldest first, for an administrator.
    ///
    /// # Errors
    /// `PermissionDenied` for a service; `ReauthenticationRequired`; `EmailUnverified`.
    pub async fn list_managed_keys(
        &self,
        administrator: &Administrator,
    ) -> Result<Vec<ServiceKey>, Error> {
        administrator.require_person()?;
        self.service_keys().await
    }

    /// Revokes a service key for an administrator.
    ///
    /// # Errors
    /// `PermissionDenied` for a service; `ReauthenticationRequired`; `EmailUnverified`; `NotFound`.
    pub async fn revoke_managed_key(
        &self,
        administrator: &Administrator,
        id: &str,
    ) -> Result<(), Error> {
        self.require_key_administrator(administrator)?;
        let by = self.changed_by(administrator, Event::ServiceKeyRevoked);
        self.delete_service_key(id, &by).await
    }

    /// Keys and webhooks are for administrators who have just signed in, and whose email address is verified.
    pub(super) fn require_key_administrator(
        &self,
        administrator: &Administrator,
    ) -> Result<(), Error> {
        administrator.require_person()?;
        self.require_recent_sign_in(administrator)?;
        match administrator.user() {
            Some(caller) if !caller.user().email_verified => Err(Error::EmailUnverified),
            _ => Ok(()),
        }
    }

    /// Returns all service keys, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn service_keys(&self) -> Result<Vec<ServiceKey>, Error> {
        ServiceKey::list(&self.0.database).await
    }

    /// Revokes a service key. It is refused by all servers immediately.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revoke_service_key(&self, id: &str) -> Result<(), Error> {
        self.delete_service_key(id, &ChangedBy::default()).await
    }

    async fn delete_service_key(&self, id: &str, by: &ChangedBy) -> Result<(), Error> {
        let id: Id = id.trim().parse().map_err(|_| Error::NotFound)?;
        let deleted = ServiceKey::delete(&self.0.database, id, by).await;
        self.invalidate(id);
        if deleted? {
            Ok(())
        } else {
            Err(Error::NotFound)
        }
    }

    /// Checks that a service key allows something. Usually the key is cached, so this costs no query.
    ///
    /// # Errors
    /// `KeyInvalid` for a key that is unknown, expired or revoked, `PermissionDenied` for one without
    /// the scope.
    pub async fn authenticate_service_key(&self, key: &str, scope: Scope) -> Result<Id, Error> {
        let presented = ServiceKeyText::parse(key).ok_or(Error::KeyInvalid)?;
        let database = &self.0.database;
        let load = || ServiceKey::find(database, presented.id);
        let found = self.0.cache.service_key(database, presented.id, load);
        let cached = found.await?.ok_or(Error::KeyInvalid)?;
        let now = self.now();
        if !presented.matches(&cached.key.hash) || cached.key.has_expired(now) {
            return Err(Error::KeyInvalid);
        }
        self.record_use(&cached, now);
        if cached.key.has_scope(scope) {
            Ok(cached.key.id)
        } else {
            Err(Error::PermissionDenied)
        }
    }

    /// Writes down now and then that a key is in use. No request waits for it.
    fn record_use(&self, cached: &CachedServiceKey, now: Timestamp) {
        if !cached.take_use(now) {
            return;
        }
        let (database, id) = (self.0.database.clone(), cached.key.id);
        tokio::spawn(async move {
            if let Err(error) = ServiceKey::record_use(&database, id, now).await {
                tracing::warn!(%error, service_key = %id, "can't record the use of a service key");
            }
        });
    }
}

/// Returns the scopes in a field, each once: an array of names, or a text with commas between them.
fn parse_scopes(validator: &mut Validator, value: &Value) -> Vec<Scope> {
    let names: Option<Vec<&str>> = match value {
        Value::Null => Some(Vec::new()),
        Value::String(text) => {
            let names = text.split([',', ' ']);
            Some(names.filter(|name| !name.is_empty()).collect())
        }
        Value::Array(names) => names.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let mut scopes = Vec::new();
    for name in names.unwrap_or_else(|| vec![""]) {
        match name.parse::<Scope>() {
            Ok(scope) if scopes.contains(&scope) => {}
            Ok(scope) => scopes.push(scope),
            Err(_) if validator.is_valid("scopes") => validator.reject(
                "scopes",
                tr_later(
                    "A scope is one of tokens:verify, users:read, users:write and audit:read.",
                ),
            ),
            Err(_) => {}
        }
    }
    scopes
}
