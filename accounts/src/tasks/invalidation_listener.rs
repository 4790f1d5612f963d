//! The task that listens to PostgreSQL for users that other servers have changed, which it invalidates
//! in the cache, and for revocations, which it adds to those that services are told about.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use sqlx::{
    PgPool,
    postgres::{PgListener, PgNotification, PgPoolOptions},
};
use tokio::{sync::mpsc, time::MissedTickBehavior};

use crate::{
    cache::UserCache,
    id::Id,
    revocations::RevocationLog,
    service::Accounts,
    store::{
        database::Database,
        postgres::Postgres,
        postgres_servers::not_writable,
        revocations::{Revocation, read_postgres},
    },
};

/// The channel of changed users: a user's id, sent by the database's triggers.
const USERS: &str = "latchkey_users";

/// The channel of heartbeats: a server's id, and a number.
const HEARTBEATS: &str = "latchkey_beats";

/// The channel of revocations: a row of the log, sent by its trigger.
const REVOCATIONS: &str = "latchkey_revocations";

/// How many revocations are told at once while more are arriving.
const TOLD_AT_ONCE: usize = 128;

/// How long reading the log may take.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How many heartbeats may be on their way.
const PENDING_LIMIT: usize = 64;

/// The pause before the next attempt to listen.
const PAUSE: Duration = Duration::from_millis(200);

/// The task that keeps the cache and the log of revocations up to date with changes made by other servers.
pub struct InvalidationListener(Accounts);

