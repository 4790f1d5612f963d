//! The task that keeps the keys and the revocations up to date.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};

use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use jsonwebtoken::jwk::JwkSet;
use tokio::time::{sleep, timeout};

use crate::{
    events::VerifierEvent,
    http::RequestError,
    keys::Keys,
    sse::{Malformed, Parser},
    trust::{Connection, Head},
    verifier::Shared,
};

/// How long nothing may arrive before the lease is known.
const SILENCE: Duration = Duration::from_secs(5);

/// The pause before the first attempt to connect again, and the longest. Half of each is random, so that
/// services do not come back all at once.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a stream is followed before it is replaced by a new one: what it told since it began is then
/// forgotten, as far as it no longer matters, and clocks that run differently have not drifted far.
const LONGEST_STREAM: Duration = Duration::from_secs(60 * 60);

/// After how many heartbeats in a row that leave less than half of the lease a stream is replaced: the way
/// to the server has changed, or took long only when it began.
const LATE_HEARTBEATS: u32 = 20;

/// How soon keys are fetched again when there is a token with an unknown one.
const KEYS_INTERVAL: Duration = Duration::from_secs(1);

/// Follows the stream until the verifier is dropped.
pub(crate) async fn follow_revocations(shared: Weak<Shared>) {
    let mut attempts = 0;
    loop {
        let Some(verifier) = shared.upgrade() else {
            return;
        };
        let result = follow_once(&verifier, &mut attempts).await;
        if let Err(error) = result {
            verifier.emit(&VerifierEvent::Disconnected(error.to_string()));
        }
        drop(verifier);
        let pause = LONGEST_PAUSE.min(FIRST_PAUSE.saturating_mul(1 << attempts.min(16)));
        attempts += 1;
        sleep(pause.mul_f64(0.5 + random() / 2.0)).await;
    }
}

/// Opens the stream and follows it to its end.
async fn follow_once(shared: &Arc<Shared>, attempts: &mut u32) -> Result<(), RequestError> {
    let sent = shared.clock.uptime();
    let response = shared.latchkey.revocations().await?;
    let received = shared.clock.uptime();
    // Another server, or the same one after a restart, may sign with another key.
    shared.keys_wanted.notify_one();
    let mut connection = Connection::new(Head {
        sent,
        received,
        at: number(response.headers(), "latchkey-at"),
        token_lifetime: number(response.headers(), "latchkey-token-lifetime"),
    });
    let longest = LONGEST_STREAM.mul_f64(0.75 + random() / 2.0);
    let following = read_events(shared, response, &mut connection, attempts);
    timeout(longest, following).await.unwrap_or(Ok(()))
}

async fn read_events(
    shared: &Shared,
    response: Response<Incoming>,
    connection: &mut Connection,
    attempts: &mut u32,
) -> Result<(), RequestError> {
    let mut body = response.into_body();
    let (mut parser, mut late) = (Parser::default(), 0);
    loop {
        // Heartbeats are due four times per lease. When they stay away, whatever the reason, the way may
        // be cut without anybody being told.
        let silence = match connection.lease() {
            Duration::ZERO => SILENCE,
            lease => (2 * lease).clamp(Duration::from_millis(500), SILENCE),
        };
        let frame = timeout(silence, body.frame()).await;
        let frame = match frame.map_err(|_| RequestError::Timeout)? {
            None => return Err(RequestError::Ended),
            Some(frame) => frame.map_err(|error| RequestError::Transport(error.to_string()))?,
        };
        let Some(bytes) = frame.data_ref() else {
            continue;
        };
        let (was_trusted, heartbeats) = (connection.is_trusted(), connection.heartbeats());
        apply(shared, &mut parser, connection, bytes).map_err(|_| RequestError::Malformed)?;
        if connection.heartbeats() == heartbeats {
            continue;
        }
        let (left, entries) = {
            let trust = shared.trust.read().unwrap_or_else(PoisonError::into_inner);
            (trust.left(shared.clock.uptime()), trust.entries())
        };
        if !was_trusted && connection.is_trusted() {
            *attempts = 0;
            shared.emit(&VerifierEvent::Connected(entries));
            shared.connected.send_replace(true);
        }
        late = if left < connection.lease() / 2 {
            late + 1
        } else {
            0
        };
        if late >= LATE_HEARTBEATS {
            return Err(RequestError::Late);
        }
    }
}

fn apply(
    shared: &Shared,
    parser: &mut Parser,
    connection: &mut Connection,
    bytes: &[u8],
) -> Result<(), Malformed> {
    let received = shared.clock.uptime();
    let mut trust = shared.trust.write().unwrap_or_else(PoisonError::into_inner);
    parser.read(bytes, |event| connection.apply(event, received, &mut trust))
}

/// Fetches the keys whenever they are about to expire, or somebody wants newer ones, until the verifier is
/// dropped.
pub(crate) async fn follow_keys(shared: Weak<Shared>) {
    let mut attempts = 0;
    loop {
        let (wanted, left) = {
            let Some(verifier) = shared.upgrade() else {
                return;
            };
            match fetch_keys(&verifier).await {
                Ok(()) => attempts = 0,
                Err(error) => {
                    attempts += 1;
                    verifier.emit(&VerifierEvent::KeysFailed(error.to_string()));
                }
            }
            let keys = verifier.keys.read().unwrap_or_else(PoisonError::into_inner);
            (
                verifier.keys_wanted.clone(),
                keys.left(verifier.clock.uptime()),
            )
        };
        // While it fails, sooner.
        let next = match attempts {
            0 => left.mul_f64(0.5 + random() / 4.0),
            attempts => KEYS_INTERVAL.saturating_mul(1 << attempts.min(4)),
        };
        sleep(KEYS_INTERVAL).await;
        let _ = timeout(next.saturating_sub(KEYS_INTERVAL), wanted.notified()).await;
    }
}

async fn fetch_keys(shared: &Shared) -> Result<(), RequestError> {
    let issuer = match shared.issuer.get() {
        Some(issuer) => issuer,
        None => {
            let issuer = shared.latchkey.issuer().await?;
            shared.issuer.get_or_init(|| issuer)
        }
    };
    // Their age counts from before they were asked for.
    let uptime = shared.clock.uptime();
    let (set, max_age): (JwkSet, _) = shared.latchkey.keys().await?;
    let keys = Keys::new(&set, issuer, uptime, max_age);
    *shared.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    shared.keys_fetched.send_modify(|number| *number += 1);
    Ok(())
}

fn number<T: std::str::FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// A number from 0 to 1, different in each process and at each call.
fn random() -> f64 {
    let bits = RandomState::new().hash_one(0) >> 32;
    f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(u32::MAX)
}
