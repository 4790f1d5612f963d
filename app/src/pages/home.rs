//! `/`: introduces Latchkey to signed-out visitors.

use leptos::prelude::*;
use leptos_meta::Title;

use super::navigation::{redirect_if_signed_in, use_auth_state};
use crate::{
    browser::{AuthState, EndReason},
    components::Notice,
};

/// `/`: introduces Latchkey to signed-out visitors.
#[component]
pub fn Home() -> impl IntoView {
    redirect_if_signed_in(None);
    let auth_state = use_auth_state();
    let notice = move || {
        let is_deleted = auth_state.get() == AuthState::SignedOut(Some(EndReason::Deleted));
        is_deleted.then(|| EndReason::Deleted.message().to_owned())
    };
    view! {
        <Title text="Latchkey: accounts in good hands" />
        <div class="home when-signed-out">
            <Notice text=Signal::derive(notice) id="notice" />
            <h1 tabindex="-1" aria-describedby="notice">
                "One key, and it stays yours."
            </h1>
            <p class="lead">
                "Latchkey looks after your account: one place to sign in, and a clear view of every device that holds a key."
            </p>
            <p class="home-links">
                <a class="button primary" href="/register">
                    "Create account"
                </a>
                <a class="button quiet" href="/login">
                    "Sign in"
                </a>
            </p>
            <dl class="points">
                <div>
                    <dt>"See where you are signed in"</dt>
                    <dd>
                        "Every device is listed, with its IP address and when it was last used."
                    </dd>
                </div>
                <div>
                    <dt>"Change the lock at any time"</dt>
                    <dd>"Sign out one device or all of them. It takes effect at once."</dd>
                </div>
                <div>
                    <dt>"Leave nothing behind"</dt>
                    <dd>"Delete your account, and all its data is deleted with it."</dd>
                </div>
            </dl>
        </div>
    }
}
