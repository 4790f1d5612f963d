//! Links accounts at providers to users who exist, and unlinks them.

use crate::{
    error::Error,
    id::Id,
    store::{
        audit_events::{self, NewEvent},
        database::Database,
        email_tokens::key_of,
        identities::{self, NewIdentity},
        outbox::{self, NewEmail},
        sessions,
        sign_in_ways::SignInWays,
        statement::Statement,
        users,
    },
};

/// What must hold of the user whom an account is linked to, when that happens.
pub(crate) enum LinkedBy<'a> {
    /// This session of the user is alive.
    Session(Id),
    /// This is the user's verified email address, in lower case.
    VerifiedAddress(&'a str),
}

/// The result of linking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linked {
    Done,
    /// It is linked to this user already.
    Already,
    /// It is linked to another user.
    Elsewhere,
    /// The user has linked another account of the same issuer.
    Another,
    /// What had to hold does not.
    Changed,
}

/// An account to be linked to a user who exists.
pub(crate) struct LinkIdentity<'a> {
    pub user_id: Id,
    pub by: LinkedBy<'a>,
    pub new: &'a NewIdentity,
    pub event: &'a NewEvent,
    pub notice: Option<&'a NewEmail>,
}

impl LinkIdentity<'_> {
    /// Links it. The unique indexes decide between concurrent ones.
    pub async fn make(&self, database: &Database) -> Result<Linked, Error> {
        let mut transaction = database.begin().await?;
        let Some(user) = users::lock_user(&mut transaction, self.user_id).await? else {
            return Ok(Linked::Changed);
        };
        let holds = match self.by {
            LinkedBy::Session(id) => {
                let now = self.new.now;
                let is_live = sessions::is_live(&mut transaction, user.id, id, now).await?;
                is_live && user.is_active && user.email_verified
            }
            LinkedBy::VerifiedAddress(address) => {
                user.email_verified && key_of(&user.email) == address
            }
        };
        if !holds {
            return Ok(Linked::Changed);
        }
        if !identities::insert(&mut transaction, user.id, self.new).await? {
            let owner = identities::owner(&mut transaction, self.new).await?;
            return Ok(match owner {
                Some(owner) if owner == user.id => Linked::Already,
                Some(_) => Linked::Elsewhere,
                None => Linked::Another,
            });
        }
        audit_events::record(&mut transaction, self.event).await?;
        if let Some(notice) = self.notice {
            outbox::enqueue(&mut transaction, notice).await?;
        }
        transaction.commit().await?;
        Ok(Linked::Done)
    }
}

/// The result of unlinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlinked {
    Done,
    /// The user has no such identity.
    Missing,
    /// It is the last way to sign in.
    IsLast,
}

/// An identity to be unlinked.
pub(crate) struct UnlinkIdentity<'a> {
    pub user_id: Id,
    pub id: Id,
    /// The session that continues. Others that have begun with an account at a provider end.
    pub session_id: Id,
    pub event: &'a NewEvent,
    pub notice: Option<&'a NewEmail>,
}

impl UnlinkIdentity<'_> {
    /// Unlinks it, unless the user could not sign in any more. The user's row is locked, so that of two
    /// concurrent ones, the second sees what the first has left.
    pub async fn make(&self, database: &Database) -> Result<Unlinked, Error> {
        const DELETE: &str = "DELETE FROM identities WHERE id = $1 AND user_id = $2";
        let mut transaction = database.begin().await?;
        if users::lock(&mut transaction, self.user_id).await?.is_none() {
            return Ok(Unlinked::Missing);
        }
        let statement = Statement::new(DELETE).bind(self.id).bind(self.user_id);
        if transaction.execute(statement).await? == 0 {
            return Ok(Unlinked::Missing);
        }
        let ways = SignInWays::of_locked(&mut transaction, self.user_id).await?;
        if ways.is_none() {
            return Ok(Unlinked::IsLast);
        }
        sessions::end_federated(&mut transaction, self.user_id, self.session_id).await?;
        audit_events::record(&mut transaction, self.event).await?;
        if let Some(notice) = self.notice {
            outbox::enqueue(&mut transaction, notice).await?;
        }
        transaction.commit().await?;
        Ok(Unlinked::Done)
    }
}
