//! What a person sees under each path.

mod account;
mod home;
mod login;
mod not_found;
mod register;

pub use account::Account;
pub use home::Home;
pub use login::Login;
pub use not_found::NotFound;
pub use register::Register;

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use crate::browser::{Presence, next::HOME};

/// Whether somebody is signed in.
fn use_presence() -> ReadSignal<Presence> {
    expect_context()
}

/// Takes a signed-in person on from a page for signed-out ones, whichever tab they signed in by.
fn go_on_when_signed_in(next: Option<String>) {
    let presence = use_presence();
    let navigate = use_navigate();
    Effect::new(move |_| {
        if let Presence::SignedIn(_) = presence.get() {
            let replace = NavigateOptions {
                replace: true,
                ..Default::default()
            };
            navigate(next.as_deref().unwrap_or(HOME), replace);
        }
    });
}

/// The typed text of an input.
fn typed(input: NodeRef<leptos::html::Input>) -> String {
    input
        .get_untracked()
        .map(|input| input.value())
        .unwrap_or_default()
}
