//! Users who come from elsewhere, and users as they are taken elsewhere: many at once, with the hashes of
//! their passwords.

use std::collections::{HashMap, HashSet};

use sqlx::{AssertSqlSafe, FromRow};

use crate::{
    clock::Timestamp,
    crypto::jwt_secret::JwtSecret,
    email::address::EmailAddress,
    error::Error,
    id::Id,
    profile::NewProfile,
    store::{
        administration::{ManagedUser, managed_user_columns},
        audit_events::NewEvent,
        database::Database,
        statement::{Statement, Value},
        transaction::Transaction,
    },
};

/// The number of users in a statement. SQLite looks each parameter up among all others, by its name, so that
/// longer ones take more time for each user.
const ROWS: usize = 25;

/// A user to be imported.
pub(crate) struct ImportedUser {
    pub id: Id,
    pub email: EmailAddress,
    pub password_hash: String,
    pub profile: NewProfile,
    pub is_active: bool,
    pub is_admin: bool,
    pub email_verified: bool,
    pub jwt_secret: JwtSecret,
    pub date_joined: Timestamp,
    pub last_login: Option<Timestamp>,
    pub event: NewEvent,
}

/// Why a user can't be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImportConflict {
    /// There is an account with this email address, or one that may get it back.
    EmailTaken,
    IdTaken,
}

/// Prepares for many additions. On SQLite, this process keeps more of the database in memory, and copies the log
/// into the file less often: with a random id, each user changes other pages of the indexes.
pub(crate) async fn prepare(database: &Database) -> Result<(), Error> {
    const SQL: &str = "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16384";
    if let Database::Sqlite { write, .. } = database {
        sqlx::raw_sql(SQL).execute(write).await?;
    }
    Ok(())
}

/// Adds users in one transaction, except those whose email address or id is taken. Returns the ids of those
/// that were added. No two of them may have the same id.
///
/// A statement is for many users, which takes much less time than one for each. It is planned each time,
/// because a plan for an empty table would read all of the table for each user once it is full.
pub(crate) async fn insert(
    database: &Database,
    users: &[ImportedUser],
    now: Timestamp,
) -> Result<HashSet<Id>, Error> {
    let mut transaction = database.begin().await?;
    let mut all_added = HashSet::new();
    for users in users.chunks(ROWS) {
        let added = insert_rows(&mut transaction, users, now).await?;
        if added.is_empty() {
            continue;
        }
        let is_added = |user: &&ImportedUser| added.contains(&user.id);
        let added_users: Vec<_> = users.iter().filter(is_added).collect();
        record_events(&mut transaction, &added_users).await?;
        remove_registrations(&mut transaction, &added_users).await?;
        all_added.extend(added);
    }
    transaction.commit().await?;
    Ok(all_added)
}

/// The condition that neither an account nor a change that can be undone has the email address, given the
/// columns of [`Values::add_user`] and the time in `$1`. The planner of PostgreSQL uses the indexes for it even
/// where it knows nothing of the table yet.
macro_rules! email_is_free {
    () => {
        "NOT EXISTS (SELECT 1 FROM users WHERE email_key IN (column2, column3, column4))
            AND NOT EXISTS (
                SELECT 1 FROM mailed_tokens
                WHERE address = column5 AND purpose = 'undo' AND used_at IS NULL AND expires_at > $1
            )"
    };
}

/// The condition that no account has the id.
macro_rules! id_is_free {
    () => {
        "NOT EXISTS (SELECT 1 FROM users WHERE id = column1)"
    };
}

async fn insert_rows(
    transaction: &mut Transaction,
    users: &[ImportedUser],
    now: Timestamp,
) -> Result<HashSet<Id>, Error> {
    let mut values = Values::new([now.into()]);
    for user in users {
        values.add_user(user);
        values.extend_row([
            user.email.as_str().into(),
            (&user.password_hash).into(),
            user.is_active.into(),
            user.is_admin.into(),
            user.email_verified.into(),
            (&user.jwt_secret).into(),
            user.date_joined.into(),
            user.last_login.into(),
            (&user.profile.name).into(),
            user.profile.roles.to_json().into(),
            (&user.profile.metadata).into(),
            (&user.profile.app_metadata).into(),
        ]);
    }
    let statement = values.statement(
        "INSERT INTO users (id, email, password_hash, is_active, is_admin, email_verified, jwt_secret,
            date_joined, last_login, name, roles, metadata, app_metadata)
        SELECT column1, column6, column7, column8, column9, column10, column11, column12, column13, column14,
            column15, column16, column17
        FROM",
        concat!(
            "AS new WHERE ",
            email_is_free!(),
            " AND ",
            id_is_free!(),
            " ON CONFLICT DO NOTHING RETURNING id"
        ),
    );
    let rows: Vec<(Id,)> = transaction.fetch_all(statement).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Records the first event of each user. None of them has others that would have to give way.
