//! `/activate`: the emailed link that verifies an email address.

use leptos::{ev, prelude::*};
use leptos_meta::Title;

use super::emailed_link::{
    Continue, INVALID_LINK, INVALID_REASON, LinkFailed, LinkState, use_emailed_link,
};
use crate::{
    api::{Text, user},
    browser::with_timeout,
    components::{EmailField, Resend, ResendButton, input_value},
};

/// `/activate`: the emailed link that verifies an email address.
#[component]
pub fn Activate() -> impl IntoView {
    let link = use_emailed_link(|token| {
        let none = Text::default;
        Box::pin(user::activation(token, none(), none(), none()))
    });
    let heading = move || match link.state.get() {
        LinkState::Pending => "Confirming your email address…",
        LinkState::Failed(_) => "Your email address is not confirmed yet",
        LinkState::Done => "Your email address is confirmed",
        LinkState::Invalid(_) => INVALID_LINK,
    };
    view! {
        <Title text="Confirm your email address · Latchkey" />
        <div class="panel needs-app">
            <h1 tabindex="-1">{heading}</h1>
            {move || match link.state.get() {
                LinkState::Pending => ().into_any(),
                LinkState::Done => view! { <Continue /> }.into_any(),
                LinkState::Invalid(_) => view! { <NewLinkForm /> }.into_any(),
                LinkState::Failed(error) => view! { <LinkFailed error link /> }.into_any(),
            }}
        </div>
    }
}

/// Emails a new link in place of an invalid one.
#[component]
fn NewLinkForm() -> impl IntoView {
    let resend = Resend::default();
    let email = NodeRef::new();
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let request = user::resend_activation(input_value(email).into());
        resend.start(with_timeout(request));
    };
    view! {
        <p class="panel-text">
            {INVALID_REASON}
            " If your email address isn't confirmed yet, we'll email you a new link."
        </p>
        <form method="post" novalidate on:submit=send>
            <EmailField submission=resend.submission() input=email />
            <ResendButton resend kind="submit" label="Send a new link" />
        </form>
    }
}
