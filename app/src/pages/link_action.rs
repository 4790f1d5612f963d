//! The pages of emailed links that do one thing when a button is pressed, and need nothing but the link.

use languages::tr;
use leptos::prelude::*;
use leptos_meta::Title;

use super::{
    emailed_link::{
        INCOMPLETE_LINK, INCOMPLETE_REASON, INVALID_LINK, Link, LinkFacts, LinkFailed, LinkLoading,
        LinkState,
    },
    reset::verify_session,
};
use crate::{
    api::user::{EmailedLink, LinkPurpose},
    appearance::page_title,
    browser::with_timeout,
    components::{Alert, Button, IntoAnySync, LiveText, Request, Submission},
};

/// What a page does, and what it says.
#[derive(Clone, Copy)]
pub(super) struct LinkAction {
    pub purpose: LinkPurpose,
    /// Sends the request with the link's token.
    pub request: fn(String) -> Request,
    /// The title of the page.
    pub title: &'static str,
    /// The headings before the button is pressed, when the server could not be asked, afterwards, and for a link
    /// that was used before.
    pub question: &'static str,
    pub not_done: &'static str,
    pub done: &'static str,
    pub was_done: &'static str,
    /// What pressing the button does.
    pub lead: &'static str,
    /// What happened at the time of the link, such as `Changed`.
    pub when: &'static str,
    /// The labels of the button, and while the request runs.
    pub label: &'static str,
    pub pending_label: &'static str,
    /// What to do afterwards, and the label of the link to a new password.
    pub next: &'static str,
    pub next_label: &'static str,
    /// What to do about a link that arrived incomplete.
    pub incomplete: &'static str,
    /// Which links work.
    pub validity: &'static str,
}

/// The page of a link that does one thing.
#[component]
pub(super) fn LinkActionPage(action: LinkAction) -> impl IntoView {
    let link = Link::new(action.purpose);
    let heading = move || match link.state.get() {
        LinkState::Loading | LinkState::Ready(..) => action.question,
        LinkState::Failed(_) => action.not_done,
        LinkState::Done | LinkState::Rejected => action.done,
        LinkState::Used(_) => action.was_done,
        LinkState::Incomplete => tr(INCOMPLETE_LINK),
        LinkState::Invalid(_) => tr(INVALID_LINK),
    };
    view! {
        <Title text=page_title(action.title) />
        <div class="panel needs-app">
            <h1 tabindex="-1">
                <LiveText text=Signal::derive(move || heading().to_owned()) />
            </h1>
            {move || match link.state.get() {
                LinkState::Loading => view! { <LinkLoading /> }.into_any_sync(),
                LinkState::Failed(error) => view! { <LinkFailed error link /> }.into_any_sync(),
                LinkState::Ready(token, facts) => {
                    view! { <Act action link token facts /> }.into_any_sync()
                }
                LinkState::Incomplete => {
                    view! { <p class="panel-text">{tr(INCOMPLETE_REASON)} " " {action.incomplete}</p> }
                        .into_any_sync()
                }
                LinkState::Invalid(_) => {
                    view! {
                        <Way text=action.validity href="/account" label=tr("Go to your account") />
                    }
                        .into_any_sync()
                }
                LinkState::Done | LinkState::Used(_) | LinkState::Rejected => {
                    view! { <Way text=action.next href="/forgot" label=action.next_label /> }.into_any_sync()
                }
            }}
        </div>
    }
}

#[component]
fn Act(action: LinkAction, link: Link, token: String, facts: EmailedLink) -> impl IntoView {
    let submission = Submission::default();
    let act = move |()| {
        let request = (action.request)(token.clone());
        submission.start(async move {
            let response = with_timeout(request).await;
            if response.is_ok() {
                verify_session();
            }
            link.finish(response)
        });
    };
    view! {
        <p class="panel-text">{action.lead}</p>
        <LinkFacts link=facts when=action.when />
        <Alert submission />
        <Button
            submission
            label=action.label
            pending_label=action.pending_label
            on_press=act
        />
    }
}

/// What to do next, with a link to it.
#[component]
fn Way(text: &'static str, href: &'static str, label: &'static str) -> impl IntoView {
    view! {
        <p class="panel-text">{text}</p>
        <p>
            <a class="button primary" href=href>
                {label}
            </a>
        </p>
    }
}
