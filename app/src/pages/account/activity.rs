//! The recent events of the account.

use languages::tr;
use leptos::prelude::*;

use crate::components::{IntoAnySync, SyncChildren};

use super::{
    clock::clock,
    details::Details,
    events::{Description, describe},
    password::WasntYou,
};
use crate::{
    account_pages::AccountPage,
    api::{
        ApiError,
        user::{self, Event},
    },
    browser::session::now,
    components::{
        Button, ClockTime, Icon, Message, RelativeTime, Status, Submission, focus_soon, local_day,
    },
};

/// The number of events on the overview.
const ON_OVERVIEW: usize = 5;

/// The section "Recent activity" of the overview: the newest events.
#[component]
pub(super) fn RecentActivity(details: Details) -> impl IntoView {
    let now = clock();
    let list = move |events: Vec<Event>| {
        let rows = events.into_iter().take(ON_OVERVIEW).map(|event| {
            let time = event.at.clone();
            view! {
                <Row event>
                    <RelativeTime time now />
                </Row>
            }
        });
        view! {
            <ul class="rows" role="list">
                {rows.collect_view()}
            </ul>
        }
        .into_any_sync()
    };
    view! {
        <section class="section" aria-labelledby="activity">
            <h2 id="activity" tabindex="-1">
                {tr("Recent activity")}
            </h2>
            <EventsOr details heading="#activity" list />
            <div class="section-foot links">
                <a href=AccountPage::Activity.path()>{tr("View all activity")}</a>
                <WasntYou details />
            </div>
        </section>
    }
}

/// The page of all recent events, by day.
#[component]
pub(super) fn ActivityByDay(details: Details) -> impl IntoView {
    view! {
        <section class="section" aria-label=tr("Activity")>
            <div class="section-head links">
                <p class="section-lead">
                    {tr("Something you don't recognize? A new password signs out every other device.")}
                </p>
                <WasntYou details />
            </div>
            <EventsOr details heading="h1" list=days />
        </section>
    }
}

/// Lists events by day.
fn days(events: Vec<Event>) -> AnyView {
    let now = now();
    let mut days: Vec<(String, Vec<Event>)> = Vec::new();
    for event in events {
        let day = local_day(&event.at, now);
        match days.last_mut() {
            Some((last, events)) if *last == day => events.push(event),
            _ => days.push((day, vec![event])),
        }
    }
    let days = days.into_iter().map(|(day, events)| {
        let rows = events.into_iter().map(|event| {
            let time = event.at.clone();
            view! {
                <Row event>
                    <ClockTime time />
                </Row>
            }
        });
        view! {
            <h2 class="day">{day}</h2>
            <ul class="rows" role="list">
                {rows.collect_view()}
            </ul>
        }
    });
    days.collect_view().into_any_sync()
}

/// Lists the events, or says why there are none.
#[component]
fn EventsOr(
    details: Details,
    /// What has the focus after trying again.
    heading: &'static str,
    /// Lists the events.
    #[prop(into)]
    list: Callback<Vec<Event>, AnyView>,
) -> impl IntoView {
    move || match details.activity.get() {
        Err(error) => view! { <Failed error details heading /> }.into_any_sync(),
        Ok(events) if events.is_empty() => {
            view! { <p>{tr("No recent activity.")}</p> }.into_any_sync()
        }
        Ok(events) => list.run(events),
    }
}

/// Shows why the events could not be loaded, with a button to try again.
#[component]
fn Failed(
    /// The error.
    error: ApiError,
    details: Details,
    heading: &'static str,
) -> impl IntoView {
    let submission = Submission::default();
    let try_again = move |()| {
        submission.start(async move {
            let events = user::activity().await?;
            details.activity.try_set(Ok(events));
            // The button that had the focus is gone.
            focus_soon(heading);
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
            label=tr("Try again")
            pending_label=tr("Trying again…")
            on_press=try_again
        />
    }
}

/// One event.
#[component]
fn Row(
    event: Event,
    /// When it happened.
    children: SyncChildren,
) -> impl IntoView {
    let Event {
        event,
        ip,
        device,
        count,
        ..
    } = event;
    let Description { text, icon, tone } = describe(&event, count);
    // An operator at the command line has neither.
    let device = (!device.is_empty()).then_some(device);
    view! {
        <li class=tone.row_class()>
            <span class="row-icon">
                <Icon name=icon />
            </span>
            <div class="row-text">
                <p class="row-title">{text}</p>
                <p class="row-facts">
                    {device
                        .map(|device| {
                            view! {
                                <span class="address">{device}</span>
                                <span class="address">{ip}</span>
                            }
                        })} <span>{children.run()}</span>
                </p>
            </div>
        </li>
    }
}
