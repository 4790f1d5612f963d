//! The table `revocations`: the log of what has ended tokens before they expired. Triggers write it.

use serde::Deserialize;
use sqlx::{PgPool, SqlitePool};

use crate::{crypto::jwt_secret::JwtSecret, id::Id};

/// How many rows are read at once.
const BATCH: i64 = 2_000;

/// Ids are read as text: one that a person has written is skipped if it is none.
const AFTER: &str = "
    SELECT seq, CAST(user_id AS TEXT) AS user_id, CAST(session_id AS TEXT) AS session_id, jwt_secret,
        issued_before
    FROM revocations WHERE seq > $1 ORDER BY seq LIMIT $2";

/// Something that has ended tokens of a user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Revocation {
    /// The number of the row.
    pub seq: i64,
    pub user_id: Id,
    pub revoked: Revoked,
}

/// Which tokens of the user have ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Revoked {
    /// Those of a session.
    Session(Id),
    /// All that were issued while the user had this secret. It is kept here for minutes after it was
    /// replaced, when it is good for nothing but naming the tokens.
    Secret(JwtSecret),
    /// Access tokens that were issued before this time, in seconds since 1970.
    IssuedBefore(i64),
}

/// A row as it is stored.
#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    user_id: String,
    session_id: Option<String>,
    jwt_secret: Option<JwtSecret>,
    issued_before: Option<i64>,
}

/// A row as a trigger sends it.
#[derive(Deserialize)]
struct Sent {
    seq: i64,
    user_id: String,
    session_id: Option<String>,
    jwt_secret: Option<String>,
    issued_before: Option<i64>,
}

/// Rows of the log.
pub(crate) struct Rows {
    pub revocations: Vec<Revocation>,
    /// The number of the last row.
    pub last: i64,
    /// Whether there may be more.
    pub is_full: bool,
}

impl Revocation {
    /// Parses a notification. Returns `None` for one that no trigger has sent.
    pub fn parse(payload: &str) -> Option<Self> {
        let sent: Sent = serde_json::from_str(payload).ok()?;
        let secret = sent.jwt_secret.as_deref().map(JwtSecret::from_text);
        let session = sent.session_id.as_deref();
        Self::new(sent.seq, &sent.user_id, session, secret, sent.issued_before)
    }

    fn new(
        seq: i64,
        user_id: &str,
        session_id: Option<&str>,
        secret: Option<JwtSecret>,
        issued_before: Option<i64>,
    ) -> Option<Self> {
        let revoked = match (session_id, secret, issued_before) {
            (Some(id), ..) => Revoked::Session(id.parse().ok()?),
            (None, Some(secret), _) => Revoked::Secret(secret),
            (None, None, time) => Revoked::IssuedBefore(time?),
        };
        let user_id = user_id.parse().ok()?;
        Some(Self {
            seq,
            user_id,
            revoked,
        })
    }
}

impl Rows {
    fn new(after: i64, rows: Vec<Row>) -> Self {
        let last = rows.last().map_or(after, |row| row.seq);
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= BATCH);
        let revocations = rows.into_iter().filter_map(|row| {
            let (user, session) = (&row.user_id, row.session_id.as_deref());
            Revocation::new(row.seq, user, session, row.jwt_secret, row.issued_before)
        });
        Self {
            revocations: revocations.collect(),
            last,
            is_full,
        }
    }
}

/// Reads rows after this one from SQLite.
pub(crate) async fn read_sqlite(reader: &SqlitePool, after: i64) -> Result<Rows, sqlx::Error> {
    let query = sqlx::query_as(AFTER).bind(after).bind(BATCH);
    Ok(Rows::new(after, query.fetch_all(reader).await?))
}

/// Reads rows after this one from PostgreSQL, over a connection that requests do not use.
pub(crate) async fn read_postgres(pool: &PgPool, after: i64) -> Result<Rows, sqlx::Error> {
    let query = sqlx::query_as(AFTER).bind(after).bind(BATCH);
    Ok(Rows::new(after, query.fetch_all(pool).await?))
}

/// The number of the last row that SQLite has ever added; lower than before if the file was replaced with
/// an earlier state of it.
pub(crate) async fn last_added(reader: &SqlitePool) -> Result<i64, sqlx::Error> {
    const SQL: &str =
        "SELECT COALESCE(max(seq), 0) FROM sqlite_sequence WHERE name = 'revocations'";
    sqlx::query_scalar(SQL).fetch_one(reader).await
}
