//! A relative point in time.

use js_sys::{Array, Date, Intl::RelativeTimeFormat, Object, Reflect};
use leptos::prelude::*;

/// A relative time such as `2 minutes ago`, with the exact time as a tooltip.
///
/// It depends on the device's clock, language and time zone, so the server must not render it.
#[component]
pub fn RelativeTime(
    /// The time (RFC 3339).
    time: String,
    /// The current time, in milliseconds since 1970.
    now: Signal<u64>,
) -> impl IntoView {
    let date = Date::new(&time.as_str().into());
    let exact = exact(&date);
    let milliseconds = date.get_time();
    view! {
        <time datetime=time title=exact>
            {move || relative(milliseconds, now.get())}
        </time>
    }
}

fn exact(date: &Date) -> String {
    let options = Object::new();
    for key in ["dateStyle", "timeStyle"] {
        // Setting a property of a new object can't fail.
        let _ = Reflect::set(&options, &key.into(), &"medium".into());
    }
    let language = window().navigator().language().unwrap_or_default();
    date.to_locale_string(&language, &options).into()
}

#[expect(clippy::cast_precision_loss, reason = "clocks stay far below 2^53 ms")]
fn relative(time: f64, now: u64) -> String {
    const UNITS: [(f64, &str); 6] = [
        (31_557_600.0, "year"),
        (2_629_800.0, "month"),
        (604_800.0, "week"),
        (86_400.0, "day"),
        (3600.0, "hour"),
        (60.0, "minute"),
    ];
    let seconds = (now as f64 - time) / 1000.0;
    match UNITS.iter().find(|(length, _)| seconds >= *length) {
        // In the language of the page.
        Some((length, unit)) => RelativeTimeFormat::new(&Array::of1(&"en".into()), &Object::new())
            .format(-(seconds / length).floor(), unit)
            .into(),
        // Also if this device's clock is behind the server's.
        None => "just now".to_owned(),
    }
}
