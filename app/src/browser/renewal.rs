//! Replaces the session's tokens, in one tab for all.

use std::{future::Future, pin::Pin};

use gloo_timers::future::TimeoutFuture;
use http::StatusCode;
use leptos::task::spawn_local;

use super::{
    limit::with_limit,
    lock::{self, Held},
    session::{self, EndReason, Session},
};
use crate::api::{
    ApiError, Code,
    user::{self, TokenPair},
};

/// How long the response to a renewal may take, in milliseconds. Two attempts and the pause before
/// the next take less than the 30 seconds in which the server repeats a response that was lost.
const LIMIT: u32 = 8_000;

/// How long the lock is kept after new tokens were stored, in milliseconds.
const SETTLING: u32 = 100;

/// Returns the session with an access token that is valid for a while.
///
/// # Errors
/// Returns `not_authenticated` when nobody is signed in, or the errors of [`renew`].
pub(super) async fn fresh_session() -> Result<Session, ApiError> {
    match session::load() {
        Some(session) if session::now() < session.renew_at() => Ok(session),
        Some(session) => renew(&session).await,
        None => {
            // The storage may have been cleared, of which this tab is not notified.
            session::sync();
            Err(Code::NotAuthenticated.into())
        }
    }
}

/// Replaces a session's tokens, unless another tab has already done so.
///
/// # Errors
/// Returns `token_invalid` or `token_expired` when the server has ended the session, which is then
/// removed from the browser. Any other error leaves the session unchanged.
pub(super) async fn renew(stale: &Session) -> Result<Session, ApiError> {
    let held = lock::acquire().await;
    let session = session::load().ok_or(Code::NotAuthenticated)?;
    if session != *stale {
        return Ok(session);
    }
    let response = refresh(&session).await;
    // Signing out takes no lock, so the session may have been removed in the meantime.
    let unchanged = session::load().as_ref() == Some(&session);
    match response {
        Ok(pair) if unchanged => {
            let session = Session::new(pair);
            session::store(&session)?;
            release_later(held);
            Ok(session)
        }
        // Without locks several calls renew concurrently. The first response has been stored, and
        // its pair is valid for all of them.
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

/// Requests new tokens, and does so again at once if there is no response.
///
/// # Errors
/// Returns the errors of [`user::refresh`], or `Code::Unreachable`.
pub(super) async fn refresh(session: &Session) -> Result<TokenPair, ApiError> {
    let attempt = || with_limit(LIMIT, user::refresh(session.refresh_token.as_str().into()));
    match attempt().await {
        Err(error) if error.code() == Some(Code::Unreachable) => attempt().await,
        response => response,
    }
}

/// Sends a request that replaces the session's tokens, and stores the new pair. The server revokes
/// the old refresh token before the new one arrives, so no tab may renew in between: it would take
/// the session for ended.
///
/// # Errors
/// Returns the errors of the request, or `not_authenticated` if the user has signed out in the
/// meantime.
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

/// Taking a boxed future, this is compiled once, not once per request.
async fn exchange_pair(
    request: Pin<Box<dyn Future<Output = Result<TokenPair, ApiError>> + '_>>,
) -> Result<(), ApiError> {
    let held = lock::acquire().await;
    let session = Session::new(held.run(request).await?);
    if session::load().and_then(|old| old.id()) != session.id() {
        return Err(Code::NotAuthenticated.into());
    }
    session::store(&session)?;
    release_later(held);
    Ok(())
}

/// Releases the lock a moment after new tokens were stored. Until then tabs in other processes may
/// not see them yet, and would renew again.
fn release_later(held: Held) {
    spawn_local(async move {
        TimeoutFuture::new(SETTLING).await;
        drop(held);
    });
}
