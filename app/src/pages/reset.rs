//! `/reset`: the emailed link to choose a new password.

use languages::tr;
use leptos::{ev, prelude::*, task::spawn_local};

use crate::components::IntoAnySync;
use leptos_meta::Title;

use super::{
    emailed_link::{
        INCOMPLETE_LINK, INCOMPLETE_REASON, INVALID_LINK, INVALID_REASON, Link, LinkFacts,
        LinkFailed, LinkLoading, LinkState,
    },
    link_form::{ProofFields, ProofInputs},
};
use crate::{
    api::user::{self, EmailedLink, LinkPurpose},
    appearance::page_title,
    browser::{confirmed, session, with_timeout},
    components::{Alert, Button, LiveText, NewPasswordField, Submission, input_value},
};

/// `/reset`: the emailed link to choose a new password.
#[component]
pub fn Reset() -> impl IntoView {
    let link = Link::new(LinkPurpose::Reset);
    let heading = move || match link.state.get() {
        LinkState::Loading | LinkState::Failed(_) | LinkState::Ready(..) => {
            tr("Choose a new password")
        }
        LinkState::Incomplete => tr(INCOMPLETE_LINK),
        LinkState::Invalid(_) => tr(INVALID_LINK),
        LinkState::Used(_) => tr("Your password has already been changed"),
        LinkState::Done | LinkState::Rejected => tr("Your password has been changed"),
    };
    view! {
        <Title text=page_title(tr("Choose a new password")) />
        <div class="panel needs-app">
            <h1 tabindex="-1">
                <LiveText text=Signal::derive(move || heading().to_owned()) />
            </h1>
            {move || match link.state.get() {
                LinkState::Loading => view! { <LinkLoading /> }.into_any_sync(),
                LinkState::Failed(error) => view! { <LinkFailed error link /> }.into_any_sync(),
                LinkState::Ready(token, facts) => view! { <Choose link token facts /> }.into_any_sync(),
                LinkState::Incomplete => view! { <Incomplete link /> }.into_any_sync(),
                LinkState::Invalid(_) => view! { <Invalid /> }.into_any_sync(),
                LinkState::Used(_) => view! { <Used /> }.into_any_sync(),
                LinkState::Done | LinkState::Rejected => view! { <Done /> }.into_any_sync(),
            }}
        </div>
    }
}

#[component]
fn Choose(link: Link, token: String, facts: EmailedLink) -> impl IntoView {
    let email = facts.email.clone();
    view! {
        <p class="panel-text">{tr("This signs out every device.")}</p>
        <LinkFacts link=facts />
        <PasswordForm link token=Some(token) account=Some(email) />
    }
}

/// Asks for the code that the email shows, too.
#[component]
fn Incomplete(link: Link) -> impl IntoView {
    view! {
        <p class="panel-text">
            {tr(INCOMPLETE_REASON)}
            " " {tr("Open the email again and copy the whole link, or enter the code that it shows.")}
        </p>
        <PasswordForm link token=None account=None />
    }
}

/// Asks for the new password.
#[component]
fn PasswordForm(
    link: Link,
    /// The link's token, unless the link arrived incomplete.
    token: Option<String>,
    /// The address of the account, if it is known.
    account: Option<String>,
) -> impl IntoView {
    let submission = Submission::default();
    let (inputs, password) = (ProofInputs::default(), NodeRef::new());
    let is_incomplete = token.is_none();
    let address = StoredValue::new(account.clone());
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let proof = inputs.proof(token.as_ref());
        let owner = address.get_value().unwrap_or_else(|| inputs.email());
        let (token, email, code) = proof.fields();
        let request = user::confirm_reset(token, email, code, input_value(password).into());
        submission.start(async move {
            let response = with_timeout(request).await;
            if response.is_ok() {
                verify_session();
                confirmed::announce(&owner);
            }
            link.finish(response)
        });
    };
    view! {
        <form method="post" novalidate on:submit=send>
            <Alert submission />
            <ProofFields submission inputs is_incomplete account />
            <NewPasswordField
                submission
                input=password
                name="new_password"
                label=tr("New password")
                email=move |()| address.get_value().unwrap_or_else(|| inputs.email())
            />
            <Button
                submission
                kind="submit"
                label=tr("Set password")
                pending_label=tr("Setting the password…")
            />
        </form>
    }
}

/// Sends a request with this browser's session, if there is one. If the new password has ended that
/// session, the browser then removes it.
pub(super) fn verify_session() {
    if session::load().is_some() {
        spawn_local(async {
            let _ = user::view().await;
        });
    }
}

#[component]
fn Invalid() -> impl IntoView {
    view! {
        <p class="panel-text">{tr(INVALID_REASON)} " " {tr("Your password hasn't changed.")}</p>
        <p>
            <a class="button primary" href="/forgot">
                {tr("Get a new link")}
            </a>
        </p>
    }
}

#[component]
fn Used() -> impl IntoView {
    view! {
        <p class="panel-text">
            {tr("This link was used to choose a password. Sign in with it. If it wasn't you, get a new link.")}
        </p>
        <p class="actions">
            <a class="button primary" href="/login">
                {tr("Sign in")}
            </a>
            <a class="button quiet" href="/forgot">
                {tr("Get a new link")}
            </a>
        </p>
    }
}

#[component]
fn Done() -> impl IntoView {
    view! {
        <p class="panel-text">{tr("All your devices are signed out. Sign in with your new password.")}</p>
        <p>
            <a class="button primary" href="/login">
                {tr("Sign in")}
            </a>
        </p>
    }
}
