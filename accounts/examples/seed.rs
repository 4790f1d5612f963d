//! Fills a database with many users for benchmarks, each with one session. Their email addresses are
//! `user-<number>@bench.example`, and their password is that of `user-0@bench.example`, who must exist.
//!
//! `cargo run --release -p accounts --example seed -- <DATABASE_URL> <total number of users>`

use accounts::{Database, DatabaseSettings};
use sqlx::{AssertSqlSafe, Executor};

const SQLITE: &str = "
    WITH RECURSIVE numbers(n) AS (SELECT $1 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < $2),
        hex(n, a, b) AS (
            SELECT n, lower(hex(randomblob(16))), lower(hex(randomblob(16)))
            FROM numbers
        )
    INSERT INTO users (id, email, password_hash, jwt_secret, date_joined)
    SELECT UUID(a), 'user-' || n || '@bench.example', known.password_hash, UUID(b), known.date_joined
    FROM hex, users AS known WHERE known.email = 'user-0@bench.example'";

const SQLITE_SESSIONS: &str = "
    INSERT INTO sessions
        (id, user_id, refresh_id, created_at, last_used_at, expires_at, ip, user_agent)
    SELECT UUID(a), id, UUID(a), date_joined, date_joined, '2999-01-01T00:00:00.000000Z', '127.0.0.1', ''
    FROM (
        SELECT id, date_joined, lower(hex(randomblob(16))) AS a FROM users
        WHERE id NOT IN (SELECT user_id FROM sessions)
    )";

/// Formats 32 hexadecimal digits as a UUID.
const SQLITE_UUID: &str = "
    (substr(@, 1, 8) || '-' || substr(@, 9, 4) || '-4' || substr(@, 14, 3) || '-8'
        || substr(@, 18, 3) || '-' || substr(@, 21, 12))";

const POSTGRES: &str = "
    INSERT INTO users (id, email, password_hash, jwt_secret, date_joined)
    SELECT gen_random_uuid(), 'user-' || n || '@bench.example', known.password_hash,
        gen_random_uuid(), known.date_joined
    FROM generate_series($1, $2 - 1) AS n, users AS known
    WHERE known.email = 'user-0@bench.example'";

const POSTGRES_SESSIONS: &str = "
    INSERT INTO sessions
        (id, user_id, refresh_id, created_at, last_used_at, expires_at, ip, user_agent)
    SELECT gen_random_uuid(), id, gen_random_uuid(), date_joined, date_joined,
        '2999-01-01', '127.0.0.1', ''
    FROM users WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE user_id = users.id)";

/// Runs the statements for either database on one connection of its pool.
macro_rules! fill {
    ($pool:expr, $before:expr, $users:expr, $sessions:expr, $count:expr) => {{
        let mut connection = $pool.acquire().await?;
        connection.execute($before).await?;
        let existing: i64 = sqlx::query_scalar("SELECT count(*) FROM users")
            .fetch_one(&mut *connection)
            .await?;
        sqlx::query(AssertSqlSafe($users))
            .bind(existing)
            .bind($count)
            .execute(&mut *connection)
            .await?;
        sqlx::query(AssertSqlSafe($sessions))
            .execute(&mut *connection)
            .await?;
        connection.execute("ANALYZE").await?;
    }};
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(count)) = (arguments.next(), arguments.next()) else {
        return Err("usage: seed <DATABASE_URL> <total number of users>".into());
    };
    let count: i64 = count.parse()?;
    match Database::open(&url.parse()?, DatabaseSettings::default()).await? {
        Database::Sqlite { write, .. } => {
            let (users, sessions) = (with_uuids(SQLITE), with_uuids(SQLITE_SESSIONS));
            fill!(write, "PRAGMA cache_size = -100000", users, sessions, count);
        }
        Database::Postgres(postgres) => {
            let no_limit = "SET statement_timeout = 0";
            fill!(
                postgres.pool(),
                no_limit,
                POSTGRES.to_owned(),
                POSTGRES_SESSIONS.to_owned(),
                count
            );
        }
    }
    Ok(())
}

fn with_uuids(sql: &str) -> String {
    ["a", "b"].iter().fold(sql.to_owned(), |sql, digits| {
        sql.replace(
            &format!("UUID({digits})"),
            &SQLITE_UUID.replace('@', digits),
        )
    })
}
