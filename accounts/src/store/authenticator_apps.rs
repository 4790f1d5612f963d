//! The authenticator apps of users: the first one of a user is in the table `second_factors`, where earlier versions
//! look for it, and the others are in `authenticator_apps`.

use languages::tr;
use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{database::Database, statement::Statement, transaction::Transaction},
};

/// How many authenticator apps a user has at most.
pub(crate) const LIMIT: usize = 10;

/// An authenticator app that is in use.
#[derive(Clone, Debug, FromRow)]
pub struct AuthenticatorApp {
    /// The app's id.
    pub id: Id,
    /// What the user calls it, if the user has said.
    pub(crate) name: Option<String>,
    /// When its first code was confirmed; `None` if an earlier version has set it up.
    pub created_at: Option<Timestamp>,
    /// When a code of it was last used; `None` if none was after the first.
    pub last_used_at: Option<Timestamp>,
}

/// An authenticator app that comes into use.
#[derive(Clone, Copy)]
pub(crate) struct NewApp<'a> {
    pub id: Id,
    pub name: Option<&'a str>,
}

impl AuthenticatorApp {
    /// Returns the apps of a user, oldest first.
    pub(crate) async fn list(database: &Database, user_id: Id) -> Result<Vec<Self>, Error> {
        const SQL: &str = "
            SELECT id, name, created_at, last_used_at FROM (
                SELECT 1 AS place, COALESCE(app_id, user_id) AS id, app_name AS name,
                    app_created_at AS created_at, app_last_used_at AS last_used_at
                FROM second_factors WHERE user_id = $1 AND seed IS NOT NULL
                UNION ALL
                SELECT 2, id, name, created_at, last_used_at FROM authenticator_apps
                WHERE user_id = $1
            ) AS apps ORDER BY place, created_at, id";
        database.fetch_all(Statement::new(SQL).bind(user_id)).await
    }

    /// Renames an app of a user. Returns `false` if there is none with this id.
    pub(crate) async fn rename(
        database: &Database,
        user_id: Id,
        id: Id,
        name: &str,
    ) -> Result<bool, Error> {
        const RENAME: &str =
            "UPDATE authenticator_apps SET name = $3 WHERE user_id = $1 AND id = $2";
        const RENAME_FIRST: &str = "
            UPDATE second_factors SET app_name = $3
            WHERE user_id = $1 AND COALESCE(app_id, user_id) = $2 AND seed IS NOT NULL";
        // In this order, it is found even if it takes the place of the first one in between.
        for sql in [RENAME, RENAME_FIRST] {
            let statement = Statement::new(sql).bind(user_id).bind(id).bind(name);
            if database.execute(statement).await? == 1 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.name {
            Some(name) => name,
            None => tr("Authenticator app"),
        }
    }
}

/// Returns the ids of a user's apps, oldest first. Call it with the user's row locked.
pub(crate) async fn ids(transaction: &mut Transaction, user_id: Id) -> Result<Vec<Id>, Error> {
    const FIRST: &str = "
        SELECT COALESCE(app_id, user_id) FROM second_factors
        WHERE user_id = $1 AND seed IS NOT NULL";
    const OTHERS: &str = "
        SELECT id FROM authenticator_apps WHERE user_id = $1 ORDER BY created_at, id";
    let mut ids = Vec::new();
    for sql in [FIRST, OTHERS] {
        let rows: Vec<(Id,)> = transaction
            .fetch_all(Statement::new(sql).bind(user_id))
            .await?;
        ids.extend(rows.into_iter().map(|(id,)| id));
    }
    Ok(ids)
}

/// Returns the ids and the encrypted secrets of a user's apps except the first, oldest first.
pub(crate) async fn further_secrets(
    transaction: &mut Transaction,
    user_id: Id,
) -> Result<Vec<(Id, Vec<u8>)>, Error> {
    const SQL: &str = "
        SELECT id, seed FROM authenticator_apps WHERE user_id = $1 ORDER BY created_at, id";
    transaction
        .fetch_all(Statement::new(SQL).bind(user_id))
        .await
}

/// Records that a code of a user's app was used: of the first one, or of this further one.
pub(crate) async fn record_use(
    transaction: &mut Transaction,
    user_id: Id,
    further: Option<Id>,
    now: Timestamp,
) -> Result<(), Error> {
    const FIRST: &str = "UPDATE second_factors SET app_last_used_at = $2 WHERE user_id = $1";
    const FURTHER: &str = "
        UPDATE authenticator_apps SET last_used_at = $2 WHERE user_id = $1 AND id = $3";
    let statement = match further {
        None => Statement::new(FIRST).bind(user_id).bind(now),
        Some(id) => Statement::new(FURTHER).bind(user_id).bind(now).bind(id),
    };
    transaction.execute(statement).await.map(drop)
}

/// Makes the app that is being set up the only one of its user.
pub(crate) async fn replace_all(
    transaction: &mut Transaction,
    user_id: Id,
    new: NewApp<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    // A trigger deletes the others.
    const SQL: &str = "
        UPDATE second_factors SET seed = new_seed, new_seed = NULL, app_id = $2, app_name = $3,
            app_created_at = $4, app_last_used_at = NULL
        WHERE user_id = $1";
    let statement = Statement::new(SQL)
        .bind(user_id)
        .bind(new.id)
        .bind(new.name)
        .bind(now);
    transaction.execute(statement).await.map(drop)
}

/// Puts the app that is being set up beside the others of its user.
pub(crate) async fn add(
    transaction: &mut Transaction,
    user_id: Id,
    new: NewApp<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    const INSERT: &str = "
        INSERT INTO authenticator_apps (id, user_id, name, seed, created_at)
        SELECT $2, user_id, $3, new_seed, $4 FROM second_factors WHERE user_id = $1";
    const END_SETUP: &str = "UPDATE second_factors SET new_seed = NULL WHERE user_id = $1";
    let statement = Statement::new(INSERT)
        .bind(user_id)
        .bind(new.id)
        .bind(new.name)
        .bind(now);
    transaction.execute(statement).await?;
    let statement = Statement::new(END_SETUP).bind(user_id);
    transaction.execute(statement).await.map(drop)
}

/// Removes an app of a user, other than the first.
pub(crate) async fn remove_further(
    transaction: &mut Transaction,
    user_id: Id,
    id: Id,
) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM authenticator_apps WHERE user_id = $1 AND id = $2";
    let statement = Statement::new(SQL).bind(user_id).bind(id);
    transaction.execute(statement).await.map(drop)
}

/// Removes the first app of a user, whose place another one takes.
pub(crate) async fn replace_first(
    transaction: &mut Transaction,
    user_id: Id,
    successor: Id,
) -> Result<(), Error> {
    const SQL: &str = "
        UPDATE second_factors SET (seed, app_id, app_name, app_created_at, app_last_used_at) = (
            SELECT seed, id, name, created_at, last_used_at FROM authenticator_apps
            WHERE user_id = $1 AND id = $2
        )
        WHERE user_id = $1";
    let statement = Statement::new(SQL).bind(user_id).bind(successor);
    transaction.execute(statement).await?;
    remove_further(transaction, user_id, successor).await
}
