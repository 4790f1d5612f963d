//! `/email`: the emailed link that changes the account's email address.

use leptos::prelude::*;
use leptos_meta::Title;

use super::emailed_link::{
    Continue, INVALID_LINK, INVALID_REASON, LinkFailed, LinkState, use_emailed_link,
};
use crate::api::{Text, user};

/// `/email`: the emailed link that changes the account's email address.
#[component]
pub fn ConfirmEmail() -> impl IntoView {
    let link = use_emailed_link(|token| {
        let none = Text::default;
        Box::pin(user::confirm_email_change(token, none(), none(), none()))
    });
    let heading = move || match link.state.get() {
        LinkState::Pending => "Confirming your new email address…".to_owned(),
        LinkState::Failed(_) => "Your new email address is not confirmed yet".to_owned(),
        LinkState::Done => "Your email address has been changed".to_owned(),
        // The server's message is more precise if another account has taken the address.
        LinkState::Invalid(Some(message)) if !message.starts_with(INVALID_LINK) => message,
        LinkState::Invalid(_) => INVALID_LINK.to_owned(),
    };
    view! {
        <Title text="Confirm your new email address · Latchkey" />
        <div class="panel needs-app">
            <h1 tabindex="-1">{heading}</h1>
            {move || match link.state.get() {
                LinkState::Pending => ().into_any(),
                LinkState::Done => view! { <Continue /> }.into_any(),
                LinkState::Invalid(message) => view! { <Unchanged message /> }.into_any(),
                LinkState::Failed(error) => view! { <LinkFailed error link /> }.into_any(),
            }}
        </div>
    }
}

/// Says that the email address has not changed.
#[component]
fn Unchanged(
    /// The server's message.
    message: Option<String>,
) -> impl IntoView {
    let is_link_invalid = message.is_none_or(|message| message.starts_with(INVALID_LINK));
    let reason = is_link_invalid.then(|| format!("{INVALID_REASON} "));
    view! {
        <p class="panel-text">{reason} "Your email address hasn't changed."</p>
        <p>
            <a class="button primary" href="/account">
                "Go to your account"
            </a>
        </p>
    }
}