impl InvalidationListener {
    /// Creates the task.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        Self(accounts)
    }

    /// Listens until the future is dropped. With SQLite there is nothing to do: each request looks at
    /// the file itself, and [`RevocationFollower`](super::RevocationFollower) does for services.
    pub async fn run(self) {
        while let Database::Postgres(postgres) = self.0.database() {
            let mut moves = postgres.moves();
            let result = tokio::select! {
                result = self.listen(postgres) => result,
                // Changes are made there now, also if this server still serves.
                () = moves.next() => Ok(()),
            };
            self.0.cache().lease.end();
            postgres.has_failed();
            if let Err(error) = result {
                tracing::warn!(%error,
                    "cache invalidation listener disconnected; falling back to the database");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Listens until the connection fails or falls silent.
    async fn listen(&self, postgres: &Postgres) -> Result<(), sqlx::Error> {
        let cache = self.0.cache();
        let silence = cache.lease.length().max(PAUSE) * 4;
        // Two connections of its own, one to listen and one to send. A connection of the shared pool
        // would go back to it when it falls silent; and when requests use up that pool, a working
        // cache is what helps.
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .acquire_timeout(silence)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with((*postgres.pool().connect_options()).clone());
        let listener = tokio::time::timeout(silence, connect(&pool));
        let listener = listener.await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        // No notification tells about changes made before.
        cache.invalidate_all();
        let log = self.0.revocations();
        let reading = tokio::time::timeout(READ_TIMEOUT, read_log(&pool, log));
        reading.await.map_err(|_| sqlx::Error::PoolTimedOut)??;

        let (to_send, outgoing) = mpsc::channel(1);
        let connection = Connection {
            cache,
            log,
            untold: 0,
            server: self.0.random().id(),
            silence,
            last_heartbeat: Instant::now(),
            number: 0,
            pending: VecDeque::new(),
            to_send,
        };
        tokio::select! {
            result = connection.receive(listener) => result,
            () = send_heartbeats(&pool, outgoing) => Err(not_writable()),
        }
    }
}

/// Opens a connection that listens to all channels.
async fn connect(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener
        .listen_all([USERS, REVOCATIONS, HEARTBEATS])
        .await?;
    Ok(listener)
}

/// Adds all rows of the log that are not known yet.
async fn read_log(pool: &PgPool, log: &RevocationLog) -> Result<(), sqlx::Error> {
    let mut last = i64::MIN;
    loop {
        let rows = read_postgres(pool, last).await?;
        last = rows.last;
        log.add(rows.revocations);
        if !rows.is_full {
            return Ok(());
        }
    }
}

/// Sends the heartbeats that the receiving side asks for, until the server can't be written any more: then
/// changes are made on another one, which does not notify this connection.
async fn send_heartbeats(pool: &PgPool, mut outgoing: mpsc::Receiver<String>) {
    const SEND: &str =
        "SELECT pg_notify($1, $2) WHERE current_setting('transaction_read_only') = 'off'";
    while let Some(heartbeat) = outgoing.recv().await {
        let sent = sqlx::query(SEND).bind(HEARTBEATS).bind(heartbeat);
        match sent.execute(pool).await {
            Ok(sent) if sent.rows_affected() == 0 => return,
            Ok(_) => {}
            // A heartbeat that is not sent does not come back, and so does not renew the lease.
            Err(error) => tracing::debug!(%error, "can't send a heartbeat"),
        }
    }
}

/// The receiving side of a connection, and the heartbeats that it waits for.
struct Connection<'a> {
    cache: &'a UserCache,
    log: &'a RevocationLog,
    /// How many revocations have been added and not told yet.
    untold: usize,
    /// The id of this server in its heartbeats.
    server: Id,
    /// After this time without a heartbeat the connection counts as broken.
    silence: Duration,
    last_heartbeat: Instant,
    /// The number of the last heartbeat.
    number: u64,
    /// Heartbeats that have not come back, oldest first, and the uptime when they were sent.
    pending: VecDeque<(u64, Duration)>,
    to_send: mpsc::Sender<String>,
}

impl Connection<'_> {
    /// Applies notifications and sends heartbeats, until the connection fails or falls silent.
    async fn receive(mut self, mut listener: PgListener) -> Result<(), sqlx::Error> {
        // A quarter of the lease: it stays valid even if a heartbeat or two are late.
        let period = (self.cache.lease.length() / 4)
            .min(self.log.heartbeat_period())
            .max(Duration::from_millis(5));
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                _ = ticks.tick() => {
                    if self.last_heartbeat.elapsed() > self.silence {
                        return Err(sqlx::Error::PoolTimedOut);
                    }
                    self.request_heartbeat();
                }
                notification = listener.try_recv() => match notification? {
                    Some(notification) => self.apply(&notification),
                    None => return Ok(()),
                },
                // No other notification is there yet.
                () = std::future::ready(()), if self.untold > 0 => self.tell(),
            }
        }
    }

    fn request_heartbeat(&mut self) {
        self.number += 1;
        let sent = self.cache.lease.uptime();
        // One at a time: while one is stuck, no other is sent.
        let heartbeat = format!("{} {}", self.server, self.number);
        if self.to_send.try_send(heartbeat).is_ok() {
            self.pending.push_back((self.number, sent));
            if self.pending.len() > PENDING_LIMIT {
                self.pending.pop_front();
            }
        }
    }

    fn apply(&mut self, notification: &PgNotification) {
        let payload = notification.payload();
        if notification.channel() == USERS {
            match payload.parse() {
                Ok(user_id) => self.cache.invalidate(user_id),
                Err(_) => self.cache.invalidate_all(),
            }
        } else if notification.channel() == REVOCATIONS {
            self.log.add(Revocation::parse(payload));
            self.untold += 1;
            if self.untold >= TOLD_AT_ONCE {
                self.tell();
            }
        } else if let Some((server, number)) = payload.split_once(' ')
            && server == self.server.to_string()
            && let Ok(number) = number.parse()
        {
            self.heartbeat_received(number);
        }
    }

    fn tell(&mut self) {
        self.log.tell();
        self.untold = 0;
    }

    /// Renews the lease from the time when this heartbeat was sent.
    fn heartbeat_received(&mut self, received: u64) {
        while let Some((number, sent)) = self.pending.pop_front() {
            if number == received {
                self.cache.lease.renew(sent);
                self.log.heartbeat(sent);
                self.untold = 0;
                self.last_heartbeat = Instant::now();
                return;
            }
        }
    }
}
