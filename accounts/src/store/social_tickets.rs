//! The table `social_tickets`: what is used once on the way to a provider and back. Each ticket belongs to one
//! browser, and is deleted by the statement that reads it.

use std::time::Duration;

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{database::Database, statement::Statement},
};

/// What a ticket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TicketKind {
    /// It begins to link an account at a provider to the user who has asked for it.
    Link,
    /// The state that comes back from the provider.
    State,
    /// It signs in.
    Code,
}

impl TicketKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::State => "state",
            Self::Code => "code",
        }
    }

    /// How long it can be used. At the provider, somebody may have to look for a password.
    fn lifetime(self) -> Duration {
        match self {
            Self::Link | Self::Code => Duration::from_secs(60),
            Self::State => Duration::from_secs(10 * 60),
        }
    }
}

/// Which ticket of which browser.
pub(crate) struct TicketKey<'a> {
    pub kind: TicketKind,
    /// The hash of its text.
    pub hash: &'a [u8],
    /// The hash of the browser's secret.
    pub browser: &'a [u8],
}

/// What a ticket carries.
#[derive(FromRow)]
pub(crate) struct Ticket {
    pub provider: String,
    /// The user who links an account, or signs in.
    pub user_id: Option<Id>,
    /// The session that links an account.
    pub session_id: Option<Id>,
    /// The identity that signs in.
    pub identity_id: Option<Id>,
}

impl Ticket {
    /// Stores the ticket. Returns `false` if its user or its identity is gone.
    pub async fn insert(
        &self,
        database: &Database,
        key: &TicketKey<'_>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        const SQL: &str = "
            INSERT INTO social_tickets
                (hash, kind, browser, provider, user_id, session_id, identity_id, expires_at)
            SELECT $1, $2, $3, $4, $5, $6, $7, $8
            WHERE ($5 IS NULL OR EXISTS (SELECT 1 FROM users WHERE id = $5))
                AND ($7 IS NULL OR EXISTS (SELECT 1 FROM identities WHERE id = $7))";
        let statement = Statement::new(SQL)
            .bind(key.hash)
            .bind(key.kind.as_str())
            .bind(key.browser)
            .bind(&self.provider)
            .bind(self.user_id)
            .bind(self.session_id)
            .bind(self.identity_id)
            .bind(now.plus(key.kind.lifetime()));
        Ok(database.execute(statement).await? == 1)
    }

    /// Uses up a ticket of a provider, or of any if that is `None`. Returns `None` unless it is valid and belongs
    /// to this browser.
    pub async fn take(
        database: &Database,
        key: &TicketKey<'_>,
        provider: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            DELETE FROM social_tickets
            WHERE hash = $1 AND kind = $2 AND browser = $3 AND expires_at > $4
                AND ($5 IS NULL OR provider = $5)
            RETURNING provider, user_id, session_id, identity_id";
        let statement = Statement::new(SQL)
            .bind(key.hash)
            .bind(key.kind.as_str())
            .bind(key.browser)
            .bind(now)
            .bind(provider);
        database.write_optional(statement).await
    }
}
