//! The table `mail_requests`: requested emails to addresses that may not belong to any account.
//! While a request is handled, a row is inserted, which is the same for every address. Whether there
//! is an account is looked up afterwards, so that neither the response nor its time reveals it.

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    device::Device,
    email::address::EmailAddress,
    error::Error,
    id::Id,
    store::{database::Database, statement::Statement, transaction::Transaction},
};

/// The kinds of emails that can be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EmailRequestKind {
    /// A link to choose a new password.
    Reset,
    /// The activation link, again.
    Activation,
    /// A notice to the account's owner that someone tried to register with the address.
    Registration,
}

impl EmailRequestKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Activation => "activation",
            Self::Registration => "registration",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Reset, Self::Activation, Self::Registration]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// An email request that has not been processed yet.
#[derive(FromRow)]
pub(crate) struct EmailRequest {
    pub id: Id,
    purpose: String,
    pub email: String,
    pub created_at: Timestamp,
    /// The device's IP address, for requests that are recorded as audit events.
    pub ip: Option<String>,
    pub user_agent: Option<String>,
}

impl EmailRequest {
    /// Adds a request.
    pub async fn insert(
        database: &Database,
        id: Id,
        kind: EmailRequestKind,
        email: &EmailAddress,
        device: Option<&Device>,
        now: Timestamp,
    ) -> Result<(), Error> {
        const SQL: &str = "
            INSERT INTO mail_requests (id, purpose, email, created_at, ip, user_agent)
            VALUES ($1, $2, $3, $4, $5, $6)";
        let statement = Statement::new(SQL)
            .bind(id)
            .bind(kind.as_str())
            .bind(email.as_entered())
            .bind(now)
            .bind(device.map(|device| device.ip.to_string()))
            .bind(device.map(|device| device.user_agent.as_str()));
        database.execute(statement).await.map(drop)
    }

    /// Returns the oldest requests, in the same order on every server.
    pub async fn oldest(database: &Database, limit: u32) -> Result<Vec<Self>, Error> {
        const SQL: &str = "
            SELECT id, purpose, email, created_at, ip, user_agent
            FROM mail_requests ORDER BY created_at, id LIMIT $1";
        let statement = Statement::new(SQL).bind(limit);
        database.fetch_all(statement).await
    }

    /// The kind of email that is requested.
    pub fn kind(&self) -> Option<EmailRequestKind> {
        EmailRequestKind::parse(&self.purpose)
    }
}

/// Removes a request in order to process it. Returns `false` if another server already has.
pub(crate) async fn claim(transaction: &mut Transaction, id: Id) -> Result<bool, Error> {
    const SQL: &str = "DELETE FROM mail_requests WHERE id = $1";
    let deleted = transaction.execute(Statement::new(SQL).bind(id)).await?;
    Ok(deleted == 1)
}
