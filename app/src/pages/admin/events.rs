//! An event in a list for administrators.

use languages::tr_around;
use leptos::prelude::*;

use crate::{
    admin_pages::user_path,
    api::admin::{Actor, AdminEvent},
    components::{Icon, IntoAnySync, RelativeTime},
    email::email_for_display,
    pages::account::events::{Description, describe},
};

/// How much of an id is shown where there is no name.
const SHORT: usize = 8;

/// One event.
#[component]
pub(super) fn EventRow(
    event: AdminEvent,
    now: Signal<u64>,
    /// Whether the row says whose account it is about.
    names_user: bool,
) -> impl IntoView {
    let AdminEvent {
        user,
        email,
        at,
        event,
        ip,
        device,
        count,
        actor,
        ..
    } = event;
    let Description { text, icon, tone } = describe(&event, count);
    let user = user.filter(|_| names_user).map(|id| {
        let text = email.map_or_else(|| short(&id).to_owned(), |email| email_for_display(&email));
        view! {
            <span>
                <a href=user_path(&id) translate="no">
                    {text}
                </a>
            </span>
        }
    });
    // An operator at the command line has neither, and the record of a deletion no device.
    let source = [device, ip]
        .into_iter()
        .filter(|text| !text.is_empty())
        .map(|text| view! { <span class="address">{text}</span> })
        .collect_view();
    view! {
        <li class=tone.row_class()>
            <span class="row-icon">
                <Icon name=icon />
            </span>
            <div class="row-text">
                <p class="row-title">{text}</p>
                <p class="row-facts">
                    {user} {actor.map(|actor| by(&actor))} {source}
                    <span>
                        <RelativeTime time=at now />
                    </span>
                </p>
            </div>
        </li>
    }
}

/// Who has changed somebody else's account.
fn by(actor: &Actor) -> AnyView {
    let is_user = actor.kind == "user";
    let name = match &actor.name {
        Some(name) if is_user => email_for_display(name),
        Some(name) => name.clone(),
        None => short(&actor.id).to_owned(),
    };
    if is_user {
        let path = user_path(&actor.id);
        let (before, after) = tr_around("by {name}", "name");
        view! {
            <span>
                {before} <a href=path translate="no">
                    {name}
                </a> {after}
            </span>
        }
        .into_any_sync()
    } else {
        let (before, after) = tr_around("by the service {name}", "name");
        view! { <span>{before} <span translate="no">{name}</span> {after}</span> }.into_any_sync()
    }
}

fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}
