//! Keeps the session's access token fresh, by one tab for all.

use gloo_timers::future::TimeoutFuture;
use http::StatusCode;
use leptos::{prelude::*, task::spawn_local};

use super::{
    lock,
    session::{self, Ended, Session},
    within_limit,
};
use crate::api::{ApiError, Code, user};

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
            let session = session::store(pair);
            // What is stored reaches tabs in other processes a moment later. A tab that got the
            // lock before would renew once more.
            spawn_local(async move {
                TimeoutFuture::new(SETTLING).await;
                drop(held);
            });
            Ok(session)
        }
        Ok(_) => Err(Code::NotAuthenticated.into()),
        Err(error) => {
            if unchanged && error.status() == StatusCode::UNAUTHORIZED {
                session::end(Ended::Elsewhere);
            }
            Err(error)
        }
    }
}

/// Renews the session before it runs out, for as long as the page is open.
pub fn keep_fresh() {
    Effect::new(|_| {
        let Some(session) = session::get() else {
            return;
        };
        // Whatever changes the session, here or in another tab, starts this effect anew; the task
        // for the old session then finds it gone.
        spawn_local(async move {
            sleep_until(session.renew_at()).await;
            while session::load().as_ref() == Some(&session) && renew(&session).await.is_err() {
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
