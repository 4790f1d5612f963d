//! Reads the audit log: the events of accounts, and what remains of those that were deleted.

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    device::device_name,
    error::Error,
    id::Id,
    store::{database::Database, deleted_accounts::Deletion, filter::Filter},
};

/// An event in the history of an account.
#[derive(Clone, Debug, FromRow)]
pub struct AuditEvent {
    /// The event's id: a UUID, unless the event was added by hand.
    pub id: String,
    /// The user whose account it is about; `None` if the account was deleted.
    pub user_id: Option<Id>,
    /// The email address of that user.
    pub email: Option<String>,
    /// When it happened; for repeated events, the last time.
    pub at: Timestamp,
    /// The name of the event, such as `signed_in` or `password_changed`.
    pub event: String,
    /// The IP address of the device; empty for operators.
    pub ip: String,
    /// The user agent of the device; empty for operators, and for accounts that were deleted.
    pub user_agent: String,
    /// The id of the request that caused it, the last one of repeated events; `None` for operators and background
    /// tasks.
    pub request_id: Option<String>,
    /// How often it happened within the hour of the last time.
    pub count: i64,
    /// The IP address that the first of them came from; `None` if that was not kept.
    pub first_ip: Option<String>,
    /// The user agent that the first of them came from; `None` if that was not kept.
    pub first_user_agent: Option<String>,
    /// What kind of actor has changed somebody else's account: `user` or `service_key`.
    pub actor_kind: Option<String>,
    /// The id of that administrator or service key.
    pub actor_id: Option<Id>,
    /// The administrator's email address, or the name of the service key, if there still is one.
    pub actor_name: Option<String>,
    /// The name of the provider that it is about.
    pub provider: Option<String>,
}

const EVENTS: &str = "
    SELECT CAST(audit_events.id AS TEXT) AS id, user_id, owners.email, at, event, ip, user_agent, request_id,
        count, first_ip, first_user_agent, actor_kind, actor_id,
        COALESCE(actors.email, service_keys.name) AS actor_name, audit_events.provider
    FROM audit_events
        LEFT JOIN users AS owners ON owners.id = user_id
        LEFT JOIN users AS actors ON actor_kind = 'user' AND actors.id = actor_id
        LEFT JOIN service_keys ON actor_kind = 'service_key' AND service_keys.id = actor_id";

/// The same columns for accounts that were deleted.
const DELETIONS: &str = "
    SELECT CAST(deleted_accounts.id AS TEXT) AS id, CAST(NULL AS UUID) AS user_id, CAST(NULL AS TEXT) AS email,
        at, event, ip, '' AS user_agent, request_id, CAST(1 AS BIGINT) AS count, CAST(NULL AS TEXT) AS first_ip,
        CAST(NULL AS TEXT) AS first_user_agent, actor_kind, actor_id,
        COALESCE(actors.email, service_keys.name) AS actor_name, CAST(NULL AS TEXT) AS provider
    FROM deleted_accounts
        LEFT JOIN users AS actors ON actor_kind = 'user' AND actors.id = actor_id
        LEFT JOIN service_keys ON actor_kind = 'service_key' AND service_keys.id = actor_id";

impl AuditEvent {
    /// Returns the last `limit` events of a user, newest first, as the user may see them: without the
    /// devices of those who administer.
    pub(crate) async fn list(
        database: &Database,
        user_id: Id,
        limit: u32,
    ) -> Result<Vec<Self>, Error> {
        let mut events = Self::list_in_full(database, user_id, limit).await?;
        for event in &mut events {
            if event.actor_kind.is_some() {
                (event.ip, event.user_agent) = (String::new(), String::new());
                (event.first_ip, event.first_user_agent) = (None, None);
                (event.actor_id, event.actor_name) = (None, None);
                event.request_id = None;
            }
        }
        Ok(events)
    }

    /// Returns the last `limit` events of a user, newest first, as administrators see them.
    pub(crate) async fn list_in_full(
        database: &Database,
        user_id: Id,
        limit: u32,
    ) -> Result<Vec<Self>, Error> {
        let mut filter = Filter::default();
        filter.add("user_id = ?", [user_id.into()]);
        let query = filter.query(EVENTS, "ORDER BY at DESC", limit);
        database.fetch_all(query).await
    }

    /// Returns the last `limit` deletions of accounts with the email address of this key, newest first.
    pub(crate) async fn list_deletions(
        database: &Database,
        address_key: &[u8],
        limit: u32,
    ) -> Result<Vec<Self>, Error> {
        let mut filter = Filter::default();
        filter.add("address_key = ?", [address_key.into()]);
        let query = filter.query(DELETIONS, "ORDER BY at DESC", limit);
        database.fetch_all(query).await
    }

    /// The name of the device, made from its user agent; empty where neither is kept.
    #[must_use]
    pub fn device_name(&self) -> String {
        let is_deletion = self.user_id.is_none();
        if is_deletion || self.ip.is_empty() {
            String::new()
        } else {
            device_name(&self.user_agent)
        }
    }
}

/// Which events to list.
#[derive(Default)]
pub(crate) struct EventQuery<'a> {
    pub user_id: Option<Id>,
    pub event: Option<&'a str>,
    /// Events from this time on.
    pub since: Option<Timestamp>,
    /// The time and the id of the last event of the page before.
    pub after: Option<(Timestamp, Id)>,
}

impl EventQuery<'_> {
    /// Returns up to `limit` events, newest first.
    pub async fn run(&self, database: &Database, limit: u32) -> Result<Vec<AuditEvent>, Error> {
        let mut filter = self.filter("(at, audit_events.id) < (?, ?)");
        if let Some(id) = self.user_id {
            filter.add("user_id = ?", [id.into()]);
        }
        let order = "ORDER BY at DESC, audit_events.id DESC";
        let mut events: Vec<AuditEvent> = database
            .fetch_all(filter.query(EVENTS, order, limit))
            .await?;
        if self.includes_deletions() {
            let filter = self.filter("(at, deleted_accounts.id) < (?, ?)");
            let order = "ORDER BY at DESC, deleted_accounts.id DESC";
            let query = filter.query(DELETIONS, order, limit);
            events.extend(database.fetch_all::<AuditEvent>(query).await?);
            // Both databases order ids as their texts are ordered.
            events.sort_by(|one, other| (other.at, &other.id).cmp(&(one.at, &one.id)));
            events.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        Ok(events)
    }

    /// Whether the events can be about accounts that were deleted. Such an event does not say whose it was.
    fn includes_deletions(&self) -> bool {
        self.user_id.is_none()
            && self
                .event
                .is_none_or(|event| Deletion::parse(event).is_some())
    }

    /// The conditions that both kinds of events have in common, of which `after` depends on the kind.
    fn filter(&self, after: &'static str) -> Filter<'_> {
        let mut filter = Filter::default();
        if let Some(event) = self.event {
            filter.add("event = ?", [event.into()]);
        }
        if let Some(since) = self.since {
            filter.add("at >= ?", [since.into()]);
        }
        if let Some((at, id)) = self.after {
            filter.add(after, [at.into(), id.into()]);
        }
        filter
    }
}
