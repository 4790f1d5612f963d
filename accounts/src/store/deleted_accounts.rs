//! The table `deleted_accounts`: what remains of an account is that it was deleted, when and from where.
//! Its email address can't be read from the table. Only the master secret derives the key from it.

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{
        audit_events::AuditEvent, database::Database, statement::Statement,
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
}

impl DeletedAccount {
    /// Records the deletion.
    pub async fn record(&self, transaction: &mut Transaction) -> Result<(), Error> {
        const SQL: &str = "
            INSERT INTO deleted_accounts (id, address_key, at, ip, user_agent)
            VALUES ($1, $2, $3, $4, $5)";
        let statement = Statement::new(SQL)
            .bind(self.id)
            .bind(&self.address_key)
            .bind(self.at)
            .bind(&self.ip)
            .bind(&self.user_agent);
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
            at: Timestamp,
            ip: String,
            user_agent: String,
        }
        const SQL: &str = "
            SELECT at, ip, user_agent FROM deleted_accounts
            WHERE address_key = $1 ORDER BY at DESC LIMIT $2";
        let statement = Statement::new(SQL).bind(address_key).bind(limit);
        let rows: Vec<Row> = database.fetch_all(statement).await?;
        let events = rows.into_iter().map(|row| AuditEvent {
            at: row.at,
            event: EVENT.to_owned(),
            ip: row.ip,
            user_agent: row.user_agent,
            count: 1,
            first_ip: None,
            first_user_agent: None,
        });
        Ok(events.collect())
    }
}
