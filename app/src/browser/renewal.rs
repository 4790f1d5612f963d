//! Keeps the session's access token fresh, by one tab for all.

use std::{future::Future, pin::Pin};

use gloo_timers::future::TimeoutFuture;
use http::StatusCode;
use leptos::{prelude::*, task::spawn_local};

use super::{
    Errand,
    lock::{self, Held},
    session::{self, EndReason, Session},
    within_limit,
};
use crate::api::{
    ApiError, Code,
    user::{self, TokenPair},
};

/// The pause before another try when the server could not be asked, in milliseconds.
const PAUSE: u64 = 10_000;

/// How long the lock is kept after new tokens were stored, in milliseconds.
const SETTLING: u32 = 100;

/// The longest single sleep, in milliseconds. A timer stands still while the device sleeps, so
/// the clock is looked at again and again.
const NAP: u64 = 30_000;

/// The session, with an access token that is good for a while.
///
/// # Errors
/// `not_authenticated` when nobody is signed in, and those of [`renew`].
pub(super) async fn fresh_session() -> Result<Session, ApiError> {
    match session::load() {
        Some(session) if session::now() < session.renew_at() => Ok(session),
        Some(session) => renew(&session).await,
        None => Err(Code::NotAuthenticated.into()),
    }
}

/// Replaces a session's tokens, unless another tab has done so already.
///
/// # Errors
/// `token_invalid` or `token_expired` when the server has ended the session, which is then
/// forgotten. Any other error leaves the session as it is.
pub(super) async fn renew(stale: &Session) -> Result<Session, ApiError> {
    let held = lock::acquire().await;
    let session = session::load().ok_or(Code::NotAuthenticated)?;
    if session != *stale {
        return Ok(session);
    }
    let answer = within_limit(user::refresh(session.refresh_token.as_str().into())).await;
    // Meanwhile the person may have signed out, which holds no lock.
    let unchanged = session::load().as_ref() == Some(&session);
    match answer {
        Ok(pair) if unchanged => {
            let session = Session::new(pair);
            session::store(&session);
            settle(held);
            Ok(session)
        }
        // Without locks several calls renew at once. The first pair that came is stored by now, and
        // good for all of them.
        Ok(_) => session::load()
            .filter(|stored| stored.id() == session.id())
            .ok_or(Code::NotAuthenticated.into()),
        Err(error) => {
            if unchanged && error.status() == StatusCode::UNAUTHORIZED {
                session::end(EndReason::Revoked);
            }
            Err(error)
        }
    }
}

/// Sends a request that replaces the session's tokens, and stores the pair that it is answered
/// with. The old refresh token is void before the new one is here, so no tab renews meanwhile: it
/// would take the session for ended.
///
/// # Errors
/// Those of the request, and `not_authenticated` when the person has signed out meanwhile.
pub async fn exchange<T>(
    request: impl Future<Output = Result<(TokenPair, T), ApiError>>,
) -> Result<T, ApiError> {
    let mut rest = None;
    let pair = Box::pin(async {
        let (pair, other) = request.await?;
        rest = Some(other);
        Ok(pair)
    });
    exchange_pair(pair).await?;
    rest.ok_or(Code::Unknown.into())
}

/// One function for all requests keeps the WebAssembly small.
async fn exchange_pair(
    request: Pin<Box<dyn Future<Output = Result<TokenPair, ApiError>> + '_>>,
) -> Result<(), ApiError> {
    let held = lock::acquire().await;
    let session = Session::new(held.run(request).await?);
    if session::load().and_then(|old| old.id()) != session.id() {
        return Err(Code::NotAuthenticated.into());
    }
    session::store(&session);
    settle(held);
    Ok(())
}

/// Releases the lock a moment after new tokens were stored: until then they may not have reached
/// tabs in other processes, which would renew once more.
fn settle(held: Held) {
    spawn_local(async move {
        TimeoutFuture::new(SETTLING).await;
        drop(held);
    });
}

/// Renews the session before it runs out, for as long as the page is open.
pub fn keep_fresh() {
    Effect::new(|_| {
        let Some(session) = session::get() else {
            return;
        };
        // By the time that it is needed, a newer version of the server may not have this code.
        Errand::prepare();
        // Whatever changes the session, here or in another tab, starts this effect anew; the task
        // for the old session then finds it gone.
        spawn_local(async move {
            sleep_until(session.renew_at()).await;
            while session::load().as_ref() == Some(&session)
                && Errand::Renew(session.clone()).run().await.is_err()
            {
                sleep_until(session::now() + PAUSE).await;
            }
        });
    });
}

async fn sleep_until(time: u64) {
    loop {
        let left = time.saturating_sub(session::now()).min(NAP);
        if left == 0 {
            return;
        }
        TimeoutFuture::new(u32::try_from(left).unwrap_or(u32::MAX)).await;
    }
}
