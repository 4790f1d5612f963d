//! Webhooks: created and changed by administrators, and the log of their deliveries.

use languages::tr_later;
use serde_json::Value;

use super::{
    accounts::Accounts,
    administrator::Administrator,
    json_fields,
    list_fields::{DeliveryListFields, delivery_cursor},
    manage_users::parse_id,
};
use crate::{
    crypto::{encryption::Purpose, webhook_secret::WebhookSecret},
    error::Error,
    store::{
        audit_events::Event,
        webhook_deliveries::{self, Redelivery, WebhookDelivery},
        webhooks::{
            self, EncryptedWebhookSecret, NewWebhook, Webhook, WebhookEvent, WebhookUpdate,
        },
    },
    text,
    validation::Validator,
    webhooks::{failure, target::Target},
};

const UNKNOWN_EVENT: &str = tr_later(
    "An event is one of user.created, user.updated, user.verified, user.deleted, \
     session.created, session.ended, password.changed, otp.enabled and otp.disabled.",
);

/// The fields of a request to create or change a webhook. What is null stays as it is.
#[derive(Clone, Debug, Default)]
pub struct WebhookFields {
    /// Where events are sent to.
    pub url: Value,
    /// The names of the events that it reports.
    pub events: Value,
    /// Whether events are reported.
    pub is_active: Value,
}

/// A page of the log of a webhook.
pub struct DeliveryPage {
    /// The deliveries, newest first.
    pub deliveries: Vec<WebhookDelivery>,
    /// Where the next page begins; `None` at the end.
    pub next_cursor: Option<String>,
}

/// What is in the fields, after it was validated.
struct Parsed {
    url: Option<Target>,
    /// The names, separated by spaces.
    events: Option<String>,
    is_active: Option<bool>,
}

impl WebhookFields {
    fn parse(&self, validator: &mut Validator, allows_private: bool) -> Parsed {
        let url = json_fields::text(validator, "url", &self.url).map(text::trim);
        let url = match url.and_then(|url| validator.required("url", Some(url))) {
            Some(url) => match Target::parse(url, allows_private) {
                Ok(target) => Some(target),
                Err(message) => {
                    validator.reject("url", message);
                    None
                }
            },
            None => None,
        };
        Parsed {
            url,
            events: parse_events(validator, &self.events),
            is_active: json_fields::boolean(validator, "is_active", &self.is_active),
        }
    }
}

impl Accounts {
    /// Creates a webhook for an administrator who has just signed in. Returns it with its secret, which can't
    /// be read again.
    ///
    /// # Errors
    /// `PermissionDenied` for a service; `ReauthenticationRequired`; `EmailUnverified`; field errors, also if
    /// there are too many webhooks.
    pub async fn create_webhook(
        &self,
        administrator: &Administrator,
        fields: &WebhookFields,
    ) -> Result<(Webhook, String), Error> {
        self.require_key_administrator(administrator)?;
        let mut validator = Validator::default();
        let parsed = fields.parse(&mut validator, self.0.webhook_allow_private);
        for (field, value) in [("url", &fields.url), ("events", &fields.events)] {
            if !json_fields::is_given(value) {
                validator.required(field, None);
            }
        }
        let (Some(url), Some(events)) = (parsed.url, parsed.events) else {
            return Err(validator.into_error());
        };
        if !validator.is_empty() {
            return Err(validator.into_error());
        }
        let (id, secret) = (self.random().id(), WebhookSecret::generate(self.random()));
        let masters = &self.0.master_secrets;
        let bytes = secret.as_bytes();
        let new = NewWebhook {
            id,
            url: url.as_str(),
            events: &events,
            is_active: parsed.is_active.unwrap_or(true),
            secret: &masters.encrypt(Purpose::WebhookSecret, id, bytes, self.random()),
            now: self.now(),
        };
        let by = self.changed_by(administrator, Event::WebhookCreated);
        match new.insert(&self.0.database, &by).await? {
            Some(webhook) => Ok((webhook, secret.expose())),
            None => Err(Error::field(
                "url",
                tr_later("There are too many webhooks."),
            )),
        }
    }

    /// Returns all webhooks, oldest first.
    ///
    /// # Errors
    /// `PermissionDenied` for a service.
    pub async fn webhooks(&self, administrator: &Administrator) -> Result<Vec<Webhook>, Error> {
        administrator.require_person()?;
        Webhook::list(&self.0.database).await
    }

    /// Changes a webhook. What waits for one that is deactivated is canceled.
    ///
    /// # Errors
    /// `PermissionDenied` for a service; `ReauthenticationRequired`; `EmailUnverified`; field errors;
    /// `NotFound`.
    pub async fn change_webhook(
        &self,
        administrator: &Administrator,
        id: &str,
        fields: &WebhookFields,
    ) -> Result<Webhook, Error> {
        self.require_key_administrator(administrator)?;
        let mut validator = Validator::default();
        let parsed = fields.parse(&mut validator, self.0.webhook_allow_private);
        if !validator.is_empty() {
            return Err(validator.into_error());
        }
        let update = WebhookUpdate {
            id: parse_id(id)?,
            url: parsed.url.as_ref().map(Target::as_str),
            events: parsed.events.as_deref(),
            is_active: parsed.is_active,
            now: self.now(),
        };
        let by = self.changed_by(administrator, Event::WebhookChanged);
        let changed = update.apply(&self.0.database, &by).await?;
        changed.ok_or(Error::NotFound)
    }

