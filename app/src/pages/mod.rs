//! What a person sees under each path.

mod account;
mod activate;
mod check_mail;
mod confirm_email;
mod forgot;
mod home;
mod later;
mod login;
mod mailed_link;
mod not_found;
mod register;
mod reset;
mod sign_out;
mod two_factor;

use account::Account;
use activate::Activate;
use confirm_email::ConfirmEmail;
use forgot::Forgot;
use home::Home;
pub use later::{MailPage, Page, SignedInPage, StartPage, fetch};
use login::Login;
pub use not_found::NotFound;
use register::Register;
use reset::Reset;
use two_factor::TwoFactor;

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use crate::browser::{
    AuthState, EndReason,
    next::{HOME, with_next},
};

/// Where the second factor is asked for.
const TWO_FACTOR: &str = "/two-factor";

/// Whether somebody is signed in.
fn use_auth_state() -> ReadSignal<AuthState> {
    expect_context()
}

/// Leads to another page, which takes this one's place in the browser's history.
fn use_redirect() -> impl Fn(&str) {
    let navigate = use_navigate();
    move |path| {
        let replace = NavigateOptions {
            replace: true,
            ..Default::default()
        };
        navigate(path, replace);
    }
}

/// Takes a signed-in person on from a page for signed-out ones, whichever tab they signed in by.
fn go_on_when_signed_in(next: Option<String>) {
    let presence = use_auth_state();
    let redirect = use_redirect();
    Effect::new(move |_| match presence.get() {
        AuthState::SignedIn(_) => redirect(next.as_deref().unwrap_or(HOME)),
        AuthState::MfaPending(_) => redirect(&with_next(TWO_FACTOR, next.as_deref())),
        AuthState::Unknown | AuthState::SignedOut(_) => {}
    });
}

/// Where to lead whose session has ended. Whoever did not mean to leave comes back to `here` after
/// signing in.
fn signed_out_redirect(ended: Option<EndReason>, here: &str) -> String {
    match ended {
        Some(EndReason::Deleted) => "/".to_owned(),
        Some(EndReason::SignedOut) => "/login".to_owned(),
        Some(EndReason::Revoked) | None => with_next("/login", Some(here)),
    }
}

/// The typed text of an input.
fn input_value(input: NodeRef<leptos::html::Input>) -> String {
    input
        .get_untracked()
        .map(|input| input.value())
        .unwrap_or_default()
}
