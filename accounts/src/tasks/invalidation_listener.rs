//! InvalidationListener of changes that other servers make, through PostgreSQL's notices.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::{Accounts, Database, Id, store::database::Postgres};

/// The channel of notices: a user's id, sent by the database's triggers.
const USERS: &str = "latchkey_users";

/// The channel of heartbeats: a server's id, and a number.
const BEATS: &str = "latchkey_beats";

/// How many heartbeats may be on their way.
const BEATS_LIMIT: usize = 64;

/// The pause before another try to listen.
const PAUSE: Duration = Duration::from_millis(200);

/// The task by which a server hears of changes that others make.
pub struct InvalidationListener(Accounts);

impl InvalidationListener {
    /// For these accounts.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        Self(accounts)
    }

    /// Hears until it is dropped.
    pub async fn run(self) {
        // A SQLite file needs no one to hear: it is looked at itself.
        while let Database::Postgres(postgres) = self.0.database() {
            let heard = self.listen(postgres).await;
            self.0.cache().lease.end();
            if let Err(error) = heard {
                tracing::warn!(%error, "can't hear of changes: requests ask the database");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// A quarter of the lease: it holds even if a heartbeat or two are late.
    fn period(&self) -> Duration {
        (self.0.cache().lease.length() / 4).max(Duration::from_millis(5))
    }

    /// Listens to PostgreSQL's notices until the connection fails or falls silent.
    async fn listen(&self, postgres: &Postgres) -> Result<(), sqlx::Error> {
        let cache = self.0.cache();
        let silence = cache.lease.length().max(PAUSE) * 4;
        let timed_out = |_| sqlx::Error::PoolTimedOut;
        // Two connections of its own, one to hear and one to send. One of the others would go back to
        // the requests when it falls silent; and when requests have taken all, memory is what helps.
        let own = PgPoolOptions::new()
            .max_connections(2)
            .acquire_timeout(silence)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with((*postgres.pool().connect_options()).clone());
        let mut listener = tokio::time::timeout(silence, async {
            let mut listener = PgListener::connect_with(&own).await?;
            listener.eager_reconnect(false);
            listener.listen_all([USERS, BEATS]).await?;
            Ok::<_, sqlx::Error>(listener)
        })
        .await
        .map_err(timed_out)??;
        // What changed before is in no notice.
        cache.forget_all();

        let me = self.0.new_id();
        let mut number = 0_u64;
        let mut on_their_way = VecDeque::new();
        let mut beat = tokio::time::interval(self.period());
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut last_heard = Instant::now();
        let (beats, mut to_beat) = tokio::sync::mpsc::channel::<String>(1);
        let sending = async {
            while let Some(text) = to_beat.recv().await {
                let sent = sqlx::query("SELECT pg_notify($1, $2)")
                    .bind(BEATS)
                    .bind(text)
                    .execute(&own);
                // One that fails is not heard, and so extends nothing.
                if let Err(error) = sent.await {
                    tracing::debug!(%error, "a heartbeat failed");
                }
            }
        };
        let hearing = async {
            loop {
                tokio::select! {
                    _ = beat.tick() => {
                        if last_heard.elapsed() > silence {
                            return Err(sqlx::Error::PoolTimedOut);
                        }
                        number += 1;
                        let sent = Instant::now();
                        // One at a time: while one is stuck, no other is sent.
                        if beats.try_send(format!("{me} {number}")).is_ok() {
                            on_their_way.push_back((number, sent));
                            if on_their_way.len() > BEATS_LIMIT {
                                on_their_way.pop_front();
                            }
                        }
                    }
                    notice = listener.try_recv() => {
                        let Some(notice) = notice? else { return Ok(()) };
                        if notice.channel() == USERS {
                            match notice.payload().parse::<Id>() {
                                Ok(user_id) => cache.forget(user_id),
                                Err(_) => cache.forget_all(),
                            }
                        } else if let Some(heard) = notice
                            .payload()
                            .split_once(' ')
                            .filter(|(server, _)| *server == me.to_string())
                            .and_then(|(_, number)| number.parse::<u64>().ok())
                        {
                            while let Some((number, sent)) = on_their_way.pop_front() {
                                if number == heard {
                                    cache.lease.renew(sent);
                                    last_heard = Instant::now();
                                    break;
                                }
                            }
                        }
                    }
                }
            }
        };
        tokio::select! {
            result = hearing => result,
            () = sending => Ok(()),
        }
    }
}
