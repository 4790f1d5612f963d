//! The connections to PostgreSQL: how they are opened, when one is replaced before it is used, and how they
//! move to another server.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor, PgConnection, PgPool, Row,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::store::{
    database_settings::DatabaseSettings,
    postgres_servers::{Address, PostgresServers},
};

/// How long a round trip to PostgreSQL may take, on top of the time that a statement runs.
const ROUND_TRIP: Duration = Duration::from_secs(1);

/// A connection that was in use this recently is not tested before it is used again.
const TRUSTED_FOR: Duration = Duration::from_millis(1);

/// The default limit on the number of connections.
const CONNECTIONS: u32 = 20;

/// The pause before the servers are asked again which of them can be written.
const PAUSE: Duration = Duration::from_millis(200);

/// How often two connections are compared.
const COMPARISONS: usize = 3;

const TRANSACTION_POOLER: &str = "a pooler in between gives a connection away after each transaction; \
    Latchkey needs one that keeps it for the session (PgBouncer: pool_mode = session)";

/// An open PostgreSQL database.
#[derive(Clone)]
pub struct Postgres {
    pool: PgPool,
    /// How long one statement or one transaction may take, including all waiting.
    pub(super) limit: Duration,
    pub(super) failures: Failures,
    /// The number of the server that new connections lead to, where there are several.
    server: Option<watch::Sender<usize>>,
    /// The task that follows the primary server. It ends with the last clone.
    _follower: Arc<JoinSet<()>>,
}

impl Postgres {
    /// Connects to a database.
    pub(super) async fn open(
        servers: &PostgresServers,
        settings: DatabaseSettings,
    ) -> Result<Self, sqlx::Error> {
        let wait = settings.wait;
        let limit = wait + settings.statement_timeout + ROUND_TRIP;
        let servers = Arc::new(with_own_options(servers));
        // The error of a single connection says what is wrong; the pool would only time out.
        let (number, mut first) = servers.connect(0, wait).await?;

        let failures = Failures::default();
        let options = servers.options()[number].clone();
        let pool = pool(options, &servers, settings, limit, &failures);
        let compared = timeout(limit, async {
            let mut second = pool.acquire().await?;
            share_a_session(&mut first, &mut second).await
        });
        if compared.await.map_err(|_| sqlx::Error::PoolTimedOut)?? {
            return Err(sqlx::Error::Configuration(TRANSACTION_POOLER.into()));
        }
        first.close().await?;

        let server = (servers.options().len() > 1).then(|| watch::Sender::new(number));
        let mut follower = JoinSet::new();
        if let Some(server) = server.clone() {
            let (pool, failures) = (pool.clone(), failures.clone());
            follower.spawn(follow(servers, pool, failures, server, wait));
        }
        Ok(Self {
            pool,
            limit,
            failures,
            server,
            _follower: Arc::new(follower),
        })
    }

    /// The connection pool.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Tells that a connection outside of the pool has failed. Another server may be the primary one now.
    pub(crate) fn has_failed(&self) {
        self.failures.wake();
    }

    /// The moves to another server from now on.
    pub(crate) fn moves(&self) -> Moves {
        Moves(self.server.as_ref().map(watch::Sender::subscribe))
    }
}

/// The moves of connections from one server to another. By default there are none.
#[derive(Default)]
pub(crate) struct Moves(Option<watch::Receiver<usize>>);

impl Moves {
    /// Completes when new connections lead to another server.
    pub async fn next(&mut self) {
        if let Some(server) = &mut self.0
            && server.changed().await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }
}

