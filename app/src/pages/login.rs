use leptos::{ev, prelude::*};
use leptos_meta::Title;

use super::{go_on_when_signed_in, typed, use_presence};
use crate::{
    api::user,
    browser::{
        Ended, Presence,
        next::{next, with_next},
        session, within_limit,
    },
    components::{Alert, Button, EmailField, PasswordField, Submission},
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
        let (email, password) = (typed(email), typed(password));
        submission.start(async move {
            let pair = within_limit(user::login(email.into(), password.into())).await?;
            session::store(pair);
            Ok(())
        });
    };
    view! {
        <Title text="Sign in · Latchkey" />
        <div class="panel when-signed-out">
            <h1 tabindex="-1">"Sign in"</h1>
            <WhyHere />
            <form method="post" novalidate on:submit=sign_in>
                <Alert submission />
                <EmailField submission input=email />
                <PasswordField submission input=password autocomplete="current-password" />
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
    let presence = use_presence();
    let why = move || match presence.get() {
        Presence::SignedOut(Some(Ended::Elsewhere)) => {
            Some("Your session has ended, here or from another device. Sign in to go on.")
        }
        Presence::SignedOut(Some(Ended::SignedOut)) => Some("You are signed out."),
        _ => None,
    };
    view! {
        <div role="status">{move || why().map(|why| view! { <p class="notice">{why}</p> })}</div>
    }
}
