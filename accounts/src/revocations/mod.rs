//! The revocations of the last minutes, and the services that read them as a stream.
//!
//! # Why no service accepts a revoked token for longer than the lease
//!
//! docs/verifying-tokens.md has the rule for services, and the argument from a heartbeat to a service.
//! This is the part up to the heartbeat: **when one with the time T is sent on a stream, everything that
//! was committed before T has been sent on it.**
//!
//! A reader gets a snapshot of what this server has, and its place among the receivers of news, under
//! one lock; so what is added later is news for it. News and heartbeats take one path, in order. What is
//! left to show is that this server has everything committed before T when it makes the heartbeat.
//!
//! **PostgreSQL.** The triggers send each row in a notification, and a server sends itself a heartbeat in
//! the same way; T is the moment before it is sent. Notifications arrive in the order of commits, so
//! when the heartbeat comes back, every row committed before T since the server began to listen has
//! arrived. Rows committed before that are read from the table after listening has begun. `seq` is not
//! used as a position: it is taken before the commit, so a row can become visible after one with a higher
//! number, and a reader that only asks for higher numbers would miss it. When the connection is lost,
//! there are no heartbeats until the server listens again and has read the whole table again; rows that
//! it has not told about are news then, whatever their number.
//!
//! **SQLite.** There is one writer at a time, so `seq` is the order of commits. A commit by any process
//! changes the header of the WAL index. T is the moment before that header is read; if it has changed,
//! the rows after the last known one are read before the heartbeat is made.
//!
//! A server that has lost its database makes no heartbeat. One that is connected to a database server
//! that was replaced, and that still takes its commands, would make them without knowing what the new one
//! knows: a failover must stop the old one first. What the new one has lost is lost for this server, too,
//! as it is for everybody else.

mod entry;
mod sqlite;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast};

pub use self::entry::{Encoded, RevocationEntry, RevocationNews, RevocationSnapshot};
use self::{entry::entries_of, sqlite::Tail};
use crate::{
    clock::{CLOCK_SKEW, Clock},
    crypto::master_secrets::MasterSecrets,
    error::Error,
    store::revocations::Revocation,
};

/// How many services one server keeps up to date.
const READERS: usize = 4_000;

/// How many rows are kept. When there are more, services have to introspect for as long as it takes until
/// all of those no longer matter.
const ROWS: usize = 400_000;

/// How much news waits for a reader. One that is further behind is disconnected.
const WAITING_NEWS: usize = 1_024;

/// How many entries are told at once.
const AT_ONCE: usize = 128;

/// How often rows that no longer matter are dropped.
const DROP_INTERVAL: Duration = Duration::from_secs(30);

type News = Arc<Encoded<RevocationNews>>;
type Snapshot = Arc<Encoded<RevocationSnapshot, Arc<[Bytes]>>>;

/// How long a row matters: as long as an access token that was issued just before it, by a clock that may
/// be ahead, may be accepted by a service whose clock may be behind.
pub(crate) fn relevance(access_lifetime: Duration) -> Duration {
    access_lifetime.saturating_add(CLOCK_SKEW)
}

/// The revocations of the last minutes, and the services that are kept up to date.
pub(crate) struct RevocationLog {
    clock: Arc<dyn Clock>,
    masters: MasterSecrets,
    /// How long services may rely on a heartbeat.
    lease: Duration,
    /// How long a row matters.
    relevance: Duration,
    /// The time at an uptime of zero, in milliseconds since 1970, by the clock when this was created.
    epoch: i64,
    state: Mutex<State>,
    tail: tokio::sync::Mutex<Tail>,
    places: Arc<Semaphore>,
    reader_came: Notify,
}

struct State {
    rows: Vec<Row>,
    /// The rows, each by its number and its first entry: a database that was replaced with an earlier
    /// state of it uses a number again.
    known: HashSet<(i64, RevocationEntry)>,
    /// What has not been told yet.
    untold: Vec<RevocationEntry>,
    /// All rows, until there is another.
    snapshot: Option<Snapshot>,
    /// The uptime up to which everything is known, and the news that says so.
    heartbeat: Option<(Duration, News)>,
    readers: broadcast::Sender<News>,
    is_closed: bool,
    /// The uptime from which on the rows are complete, after there were too many.
    complete_at: Duration,
    next_drop: Duration,
}

/// A row of the log.
struct Row {
    seq: i64,
    entries: Box<[RevocationEntry]>,
    /// The uptime when it no longer matters, counted from when it became known: whatever a clock says, it
    /// is not forgotten too early.
    expires: Duration,
}

/// A service that is kept up to date. It counts as one until this is dropped.
pub struct RevocationReader {
    /// What is revoked now.
    pub snapshot: Snapshot,
    /// Up to when that is everything.
    pub heartbeat: News,
    /// What is revoked later, and up to when that is everything. It ends when the server stops.
    pub news: broadcast::Receiver<News>,
    /// How long to rely on a heartbeat.
    pub lease: Duration,
    /// The time now, as heartbeats count it.
    pub now: u64,
    _place: OwnedSemaphorePermit,
}

impl RevocationLog {
    pub fn new(
        lease: Duration,
        access_lifetime: Duration,
        masters: MasterSecrets,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let uptime = i64::try_from(clock.uptime().as_millis()).unwrap_or_default();
        Self {
            masters,
            lease,
            relevance: relevance(access_lifetime),
            epoch: clock.now().unix_milliseconds().saturating_sub(uptime),
            clock,
            state: Mutex::new(State {
                rows: Vec::new(),
                known: HashSet::new(),
                untold: Vec::new(),
                snapshot: None,
                heartbeat: None,
                readers: broadcast::Sender::new(WAITING_NEWS),
                is_closed: false,
                complete_at: Duration::ZERO,
                next_drop: Duration::ZERO,
            }),
            tail: tokio::sync::Mutex::default(),
            places: Arc::new(Semaphore::new(READERS)),
            reader_came: Notify::new(),
        }
    }

