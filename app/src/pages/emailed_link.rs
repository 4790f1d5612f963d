//! Emailed links. Their token is in the URL's fragment, which browsers do not send to servers: only
//! the app can read it, after it has started.

use std::{future::Future, pin::Pin};

use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::use_location;

use super::navigation::use_auth_state;
use crate::{
    api::{ApiError, Text},
    browser::{AuthState, with_timeout},
    components::focus_soon,
};

/// The heading for a link that does not work.
pub(super) const INVALID_LINK: &str = "This link no longer works";

/// Why a link does not work.
pub(super) const INVALID_REASON: &str =
    "It may have expired, been used, or been replaced by a newer one.";

/// Calls `handle` with the token in the URL when the app runs, and whenever the token changes.
pub(super) fn on_token(handle: impl Fn(Option<String>) + 'static) {
    let location = use_location();
    let here = location.pathname.get_untracked();
    Effect::new(move |_| {
        let token = location.hash.with(|hash| token(hash));
        // While the code of the next page is being fetched, the URL is that page's, but this page
        // is still visible: it must not change.
        if location.pathname.get_untracked() == here {
            handle(token);
        }
    });
}

fn token(hash: &str) -> Option<String> {
    let parameters = hash.trim_start_matches('#').split('&');
    parameters
        .filter_map(|parameter| parameter.strip_prefix("token="))
        .next()
        .filter(|token| !token.is_empty())
        .map(ToOwned::to_owned)
}

/// The state of a link that is being opened.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum LinkState {
    /// The request is running.
    Pending,
    /// The request succeeded.
    Done,
    /// The link does not work. Holds the server's message, if it was asked.
    Invalid(Option<String>),
    /// The server could not handle the request.
    Failed(ApiError),
}

/// The server's response to the token of a link.
pub(super) type LinkResponse = Pin<Box<dyn Future<Output = Result<(), ApiError>>>>;

/// A link whose page sends its token without further input.
#[derive(Clone, Copy)]
pub(super) struct EmailedLink {
    /// The state.
    pub state: Memo<LinkState>,
    /// Sends the token again, after a failure.
    pub retry: Callback<()>,
}

/// Sends the token in the URL when the app runs, and whenever the token changes.
pub(super) fn use_emailed_link(send: fn(Text) -> LinkResponse) -> EmailedLink {
    let last = StoredValue::new(None);
    let state = RwSignal::new(LinkState::Pending);
    let open = move |token: Option<String>| {
        let Some(token) = token else {
            state.set(LinkState::Invalid(None));
            return;
        };
        state.set(LinkState::Pending);
        spawn_local(async move {
            let next = match with_timeout(send(token.into())).await {
                Ok(()) => LinkState::Done,
                Err(error @ ApiError::Fields(_)) => LinkState::Invalid(Some(error.to_string())),
                Err(error) => LinkState::Failed(error),
            };
            state.try_set(next);
            focus_soon("h1");
        });
    };
    on_token(move |token| {
        last.set_value(token.clone());
        open(token);
    });
    EmailedLink {
        state: Memo::new(move |_| state.get()),
        retry: Callback::new(move |()| open(last.get_value())),
    }
}

/// Shows why the server could not handle the request, with a button to try again.
#[component]
pub(super) fn LinkFailed(
    /// The error.
    error: ApiError,
    /// The link.
    link: EmailedLink,
) -> impl IntoView {
    view! {
        <div role="alert">
            <p class="alert">{error.to_string()}</p>
        </div>
        <button type="button" class="button primary" on:click=move |_| link.retry.run(())>
            "Try again"
        </button>
    }
}

/// Links to the account, or to the sign-in page if nobody is signed in.
#[component]
pub(super) fn Continue() -> impl IntoView {
    let auth_state = use_auth_state();
    let target = move || match auth_state.get() {
        AuthState::SignedOut(_) => ("/login", "Sign in"),
        _ => ("/account", "Go to your account"),
    };
    view! {
        <p>
            <a class="button primary" href=move || target().0>
                {move || target().1}
            </a>
        </p>
    }
}
