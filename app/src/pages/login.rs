use leptos::{ev, prelude::*};
use leptos_meta::Title;

use super::{go_on_when_signed_in, input_value, use_auth_state};
use crate::{
    api::Code,
    browser::{
        AuthState, EndReason, Errand,
        next::{next, with_next},
    },
    components::{
        Alert, Button, EmailField, Notice, PasswordField, ResendButton, Resending, Submission,
    },
};

/// `/login`: sign in, and go on to where one came from.
#[component]
pub fn Login() -> impl IntoView {
    let next = next();
    go_on_when_signed_in(next.clone());
    let submission = Submission::default();
    let (email, password) = (NodeRef::new(), NodeRef::new());
    let sign_in = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let (email, password) = (input_value(email), input_value(password));
        submission.start(Errand::SignIn { email, password }.run());
    };
    let is_inactive = Memo::new(move |_| submission.code() == Some(Code::InactiveAccount));
    view! {
        <Title text="Sign in · Latchkey" />
        <div class="panel when-signed-out">
            <h1 tabindex="-1" aria-describedby="why">
                "Sign in"
            </h1>
            <WhyHere />
            <form method="post" novalidate on:focusin=|_| Errand::prepare() on:submit=sign_in>
                <Alert submission />
                {move || is_inactive.get().then(|| view! { <NotActivated email /> })}
                <EmailField submission input=email />
                <PasswordField submission input=password autocomplete="current-password" />
                <p class="forgot">
                    <a href="/forgot">"Forgot password?"</a>
                </p>
                <Button submission kind="submit" label="Sign in" busy="Signing in…" />
            </form>
            <p class="aside">
                "New here? " <a href=with_next("/register", next.as_deref())>"Create account"</a>
            </p>
        </div>
    }
}

/// Says why one is asked to sign in, after a session has ended.
#[component]
fn WhyHere() -> impl IntoView {
    let presence = use_auth_state();
    let why = move || match presence.get() {
        AuthState::SignedOut(Some(EndReason::Revoked)) => {
            Some("Your session has ended, here or from another device. Sign in to go on.")
        }
        AuthState::SignedOut(Some(EndReason::SignedOut)) => Some("You are signed out."),
        _ => None,
    };
    view! { <Notice text=Signal::derive(move || why().map(ToOwned::to_owned)) id="why" /> }
}

/// Has the link mailed again that activates an account.
#[component]
fn NotActivated(
    /// Where the address is typed.
    email: NodeRef<leptos::html::Input>,
) -> impl IntoView {
    let resending = Resending::default();
    let resend = move |()| {
        resending.start(Errand::ResendActivation(input_value(email)).run());
    };
    view! {
        <div class="not-activated">
            <p>"Not opened the link in our mail yet?"</p>
            <ResendButton resending label="Send the link again" on_press=resend />
        </div>
    }
}
