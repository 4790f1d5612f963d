//! The same change to many users.

use languages::tr_later;
use serde_json::Value;

use super::{accounts::Accounts, administrator::Administrator};
use crate::{
    crypto::jwt_secret::JwtSecret,
    error::Error,
    id::Id,
    store::{
        audit_events::Event,
        bulk_changes::{BulkAction, BulkChange, BulkStatus},
    },
    validation::Validator,
};

/// How many users can be changed at once.
const LIMIT: usize = 1000;

impl Accounts {
    /// Makes the same change to many users, in one transaction. Returns what became of each, in the order
    /// of the ids.
    ///
    /// # Errors
    /// `ReauthenticationRequired`; field errors for ids that are no list of up to 1,000 texts, and for an
    /// unknown action; `PermissionDenied`.
    pub async fn change_users(
        &self,
        administrator: &Administrator,
        ids: &Value,
        action: &Value,
    ) -> Result<Vec<(String, BulkStatus)>, Error> {
        self.require_recent_sign_in(administrator)?;
        let mut validator = Validator::default();
        let texts = parse_ids(&mut validator, ids);
        let action = parse_action(&mut validator, action);
        let Some((action, event)) = action.filter(|_| validator.is_empty()) else {
            return Err(validator.into_error());
        };
        let ids: Vec<Option<Id>> = texts.iter().map(|id| id.parse().ok()).collect();
        let known: Vec<Id> = ids.iter().flatten().copied().collect();
        let change = BulkChange {
            action,
            guard: administrator.guard(),
            new_secret: &|| JwtSecret::new(self.random()),
            event: &|id| self.event_of(event, id, administrator),
            deletion: &|user| self.deletion_by(administrator, user),
        };
        let changed = change.apply(&self.0.database, &known).await;
        // Also after an error: the commit may have succeeded although its response was lost.
        known.iter().for_each(|id| self.invalidate(*id));
        self.notify_email_worker();
        let statuses = changed?;
        let status = |id: Option<Id>| {
            let status = id.and_then(|id| statuses.get(id.as_bytes()).copied());
            status.unwrap_or(BulkStatus::NotFound)
        };
        let results = texts.into_iter().zip(ids);
        Ok(results.map(|(text, id)| (text, status(id))).collect())
    }
}

/// Returns the ids in a field: an array of texts, or a text with commas between them.
fn parse_ids(validator: &mut Validator, value: &Value) -> Vec<String> {
    let ids: Option<Vec<String>> = match value {
        Value::Null => Some(Vec::new()),
        Value::String(text) => {
            let ids = text.split([',', ' ']).filter(|id| !id.is_empty());
            Some(ids.map(str::to_owned).collect())
        }
        Value::Array(ids) => ids
            .iter()
            .map(|id| id.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    };
    match ids {
        Some(ids) if ids.is_empty() => validator.reject("ids", tr_later("This field is required.")),
        Some(ids) if ids.len() > LIMIT => {
            validator.reject(
                "ids",
                tr_later("At most 1,000 users can be changed at once."),
            );
        }
        Some(ids) => return ids,
        None => validator.reject("ids", tr_later("This must be a list of IDs.")),
    }
    Vec::new()
}

fn parse_action(validator: &mut Validator, value: &Value) -> Option<(BulkAction, Event)> {
    let action = match value.as_str() {
        Some("activate") => (BulkAction::Activate, Event::OperatorActivated),
        Some("deactivate") => (BulkAction::Deactivate, Event::OperatorDeactivated),
        Some("sign-out") => (BulkAction::SignOut, Event::OperatorSignedOut),
        // It is recorded elsewhere, as the user's own events go with the user.
        Some("delete") => (BulkAction::Delete, Event::OperatorDeactivated),
        _ => {
            let message = tr_later("This must be activate, deactivate, sign-out or delete.");
            validator.reject("action", message);
            return None;
        }
    };
    Some(action)
}
