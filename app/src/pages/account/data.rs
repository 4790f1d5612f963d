//! Loading the account: once for all of its pages.

use futures::future::join4;
use gloo_timers::future::TimeoutFuture;
use languages::tr;
use leptos::{prelude::*, task::spawn_local};

use super::details;
use crate::{
    api::{
        ApiError, Code,
        user::{self, PasswordState, Profile, Session},
    },
    browser::{AuthState, LOADING_LIMIT},
    components::{LoadFailed, focus_soon},
    pages::navigation::{use_auth_state, wait_if_leaving},
};

/// The account's data, as far as the page has loaded it.
#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "there is only one")]
pub(super) enum AccountData {
    Loading,
    Failed(ApiError),
    Loaded(
        Profile,
        Vec<Session>,
        details::Activity,
        Option<PasswordState>,
    ),
    /// The user must set up a second factor first. The server says no more before that.
    Enrolling(Profile, Option<PasswordState>),
}

/// A placeholder while the account is being loaded.
#[component]
pub(super) fn Skeleton() -> impl IntoView {
    view! {
        <section class="section" aria-busy="true">
            <h2>
                <span class="skeleton">{tr("What is secure")}</span>
            </h2>
            <p class="section-lead">
                <span class="skeleton">{tr("What to do next, and what has happened")}</span>
            </p>
        </section>
    }
}

/// Shows why the account could not be loaded, with a button to try again.
#[component]
pub(super) fn LoadingFailed(
    /// The error.
    error: ApiError,
    /// The account's data.
    data: RwSignal<AccountData>,
) -> impl IntoView {
    let try_again = move |()| {
        load(data);
        // The button that had the focus is gone.
        focus_soon("h1");
    };
    view! { <LoadFailed label=tr("Your account") text=error.to_string() on_retry=Callback::new(try_again) /> }
}

/// Loads the account, and again when another user signs in.
pub(super) fn load_when_signed_in(data: RwSignal<AccountData>) {
    let auth_state = use_auth_state();
    Effect::new(move |_| {
        if let AuthState::SignedIn(_) = auth_state.get() {
            load(data);
        }
    });
}

/// Loads the account.
pub(super) fn load(data: RwSignal<AccountData>) {
    data.set(AccountData::Loading);
    spawn_local(async move {
        let (profile, sessions, activity, password) = join4(
            user::view(),
            user::sessions(),
            user::activity(),
            user::password(),
        )
        .await;
        // Without it, the account counts as one that has a password.
        let password = password.ok();
        let loaded = match (profile, sessions) {
            // The page is useful without the recent events.
            (Ok(profile), Ok(sessions)) => {
                AccountData::Loaded(profile, sessions, activity, password)
            }
            (Ok(profile), Err(error)) if error.code() == Some(Code::SecondFactorSetupRequired) => {
                AccountData::Enrolling(profile, password)
            }
            (Err(error), _) | (_, Err(error)) => {
                wait_if_leaving(&error).await;
                AccountData::Failed(error)
            }
        };
        data.try_set(loaded);
    });
    // Renewing the tokens takes several attempts when the server can't be reached. It continues, but
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
