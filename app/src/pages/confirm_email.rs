use leptos::prelude::*;
use leptos_meta::Title;

use super::{
    activate::GoOn,
    mailed_link::{Opening, OpeningFailed, VOID, use_mailed_link},
};
use crate::api::user;

/// `/email`: the mailed link that gives the account a new address.
#[component]
pub fn ConfirmEmail() -> impl IntoView {
    let link = use_mailed_link(|token| Box::pin(user::confirm_email_change(token)));
    let heading = move || match link.opening.get() {
        Opening::Waiting => "Confirming your new address…".to_owned(),
        Opening::Failed(_) => "Your new address is not confirmed yet".to_owned(),
        Opening::Done => "Your address is changed".to_owned(),
        // The server may know better why: the address may be taken by now.
        Opening::Void(Some(message)) if !message.starts_with(VOID) => message,
        Opening::Void(_) => VOID.to_owned(),
    };
    view! {
        <Title text="Confirm your new address · Latchkey" />
        <div class="panel by-app">
            <h1 tabindex="-1">{heading}</h1>
            {move || match link.opening.get() {
                Opening::Waiting => ().into_any(),
                Opening::Done => view! { <GoOn /> }.into_any(),
                Opening::Void(message) => view! { <Void message /> }.into_any(),
                Opening::Failed(error) => view! { <OpeningFailed error link /> }.into_any(),
            }}
        </div>
    }
}

/// Says that nothing has changed.
#[component]
fn Void(
    /// What the server says.
    message: Option<String>,
) -> impl IntoView {
    let is_old = message.is_none_or(|message| message.starts_with(VOID));
    let why = is_old.then_some("It may have expired, been used, or been replaced by a newer one. ");
    view! {
        <p class="panel-text">{why} "Your account keeps the address it has."</p>
        <p>
            <a class="button primary" href="/account">
                "Go to your account"
            </a>
        </p>
    }
}