/// Creates the pool. It opens no connection yet.
fn pool(
    options: PgConnectOptions,
    servers: &Arc<PostgresServers>,
    settings: DatabaseSettings,
    limit: Duration,
    failures: &Failures,
) -> PgPool {
    let wait = settings.wait;
    let session = format!(
        "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}",
        settings.statement_timeout.as_millis(),
        // By then, no client is left that would end the transaction.
        limit.as_millis()
    );
    let opened = (servers.clone(), failures.clone());
    let used = opened.clone();
    let ping_timeout = ROUND_TRIP.min(wait / 2);
    PgPoolOptions::new()
        .max_connections(settings.connections.unwrap_or(CONNECTIONS))
        .acquire_timeout(wait)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let (session, (servers, failures)) = (session.clone(), opened.clone());
            Box::pin(async move {
                connection.execute(AssertSqlSafe(session)).await?;
                if servers.must_write() {
                    let checked = servers.check(connection).await;
                    return checked.inspect_err(|_| failures.note());
                }
                Ok(())
            })
        })
        .before_acquire(move |connection, since| {
            let (servers, failures) = used.clone();
            Box::pin(async move {
                if failures.is_since(since.age) {
                    return Ok(false);
                }
                if since.idle_for < TRUSTED_FOR {
                    return Ok(true);
                }
                // sqlx's own test has no time limit. A process that was stopped, or a network
                // that drops packets, would never answer it.
                let answer = timeout(ping_timeout, servers.check(connection)).await;
                let answer = answer.unwrap_or(Err(sqlx::Error::PoolTimedOut));
                answer.inspect_err(|_| failures.note()).map(|()| true)
            })
        })
        .connect_lazy_with(options)
}

/// Whether two open connections lead to the same session on the server, or one of them to changing
/// sessions. Then notifications and the settings of a session would get lost, and so would prepared
/// statements and the lock that migrations wait for.
async fn share_a_session(
    one: &mut PgConnection,
    other: &mut PgConnection,
) -> Result<bool, sqlx::Error> {
    let mut known = None;
    for _ in 0..COMPARISONS {
        let sessions = (session(one).await?, session(other).await?);
        if sessions.0 == sessions.1 || *known.get_or_insert(sessions) != sessions {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the number of the server's process that serves a connection now.
async fn session(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    // Poolers pass a simple query to one session.
    let query = sqlx::raw_sql("SELECT pg_backend_pid()");
    query.fetch_one(connection).await?.try_get(0)
}

/// Whenever a connection has failed, asks which server can be written, and has new connections lead there.
async fn follow(
    servers: Arc<PostgresServers>,
    pool: PgPool,
    failures: Failures,
    server: watch::Sender<usize>,
    wait: Duration,
) {
    loop {
        failures.noted().await;
        let present = *server.borrow();
        match servers.connect(present, wait).await {
            Ok((number, connection)) => {
                // Closing it may fail; it is not needed any more.
                let _ = timeout(ROUND_TRIP, connection.close()).await;
                if number != present {
                    let options = servers.options()[number].clone();
                    tracing::warn!(server = %Address(&options), "connecting to another database server");
                    pool.set_connect_options(options);
                    failures.replace_all();
                    server.send_replace(number);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "no database server can be written");
                failures.wake();
            }
        }
        sleep(PAUSE).await;
    }
}

/// How each connection is opened.
///
/// No parameter is sent at the start that a pooler such as PgBouncer does not know; settings of the session
/// are made afterwards.
pub(super) fn with_own_options(servers: &PostgresServers) -> PostgresServers {
    servers.clone().map(|options| {
        options
            .application_name("latchkey")
            .extra_float_digits(None)
            .disable_statement_logging()
    })
}

/// When a connection last failed. All connections that are older are replaced before their next use:
/// what has cut or moved one has most likely done so to the others.
#[derive(Clone, Default)]
pub(super) struct Failures(Arc<State>);

#[derive(Default)]
struct State {
    last: Mutex<Option<Instant>>,
    noted: Notify,
}

impl Failures {
    /// A database that goes on failing does not have all its connections replaced again and again.
    const PAUSE: Duration = Duration::from_secs(1);

    /// Notes that a connection has failed, or could not be opened.
    pub fn note(&self) {
        let mut last = self.last();
        if last.is_none_or(|last| last.elapsed() > Self::PAUSE) {
            *last = Some(Instant::now());
        }
        self.wake();
    }

    /// Has all present connections replaced.
    fn replace_all(&self) {
        *self.last() = Some(Instant::now());
    }

    /// Completes when the servers are to be asked.
    async fn noted(&self) {
        self.0.noted.notified().await;
    }

    /// Has the servers asked which of them can be written.
    pub fn wake(&self) {
        self.0.noted.notify_one();
    }

    /// Whether a connection has failed since one was opened that has this age.
    fn is_since(&self, age: Duration) -> bool {
        self.last().is_some_and(|last| last.elapsed() <= age)
    }

    fn last(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
