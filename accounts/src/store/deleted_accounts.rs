//! The table `deleted_accounts`: what remains of an account is that it was deleted, when and from where.
//! Its email address can't be read from the table. Only the master secret derives the key from it.

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{
        audit_events::{Actor, AuditEvent},
        database::Database,
        statement::Statement,
        transaction::Transaction,
    },
};

/// The name of the event.
const EVENT: &str = "account_deleted";

/// The deletion of an account.
pub(crate) struct DeletedAccount {
    pub id: Id,
    /// A key derived from the master secret and the email address.
    pub address_key: Vec<u8>,
    pub at: Timestamp,
    /// The IP address of the device.
    pub ip: String,
    /// The user agent of the device.
    pub user_agent: String,
    /// Who deleted it, if that was neither the user nor an operator on the server itself.
    pub actor: Option<Actor>,
}

impl DeletedAccount {
    /// Records the deletion.
    pub async fn record(&self, transaction: &mut Transaction) -> Result<(), Error> {
        const SQL: &str = "
            INSERT INTO deleted_accounts (id, address_key, at, ip, user_agent, actor_kind, actor_id)
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let (actor_kind, actor_id) = Actor::columns(self.actor);
        let statement = Statement::new(SQL)
            .bind(self.id)
            .bind(&self.address_key)
            .bind(self.at)
            .bind(&self.ip)
            .bind(&self.user_agent)
            .bind(actor_kind)
            .bind(actor_id);
        transaction.execute(statement).await.map(drop)
    }

    /// Returns the last `limit` deletions of accounts with the email address of this key.
    pub async fn list(
        database: &Database,
        address_key: &[u8],
        limit: u32,
    ) -> Result<Vec<AuditEvent>, Error> {
        #[derive(FromRow)]
        struct Row {
            id: String,
            at: Timestamp,
            ip: String,
            user_agent: String,
            actor_kind: Option<String>,
            actor_id: Option<Id>,
            actor_name: Option<String>,
        }
        const SQL: &str = "
            SELECT CAST(deleted_accounts.id AS TEXT) AS id, at, ip, user_agent, actor_kind, actor_id,
                COALESCE(actors.email, service_keys.name) AS actor_name
            FROM deleted_accounts
                LEFT JOIN users AS actors ON actor_kind = 'user' AND actors.id = actor_id
                LEFT JOIN service_keys
                    ON actor_kind = 'service_key' AND service_keys.id = actor_id
            WHERE address_key = $1 ORDER BY at DESC LIMIT $2";
        let statement = Statement::new(SQL).bind(address_key).bind(limit);
        let rows: Vec<Row> = database.fetch_all(statement).await?;
        let events = rows.into_iter().map(|row| AuditEvent {
            id: row.id,
            user_id: None,
            email: None,
            at: row.at,
            event: EVENT.to_owned(),
            ip: row.ip,
            user_agent: row.user_agent,
            count: 1,
            first_ip: None,
            first_user_agent: None,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            actor_name: row.actor_name,
        });
        Ok(events.collect())
    }
}
