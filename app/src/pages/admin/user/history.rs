//! The devices and the events of a user.

use languages::tr;
use leptos::prelude::*;

use super::super::{
    console::{Console, Reply},
    counted::Counted,
    events::EventRow,
    listing::{Listing, Page},
};
use crate::{
    admin_pages::AdminPage,
    api::{
        admin::{self, AdminEvent},
        user::Session,
    },
    components::{Icon, IntoAnySync, RelativeTime},
    pages::account::{clock::clock, device_icon},
};

/// The signed-in devices of a user.
#[component]
pub(super) fn Devices(
    id: String,
    console: Console,
    /// Notified when an action has changed something.
    changes: RwSignal<()>,
) -> impl IntoView {
    let now = clock();
    let fetch = move |_| -> Reply<Page<Session>> {
        let request = admin::user_sessions(id.as_str().into());
        Box::pin(async move { Ok((request.await?, None)) })
    };
    let list = Listing::new(console, fetch);
    list.reload_with(move || changes.track());
    let key = |session: &Session| format!("{} {}", session.id, session.last_used_at);
    let empty = Signal::stored(tr("Not signed in anywhere.").to_owned());
    view! {
        <section class="section" aria-labelledby="devices">
            <h2 id="devices">{tr("Devices")}</h2>
            {list.waiting()}
            <ul class="rows" role="list">
                <For each=move || list.items.get() key let:session>
                    <Device session now />
                </For>
            </ul>
            {list.end(Counted::Devices, empty)}
        </section>
    }
}

#[component]
fn Device(session: Session, now: Signal<u64>) -> impl IntoView {
    let Session {
        device,
        ip,
        last_used_at,
        created_at,
        current,
        ..
    } = session;
    view! {
        <li class="row">
            <span class="row-icon">
                <Icon name=device_icon(&device) />
            </span>
            <div class="row-text">
                <p class="row-title">
                    <span>{device}</span>
                    {current.then(|| view! { <span class="badge">{tr("This device")}</span> })}
                </p>
                <p class="row-facts">
                    <span class="address">{ip}</span>
                    <span>{tr("Last active")} " " <RelativeTime time=last_used_at now /></span>
                    <span>{tr("Signed in")} " " <RelativeTime time=created_at now /></span>
                </p>
            </div>
        </li>
    }
}

/// The last events of a user.
#[component]
pub(super) fn Events(
    id: String,
    console: Console,
    /// Notified when an action has changed something.
    changes: RwSignal<()>,
) -> impl IntoView {
    let now = clock();
    let all = format!("{}?user={id}", AdminPage::Activity.path());
    let fetch = move |_| -> Reply<Page<AdminEvent>> {
        let request = admin::user_activity(id.as_str().into());
        Box::pin(async move { Ok((request.await?, None)) })
    };
    let list = Listing::new(console, fetch);
    list.reload_with(move || changes.track());
    // The first of them: the page of all events has the others.
    let shown = move || {
        list.items
            .with(|events| events.iter().take(SHOWN).cloned().collect::<Vec<_>>())
    };
    let has_events = Memo::new(move |_| list.items.with(|events| !events.is_empty()));
    let empty = Signal::stored(tr("No recent activity.").to_owned());
    view! {
        <section class="section" aria-labelledby="activity">
            <h2 id="activity">{tr("Recent activity")}</h2>
            {list.waiting()}
            <ul class="rows" role="list">
                <For each=shown key=|event| format!("{} {}", event.id, event.count) let:event>
                    <EventRow event now names_user=false />
                </For>
            </ul>
            {move || {
                if has_events.get() {
                    let all = all.clone();
                    view! {
                        <p class="more">
                            <a href=all>{tr("View all activity of this user")}</a>
                        </p>
                    }
                        .into_any_sync()
                } else {
                    list.end(Counted::Events, empty).into_any_sync()
                }
            }}
        </section>
    }
}

/// The number of events on the page of a user.
const SHOWN: usize = 10;
