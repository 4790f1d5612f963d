//! Adding an authenticator app beside others, and removing one of several.

use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{
        audit_events::{self, NewEvent},
        authenticator_apps::{self, NewApp},
        database::Database,
        outbox::{self, NewEmail},
        second_factors::{self, CodeRefused, Factor, StepOf},
        transaction::Transaction,
        trusted_devices,
        users::{self, User},
    },
};

/// The app that is being set up, to be put beside the others.
pub(crate) struct Addition<'a> {
    pub user: &'a User,
    pub app: NewApp<'a>,
    /// Checks its first code.
    pub step_of: &'a StepOf<'a>,
    pub now: Timestamp,
    pub notice: Option<&'a NewEmail>,
    pub event: &'a NewEvent,
    /// The event to record if the code is wrong.
    pub failed: &'a NewEvent,
}

/// What became of an app to be added.
pub(crate) enum Added {
    Done,
    /// The second factor is off.
    NotOn,
    /// The user has [`authenticator_apps::LIMIT`] apps.
    TooMany,
    CodeRefused(CodeRefused),
    /// All tokens of the user were revoked in the meantime.
    SessionEnded,
}

/// An app to be removed.
pub(crate) struct Removal<'a> {
    pub user: &'a User,
    pub id: Id,
    pub notice: Option<&'a NewEmail>,
    pub event: &'a NewEvent,
}

/// What became of an app to be removed.
pub(crate) enum Removed {
    Done,
    /// The user has no such app.
    Unknown,
    /// The user has no other app.
    OnlyOne,
    /// All tokens of the user were revoked in the meantime.
    SessionEnded,
}

impl Addition<'_> {
    /// Adds the app if the code is right, which is used up.
    pub async fn apply(&self, database: &Database) -> Result<Added, Error> {
        let user_id = self.user.id;
        let mut transaction = database.begin().await?;
        let Some(user) = users::lock_unchanged(&mut transaction, self.user).await? else {
            return Ok(Added::SessionEnded);
        };
        if !user.otp_enabled {
            return Ok(Added::NotOn);
        }
        let existing = authenticator_apps::ids(&mut transaction, user_id).await?;
        if existing.len() >= authenticator_apps::LIMIT {
            return Ok(Added::TooMany);
        }
        let factor = Factor::NewCode(self.step_of);
        let checked =
            second_factors::use_code(transaction, user_id, &factor, self.failed, self.now);
        let mut transaction = match checked.await? {
            Ok(transaction) => transaction,
            Err(refused) => return Ok(Added::CodeRefused(refused)),
        };
        authenticator_apps::add(&mut transaction, user_id, self.app, self.now).await?;
        report(&mut transaction, self.notice, self.event).await?;
        transaction.commit().await?;
        Ok(Added::Done)
    }
}

impl Removal<'_> {
    /// Removes the app. Devices may have been trusted after one of its codes, so none is any more.
    pub async fn apply(&self, database: &Database) -> Result<Removed, Error> {
        let user_id = self.user.id;
        let mut transaction = database.begin().await?;
        let locked = users::lock_unchanged(&mut transaction, self.user).await?;
        if locked.is_none() {
            return Ok(Removed::SessionEnded);
        }
        let ids = authenticator_apps::ids(&mut transaction, user_id).await?;
        match ids.as_slice() {
            ids if !ids.contains(&self.id) => return Ok(Removed::Unknown),
            [_] => return Ok(Removed::OnlyOne),
            [first, oldest_other, ..] if *first == self.id => {
                authenticator_apps::replace_first(&mut transaction, user_id, *oldest_other).await?;
            }
            _ => authenticator_apps::remove_further(&mut transaction, user_id, self.id).await?,
        }
        trusted_devices::forget_all(&mut transaction, user_id).await?;
        report(&mut transaction, self.notice, self.event).await?;
        transaction.commit().await?;
        Ok(Removed::Done)
    }
}

async fn report(
    transaction: &mut Transaction,
    notice: Option<&NewEmail>,
    event: &NewEvent,
) -> Result<(), Error> {
    if let Some(notice) = notice {
        outbox::enqueue(transaction, notice).await?;
    }
    audit_events::record(transaction, event).await
}
