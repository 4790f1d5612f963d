use leptos::{ev, prelude::*};
use leptos_meta::Title;

use super::{
    input_value,
    mailed_link::{Opening, OpeningFailed, VOID, use_mailed_link},
    use_auth_state,
};
use crate::{
    api::user,
    browser::{AuthState, within_limit},
    components::{EmailField, ResendButton, Resending},
};

/// `/activate`: the mailed link that proves an address.
#[component]
pub fn Activate() -> impl IntoView {
    let link = use_mailed_link(|token| Box::pin(user::activation(token)));
    let heading = move || match link.opening.get() {
        Opening::Waiting => "Confirming your address…",
        Opening::Failed(_) => "Your address is not confirmed yet",
        Opening::Done => "Your address is confirmed",
        Opening::Void(_) => VOID,
    };
    view! {
        <Title text="Confirm your address · Latchkey" />
        <div class="panel by-app">
            <h1 tabindex="-1">{heading}</h1>
            {move || match link.opening.get() {
                Opening::Waiting => ().into_any(),
                Opening::Done => view! { <GoOn /> }.into_any(),
                Opening::Void(_) => view! { <AskAgain /> }.into_any(),
                Opening::Failed(error) => view! { <OpeningFailed error link /> }.into_any(),
            }}
        </div>
    }
}

/// The way on from a page that has done its work.
#[component]
pub(super) fn GoOn() -> impl IntoView {
    let presence = use_auth_state();
    let way = move || match presence.get() {
        AuthState::SignedOut(_) => ("/login", "Sign in"),
        _ => ("/account", "Go to your account"),
    };
    view! {
        <p>
            <a class="button primary" href=move || way().0>
                {move || way().1}
            </a>
        </p>
    }
}

/// Mails a new link in place of one that no longer works.
#[component]
fn AskAgain() -> impl IntoView {
    let resending = Resending::default();
    let email = NodeRef::new();
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let request = user::resend_activation(input_value(email).into());
        resending.start(within_limit(request));
    };
    view! {
        <p class="panel-text">
            "It may have expired, been used, or been replaced by a newer one. If your address still waits to be confirmed, we mail you a new link."
        </p>
        <form method="post" novalidate on:submit=send>
            <EmailField submission=resending.submission() input=email />
            <ResendButton resending kind="submit" label="Send a new link" />
        </form>
    }
}
