//! `/account`: the signed-in user's account.

mod activity;
mod clock;
mod delete;
mod details;
mod devices;
mod dialog;
mod email;
mod password;
mod sign_out;
mod token_request;
mod two_factor;
mod unverified;

use futures::future::join3;
use gloo_timers::future::TimeoutFuture;
use http::StatusCode;
use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use super::navigation::{TWO_FACTOR, signed_out_redirect, use_auth_state, use_redirect};
use crate::{
    api::{
        ApiError, Code,
        user::{self, Profile, Session},
    },
    browser::{AuthState, LOADING_LIMIT, next::with_next},
    components::{Message, Status, focus_soon},
    email::email_for_display,
};
use activity::Activity;
use delete::DeleteAccount;
use details::Details;
use devices::Devices;
use email::Email;
use password::Password;
use sign_out::SignOut;
use two_factor::TwoFactor;
use unverified::Unverified;

/// How long leaving this page may take, in milliseconds.
const LEAVING: u32 = 2_000;

/// The account's data, as far as the page has loaded it.
#[derive(Clone)]
enum AccountData {
    Loading,
    Failed(ApiError),
    Loaded(Profile, Vec<Session>, details::Activity),
}

/// `/account`: the signed-in user's account.
#[component]
pub fn Account() -> impl IntoView {
    redirect_if_not_signed_in();
    let data = RwSignal::new(AccountData::Loading);
    load_when_signed_in(data);
    let email = move || {
        data.with(|data| match data {
            AccountData::Loaded(profile, ..) => Some(email_for_display(&profile.email)),
            _ => None,
        })
    };
    view! {
        <Title text="Your account · Latchkey" />
        <div class="account when-signed-in">
            <div class="account-head">
                <p class="eyebrow">"Signed in as"</p>
                <h1 tabindex="-1" translate="no">
                    {move || match email() {
                        Some(email) => view! { <span>{email}</span> }.into_any(),
                        None => view! { <span class="skeleton">"Your account"</span> }.into_any(),
                    }}
                </h1>
                <SignOut data />
            </div>
            {move || match data.get() {
                AccountData::Loading => view! { <Skeleton /> }.into_any(),
                AccountData::Failed(error) => view! { <LoadingFailed error data /> }.into_any(),
                AccountData::Loaded(profile, sessions, activity) => {
                    let details = Details::new(profile, sessions, activity);
                    view! { <Sections details /> }.into_any()
                }
            }}
        </div>
    }
}

#[component]
fn Sections(details: Details) -> impl IntoView {
    view! {
        <Unverified details />
        <Devices sessions=details.sessions />
        <Email details />
        <Password details />
        <TwoFactor details />
        <Activity details />
        <DeleteAccount details />
    }
}

/// A placeholder while the account is being loaded.
#[component]
fn Skeleton() -> impl IntoView {
    view! {
        <section class="section" aria-busy="true">
            <h2>"Devices"</h2>
            <p class="section-lead">{devices::LEAD}</p>
            <div class="devices">
                <div class="device">
                    <div class="device-text">
                        <p class="device-name">
                            <span class="skeleton">"Browser on device"</span>
                        </p>
                        <p class="device-facts">
                            <span class="skeleton">"Address, signed in and last used"</span>
                        </p>
                    </div>
                </div>
            </div>
        </section>
    }
}

/// Shows why the account could not be loaded, with a button to try again.
#[component]
fn LoadingFailed(
    /// The error.
    error: ApiError,
    /// The account's data.
    data: RwSignal<AccountData>,
) -> impl IntoView {
    let try_again = move |_| {
        load(data);
        // The button that had the focus is gone.
        focus_soon("h1");
    };
    view! {
        <section class="section">
            <div role="alert">
                <Message status=Status::Error text=error.to_string() />
            </div>
            <button type="button" class="button quiet" on:click=try_again>
                "Try again"
            </button>
        </section>
    }
}

/// Loads the account, and again when another user signs in.
fn load_when_signed_in(data: RwSignal<AccountData>) {
    let auth_state = use_auth_state();
    Effect::new(move |_| {
        if let AuthState::SignedIn(_) = auth_state.get() {
            load(data);
        }
    });
}

fn load(data: RwSignal<AccountData>) {
    data.set(AccountData::Loading);
    spawn_local(async move {
        let (profile, sessions, activity) =
            join3(user::view(), user::sessions(), user::activity()).await;
        let loaded = match profile.and_then(|profile| Ok((profile, sessions?))) {
            // The page is useful without the recent events.
            Ok((profile, sessions)) => AccountData::Loaded(profile, sessions, activity),
            Err(error) => {
                // The session has ended or needs the second factor: this page is about to be left.
                if error.status() == StatusCode::UNAUTHORIZED
                    || error.code() == Some(Code::OtpRequired)
                {
                    TimeoutFuture::new(LEAVING).await;
                }
                AccountData::Failed(error)
            }
        };
        data.try_set(loaded);
    });
    // Renewing the tokens takes several attempts when the server can't be reached. It goes on, but
    // the page does not wait for it.
    spawn_local(async move {
        TimeoutFuture::new(LOADING_LIMIT).await;
        // Setting the data renders the page again, and closes its dialogs.
        let is_loading = |data: &AccountData| matches!(data, AccountData::Loading);
        if data.try_with_untracked(is_loading) == Some(true) {
            data.try_set(AccountData::Failed(Code::Unreachable.into()));
        }
    });
}

/// Redirects users who are not signed in, or not completely.
fn redirect_if_not_signed_in() {
    let auth_state = use_auth_state();
    let redirect = use_redirect();
    let location = use_location();
    Effect::new(move |_| {
        let here = || {
            let path = location.pathname.get_untracked();
            // The router gives the query without its question mark.
            match location.search.get_untracked() {
                search if search.is_empty() => path,
                search => format!("{path}?{search}"),
            }
        };
        match auth_state.get() {
            AuthState::Unknown | AuthState::SignedIn(_) => {}
            AuthState::MfaPending(_) => redirect(&with_next(TWO_FACTOR, Some(&here()))),
            AuthState::SignedOut(reason) => redirect(&signed_out_redirect(reason, &here())),
        }
    });
}
