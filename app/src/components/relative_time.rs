//! Points in time, in the time zone of this device.

use js_sys::{Date, Function, Object, Reflect};
use languages::{Language, language, tr, tr_count};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};

use super::live_text::LiveText;

/// A relative time such as `2 minutes ago`, with the exact time as a tooltip.
///
/// It depends on the device's clock, region and time zone, so the server must not render it.
#[component]
pub fn RelativeTime(
    /// The time (RFC 3339).
    time: String,
    /// The current time, in milliseconds since 1970.
    now: Signal<u64>,
) -> impl IntoView {
    let exact = local_time(&time);
    let milliseconds = milliseconds(&time);
    let text = Signal::derive(move || relative(milliseconds, now.get()));
    view! {
        <time datetime=time title=exact>
            <LiveText text />
        </time>
    }
}

/// The time of day, with the exact time as a tooltip.
#[component]
pub fn ClockTime(
    /// The time (RFC 3339).
    time: String,
) -> impl IntoView {
    let exact = local_time(&time);
    let date = Date::new(&time.as_str().into());
    let text = format_date(&date, &[("timeStyle", "short")])
        .unwrap_or_else(|| format!("{:02}:{:02}", date.get_hours(), date.get_minutes()));
    view! {
        <time datetime=time title=exact>
            {text}
        </time>
    }
}

/// Returns a time (RFC 3339) in the language of the page and the time zone of this device.
#[must_use]
pub fn local_time(time: &str) -> String {
    let date = Date::new(&time.into());
    let options = [("dateStyle", "long"), ("timeStyle", "short")];
    format_date(&date, &options).unwrap_or_else(|| time.to_owned())
}

/// Returns the date of a time (RFC 3339) in the language of the page, such as `26 Nov 2026`.
#[must_use]
pub fn local_date(time: &str) -> String {
    let date = Date::new(&time.into());
    format_date(&date, &[("dateStyle", "medium")]).unwrap_or_else(|| time.to_owned())
}

/// Returns the day of a time (RFC 3339) in the time zone of this device: `Today`, `Yesterday`, or the
/// date. `now` is in milliseconds since 1970.
#[must_use]
pub fn local_day(time: &str, now: u64) -> String {
    let date = Date::new(&time.into());
    let today = date_of(now);
    let day = |date: &Date| (date.get_full_year(), date.get_month(), date.get_date());
    if day(&date) == day(&today) {
        return tr("Today").to_owned();
    }
    today.set_date(today.get_date().wrapping_sub(1));
    if day(&date) == day(&today) {
        return tr("Yesterday").to_owned();
    }
    format_date(&date, &[("dateStyle", "long")])
        .unwrap_or_else(|| time.split('T').next().unwrap_or(time).to_owned())
}

/// Returns a time, in milliseconds since 1970, in RFC 3339 and UTC.
#[must_use]
pub fn rfc3339(time: u64) -> String {
    date_of(time).to_iso_string().into()
}

#[expect(clippy::cast_precision_loss, reason = "clocks stay far below 2^53 ms")]
fn date_of(now: u64) -> Date {
    Date::new(&(now as f64).into())
}

/// Returns the milliseconds since 1970 of a time (RFC 3339).
#[must_use]
pub fn milliseconds(time: &str) -> f64 {
    Date::new(&time.into()).get_time()
}

/// Returns the milliseconds from a time until now, both since 1970.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "clocks stay far below 2^53 ms")]
pub fn since(time: f64, now: u64) -> f64 {
    now as f64 - time
}

/// Calls `date.toLocaleString(language, options)`, where English is `undefined`.
///
/// `navigator.language` may be no valid language (`C` or `en-US@posix`), for which this call throws
/// an exception. The browser's default always is.
fn format_date(date: &Date, style: &[(&str, &str)]) -> Option<String> {
    let options = Object::new();
    for (key, value) in style {
        // Setting a property of a new object can't fail.
        let _ = Reflect::set(&options, &(*key).into(), &(*value).into());
    }
    let format: Function = Reflect::get(date, &"toLocaleString".into())
        .ok()?
        .dyn_into()
        .ok()?;
    // In English, dates are written as in the region of the browser.
    let language = match language() {
        Language::English => JsValue::UNDEFINED,
        other => other.code().into(),
    };
    let text = format.call2(date, &language, &options).ok()?;
    text.as_string()
}

/// Returns the time since then, in the language of the page.
fn relative(time: f64, now: u64) -> String {
    let seconds = since(time, now) / 1000.0;
    let count = |length: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and positive"
        )]
        let count = (seconds / length) as usize;
        count
    };
    match seconds {
        31_557_600.0.. => tr_count(count(31_557_600.0), "{count} year ago", "{count} years ago"),
        2_629_800.0.. => tr_count(
            count(2_629_800.0),
            "{count} month ago",
            "{count} months ago",
        ),
        604_800.0.. => tr_count(count(604_800.0), "{count} week ago", "{count} weeks ago"),
        86_400.0.. => tr_count(count(86_400.0), "{count} day ago", "{count} days ago"),
        3600.0.. => tr_count(count(3600.0), "{count} hour ago", "{count} hours ago"),
        60.0.. => tr_count(count(60.0), "{count} minute ago", "{count} minutes ago"),
        // Also if this device's clock is behind the server's.
        _ => tr("just now").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::relative;

    #[test]
    fn times_are_relative_to_now() {
        for (seconds, text) in [
            (0, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (3599, "59 minutes ago"),
            (7200, "2 hours ago"),
            (86_400 * 400, "1 year ago"),
        ] {
            assert_eq!(relative(0.0, seconds * 1000), text);
        }
        assert_eq!(relative(5000.0, 0), "just now");
    }
}
