use leptos::prelude::*;
use leptos_meta::Title;

use super::{go_on_when_signed_in, use_auth_state};
use crate::{
    browser::{AuthState, EndReason},
    components::Notice,
};

/// `/`: what this is, for those who are not signed in.
#[component]
pub fn Home() -> impl IntoView {
    go_on_when_signed_in(None);
    let presence = use_auth_state();
    let notice = move || {
        let is_deleted = presence.get() == AuthState::SignedOut(Some(EndReason::Deleted));
        is_deleted.then(|| "Your account is deleted.".to_owned())
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
                    <dd>"Every device is listed, with its address and when it was last used."</dd>
                </div>
                <div>
                    <dt>"Change the lock at any time"</dt>
                    <dd>"Sign out one device or all of them. It takes effect at once."</dd>
                </div>
                <div>
                    <dt>"Leave nothing behind"</dt>
                    <dd>"Delete the account, and all that belongs to it is gone."</dd>
                </div>
            </dl>
        </div>
    }
}
