//! The table `mail_requests`: wishes for a mail to an address that may be nobody's. A wish is only
//! written down while it is answered, the same for every address; whether there is a user is found
//! out afterwards, so that neither the answer nor its time can tell.

use sqlx::FromRow;

use crate::{
    Database, Device, Error, Id, Timestamp,
    email::address::Email,
    store::database::{reading, writing},
};

/// What kind of mail is wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EmailRequestKind {
    /// A link to choose a new password.
    Reset,
    /// The activation link, once more.
    Activation,
    /// To tell the owner that somebody registers with the address.
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
            .find(|wish| wish.as_str() == text)
    }
}

/// A wish that waits.
#[derive(FromRow)]
pub(crate) struct EmailRequest {
    pub id: Id,
    purpose: String,
    pub email: String,
    pub created_at: Timestamp,
    /// From where, where that is to be remembered.
    pub ip: Option<String>,
    pub user_agent: Option<String>,
}

/// Takes a wish; of several servers, one gets it. Binds: id.
pub(crate) const TAKE: &str = "DELETE FROM mail_requests WHERE id = $1";

impl EmailRequest {
    /// Writes a wish down.
    pub async fn insert(
        database: &Database,
        id: Id,
        wish: EmailRequestKind,
        email: &Email,
        device: Option<&Device>,
        now: Timestamp,
    ) -> Result<(), Error> {
        const SQL: &str = "
            INSERT INTO mail_requests (id, purpose, email, created_at, ip, user_agent)
            VALUES ($1, $2, $3, $4, $5, $6)";
        writing!(database, connection => {
            sqlx::query(SQL)
                .bind(id)
                .bind(wish.as_str())
                .bind(email.as_str())
                .bind(now)
                .bind(device.map(|device| device.ip.to_string()))
                .bind(device.map(|device| &device.user_agent))
                .execute(connection)
                .await
                .map(drop)?
        });
        Ok(())
    }

    /// The wishes that have waited longest, in the same order on every server.
    pub async fn oldest(database: &Database, limit: u32) -> Result<Vec<Self>, Error> {
        const SQL: &str = "
            SELECT id, purpose, email, created_at, ip, user_agent
            FROM mail_requests ORDER BY created_at, id LIMIT $1";
        Ok(reading!(database, connection => {
            sqlx::query_as(SQL).bind(i64::from(limit)).fetch_all(connection).await?
        }))
    }

    /// What is wished for.
    pub fn wish(&self) -> Option<EmailRequestKind> {
        EmailRequestKind::parse(&self.purpose)
    }
}
