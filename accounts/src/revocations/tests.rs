//! Tests of the log in memory.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::*;
use crate::{
    clock::{SystemClock, Timestamp},
    id::Id,
    store::revocations::Revoked,
};

const LEASE: Duration = Duration::from_secs(1);
const TOKEN: Duration = Duration::from_secs(900);

/// The uptime in seconds.
struct Uptime(AtomicU64);

impl Clock for Uptime {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn uptime(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

fn log() -> (RevocationLog, Arc<Uptime>) {
    let clock = Arc::new(Uptime(AtomicU64::new(1000)));
    let masters = MasterSecrets::parse("a master secret that has 32 bytes or more").unwrap();
    (
        RevocationLog::new(LEASE, TOKEN, masters, clock.clone()),
        clock,
    )
}

fn row(seq: i64, byte: u8) -> Revocation {
    Revocation {
        seq,
        user_id: Id::from_random([byte; 16]),
        revoked: Revoked::IssuedBefore(7),
    }
}

fn entries(reader: &RevocationReader) -> usize {
    reader.snapshot.value().entries.len()
}

fn revoked(news: &News) -> usize {
    match news.value() {
        RevocationNews::Revoked(entries) => entries.len(),
        RevocationNews::Heartbeat(_) => 0,
    }
}

#[test]
fn a_reader_gets_each_row_once_in_the_snapshot_or_as_news() {
    let (log, clock) = log();
    assert!(log.read().unwrap().is_none(), "before the first heartbeat");
    log.heartbeat(clock.uptime());
    let mut first = log.read().unwrap().unwrap();
    log.add([row(1, 1), row(2, 2)]);
    let mut second = log.read().unwrap().unwrap();
    assert_eq!((entries(&first), entries(&second)), (0, 2));
    // Read again from the table, with one that was not known, whatever its number.
    log.add([row(1, 1), row(2, 2), row(1, 3)]);
    log.heartbeat(clock.uptime());
    let news = [first.news.try_recv(), first.news.try_recv()].map(Result::unwrap);
    assert_eq!(news.each_ref().map(revoked), [2, 1]);
    assert_eq!(revoked(&second.news.try_recv().unwrap()), 1);
    // The heartbeat comes after what it vouches for.
    for reader in [&mut first, &mut second] {
        assert_eq!(revoked(&reader.news.try_recv().unwrap()), 0);
        assert!(matches!(reader.news.try_recv(), Err(TryRecvError::Empty)));
    }
}

#[test]
fn nobody_reads_from_a_server_that_is_not_up_to_date() {
    let (log, clock) = log();
    log.heartbeat(clock.uptime());
    assert!(log.read().unwrap().is_some());
    clock.0.fetch_add(1, Ordering::SeqCst);
    assert!(log.read().unwrap().is_none());
}

#[test]
fn rows_are_dropped_when_no_token_is_that_old() {
    let (log, clock) = log();
    log.add([row(1, 1)]);
    clock.0.fetch_add(900, Ordering::SeqCst);
    log.add([row(2, 2)]);
    log.heartbeat(clock.uptime());
    assert_eq!(entries(&log.read().unwrap().unwrap()), 2);
    clock.0.fetch_add(60, Ordering::SeqCst);
    log.heartbeat(clock.uptime());
    assert_eq!(entries(&log.read().unwrap().unwrap()), 1);
    assert_eq!(log.state().known.len(), 1);
}

#[test]
fn a_reader_that_does_not_keep_up_is_disconnected() {
    let (log, clock) = log();
    log.heartbeat(clock.uptime());
    let mut slow = log.read().unwrap().unwrap();
    for _ in 0..=WAITING_NEWS {
        log.heartbeat(clock.uptime());
    }
    let next = slow.news.try_recv();
    assert!(matches!(next, Err(TryRecvError::Lagged(_))));
}

#[tokio::test]
async fn too_many_rows_end_all_streams_until_those_no_longer_matter() {
    let (log, clock) = log();
    log.heartbeat(clock.uptime());
    let mut reader = log.read().unwrap().unwrap();
    let count = i64::try_from(ROWS).unwrap();
    log.add((0..=count).map(|seq| row(seq, 1)));
    assert_eq!(reader.news.recv().await.err(), Some(RecvError::Closed));
    log.heartbeat(clock.uptime());
    assert!(matches!(log.read(), Err(Error::Overloaded)));
    log.add([row(count + 1, 2)]);
    clock.0.fetch_add(959, Ordering::SeqCst);
    log.heartbeat(clock.uptime());
    assert!(matches!(log.read(), Err(Error::Overloaded)));
    clock.0.fetch_add(1, Ordering::SeqCst);
    log.heartbeat(clock.uptime());
    assert!(log.read().unwrap().is_some());
}

#[test]
fn the_number_of_readers_is_limited() {
    let (log, clock) = log();
    log.heartbeat(clock.uptime());
    let mut readers: Vec<_> = (0..READERS).map(|_| log.read().unwrap().unwrap()).collect();
    assert_eq!(log.readers(), READERS);
    assert!(matches!(log.read(), Err(Error::Overloaded)));
    readers.pop();
    assert!(log.read().unwrap().is_some());
    log.close();
    assert!(matches!(log.read(), Err(Error::Unavailable(_))));
}
