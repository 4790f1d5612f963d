//! `/account`: who is signed in, where, and the way out.

mod delete;
mod devices;
mod sign_out;

use futures::future::join;
use http::StatusCode;
use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate},
};

use super::use_presence;
use crate::{
    api::{
        ApiError,
        user::{self, Profile, Session},
    },
    browser::{Ended, Presence, next::with_next},
};
use delete::DeleteAccount;
use devices::Devices;
use sign_out::SignOut;

/// What the page has learnt from the server so far.
#[derive(Clone)]
enum Known {
    Nothing,
    Failure(ApiError),
    Account(Profile, Vec<Session>),
}

/// `/account`: who is signed in, where, and the way out.
#[component]
pub fn Account() -> impl IntoView {
    leave_when_signed_out();
    let known = RwSignal::new(Known::Nothing);
    load_when_signed_in(known);
    let email = move || {
        known.with(|known| match known {
            Known::Account(profile, _) => Some(profile.email.clone()),
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
                Known::Account(profile, sessions) => {
                    view! {
                        <Devices sessions />
                        <DeleteAccount email=profile.email />
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
    view! {
        <section class="section">
            <div role="alert">
                <p class="alert">{error.to_string()}</p>
            </div>
            <button type="button" class="button quiet" on:click=move |_| load(known)>
                "Try again"
            </button>
        </section>
    }
}

/// Loads the account; again when another one signs in.
fn load_when_signed_in(known: RwSignal<Known>) {
    let presence = use_presence();
    Effect::new(move |_| {
        if let Presence::SignedIn(_) = presence.get() {
            load(known);
        }
    });
}

fn load(known: RwSignal<Known>) {
    known.set(Known::Nothing);
    spawn_local(async move {
        let (profile, sessions) = join(user::view(), user::sessions()).await;
        match profile.and_then(|profile| Ok((profile, sessions?))) {
            Ok((profile, sessions)) => known.try_set(Known::Account(profile, sessions)),
            // The session has ended, and the page is about to be left.
            Err(error) if error.status() == StatusCode::UNAUTHORIZED => None,
            Err(error) => known.try_set(Known::Failure(error)),
        };
    });
}

/// Leads away whoever is not signed in, or no longer.
fn leave_when_signed_out() {
    let presence = use_presence();
    let navigate = use_navigate();
    let location = use_location();
    Effect::new(move |_| {
        let Presence::SignedOut(ended) = presence.get() else {
            return;
        };
        let target = match ended {
            Some(Ended::Deleted) => "/".to_owned(),
            Some(Ended::SignedOut) => "/login".to_owned(),
            // Whoever did not mean to leave comes back after signing in.
            Some(Ended::Elsewhere) | None => {
                let path = location.pathname.get_untracked() + &location.search.get_untracked();
                with_next("/login", Some(&path))
            }
        };
        let replace = NavigateOptions {
            replace: true,
            ..Default::default()
        };
        navigate(&target, replace);
    });
}