    /// Deletes a webhook. What waits for it is canceled.
    ///
    /// # Errors
    /// `PermissionDenied` for a service; `ReauthenticationRequired`; `EmailUnverified`; `NotFound`.
    pub async fn delete_webhook(
        &self,
        administrator: &Administrator,
        id: &str,
    ) -> Result<(), Error> {
        self.require_key_administrator(administrator)?;
        let by = self.changed_by(administrator, Event::WebhookDeleted);
        let (database, now) = (&self.0.database, self.now());
        if webhooks::delete(database, parse_id(id)?, &by, now).await? {
            Ok(())
        } else {
            Err(Error::NotFound)
        }
    }

    /// Returns a page of the deliveries of a webhook, newest first.
    ///
    /// # Errors
    /// `PermissionDenied` for a service; field errors; `NotFound`.
    pub async fn webhook_deliveries(
        &self,
        administrator: &Administrator,
        id: &str,
        fields: &DeliveryListFields<'_>,
    ) -> Result<DeliveryPage, Error> {
        administrator.require_person()?;
        let (before, limit) = fields.parse()?;
        let (database, id) = (&self.0.database, parse_id(id)?);
        if !Webhook::exists(database, id).await? {
            return Err(Error::NotFound);
        }
        let mut deliveries = WebhookDelivery::list(database, id, before, limit + 1).await?;
        let has_more = deliveries.len() > limit as usize;
        deliveries.truncate(limit as usize);
        for delivery in &mut deliveries {
            let status = delivery.response_status;
            delivery.error = delivery
                .error
                .take()
                .map(|reason| failure::translated(reason, status));
        }
        let last = deliveries.last().filter(|_| has_more);
        Ok(DeliveryPage {
            next_cursor: last.map(|last| delivery_cursor(last.seq, last.id)),
            deliveries,
        })
    }

    /// Makes a delivery due now, whether it has ended or waits for its next attempt.
    ///
    /// # Errors
    /// `PermissionDenied` for a service; `ReauthenticationRequired`; `EmailUnverified`; `NotFound`; `Conflict`
    /// if the webhook is not active.
    pub async fn redeliver_webhook(
        &self,
        administrator: &Administrator,
        id: &str,
        delivery: &str,
    ) -> Result<(), Error> {
        self.require_key_administrator(administrator)?;
        let (webhook, delivery) = (parse_id(id)?, parse_id(delivery)?);
        match webhook_deliveries::redeliver(&self.0.database, webhook, delivery).await? {
            Redelivery::Requested => Ok(()),
            Redelivery::NotFound => Err(Error::NotFound),
            Redelivery::Inactive => Err(Error::Conflict(tr_later(
                "This webhook is not active. Activate it first.",
            ))),
        }
    }

    /// Encrypts the secrets of all webhooks with the first master secret, so that others can be removed from
    /// the list.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reencrypt_webhook_secrets(&self) -> Result<(), Error> {
        let (database, masters) = (&self.0.database, &self.0.master_secrets);
        let key_id = masters.encryption_key_id(Purpose::WebhookSecret);
        for found in EncryptedWebhookSecret::under_other_keys(database, &key_id).await? {
            match masters.decrypt(Purpose::WebhookSecret, found.id, &found.secret) {
                Some(secret) => {
                    let purpose = Purpose::WebhookSecret;
                    let encrypted = masters.encrypt(purpose, found.id, &secret, self.random());
                    found.replace(database, &encrypted).await?;
                }
                None => tracing::error!(webhook_id = %found.id,
                    "webhook secret is encrypted with a master secret that is not in LATCHKEY_SECRET"),
            }
        }
        Ok(())
    }
}

/// Returns the names of the events in a field, each once and separated by spaces: an array, or a text with
/// commas between them. `None` if the field is not given, or invalid.
fn parse_events(validator: &mut Validator, value: &Value) -> Option<String> {
    let names: Option<Vec<&str>> = match value {
        Value::Null => return None,
        Value::String(text) => {
            let names = text.split([',', ' ']);
            Some(names.filter(|name| !name.is_empty()).collect())
        }
        Value::Array(names) => names.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let names = names.unwrap_or_else(|| vec![""]);
    let parsed: Result<Vec<WebhookEvent>, _> = names.iter().map(|name| name.parse()).collect();
    let Ok(parsed) = parsed else {
        validator.reject("events", UNKNOWN_EVENT);
        return None;
    };
    let wanted = WebhookEvent::ALL
        .into_iter()
        .filter(|event| parsed.contains(event));
    let names: Vec<_> = wanted.map(WebhookEvent::as_str).collect();
    validator
        .required("events", Some(&names.join(" ")))
        .map(str::to_owned)
}
