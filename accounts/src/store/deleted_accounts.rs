//! The table `deleted_accounts`: what remains of an account is that it was deleted, by whom, when and from where.
//! Its email address can't be read from the table. Only the master secret derives the key from it.
//!
//! The column `user_agent` is empty: earlier versions write it, and a later one can remove it.

use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{audit_events::Actor, statement::Statement, transaction::Transaction},
};

/// Why an account is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deletion {
    /// Its user or somebody who administers has deleted it.
    Deleted,
    /// The owner of the email address did not create it.
    Rejected,
}

impl Deletion {
    const ALL: [Self; 2] = [Self::Deleted, Self::Rejected];

    /// The name of the event, in the database and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "account_deleted",
            Self::Rejected => "account_rejected",
        }
    }

    /// Reads the name of an event.
    pub fn parse(event: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == event)
    }
}

/// The deletion of an account.
pub(crate) struct DeletedAccount {
    pub id: Id,
    pub event: Deletion,
    /// A key derived from the master secret and the email address.
    pub address_key: Vec<u8>,
    pub at: Timestamp,
    /// The IP address of the device; empty for operators, who work on the server itself.
    pub ip: String,
    /// The id of the request; `None` for a command.
    pub request_id: Option<String>,
    /// Who deleted it, if that was neither the owner nor an operator on the server itself.
    pub actor: Option<Actor>,
}

impl DeletedAccount {
    /// Records the deletion.
    pub async fn record(&self, transaction: &mut Transaction) -> Result<(), Error> {
        const SQL: &str = "
            INSERT INTO deleted_accounts (id, event, address_key, at, ip, request_id, actor_kind, actor_id,
                user_agent)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '')";
        let (actor_kind, actor_id) = Actor::columns(self.actor);
        let statement = Statement::new(SQL)
            .bind(self.id)
            .bind(self.event.as_str())
            .bind(&self.address_key)
            .bind(self.at)
            .bind(&self.ip)
            .bind(self.request_id.as_deref())
            .bind(actor_kind)
            .bind(actor_id);
        transaction.execute(statement).await.map(drop)
    }
}
