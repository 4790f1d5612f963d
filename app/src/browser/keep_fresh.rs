//! Renews the session's access token before it expires.

use gloo_timers::future::TimeoutFuture;
use leptos::{prelude::*, task::spawn_local};

use super::{lazy_requests::LazyRequest, session};

/// The pause before a failed renewal is retried, in milliseconds.
const RETRY_PAUSE: u64 = 5_000;

/// The longest single sleep, in milliseconds. Timers stop while the device sleeps, so the clock is
/// checked at least this often.
const LONGEST_SLEEP: u64 = 30_000;

/// Renews the session before it expires, for as long as the page is open.
pub fn keep_fresh() {
    Effect::new(|_| {
        let Some(session) = session::get() else {
            return;
        };
        // A newer version of the server may no longer have this code when it is needed.
        LazyRequest::prefetch();
        // Any change of the session, here or in another tab, runs this effect again. The task of
        // the old session then finds that session gone, and ends.
        spawn_local(async move {
            sleep_until(session.renew_at()).await;
            while session::load().as_ref() == Some(&session)
                && LazyRequest::Renew(session.clone()).send().await.is_err()
            {
                sleep_until(session::now() + RETRY_PAUSE).await;
            }
            // The storage may have been cleared, of which this tab is not notified.
            session::sync();
        });
    });
}

async fn sleep_until(time: u64) {
    loop {
        let left = time.saturating_sub(session::now()).min(LONGEST_SLEEP);
        if left == 0 {
            return;
        }
        TimeoutFuture::new(u32::try_from(left).unwrap_or(u32::MAX)).await;
    }
}