    /// How often a heartbeat is due: more than four times per lease, also when one is a little late.
    pub fn heartbeat_period(&self) -> Duration {
        self.lease / 5
    }

    /// The number of readers.
    pub fn readers(&self) -> usize {
        READERS - self.places.available_permits()
    }

    /// Adds rows that are not known yet. [`Self::tell`] or a heartbeat tells the readers.
    pub fn add(&self, revocations: impl IntoIterator<Item = Revocation>) {
        let expires = self.clock.uptime() + self.relevance;
        let mut state = self.state();
        for revocation in revocations {
            let entries: Box<[_]> = entries_of(&revocation, &self.masters).collect();
            let Some(first) = entries.first() else {
                continue;
            };
            let seq = revocation.seq;
            if !state.known.insert((seq, first.clone())) {
                continue;
            }
            state.untold.extend_from_slice(&entries);
            state.snapshot = None;
            state.rows.push(Row {
                seq,
                entries,
                expires,
            });
            if state.rows.len() > ROWS {
                state.give_up(expires);
            }
        }
    }

    /// Tells the readers about the rows that were added.
    pub fn tell(&self) {
        self.state().tell();
    }

    /// Everything that was committed before this uptime has been added: tells the readers.
    pub fn heartbeat(&self, up_to_date_at: Duration) {
        let news = self.note_up_to_date(up_to_date_at);
        let mut state = self.state();
        state.tell();
        let _ = state.readers.send(news);
        state.drop_old_rows(self.clock.uptime());
    }

    /// Everything that was committed before this uptime has been added. The next readers start with that.
    fn note_up_to_date(&self, up_to_date_at: Duration) -> News {
        let news = RevocationNews::Heartbeat(self.time_at(up_to_date_at));
        let news = Arc::new(Encoded::new(news));
        self.state().heartbeat = Some((up_to_date_at, news.clone()));
        news
    }

    /// Returns the time at this uptime, as heartbeats count it.
    fn time_at(&self, uptime: Duration) -> u64 {
        let uptime = i64::try_from(uptime.as_millis()).unwrap_or_default();
        u64::try_from(self.epoch.saturating_add(uptime)).unwrap_or_default()
    }

    /// Adds a reader. Returns `None` if this server is not up to date at the moment.
    ///
    /// # Errors
    /// `Overloaded` when there are too many readers or revocations; `Unavailable` when the server stops.
    pub fn read(&self) -> Result<Option<RevocationReader>, Error> {
        let uptime = self.clock.uptime();
        let mut state = self.state();
        if state.is_closed {
            return Err(Error::Unavailable(sqlx::Error::PoolClosed));
        }
        if uptime < state.complete_at {
            return Err(Error::Overloaded);
        }
        let Some((at, heartbeat)) = state.heartbeat.clone() else {
            return Ok(None);
        };
        if at + self.lease <= uptime {
            return Ok(None);
        }
        let place = self.places.clone().try_acquire_owned();
        let place = place.map_err(|_| Error::Overloaded)?;
        // The snapshot has everything that was added, so what has not been told to the others is told to
        // them before this reader is among them.
        state.tell();
        let reader = RevocationReader {
            snapshot: state.snapshot(),
            heartbeat,
            news: state.readers.subscribe(),
            lease: self.lease,
            now: self.time_at(uptime),
            _place: place,
        };
        drop(state);
        self.reader_came.notify_one();
        Ok(Some(reader))
    }

    /// Ends all streams, for good.
    pub fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.disconnect();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tell(&mut self) {
        for entries in self.untold.chunks(AT_ONCE) {
            let news = Encoded::new(RevocationNews::Revoked(entries.to_vec()));
            if self.readers.send(Arc::new(news)).is_err() {
                // Nobody reads.
                break;
            }
        }
        self.untold.clear();
    }

    fn snapshot(&mut self) -> Snapshot {
        let rows = &self.rows;
        let build = || {
            let entries = rows.iter().flat_map(|row| row.entries.iter().cloned());
            Arc::new(Encoded::new(RevocationSnapshot {
                entries: entries.collect(),
            }))
        };
        self.snapshot.get_or_insert_with(build).clone()
    }

    fn drop_old_rows(&mut self, uptime: Duration) {
        if uptime < self.next_drop {
            return;
        }
        self.next_drop = uptime + DROP_INTERVAL;
        let before = self.rows.len();
        let known = &mut self.known;
        self.rows.retain(|row| {
            let matters = uptime < row.expires;
            if !matters && let Some(first) = row.entries.first() {
                known.remove(&(row.seq, first.clone()));
            }
            matters
        });
        if self.rows.len() < before {
            self.snapshot = None;
        }
    }

    /// Forgets all rows. Nobody may read before the uptime when the last of them no longer matters.
    fn give_up(&mut self, complete_at: Duration) {
        tracing::error!(
            limit = ROWS,
            "too many revocations to keep services up to date; they have to introspect"
        );
        self.rows = Vec::new();
        self.known = HashSet::new();
        self.untold = Vec::new();
        self.snapshot = None;
        self.complete_at = complete_at;
        self.disconnect();
    }

    fn disconnect(&mut self) {
        self.readers = broadcast::Sender::new(WAITING_NEWS);
    }
}

#[cfg(test)]
mod tests;
