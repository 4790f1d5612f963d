//! The page of the events of all users.

use languages::{tr, tr_later};
use leptos::{html, prelude::*};

use super::{
    PageHead,
    console::{Console, Reply},
    counted::Counted,
    events::EventRow,
    form::Choice,
    listing::{Listing, Page},
    url_state::UrlState,
};
use crate::{
    admin_pages::{AdminPage, is_id},
    api::{
        ApiError, Text,
        admin::{self, AdminEvent},
    },
    browser::session::now,
    components::rfc3339,
    pages::account::{clock::clock, events::describe},
};

/// The parameters of the page's address.
const NAMES: [&str; 3] = ["event", "user", "since"];

/// The events that can be chosen.
const EVENTS: &[&str] = &[
    "signed_in",
    "sign_in_pending",
    "social_sign_in_pending",
    "sign_in_failed",
    "sign_in_code_requested",
    "sign_in_code_used",
    "sign_in_code_failed",
    "second_factor_passed",
    "second_factor_failed",
    "device_trusted",
    "trusted_devices_forgotten",
    "second_factor_on",
    "second_factor_off",
    "recovery_code_used",
    "recovery_codes_replaced",
    "refresh_token_reused",
    "signed_out",
    "signed_out_everywhere",
    "session_revoked",
    "session_rejected",
    "registered",
    "address_confirmed",
    "account_rejected",
    "account_deleted",
    "password_reset_requested",
    "password_changed",
    "password_removed",
    "password_reset",
    "email_change_requested",
    "email_changed",
    "email_change_undone",
    "email_undeliverable",
    "operator_created",
    "operator_verified",
    "operator_deactivated",
    "operator_activated",
    "operator_signed_out",
    "operator_reset_otp",
    "operator_set_password",
    "operator_changed_email",
    "operator_changed_profile",
    "operator_changed_roles",
    "operator_granted_admin",
    "operator_revoked_admin",
    "operator_requested_password_reset",
    "operator_invited",
    "invitation_sent",
    "invitation_revoked",
    "profile_updated",
    "reauthenticated",
    "totp_added",
    "totp_removed",
    "passkey_added",
    "passkey_removed",
    "passkey_refused",
    "identity_linked",
    "identity_unlinked",
    "webhook_created",
    "webhook_changed",
    "webhook_deleted",
    "service_key_created",
    "service_key_revoked",
];

/// Since when: the values in the address, their texts, and the seconds that they stand for.
const SINCE: [(&str, &str, u64); 5] = [
    ("", tr_later("Any time"), 0),
    ("1h", tr_later("The last hour"), 3_600),
    ("1d", tr_later("The last 24 hours"), 86_400),
    ("7d", tr_later("The last 7 days"), 604_800),
    ("30d", tr_later("The last 30 days"), 2_592_000),
];

/// The page of the events of all users.
#[component]
pub(super) fn Activity(console: Console) -> impl IntoView {
    let query = UrlState::new(AdminPage::Activity.path(), &NAMES);
    let list = Listing::new(console, move |cursor| fetch(query, cursor));
    list.reload_with(move || query.track());
    let now = clock();
    let empty = Signal::derive(move || {
        let text = if query.is_filtered() {
            tr("No event matches.")
        } else {
            tr("Nothing has happened yet.")
        };
        text.to_owned()
    });
    let key = |event: &AdminEvent| format!("{} {}", event.id, event.count);
    view! {
        <PageHead
            title=tr("All activity")
            lead=tr("What has happened to all accounts, newest first.")
        />
        <section class="section" aria-label=tr("All activity")>
            <Filters query />
            {list.waiting()}
            <ul class="rows" role="list">
                <For each=move || list.items.get() key let:event>
                    <EventRow event now names_user=true />
                </For>
            </ul>
            {list.end(Counted::Events, empty)}
        </section>
    }
}

#[component]
fn Filters(query: UrlState) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    let mut events = vec![("", tr("Any event").to_owned())];
    events.extend(EVENTS.iter().map(|event| (*event, describe(event, 1).text)));
    let since = SINCE.map(|(value, name, _)| (value, tr(name).to_owned()));
    Effect::new(move |_| {
        let user = query.get(1);
        if let Some(input) = input.get().filter(|input| input.value().trim() != user) {
            input.set_value(&user);
        }
    });
    view! {
        <form
            class="filters"
            role="search"
            on:submit=move |event| {
                event.prevent_default();
            }
        >
            <Choice
                id="event"
                label=tr("Event")
                options=events
                value=Signal::derive(move || query.get(0))
                on_change=move |value| query.set(0, value)
            />
            <div class="choice">
                <label for="user">{tr("User")}</label>
                <input
                    node_ref=input
                    id="user"
                    type="search"
                    placeholder=tr("Email or ID")
                    maxlength="254"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    on:change=move |event| query.set(1, event_target_value(&event).trim().to_owned())
                />
            </div>
            <Choice
                id="since"
                label=tr("Since")
                options=since.to_vec()
                value=Signal::derive(move || query.get(2))
                on_change=move |value| query.set(2, value)
            />
        </form>
    }
}

/// Loads a page of the events.
fn fetch(query: UrlState, cursor: Option<String>) -> Reply<Page<AdminEvent>> {
    let (event, user) = (query.field(0), untrack(|| query.get(1)));
    let since = since(&untrack(|| query.get(2)));
    Box::pin(async move {
        let user = find(user).await?;
        let cursor = Text::from(cursor.unwrap_or_default());
        let page = admin::activity(event, user, since, Text::Absent, cursor).await?;
        Ok((page.events, page.next_cursor))
    })
}

/// Returns the time that a value in the address stands for.
fn since(value: &str) -> Text {
    let chosen = SINCE.iter().find(|(name, ..)| *name == value);
    match chosen {
        Some((_, _, seconds)) if *seconds > 0 => {
            rfc3339(now().saturating_sub(seconds * 1000)).into()
        }
        _ => Text::Absent,
    }
}

/// Returns the id of a user that was named by id or email address.
async fn find(user: String) -> Result<Text, ApiError> {
    if user.is_empty() || is_id(&user) {
        return Ok(user.into());
    }
    let none = || Text::Absent;
    let search = Text::from(user.as_str());
    // Addresses that contain this one may come first.
    let page = admin::users(
        search,
        none(),
        none(),
        none(),
        none(),
        none(),
        "email".into(),
        "200".into(),
        none(),
    );
    let users = page.await?.users;
    let found = users
        .into_iter()
        .find(|other| other.email.eq_ignore_ascii_case(&user));
    let unknown = || ApiError::field("user", tr("No user has this email address."));
    found.map(|user| user.id.into()).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::{EVENTS, describe};

    #[test]
    fn every_event_that_can_be_chosen_has_a_text() {
        for event in EVENTS {
            assert_ne!(describe(event, 1).text, event.replace('_', " "), "{event}");
        }
    }
}
