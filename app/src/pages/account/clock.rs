//! The current time, for relative times on the page.

use std::time::Duration;

use leptos::prelude::*;

use crate::browser::session;

/// How often the current time is updated.
const INTERVAL: Duration = Duration::from_secs(30);

/// Returns the current time in milliseconds since 1970. Reactive.
pub(in crate::pages) fn clock() -> Signal<u64> {
    let now = RwSignal::new(session::now());
    let interval = set_interval_with_handle(move || now.set(session::now()), INTERVAL);
    on_cleanup(move || {
        if let Ok(interval) = interval {
            interval.clear();
        }
    });
    now.into()
}
