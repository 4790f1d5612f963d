//! Which users are shown, and in which order.

use languages::tr;
use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;

use super::super::{form::Choice, url_state::UrlState};
use crate::components::{Icon, IconName};

/// Where typing a slash does not mean the search.
const TYPING: &str = "input, textarea, select, dialog, [contenteditable]";

/// The search, the filters and the order.
#[component]
pub(super) fn Filters(query: UrlState) -> impl IntoView {
    let is_filtered = Memo::new(move |_| query.is_filtered());
    view! {
        <form class="filters" role="search" on:submit=move |event| event.prevent_default()>
            <Search query />
            <Filter
                query
                index=1
                id="is_active"
                label=tr("Status")
                any=tr("Any status")
                yes=tr("Active")
                no=tr("Deactivated")
            />
            <Filter
                query
                index=2
                id="is_admin"
                label=tr("Rights")
                any=tr("Any rights")
                yes=tr("Administrators")
                no=tr("Users")
            />
            <Filter
                query
                index=4
                id="email_verified"
                label=tr("Email")
                any=tr("Any email")
                yes=tr("Confirmed")
                no=tr("Not confirmed")
            />
            <Filter
                query
                index=5
                id="otp_enabled"
                label=tr("Second factor")
                any=tr("Any")
                yes=tr("On")
                no=tr("Off")
            />
            <RoleFilter query />
            <Order query />
            {move || {
                is_filtered
                    .get()
                    .then(|| {
                        view! {
                            <button type="button" class="link" on:click=move |_| query.clear()>
                                {tr("Clear all")}
                            </button>
                        }
                    })
            }}
        </form>
    }
}

/// The field for a text in email address, name or id. The slash key leads to it.
#[component]
fn Search(query: UrlState) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    keep_value(query, 0, input);
    let listener = window_event_listener(ev::keydown, move |event| {
        let has_modifier = event.ctrl_key() || event.meta_key() || event.alt_key();
        if event.key() != "/" || has_modifier || is_typing(&event) {
            return;
        }
        if let Some(input) = input.get_untracked() {
            event.prevent_default();
            // Fails only if it was removed.
            let _ = input.focus();
            input.select();
        }
    });
    on_cleanup(move || listener.remove());
    view! {
        <div class="search">
            <label class="visually-hidden" for="search">
                {tr("Search users")}
            </label>
            <Icon name=IconName::Search />
            <input
                node_ref=input
                id="search"
                type="search"
                placeholder=tr("Search by email, name or ID")
                value=untrack(|| query.get(0))
                maxlength="254"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                aria-keyshortcuts="/"
                on:input=move |event| query.set_later(0, event_target_value(&event))
            />
            <kbd aria-hidden="true">"/"</kbd>
        </div>
    }
}

#[component]
fn RoleFilter(query: UrlState) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    keep_value(query, 3, input);
    view! {
        <div class="choice">
            <label for="role">{tr("Role")}</label>
            <input
                node_ref=input
                id="role"
                type="text"
                placeholder=tr("Any role")
                value=untrack(|| query.get(3))
                maxlength="32"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                on:input=move |event| {
                    query.set_later(3, event_target_value(&event).trim().to_lowercase());
                }
            />
        </div>
    }
}

/// A filter that holds, does not hold, or does not matter.
#[component]
fn Filter(
    query: UrlState,
    /// The number of the parameter.
    index: usize,
    id: &'static str,
    label: &'static str,
    any: &'static str,
    yes: &'static str,
    no: &'static str,
) -> impl IntoView {
    let options = vec![
        ("", any.to_owned()),
        ("true", yes.to_owned()),
        ("false", no.to_owned()),
    ];
    let value = Signal::derive(move || query.get(index));
    view! { <Choice id label options value on_change=move |value| query.set(index, value) /> }
}

#[component]
fn Order(query: UrlState) -> impl IntoView {
    let options = [
        ("", tr("Newest first")),
        ("date_joined", tr("Oldest first")),
        ("email", tr("Email A to Z")),
        ("-email", tr("Email Z to A")),
    ];
    let options = options.map(|(value, text)| (value, text.to_owned()));
    let value = Signal::derive(move || query.get(6));
    view! {
        <Choice
            id="order"
            label=tr("Order")
            options=options.to_vec()
            value
            on_change=move |value| query.set(6, value)
        />
    }
}

/// Shows a parameter that has changed in another way than by typing.
fn keep_value(query: UrlState, index: usize, input: NodeRef<html::Input>) {
    Effect::new(move |_| {
        let value = query.get(index);
        let Some(input) = input.get() else { return };
        let has_focus = document()
            .active_element()
            .is_some_and(|element| element == **input);
        if !has_focus && input.value() != value {
            input.set_value(&value);
        }
    });
}

/// Returns whether a key was pressed where it means a character, or while a dialog is open.
fn is_typing(event: &ev::KeyboardEvent) -> bool {
    let target = event.target();
    let element = target.and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let is_in_field =
        element.is_some_and(|element| element.closest(TYPING).ok().flatten().is_some());
    is_in_field
        || document()
            .query_selector("dialog[open]")
            .ok()
            .flatten()
            .is_some()
}
