use std::time::Duration;

use leptos::prelude::*;

use crate::browser::session;

/// How often the times are told anew.
const TICK: Duration = Duration::from_secs(30);

/// The time, every now and then.
pub(super) fn clock() -> Signal<u64> {
    let now = RwSignal::new(session::now());
    let ticking = set_interval_with_handle(move || now.set(session::now()), TICK);
    on_cleanup(move || {
        if let Ok(ticking) = ticking {
            ticking.clear();
        }
    });
    now.into()
}
