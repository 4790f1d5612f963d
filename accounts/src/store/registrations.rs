//! The table `registrations`: registrations that wait for their link, where new accounts require
//! activation. Those of an address with an account are kept as well, without a password, so that all
//! addresses are treated alike.

use std::time::Duration;

use languages::{Language, stated_language};
use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    device::Device,
    email::address::EmailAddress,
    error::Error,
    id::Id,
    request_id::request_id,
    store::{
        database::Database,
        email_requests::{EmailRequestKind, NewEmailRequest},
        statement::Statement,
        transaction::Transaction,
    },
};

/// How long a registration waits for its link to be used.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How often an insertion is tried that another one was faster than. There are this many slots.
const ATTEMPTS: usize = 5;

/// A registration to be added.
pub(crate) struct NewRegistration<'a> {
    /// The id of the future user.
    pub id: Id,
    pub email: &'a EmailAddress,
    pub password_hash: &'a str,
    /// The name of the future user, which may be empty.
    pub name: &'a str,
    pub device: &'a Device,
    pub now: Timestamp,
}

/// A registration that waits for its link.
#[derive(FromRow)]
pub(crate) struct Registration {
    /// The id of the future user.
    pub id: Id,
    pub email: String,
    pub password_hash: String,
    pub name: String,
    pub ip: String,
    pub user_agent: String,
    pub request_id: Option<String>,
    pub created_at: Timestamp,
    language: Option<String>,
}

impl NewRegistration<'_> {
    /// Adds the registration with a request for its email, unless five others wait already.
    pub async fn insert(&self, database: &Database) -> Result<(), Error> {
        const EXPIRE: &str = "DELETE FROM registrations WHERE address = $1 AND expires_at <= $2";
        // The unique index on address and slot decides between concurrent insertions.
        const INSERT: &str = "
            INSERT INTO registrations
                (id, email, address, slot, password_hash, ip, user_agent, created_at, expires_at,
                name, language, request_id)
            SELECT $1, $2, $3, slots.slot, $4, $5, $6, $7, $8, $9, $10, $11
            FROM (SELECT 1 AS slot UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4
                UNION ALL SELECT 5) AS slots
            WHERE NOT EXISTS (
                SELECT 1 FROM registrations AS other
                WHERE other.address = $3 AND other.slot = slots.slot
            )
            ORDER BY slots.slot LIMIT 1
            ON CONFLICT DO NOTHING";
        let (address, language) = (self.email.to_lowercase(), stated_language());
        let mut transaction = database.begin().await?;
        let statement = Statement::new(EXPIRE).bind(&address).bind(self.now);
        transaction.execute(statement).await?;
        for _ in 0..ATTEMPTS {
            let statement = Statement::new(INSERT)
                .bind(self.id)
                .bind(self.email.as_str())
                .bind(&address)
                .bind(self.password_hash)
                .bind(self.device.ip.to_string())
                .bind(&self.device.user_agent)
                .bind(self.now)
                .bind(self.now.plus(LIFETIME))
                .bind(self.name)
                .bind(language.map(Language::code))
                .bind(request_id());
            if transaction.execute(statement).await? == 1 {
                let request = NewEmailRequest {
                    id: self.id,
                    kind: EmailRequestKind::Registration,
                    email: self.email,
                    device: Some(self.device),
                    is_own: false,
                    language,
                    flow_hash: None,
                    now: self.now,
                };
                request.insert(&mut transaction).await?;
                break;
            }
        }
        transaction.commit().await
    }
}

impl Registration {
    /// The language that the client has stated.
    pub fn language(&self) -> Option<Language> {
        Language::from_tag(self.language.as_deref()?)
    }

    /// Finds a registration that can be activated.
    pub async fn find(database: &Database, id: Id, now: Timestamp) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            SELECT id, email, password_hash, name, ip, user_agent, request_id, created_at, language
            FROM registrations
            WHERE id = $1 AND expires_at > $2 AND password_hash <> ''";
        let statement = Statement::new(SQL).bind(id).bind(now);
        database.fetch_optional(statement).await
    }

    /// Returns the registrations of an address, in lower case, that can be activated, the newest
    /// first.
    pub async fn of_address(
        database: &Database,
        address: &str,
        now: Timestamp,
    ) -> Result<Vec<Self>, Error> {
        const SQL: &str = "
            SELECT id, email, password_hash, name, ip, user_agent, request_id, created_at, language
            FROM registrations
            WHERE address = $1 AND expires_at > $2 AND password_hash <> ''
            ORDER BY created_at DESC, id";
        let statement = Statement::new(SQL).bind(address).bind(now);
        database.fetch_all(statement).await
    }
}

/// Notes that the address of a registration has an account, so that it can't be activated.
pub(crate) async fn mark_as_known(transaction: &mut Transaction, id: Id) -> Result<(), Error> {
    const SQL: &str = "UPDATE registrations SET password_hash = '' WHERE id = $1";
    let statement = Statement::new(SQL).bind(id);
    transaction.execute(statement).await.map(drop)
}

/// Removes one registration. Its links become invalid.
pub(crate) async fn remove(transaction: &mut Transaction, id: Id) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM registrations WHERE id = $1";
    let statement = Statement::new(SQL).bind(id);
    transaction.execute(statement).await.map(drop)
}

/// Removes all registrations of an address, in lower case. Their links become invalid.
pub(crate) async fn remove_all(transaction: &mut Transaction, address: &str) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM registrations WHERE address = $1";
    let statement = Statement::new(SQL).bind(address);
    transaction.execute(statement).await.map(drop)
}
