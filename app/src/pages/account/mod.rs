//! `/account` and the pages below it: the signed-in user's account.
//!
//! One component shows all of them, so that going from one to another keeps the navigation and the
//! account's data.

mod activity;
pub(super) mod clock;
mod confirm;
mod connected;
mod data;
mod delete;
mod details;
mod devices;
mod dialog;
mod email;
mod enroll;
pub(super) mod events;
mod named;
mod overview;
mod passkeys;
mod password;
mod profile;
mod sign_out;
mod summary;
mod token_request;
mod two_factor;
mod unverified;

use languages::tr;
use leptos::prelude::*;

use crate::components::IntoAnySync;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use super::{
    navigation::redirect_if_not_signed_in, not_found::NotFound,
    settings_navigation::SettingsNavigation,
};
use crate::{
    account_pages::AccountPage, appearance::site_in_title, components::focus_new_page,
    email::email_for_display,
};
use activity::ActivityByDay;
use connected::Connected;
use data::{AccountData, LoadingFailed, Skeleton, load_when_signed_in};
use delete::DeleteAccount;
use details::Details;
use devices::AllDevices;
pub(super) use devices::device_icon;
use email::Email;
use enroll::Enroll;
use overview::Overview;
use passkeys::Passkeys;
use password::Password;
use profile::ProfilePage;
use two_factor::TwoFactor;
use unverified::Unverified;

/// The id of the heading of the page.
const HEADING: &str = "page-title";

/// `/account` and the pages below it: the signed-in user's account.
#[component]
pub fn Account() -> impl IntoView {
    redirect_if_not_signed_in();
    // Unlike the location, the parameters don't change when a page outside of the account opens.
    let params = use_params_map();
    let page = Memo::new(move |_| match params.read().get_str("page") {
        Some(name) => AccountPage::find(&format!("{}/{name}", AccountPage::Overview.path())),
        None => Some(AccountPage::Overview),
    });
    #[cfg(feature = "ssr")]
    if page.get_untracked().is_none() {
        use_context::<leptos_axum::ResponseOptions>()
            .inspect(|response| response.set_status(http::StatusCode::NOT_FOUND));
    }
    let data = RwSignal::new(AccountData::Loading);
    load_when_signed_in(data);
    focus_when_changed(page);
    let is_known = Memo::new(move |_| page.get().is_some());
    move || {
        if is_known.get() {
            let page = Signal::derive(move || page.get().unwrap_or(AccountPage::Overview));
            view! { <Frame page data /> }.into_any_sync()
        } else {
            view! { <NotFound /> }.into_any_sync()
        }
    }
}

/// The navigation, and the page beside it.
#[component]
fn Frame(
    /// The page.
    page: Signal<AccountPage>,
    /// The account's data.
    data: RwSignal<AccountData>,
) -> impl IntoView {
    let site = site_in_title();
    let title = move || match page.get() {
        AccountPage::Overview => format!("{} · {site}", tr("Your account")),
        page => format!("{} · {site}", page.name()),
    };
    let links = AccountPage::ALL.map(|page| (page.path(), page.name(), page.icon()));
    let links = links.to_vec();
    let current = Signal::derive(move || page.get().path());
    view! {
        <Title text=title />
        <div class="settings when-signed-in">
            <SettingsNavigation label=tr("Account") links current />
            <div class="settings-page">
                {move || match page.get() {
                    AccountPage::Overview => view! { <OverviewHeading data /> }.into_any_sync(),
                    page => view! { <Heading page /> }.into_any_sync(),
                }}
                {move || match data.get() {
                    AccountData::Loading => view! { <Skeleton /> }.into_any_sync(),
                    AccountData::Failed(error) => view! { <LoadingFailed error data /> }.into_any_sync(),
                    AccountData::Loaded(profile, sessions, activity, password) => {
                        let details = Details::new(profile, sessions, activity, password);
                        details.keep_current();
                        view! { <Sections page details /> }.into_any_sync()
                    }
                    AccountData::Enrolling(profile, password) => {
                        let details = Details::new(profile, Vec::new(), Ok(Vec::new()), password);
                        details.keep_current();
                        view! { <Enroll details data /> }.into_any_sync()
                    }
                }}
            </div>
        </div>
    }
}

/// The heading of the overview: the email address.
#[component]
fn OverviewHeading(data: RwSignal<AccountData>) -> impl IntoView {
    let email = move || {
        data.with(|data| match data {
            AccountData::Loaded(profile, ..) | AccountData::Enrolling(profile, _) => {
                Some(email_for_display(&profile.email))
            }
            _ => None,
        })
    };
    view! {
        <div class="page-head">
            <h1 id=HEADING class="address" tabindex="-1" translate="no">
                {move || match email() {
                    Some(email) => view! { <span>{email}</span> }.into_any_sync(),
                    None => view! { <span class="skeleton">{tr("Your account")}</span> }.into_any_sync(),
                }}
            </h1>
            <p class="page-lead">{tr("Your sign-in, your devices, and what has happened lately.")}</p>
        </div>
    }
}

/// The heading of any other page.
#[component]
fn Heading(page: AccountPage) -> impl IntoView {
    let lead = match page {
        AccountPage::Overview => "",
        AccountPage::Profile => tr("Who you are here, and a copy of your data."),
        AccountPage::Security => tr("How you sign in, and what protects your account."),
        AccountPage::Devices => tr("Every browser and app that is signed in to your account."),
        AccountPage::Activity => tr("Recent events in your account, newest first."),
        AccountPage::Delete => tr("Permanently deletes your account and all its data."),
    };
    view! {
        <div class="page-head">
            <h1 id=HEADING tabindex="-1">
                {page.name()}
            </h1>
            <p class="page-lead">{lead}</p>
        </div>
    }
}

/// What a page shows when the account has been loaded.
#[component]
fn Sections(page: Signal<AccountPage>, details: Details) -> impl IntoView {
    move || match page.get() {
        AccountPage::Overview => view! { <Overview details /> }.into_any_sync(),
        AccountPage::Profile => view! { <ProfilePage details /> }.into_any_sync(),
        AccountPage::Security => view! {
            <Unverified details />
            <Password details />
            <Email details />
            <TwoFactor details />
            <Passkeys details />
            <Connected details />
        }
        .into_any_sync(),
        AccountPage::Devices => view! { <AllDevices details /> }.into_any_sync(),
        AccountPage::Activity => view! { <ActivityByDay details /> }.into_any_sync(),
        AccountPage::Delete => view! { <DeleteAccount details /> }.into_any_sync(),
    }
}

/// Moves the focus to the heading when another page of the account opens.
fn focus_when_changed(page: Memo<Option<AccountPage>>) {
    Effect::new(move |previous: Option<Option<AccountPage>>| {
        let current = page.get();
        if previous.is_some_and(|previous| previous != current) {
            focus_new_page();
        }
        current
    });
}
