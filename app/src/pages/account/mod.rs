//! `/account`: who is signed in, where, and the way out.

mod activity;
mod clock;
mod delete;
mod details;
mod devices;
mod dialog_form;
mod email;
mod password;
mod sign_out;
mod two_factor;

use futures::future::join3;
use http::StatusCode;
use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use super::{TWO_FACTOR, signed_out_redirect, use_auth_state, use_redirect};
use crate::{
    api::{
        ApiError, Code,
        user::{self, Profile, Session},
    },
    browser::{AuthState, next::with_next},
    components::focus_soon,
};
use activity::Activity;
use delete::DeleteAccount;
use details::Details;
use devices::Devices;
use email::Email;
use password::Password;
use sign_out::SignOut;
use two_factor::TwoFactor;

/// What the page has learnt from the server so far.
#[derive(Clone)]
enum Known {
    Nothing,
    Failure(ApiError),
    Account(Profile, Vec<Session>, details::Activity),
}

/// `/account`: who is signed in, where, and the way out.
#[component]
pub fn Account() -> impl IntoView {
    leave_when_not_signed_in();
    let known = RwSignal::new(Known::Nothing);
    load_when_signed_in(known);
    let email = move || {
        known.with(|known| match known {
            Known::Account(profile, ..) => Some(profile.email.clone()),
            _ => None,
        })
    };
    view! {
        <Title text="Your account · Latchkey" />
        <div class="account when-signed-in">
            <div class="account-head">
                <p class="eyebrow">"Signed in as"</p>
                <h1 tabindex="-1">
                    {move || match email() {
                        Some(email) => email.into_any(),
                        None => view! { <span class="skeleton">"Your account"</span> }.into_any(),
                    }}
                </h1>
                <SignOut />
            </div>
            {move || match known.get() {
                Known::Nothing => view! { <Waiting /> }.into_any(),
                Known::Failure(error) => view! { <Failed error known /> }.into_any(),
                Known::Account(profile, sessions, activity) => {
                    let details = Details::new(profile, sessions, activity);
                    view! {
                        <Devices sessions=details.sessions />
                        <Email details />
                        <Password details />
                        <TwoFactor details />
                        <Activity details />
                        <DeleteAccount details />
                    }
                        .into_any()
                }
            }}
        </div>
    }
}

/// The place of what is still to come.
#[component]
fn Waiting() -> impl IntoView {
    view! {
        <section class="section" aria-busy="true">
            <h2>"Devices"</h2>
            <p class="section-lead">"Everywhere your account is signed in, newest first."</p>
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

/// Says why nothing came, and tries again on demand.
#[component]
fn Failed(
    /// Why.
    error: ApiError,
    /// Where to put what comes at last.
    known: RwSignal<Known>,
) -> impl IntoView {
    let try_again = move |_| {
        load(known);
        // The button is gone now.
        focus_soon("h1");
    };
    view! {
        <section class="section">
            <div role="alert">
                <p class="alert">{error.to_string()}</p>
            </div>
            <button type="button" class="button quiet" on:click=try_again>
                "Try again"
            </button>
        </section>
    }
}

/// Loads the account; again when another one signs in.
fn load_when_signed_in(known: RwSignal<Known>) {
    let presence = use_auth_state();
    Effect::new(move |_| {
        if let AuthState::SignedIn(_) = presence.get() {
            load(known);
        }
    });
}

fn load(known: RwSignal<Known>) {
    known.set(Known::Nothing);
    spawn_local(async move {
        let (profile, sessions, activity) =
            join3(user::view(), user::sessions(), user::activity()).await;
        match profile.and_then(|profile| Ok((profile, sessions?))) {
            // The page is of use without knowing what has happened.
            Ok((profile, sessions)) => known.try_set(Known::Account(profile, sessions, activity)),
            // The session has ended or is half a one, and the page is about to be left.
            Err(error)
                if error.status() == StatusCode::UNAUTHORIZED
                    || error.code() == Some(Code::OtpRequired) =>
            {
                None
            }
            Err(error) => known.try_set(Known::Failure(error)),
        };
    });
}

/// Leads away whoever is not signed in, or no longer, or only half.
fn leave_when_not_signed_in() {
    let presence = use_auth_state();
    let redirect = use_redirect();
    let location = use_location();
    Effect::new(move |_| {
        let here = || {
            let path = location.pathname.get_untracked();
            // Without its question mark.
            match location.search.get_untracked() {
                search if search.is_empty() => path,
                search => format!("{path}?{search}"),
            }
        };
        match presence.get() {
            AuthState::Unknown | AuthState::SignedIn(_) => {}
            AuthState::MfaPending(_) => redirect(&with_next(TWO_FACTOR, Some(&here()))),
            AuthState::SignedOut(ended) => redirect(&signed_out_redirect(ended, &here())),
        }
    });
}
