//! The account menu in the header.

use languages::tr;
use leptos::{attr::popovertarget, ev, html, prelude::*};
use wasm_bindgen::JsCast;

use super::{
    alert::Alert,
    button::Button,
    icon::{Icon, IconName},
    live_text::LiveText,
    submission::Submission,
};
use crate::{
    account_pages::AccountPage,
    admin_pages::AdminPage,
    browser::{AuthState, LazyRequest, identity},
};

/// The id of the menu.
const ID: &str = "account-menu";

/// The pages in the menu.
const PAGES: [AccountPage; 4] = [
    AccountPage::Overview,
    AccountPage::Security,
    AccountPage::Devices,
    AccountPage::Activity,
];

/// A button that opens a menu with the signed-in user's email address, the account's pages, those for
/// administrators if the user is one, and "Sign out". The browser opens and closes it (`popover`), also before the app runs, closes it on
/// Escape, and then moves the focus back to the button.
#[component]
pub(super) fn AccountMenu() -> impl IntoView {
    let auth_state = expect_context::<ReadSignal<AuthState>>();
    let email = Memo::new(move |_| identity::email(&auth_state.get()));
    let initials = Signal::derive(move || {
        email.with(|email| email.as_deref().map(identity::initials).unwrap_or_default())
    });
    let is_hidden = move || {
        let state = auth_state.get();
        !matches!(state, AuthState::Unknown | AuthState::SignedIn(_))
    };
    // An open menu would be open again for the next user.
    Effect::new(move |_| {
        if is_hidden() {
            close();
        }
    });
    let is_open = RwSignal::new(false);
    let button = NodeRef::<html::Button>::new();
    let leave = move |event: ev::FocusEvent| close_if_left(&event, button);
    view! {
        <div class="account-menu when-signed-in" hidden=is_hidden on:focusout=leave>
            <button
                node_ref=button
                type="button"
                class="avatar-button"
                aria-controls=ID
                aria-expanded=move || if is_open.get() { "true" } else { "false" }
                {..popovertarget(ID)}
            >
                <span class="avatar" aria-hidden="true" translate="no">
                    <span hidden=move || email.with(Option::is_some)>
                        <Icon name=IconName::Overview />
                    </span>
                    <LiveText text=initials />
                </span>
                <span class="visually-hidden">{tr("Account menu")}</span>
            </button>
            <div
                id=ID
                class="menu"
                popover="auto"
                on:toggle=move |event| is_open.set(is_shown(&event))
            >
                <MenuItems email />
            </div>
        </div>
    }
}

#[component]
fn MenuItems(
    /// The user's email address, if it is known.
    email: Memo<Option<String>>,
) -> impl IntoView {
    let submission = Submission::default();
    let auth_state = expect_context::<ReadSignal<AuthState>>();
    let is_no_admin = move || identity::is_admin(&auth_state.get()) != Some(true);
    let links = PAGES.map(|page| {
        view! {
            <li>
                <a class="menu-item" href=page.path() on:click=|_| close()>
                    <Icon name=page.icon() />
                    {page.name()}
                </a>
            </li>
        }
    });
    view! {
        <p class="menu-head" translate="no" hidden=move || email.with(Option::is_none)>
            <LiveText text=Signal::derive(move || email.get().unwrap_or_default()) />
        </p>
        <ul role="list">
            {links.collect_view()} <li hidden=is_no_admin>
                <a class="menu-item" href=AdminPage::Users.path() on:click=|_| close()>
                    <Icon name=IconName::Users />
                    {tr("Administration")}
                </a>
            </li>
        </ul>
        <div class="menu-foot">
            <Alert submission />
            <Button
                submission
                style="menu-item"
                icon=IconName::SignOut
                label=tr("Sign out")
                pending_label=tr("Signing out…")
                on_press=move |()| submission.start(LazyRequest::SignOut.send())
            />
        </div>
    }
}

/// Closes the menu when the Tab key leaves it.
fn close_if_left(event: &ev::FocusEvent, button: NodeRef<html::Button>) {
    let next = event.related_target();
    let next = next.and_then(|next| next.dyn_into::<web_sys::Node>().ok());
    let inside = button
        .get_untracked()
        .and_then(|button| button.parent_element());
    if let (Some(next), Some(inside)) = (next, inside)
        && !inside.contains(Some(&next))
    {
        close();
    }
}

/// Closes the menu.
fn close() {
    if let Some(menu) = menu() {
        // Fails only if it is closed.
        let _ = menu.hide_popover();
    }
}

fn menu() -> Option<web_sys::HtmlElement> {
    document().get_element_by_id(ID)?.dyn_into().ok()
}

/// Returns whether the menu is shown, after an event that says that this has changed.
fn is_shown(_event: &ev::Event) -> bool {
    menu().is_some_and(|menu| menu.matches(":popover-open").unwrap_or(false))
}
