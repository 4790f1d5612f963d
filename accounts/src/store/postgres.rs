//! The connections to PostgreSQL: how they are opened, and when one is replaced before it is used.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection as _, Executor, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{Instant, timeout};

use crate::store::database::DatabaseSettings;

/// How long a round trip to PostgreSQL may take, on top of the time that a statement runs.
const ROUND_TRIP: Duration = Duration::from_secs(1);

/// A connection that was in use this recently is not tested before it is used again.
const TRUSTED_FOR: Duration = Duration::from_millis(1);

/// The default limit on the number of connections.
const CONNECTIONS: u32 = 20;

/// An open PostgreSQL database.
#[derive(Clone)]
pub struct Postgres {
    pool: PgPool,
    /// How long one statement or one transaction may take, including all waiting.
    pub(super) limit: Duration,
    pub(super) failures: Failures,
}

impl Postgres {
    /// Connects to a database.
    ///
    /// No parameter is sent at the start that a pooler such as PgBouncer does not know; settings of
    /// the session are made afterwards.
    pub(super) async fn open(
        options: &PgConnectOptions,
        settings: DatabaseSettings,
    ) -> Result<Self, sqlx::Error> {
        let wait = settings.wait;
        let limit = wait + settings.statement_timeout + ROUND_TRIP;
        let options = options
            .clone()
            .application_name("latchkey")
            .extra_float_digits(None)
            .disable_statement_logging();
        // The error of a single connection says what is wrong; the pool would only time out.
        let first = timeout(wait, options.connect()).await;
        first
            .map_err(|_| sqlx::Error::PoolTimedOut)??
            .close()
            .await?;

        let session = format!(
            "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}",
            settings.statement_timeout.as_millis(),
            // By then, no client is left that would end the transaction.
            limit.as_millis()
        );
        let failures = Failures::default();
        let (noted, ping_timeout) = (failures.clone(), ROUND_TRIP.min(wait / 2));
        let pool = PgPoolOptions::new()
            .max_connections(settings.connections.unwrap_or(CONNECTIONS))
            .acquire_timeout(wait)
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                let session = session.clone();
                Box::pin(async move { connection.execute(AssertSqlSafe(session)).await.map(drop) })
            })
            .before_acquire(move |connection, used| {
                let failures = noted.clone();
                Box::pin(async move {
                    if failures.is_since(used.age) {
                        return Ok(false);
                    }
                    if used.idle_for < TRUSTED_FOR {
                        return Ok(true);
                    }
                    // sqlx's own test has no time limit. A process that was stopped, or a network
                    // that drops packets, would never answer it.
                    let answer = timeout(ping_timeout, connection.ping()).await;
                    let answer = answer.unwrap_or(Err(sqlx::Error::PoolTimedOut));
                    answer.inspect_err(|_| failures.note()).map(|()| true)
                })
            })
            .connect_with(options)
            .await?;
        Ok(Self {
            pool,
            limit,
            failures,
        })
    }

    /// The connection pool.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}

/// When a connection last failed. All connections that are older are replaced before their next use:
/// what has cut or moved one has most likely done so to the others.
#[derive(Clone, Default)]
pub(super) struct Failures(Arc<Mutex<Option<Instant>>>);

impl Failures {
    /// A database that goes on failing does not have all its connections replaced again and again.
    const PAUSE: Duration = Duration::from_secs(1);

    /// Notes that a connection has failed.
    pub fn note(&self) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() > Self::PAUSE) {
            *last = Some(Instant::now());
        }
    }

    /// Whether a connection has failed since one was opened that has this age.
    fn is_since(&self, age: Duration) -> bool {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() <= age)
    }
}