async fn record_events(
    transaction: &mut Transaction,
    users: &[&ImportedUser],
) -> Result<(), Error> {
    let mut values = Values::new([]);
    for ImportedUser { event, .. } in users {
        let at = event.at.into();
        values.add([
            event.id.into(),
            event.user_id.into(),
            at,
            event.event.as_str().into(),
        ]);
    }
    let statement = values.statement(
        "INSERT INTO audit_events (id, user_id, at, event, ip, user_agent, count, first_ip, first_user_agent)
        SELECT column1, column2, column3, column4, '', '', 1, '', '' FROM",
        "AS new",
    );
    transaction.execute(statement).await.map(drop)
}

/// Removes the registrations that wait for the email addresses.
async fn remove_registrations(
    transaction: &mut Transaction,
    users: &[&ImportedUser],
) -> Result<(), Error> {
    let mut values = Values::new([]);
    for user in users {
        values.add([user.email.to_lowercase().into()]);
    }
    let head = "DELETE FROM registrations WHERE address IN (SELECT column1 FROM";
    let statement = values.statement(head, "AS new)");
    transaction.execute(statement).await.map(drop)
}

/// Returns which of the users have an email address or an id that is taken.
pub(crate) async fn conflicts(
    database: &Database,
    users: &[&ImportedUser],
    now: Timestamp,
) -> Result<HashMap<Id, ImportConflict>, Error> {
    const HEAD: &str = "SELECT column1 FROM";
    const EMAIL_IS_FREE: &str = concat!("AS new WHERE ", email_is_free!());
    // It needs the time as well, because the statement has it.
    const ID_IS_FREE: &str = concat!("AS new WHERE $1 IS NOT NULL AND ", id_is_free!());
    let mut conflicts = HashMap::new();
    for users in users.chunks(ROWS) {
        for (tail, conflict) in [
            (ID_IS_FREE, ImportConflict::IdTaken),
            (EMAIL_IS_FREE, ImportConflict::EmailTaken),
        ] {
            let mut values = Values::new([now.into()]);
            users.iter().for_each(|user| values.add_user(user));
            let free: Vec<(Id,)> = database.fetch_all(values.statement(HEAD, tail)).await?;
            let free: HashSet<Id> = free.into_iter().map(|(id,)| id).collect();
            let taken = users.iter().filter(|user| !free.contains(&user.id));
            conflicts.extend(taken.map(|user| (user.id, conflict)));
        }
    }
    Ok(conflicts)
}

/// The rows of a `VALUES` list. Both databases name its columns `column1`, `column2` ….
struct Values<'a> {
    sql: String,
    values: Vec<Value<'a>>,
}

impl<'a> Values<'a> {
    /// A list without rows, and the values of the first parameters.
    fn new<const N: usize>(first: [Value<'a>; N]) -> Self {
        Self {
            sql: String::new(),
            values: first.into(),
        }
    }

    /// Adds a row.
    fn add<const N: usize>(&mut self, row: [Value<'a>; N]) {
        self.sql
            .push_str(if self.sql.is_empty() { "(" } else { "), (" });
        for (column, value) in row.into_iter().enumerate() {
            self.values.push(value);
            let comma = if column == 0 { "" } else { ", " };
            self.sql.push_str(&format!("{comma}${}", self.values.len()));
        }
    }

    /// Adds columns to the last row.
    fn extend_row<const N: usize>(&mut self, columns: [Value<'a>; N]) {
        for value in columns {
            self.values.push(value);
            self.sql.push_str(&format!(", ${}", self.values.len()));
        }
    }

    /// Adds a row with the id of a user, the keys that the email address may have, and that address in lower
    /// case.
    fn add_user(&mut self, user: &ImportedUser) {
        let [former, current, shown] = user.email.keys();
        self.add([
            user.id.into(),
            former.into(),
            current.into(),
            shown.into(),
            user.email.to_lowercase().into(),
        ]);
    }

    /// The statement with the list between two texts.
    fn statement(self, before: &'static str, after: &'static str) -> Statement<'a> {
        // It consists of texts from this program only.
        let sql = format!("{before} (VALUES {})) {after}", self.sql);
        let statement = Statement::new(AssertSqlSafe(sql)).planned_each_time();
        self.values.into_iter().fold(statement, Statement::bind)
    }
}

/// A user with the hash of the password.
#[derive(FromRow)]
pub struct ExportedUser {
    /// The user.
    #[sqlx(flatten)]
    pub user: ManagedUser,
    pub(crate) password_hash: String,
}

impl ExportedUser {
    /// Returns the users whose ids follow `after`, in the order of their ids.
    pub(crate) async fn list(
        database: &Database,
        after: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Self>, Error> {
        const SQL: &str = concat!(
            "SELECT ",
            managed_user_columns!(),
            ", password_hash FROM users WHERE id > $1 ORDER BY id LIMIT $2"
        );
        // No user has it: imported users can't, and others have random ones.
        let before_all = Id::nil();
        let statement = Statement::new(SQL).bind(after.unwrap_or(before_all));
        database.fetch_all(statement.bind(limit)).await
    }
}
