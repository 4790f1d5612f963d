//! `/email/undo`: the emailed link that takes a change of the email address back.

use languages::tr;
use leptos::prelude::*;

use crate::components::IntoAnySync;
use leptos_meta::Title;

use super::{
    emailed_link::{
        INCOMPLETE_LINK, INCOMPLETE_REASON, INVALID_LINK, Link, LinkFacts, LinkFailed, LinkLoading,
        LinkState,
    },
    reset::verify_session,
};
use crate::{
    api::user::{self, EmailedLink, LinkPurpose},
    appearance::page_title,
    browser::with_timeout,
    components::{Alert, Button, LiveText, Submission},
};

/// `/email/undo`: the emailed link that takes a change of the email address back.
#[component]
pub fn UndoEmail() -> impl IntoView {
    let link = Link::new(LinkPurpose::Undo);
    let heading = move || match link.state.get() {
        LinkState::Loading | LinkState::Ready(..) => tr("Take your email address back?"),
        LinkState::Failed(_) => tr("The change is not taken back yet"),
        LinkState::Done | LinkState::Rejected => tr("Your email address is yours again"),
        LinkState::Used(_) => tr("The change was already taken back"),
        LinkState::Incomplete => tr(INCOMPLETE_LINK),
        LinkState::Invalid(_) => tr(INVALID_LINK),
    };
    view! {
        <Title text=page_title(tr("Take your email address back")) />
        <div class="panel needs-app">
            <h1 tabindex="-1">
                <LiveText text=Signal::derive(move || heading().to_owned()) />
            </h1>
            {move || match link.state.get() {
                LinkState::Loading => view! { <LinkLoading /> }.into_any_sync(),
                LinkState::Failed(error) => view! { <LinkFailed error link /> }.into_any_sync(),
                LinkState::Ready(token, facts) => view! { <Undo link token facts /> }.into_any_sync(),
                LinkState::Incomplete => view! { <Incomplete /> }.into_any_sync(),
                LinkState::Invalid(_) => view! { <Invalid /> }.into_any_sync(),
                LinkState::Done | LinkState::Used(_) | LinkState::Rejected => {
                    view! { <Done /> }.into_any_sync()
                }
            }}
        </div>
    }
}

#[component]
fn Undo(link: Link, token: String, facts: EmailedLink) -> impl IntoView {
    let submission = Submission::default();
    let undo = move |()| {
        let request = user::undo_email_change(token.as_str().into());
        submission.start(async move {
            let response = with_timeout(request).await;
            if response.is_ok() {
                verify_session();
            }
            link.finish(response)
        });
    };
    view! {
        <p class="panel-text">
            {tr("If you did not change the address of your account, someone else did, and this takes it back. It signs out every device, and removes the password and everything that was added for signing in since. We'll email you a link to choose a new password.")}
        </p>
        <LinkFacts link=facts when=tr("Changed") />
        <Alert submission />
        <Button
            submission
            label=tr("Take the change back")
            pending_label=tr("Taking it back…")
            on_press=undo
        />
    }
}

#[component]
fn Done() -> impl IntoView {
    view! {
        <p class="panel-text">
            {tr("Every device is signed out. Open the link in the email that we sent to your address, and choose a new password.")}
        </p>
        <p>
            <a class="button primary" href="/forgot">
                {tr("Get another link")}
            </a>
        </p>
    }
}

#[component]
fn Incomplete() -> impl IntoView {
    view! {
        <p class="panel-text">
            {tr(INCOMPLETE_REASON)}
            " " {tr("Open the email again and copy the whole link into the address bar. Until then, the change stays.")}
        </p>
    }
}

#[component]
fn Invalid() -> impl IntoView {
    view! {
        <p class="panel-text">
            {tr("A change of the email address can be taken back for 7 days, with the newest link.")}
        </p>
        <p>
            <a class="button primary" href="/account">
                {tr("Go to your account")}
            </a>
        </p>
    }
}
