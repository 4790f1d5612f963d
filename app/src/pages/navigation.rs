//! Redirects that depend on whether a user is signed in.

use gloo_timers::future::TimeoutFuture;
use http::StatusCode;
use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate},
};

use crate::{
    api::{ApiError, Code},
    browser::{
        AuthState, EndReason,
        next::{HOME, with_next},
    },
};

/// The page that asks for the second factor.
pub(super) const TWO_FACTOR: &str = "/two-factor";

/// Returns whether someone is signed in.
pub(super) fn use_auth_state() -> ReadSignal<AuthState> {
    expect_context()
}

/// Returns a function that opens another page, which replaces this one in the browser's history.
pub(super) fn use_redirect() -> impl Fn(&str) {
    let navigate = use_navigate();
    move |path| {
        let options = NavigateOptions {
            replace: true,
            ..Default::default()
        };
        navigate(path, options);
    }
}

/// Redirects signed-in users from a page for signed-out ones, also if they sign in in another tab.
pub(super) fn redirect_if_signed_in(next: Option<String>) {
    let auth_state = use_auth_state();
    let redirect = use_redirect();
    Effect::new(move |_| match auth_state.get() {
        AuthState::SignedIn(_) => redirect(next.as_deref().unwrap_or(HOME)),
        AuthState::MfaPending(_) => redirect(&with_next(TWO_FACTOR, next.as_deref())),
        AuthState::Unknown | AuthState::SignedOut(_) => {}
    });
}

/// Redirects users who are not signed in, or not completely. Signing in leads back.
pub(super) fn redirect_if_not_signed_in() {
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

/// How long leaving a page may take, in milliseconds.
const LEAVING: u32 = 2_000;

/// Waits a moment if an error means that the page is about to be left, because the session has ended or needs
/// the second factor. So the page does not show the error first.
pub(super) async fn wait_if_leaving(error: &ApiError) {
    if error.status() == StatusCode::UNAUTHORIZED || error.code() == Some(Code::OtpRequired) {
        TimeoutFuture::new(LEAVING).await;
    }
}

/// Returns where to redirect a user whose session has ended. Unless the user ended it, signing in
/// leads back to `here`.
pub(super) fn signed_out_redirect(reason: Option<EndReason>, here: &str) -> String {
    match reason {
        Some(EndReason::Deleted) => "/".to_owned(),
        Some(EndReason::SignedOut) => "/login".to_owned(),
        _ => with_next("/login", Some(here)),
    }
}
