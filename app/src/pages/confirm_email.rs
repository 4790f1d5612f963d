//! `/email`: the emailed link that changes the account's email address.

use languages::tr;
use leptos::prelude::*;

use crate::components::IntoAnySync;
use leptos_meta::Title;

use super::{
    emailed_link::{
        Continue, INCOMPLETE_LINK, INCOMPLETE_REASON, INVALID_LINK, INVALID_REASON, Link,
        LinkFacts, LinkFailed, LinkLoading, LinkState,
    },
    link_form::{Answer, LinkForm},
};
use crate::{
    api::user::{self, EmailedLink, LinkPurpose},
    appearance::page_title,
    components::{LiveText, Submission},
};

/// `/email`: the emailed link that changes the account's email address.
#[component]
pub fn ConfirmEmail() -> impl IntoView {
    let link = Link::new(LinkPurpose::EmailChange);
    let heading = move || match link.state.get() {
        LinkState::Loading | LinkState::Ready(..) => {
            tr("Confirm your new email address").to_owned()
        }
        LinkState::Failed(_) => tr("Your new email address is not confirmed yet").to_owned(),
        LinkState::Done | LinkState::Rejected => {
            tr("Your email address has been changed").to_owned()
        }
        LinkState::Used(_) => tr("Your email address has already been changed").to_owned(),
        LinkState::Incomplete => tr(INCOMPLETE_LINK).to_owned(),
        // The server's message is more precise if another account has taken the address.
        LinkState::Invalid(Some(message)) if !message.starts_with(tr(INVALID_LINK)) => message,
        LinkState::Invalid(_) => tr(INVALID_LINK).to_owned(),
    };
    view! {
        <Title text=page_title(tr("Confirm your new email address")) />
        <div class="panel needs-app">
            <h1 tabindex="-1">
                <LiveText text=Signal::derive(heading) />
            </h1>
            {move || match link.state.get() {
                LinkState::Loading => view! { <LinkLoading /> }.into_any_sync(),
                LinkState::Failed(error) => view! { <LinkFailed error link /> }.into_any_sync(),
                LinkState::Ready(token, facts) => view! { <Confirm link token facts /> }.into_any_sync(),
                LinkState::Incomplete => view! { <Incomplete link /> }.into_any_sync(),
                LinkState::Invalid(message) => view! { <Unchanged message /> }.into_any_sync(),
                LinkState::Done | LinkState::Used(_) | LinkState::Rejected => {
                    view! { <Continue /> }.into_any_sync()
                }
            }}
        </div>
    }
}

/// Sends what the form contains.
fn confirm(link: Link, submission: Submission, (proof, password): Answer) {
    submission.start(async move {
        let (token, email, code) = proof.fields();
        let response = user::confirm_email_change(token, email, code, password.into()).await;
        link.finish(response)
    });
}

#[component]
fn Confirm(link: Link, token: String, facts: EmailedLink) -> impl IntoView {
    let submission = Submission::default();
    let account = facts.email.clone();
    view! {
        <p class="panel-text">{tr("The account gets a new address, and you sign in with that one:")}</p>
        <LinkFacts link=facts />
        <LinkForm
            submission
            token=Some(token)
            account=Some(account)
            label=tr("Confirm new address")
            pending_label=tr("Confirming…")
            on_submit=move |answer| confirm(link, submission, answer)
        />
    }
}

/// Asks for the code that the email shows.
#[component]
fn Incomplete(link: Link) -> impl IntoView {
    let submission = Submission::default();
    view! {
        <p class="panel-text">
            {tr(INCOMPLETE_REASON)}
            " " {tr("Open the email again and copy the whole link, or enter your new address and the code that the email shows.")}
        </p>
        <LinkForm
            submission
            token=None
            label=tr("Confirm new address")
            pending_label=tr("Confirming…")
            on_submit=move |answer| confirm(link, submission, answer)
        />
    }
}

/// Says that the email address has not changed.
#[component]
fn Unchanged(
    /// The server's message.
    message: Option<String>,
) -> impl IntoView {
    let is_link_invalid = message.is_none_or(|message| message.starts_with(tr(INVALID_LINK)));
    let reason = is_link_invalid.then(|| format!("{} ", tr(INVALID_REASON)));
    view! {
        <p class="panel-text">{reason} {tr("Your email address hasn't changed.")}</p>
        <p>
            <a class="button primary" href="/account">
                {tr("Go to your account")}
            </a>
        </p>
    }
}
