//! `/activate`: the emailed link that verifies an email address.

use languages::tr;
use leptos::{ev, prelude::*};

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
    api::{
        ApiError,
        user::{self, EmailedLink, LinkPurpose},
    },
    appearance::page_title,
    browser::{confirmed, with_timeout},
    components::{
        Alert, Button, EmailField, LiveText, Resend, ResendButton, Submission, input_value,
    },
};

/// `/activate`: the emailed link that verifies an email address.
#[component]
pub fn Activate() -> impl IntoView {
    let link = Link::new(LinkPurpose::Activation);
    let heading = move || match link.state.get() {
        LinkState::Loading | LinkState::Ready(..) => tr("Confirm your email address"),
        LinkState::Failed(_) => tr("Your email address is not confirmed yet"),
        LinkState::Done => tr("Your email address is confirmed"),
        LinkState::Used(_) => tr("Your email address is already confirmed"),
        LinkState::Rejected => tr("This account can't be used any more"),
        LinkState::Incomplete => tr(INCOMPLETE_LINK),
        LinkState::Invalid(_) => tr(INVALID_LINK),
    };
    view! {
        <Title text=page_title(tr("Confirm your email address")) />
        <div class="panel needs-app">
            <h1 tabindex="-1">
                <LiveText text=Signal::derive(move || heading().to_owned()) />
            </h1>
            {move || match link.state.get() {
                LinkState::Loading => view! { <LinkLoading /> }.into_any_sync(),
                LinkState::Failed(error) => view! { <LinkFailed error link /> }.into_any_sync(),
                LinkState::Ready(token, facts) => view! { <Confirm link token facts /> }.into_any_sync(),
                LinkState::Incomplete => view! { <Incomplete link /> }.into_any_sync(),
                LinkState::Invalid(_) => view! { <NewLinkForm /> }.into_any_sync(),
                LinkState::Done | LinkState::Used(_) => {
                    view! {
                        <p class="panel-text">{tr("Thank you. Your account is ready to use.")}</p>
                        <Continue />
                    }
                        .into_any_sync()
                }
                LinkState::Rejected => view! { <Rejected /> }.into_any_sync(),
            }}
        </div>
    }
}

/// Sends what the form contains. `account` is the address of the account, if it is known.
fn activate(
    link: Link,
    submission: Submission,
    account: Option<String>,
    (proof, password): Answer,
) {
    submission.start(async move {
        let (token, email, code) = proof.fields();
        let account = account.unwrap_or_else(|| email.as_str().to_owned());
        let response = user::activation(token, email, code, password.into()).await;
        if response.is_ok() {
            confirmed::announce(&account);
        }
        link.finish(response)
    });
}

#[component]
fn Confirm(link: Link, token: String, facts: EmailedLink) -> impl IntoView {
    let (confirm, reject) = (Submission::default(), Submission::default());
    let account = facts.email.clone();
    let owner = Some(account.clone());
    let rejected = token.clone();
    let send_rejection = move |()| {
        let request = user::reject_activation(rejected.as_str().into());
        confirm.reset();
        reject.start(async move {
            match with_timeout(request).await {
                Ok(()) => link.show(LinkState::Rejected),
                Err(ApiError::Fields(_)) => link.show(LinkState::Invalid(None)),
                Err(error) => return Err(error),
            }
            Ok(())
        });
    };
    view! {
        <p class="panel-text">{tr("This address was given for an account:")}</p>
        <LinkFacts link=facts when=tr("Created") />
        <LinkForm
            submission=confirm
            token=Some(token)
            account=Some(account)
            label=tr("Confirm email address")
            pending_label=tr("Confirming…")
            on_submit=move |answer| activate(link, confirm, owner.clone(), answer)
        />
        <div class="aside">
            <p>{tr("Not you? Then let us remove the account from your address.")}</p>
            <Button
                submission=reject
                style="quiet"
                label=tr("I did not create this account")
                pending_label=tr("Removing the account…")
                on_press=send_rejection
            />
            <Alert submission=reject />
        </div>
    }
}

/// Asks for the code that the email shows.
#[component]
fn Incomplete(link: Link) -> impl IntoView {
    let submission = Submission::default();
    view! {
        <p class="panel-text">
            {tr(INCOMPLETE_REASON)}
            " " {tr("Open the email again and copy the whole link, or enter the code that it shows.")}
        </p>
        <LinkForm
            submission
            token=None
            label=tr("Confirm email address")
            pending_label=tr("Confirming…")
            on_submit=move |answer| activate(link, submission, None, answer)
        />
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
            {tr(INVALID_REASON)}
            " " {tr("If your email address isn't confirmed yet, we'll email you a new link.")}
        </p>
        <form method="post" novalidate on:submit=send>
            <EmailField submission=resend.submission() input=email />
            <ResendButton resend kind="submit" label=tr("Send a new link") />
        </form>
    }
}

#[component]
fn Rejected() -> impl IntoView {
    view! {
        <p class="panel-text">
            {tr("Thank you. The person who created it is signed out. You don't need to do anything else.")}
        </p>
        <p>
            <a class="button quiet" href="/">
                {tr("Go to the home page")}
            </a>
        </p>
    }
}
