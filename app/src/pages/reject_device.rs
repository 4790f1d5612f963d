//! `/device`: the emailed link that signs out a new device.

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

/// `/device`: the emailed link that signs out a new device.
#[component]
pub fn RejectDevice() -> impl IntoView {
    let link = Link::new(LinkPurpose::Session);
    let heading = move || match link.state.get() {
        LinkState::Loading | LinkState::Ready(..) => tr("Sign out this device?"),
        LinkState::Failed(_) => tr("The device is not signed out yet"),
        LinkState::Done | LinkState::Rejected => tr("The device is signed out"),
        LinkState::Used(_) => tr("The device was already signed out"),
        LinkState::Incomplete => tr(INCOMPLETE_LINK),
        LinkState::Invalid(_) => tr(INVALID_LINK),
    };
    view! {
        <Title text=page_title(tr("Sign out this device")) />
        <div class="panel needs-app">
            <h1 tabindex="-1">
                <LiveText text=Signal::derive(move || heading().to_owned()) />
            </h1>
            {move || match link.state.get() {
                LinkState::Loading => view! { <LinkLoading /> }.into_any_sync(),
                LinkState::Failed(error) => view! { <LinkFailed error link /> }.into_any_sync(),
                LinkState::Ready(token, facts) => view! { <Reject link token facts /> }.into_any_sync(),
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
fn Reject(link: Link, token: String, facts: EmailedLink) -> impl IntoView {
    let submission = Submission::default();
    let reject = move |()| {
        let request = user::reject_session(token.as_str().into());
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
            {tr("If you did not sign in on this device, sign it out, and then choose a new password: someone else may know yours.")}
        </p>
        <LinkFacts link=facts when=tr("Signed in") />
        <Alert submission />
        <Button
            submission
            label=tr("Sign out this device")
            pending_label=tr("Signing out…")
            on_press=reject
        />
    }
}

#[component]
fn Done() -> impl IntoView {
    view! {
        <p class="panel-text">
            {tr("Choose a new password now: someone else may know the present one.")}
        </p>
        <p>
            <a class="button primary" href="/forgot">
                {tr("Choose a new password")}
            </a>
        </p>
    }
}

#[component]
fn Incomplete() -> impl IntoView {
    view! {
        <p class="panel-text">
            {tr(INCOMPLETE_REASON)}
            " " {tr("Open the email again and copy the whole link into the address bar. Until then, the device stays signed in.")}
        </p>
    }
}

#[component]
fn Invalid() -> impl IntoView {
    view! {
        <p class="panel-text">
            {tr("The link works for 7 days, and until you choose a new password, which signs out every other device.")}
        </p>
        <p>
            <a class="button primary" href="/account">
                {tr("Go to your account")}
            </a>
        </p>
    }
}
