//! The section "Recent activity".

use leptos::prelude::*;

use super::{clock::clock, details::Details};
use crate::{
    api::{
        ApiError,
        user::{self, Event},
    },
    components::{Button, LiveText, Message, RelativeTime, Status, Submission, focus_soon},
};

/// The number of events that are shown at first.
const SHOWN_AT_FIRST: usize = 10;

/// Lists the account's recent events.
#[component]
pub(super) fn Activity(
    /// The account's data.
    details: Details,
) -> impl IntoView {
    view! {
        <section class="section" aria-labelledby="activity">
            <h2 id="activity" tabindex="-1">"Recent activity"</h2>
            <p class="section-lead">
                "Recent events in your account, newest first. If you don't recognize something, change your password."
            </p>
            {move || match details.activity.get() {
                Err(error) => view! { <Failed error details /> }.into_any(),
                Ok(events) if events.is_empty() => {
                    view! { <p>"No recent activity."</p> }.into_any()
                }
                Ok(events) => view! { <Events events /> }.into_any(),
            }}
        </section>
    }
}

/// Shows why the events could not be loaded, with a button to try again.
#[component]
fn Failed(
    /// The error.
    error: ApiError,
    /// The account's data.
    details: Details,
) -> impl IntoView {
    let submission = Submission::default();
    let try_again = move |()| {
        submission.start(async move {
            let events = user::activity().await?;
            details.activity.try_set(Ok(events));
            // The button that had the focus is gone.
            focus_soon("#activity");
            Ok(())
        });
    };
    view! {
        <div role="alert">
            {move || {
                let text = submission.message().unwrap_or_else(|| error.to_string());
                view! { <Message status=Status::Error text /> }
            }}
        </div>
        <Button
            submission
            style="quiet"
            label="Try again"
            pending_label="Trying again…"
            on_press=try_again
        />
    }
}

/// Lists the first events, and all of them on demand.
#[component]
fn Events(
    /// Newest first.
    events: Vec<Event>,
) -> impl IntoView {
    let now = clock();
    let shows_all = RwSignal::new(false);
    let has_more = events.len() > SHOWN_AT_FIRST;
    let items = events
        .into_iter()
        .enumerate()
        .map(|(index, event)| {
            let is_hidden = move || index >= SHOWN_AT_FIRST && !shows_all.get();
            view! { <Item event now is_hidden=Signal::derive(is_hidden) /> }
        })
        .collect_view();
    view! {
        <ul class="devices" role="list">
            {items}
        </ul>
        {has_more
            .then(|| {
                // The button stays when all events are shown, so that it keeps the focus.
                view! {
                    <p class="more">
                        <button
                            type="button"
                            class="button quiet"
                            on:click=move |_| shows_all.update(|all| *all = !*all)
                        >
                            <LiveText text=Signal::derive(move || {
                                let label = if shows_all.get() { "Show less" } else { "Show more" };
                                label.to_owned()
                            }) />
                        </button>
                    </p>
                }
            })}
    }
}

#[component]
fn Item(event: Event, now: Signal<u64>, is_hidden: Signal<bool>) -> impl IntoView {
    let Event {
        at,
        event,
        ip,
        device,
        count,
        ..
    } = event;
    // An operator at the command line has neither.
    let device = (!device.is_empty()).then_some(device);
    view! {
        <li class="device" hidden=is_hidden>
            <div class="device-text">
                <p class="device-name">{sentence(&event, count)}</p>
                <p class="device-facts">
                    {device
                        .map(|device| {
                            view! {
                                <span class="address">{device}</span>
                                <span class="address">{ip}</span>
                            }
                        })} <RelativeTime time=at now />
                </p>
            </div>
        </li>
    }
}

/// Describes an event to the user.
fn sentence(event: &str, count: i64) -> String {
    let what = match event {
        "signed_in" => "Signed in",
        "sign_in_pending" => "Password accepted, two-factor authentication pending",
        "sign_in_failed" => "Wrong password",
        "second_factor_passed" => "Completed two-factor authentication",
        "second_factor_failed" => "Wrong code",
        "second_factor_on" => "Two-factor authentication turned on",
        "second_factor_off" => "Two-factor authentication turned off",
        "recovery_code_used" => "Recovery code used",
        "recovery_codes_replaced" => "New recovery codes created",
        "refresh_token_reused" => "Signed out because the session may have been stolen",
        "signed_out" => "Signed out",
        "signed_out_everywhere" => "Signed out everywhere",
        "session_revoked" => "Signed out a device",
        "registered" => "Account created",
        "address_confirmed" => "Email address confirmed",
        "password_reset_requested" => "Password reset requested",
        "password_changed" => "Password changed",
        "password_reset" => "Password reset with an emailed link",
        "email_change_requested" => "Email change requested",
        "email_changed" => "Email changed",
        "email_undeliverable" => "An email to you could not be delivered",
        "operator_created" => "Account created by an administrator",
        "operator_deactivated" => "Account deactivated by an administrator",
        "operator_activated" => "Account activated by an administrator",
        "operator_signed_out" => "Signed out everywhere by an administrator",
        "operator_reset_otp" => "Two-factor authentication removed by an administrator",
        "operator_set_password" => "New password set by an administrator",
        // An event of a newer server.
        other => &other.replace('_', " "),
    };
    match count {
        1 => what.to_owned(),
        count => format!("{what}, {count} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn events_are_described() {
        assert_eq!(sentence("signed_in", 1), "Signed in");
        assert_eq!(sentence("sign_in_failed", 3), "Wrong password, 3 times");
        assert_eq!(sentence("moved_house", 1), "moved house");
    }
}
