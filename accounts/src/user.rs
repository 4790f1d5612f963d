//! The table `users`.

use sqlx::FromRow;

use crate::{
    Database, Error, Id, Timestamp,
    database::{reading, writing},
    email::Email,
    secret::JwtSecret,
};

/// A person's account.
#[derive(Clone, Debug, FromRow)]
pub struct User {
    /// The user's id.
    pub id: Id,
    /// The address.
    pub email: String,
    /// Whether the account may be used.
    pub is_active: bool,
    /// Whether the user administrates this server.
    pub is_admin: bool,
    /// When the account was made.
    pub date_joined: Timestamp,
    /// When the user last signed in.
    pub last_login: Option<Timestamp>,
    pub(crate) jwt_secret: JwtSecret,
}

/// A user to be.
pub(crate) struct NewUser {
    pub id: Id,
    pub email: Email,
    pub password_hash: String,
    pub is_admin: bool,
    pub jwt_secret: JwtSecret,
    pub date_joined: Timestamp,
}

/// What signing in needs to know of a user.
#[derive(FromRow)]
pub(crate) struct Credentials {
    pub id: Id,
    pub password_hash: String,
    pub is_active: bool,
}

impl User {
    /// Adds a user, unless the address is taken: then it gives nothing.
    pub(crate) async fn insert(database: &Database, new: &NewUser) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            INSERT INTO users (id, email, password_hash, is_admin, jwt_secret, date_joined)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT DO NOTHING
            RETURNING id, email, is_active, is_admin, date_joined, last_login, jwt_secret";
        Ok(writing!(database, pool => {
            sqlx::query_as(SQL)
                .bind(new.id)
                .bind(new.email.as_str())
                .bind(&new.password_hash)
                .bind(new.is_admin)
                .bind(&new.jwt_secret)
                .bind(new.date_joined)
                .fetch_optional(pool)
                .await?
        }))
    }

    /// Whether this address is taken.
    pub(crate) async fn email_is_taken(database: &Database, email: &Email) -> Result<bool, Error> {
        const SQL: &str = "SELECT EXISTS (SELECT 1 FROM users WHERE lower(email) = lower($1))";
        Ok(reading!(database, pool => {
            sqlx::query_scalar(SQL).bind(email.as_str()).fetch_one(pool).await?
        }))
    }

    /// A user by id, with one of its sessions if that is alive at this time: all that a token is
    /// checked against, in one query.
    pub(crate) async fn find_with_session(
        database: &Database,
        user_id: Id,
        session_id: Id,
        now: Timestamp,
    ) -> Result<Option<(Self, bool)>, Error> {
        const SQL: &str = "
            SELECT id, email, is_active, is_admin, date_joined, last_login, jwt_secret,
                EXISTS (
                    SELECT 1 FROM sessions
                    WHERE id = $2 AND user_id = users.id AND expires_at > $3
                ) AS session_is_alive
            FROM users WHERE id = $1";
        #[derive(FromRow)]
        struct Row {
            #[sqlx(flatten)]
            user: User,
            session_is_alive: bool,
        }
        let row: Option<Row> = reading!(database, pool => {
            sqlx::query_as(SQL)
                .bind(user_id)
                .bind(session_id)
                .bind(now)
                .fetch_optional(pool)
                .await?
        });
        Ok(row.map(|row| (row.user, row.session_is_alive)))
    }

    /// Replaces the user's secret and removes its sessions: every token is void.
    pub(crate) async fn sign_out_everywhere(
        database: &Database,
        user_id: Id,
        new_secret: &JwtSecret,
    ) -> Result<(), Error> {
        const REPLACE: &str = "UPDATE users SET jwt_secret = $2 WHERE id = $1";
        const END_SESSIONS: &str = "DELETE FROM sessions WHERE user_id = $1";
        writing!(database, pool => {
            let mut transaction = pool.begin_with(database.begin()).await?;
            sqlx::query(REPLACE).bind(user_id).bind(new_secret).execute(&mut *transaction).await?;
            sqlx::query(END_SESSIONS).bind(user_id).execute(&mut *transaction).await?;
            transaction.commit().await?;
        });
        Ok(())
    }

    /// Deletes the user and all its rows, unless its secret has changed since.
    pub(crate) async fn delete(&self, database: &Database) -> Result<bool, Error> {
        const SQL: &str = "DELETE FROM users WHERE id = $1 AND jwt_secret = $2";
        let deleted = writing!(database, pool => {
            sqlx::query(SQL)
                .bind(self.id)
                .bind(&self.jwt_secret)
                .execute(pool)
                .await?
                .rows_affected()
        });
        Ok(deleted == 1)
    }
}

impl Credentials {
    /// By address, compared without case.
    pub async fn find(database: &Database, email: &Email) -> Result<Option<Self>, Error> {
        const SQL: &str =
            "SELECT id, password_hash, is_active FROM users WHERE lower(email) = lower($1)";
        Ok(reading!(database, pool => {
            sqlx::query_as(SQL).bind(email.as_str()).fetch_optional(pool).await?
        }))
    }

    /// The stored password hash of a user.
    pub async fn password_hash(database: &Database, user_id: Id) -> Result<Option<String>, Error> {
        const SQL: &str = "SELECT password_hash FROM users WHERE id = $1";
        Ok(reading!(database, pool => {
            sqlx::query_scalar(SQL).bind(user_id).fetch_optional(pool).await?
        }))
    }
}
