//! `/reset`: the emailed link to choose a new password.

use leptos::{ev, prelude::*, task::spawn_local};
use leptos_meta::Title;

use super::emailed_link::{INVALID_LINK, INVALID_REASON, on_token};
use crate::{
    api::{Text, user},
    browser::{session, with_timeout},
    components::{
        Alert, Button, PASSWORD_HINT, PasswordField, Submission, focus_soon, input_value,
    },
};

/// What the page shows.
#[derive(Clone, PartialEq, Eq)]
enum Step {
    /// Nothing: the app has not read the link yet.
    Pending,
    /// The form. Holds the link's token.
    Choose(String),
    /// The link does not work.
    Invalid,
    /// The password has been changed.
    Done,
}

/// `/reset`: the emailed link to choose a new password.
#[component]
pub fn Reset() -> impl IntoView {
    let step = RwSignal::new(Step::Pending);
    on_token(move |token| step.set(token.map_or(Step::Invalid, Step::Choose)));
    let heading = move || match step.get() {
        Step::Pending | Step::Choose(_) => "Choose a new password",
        Step::Invalid => INVALID_LINK,
        Step::Done => "Your password has been changed",
    };
    view! {
        <Title text="Choose a new password · Latchkey" />
        <div class="panel needs-app">
            <h1 tabindex="-1">{heading}</h1>
            {move || match step.get() {
                Step::Pending => ().into_any(),
                Step::Choose(token) => view! { <Choose token step /> }.into_any(),
                Step::Invalid => view! { <Invalid /> }.into_any(),
                Step::Done => view! { <Done /> }.into_any(),
            }}
        </div>
    }
}

#[component]
fn Choose(
    /// The link's token.
    token: String,
    /// The page's step.
    step: RwSignal<Step>,
) -> impl IntoView {
    let submission = Submission::default();
    let password = NodeRef::new();
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let request = user::confirm_reset(
            token.as_str().into(),
            Text::default(),
            Text::default(),
            input_value(password).into(),
        );
        submission.start(async move {
            with_timeout(request).await?;
            verify_session();
            step.try_set(Step::Done);
            focus_soon("h1");
            Ok(())
        });
    };
    Effect::new(move |_| {
        if submission.field_message("token").is_some() {
            step.set(Step::Invalid);
            focus_soon("h1");
        }
    });
    view! {
        <form method="post" novalidate on:submit=send>
            <Alert submission />
            <PasswordField
                submission
                input=password
                name="new_password"
                label="New password"
                autocomplete="new-password"
                hint=PASSWORD_HINT
            />
            <Button
                submission
                kind="submit"
                label="Set password"
                pending_label="Setting the password…"
            />
        </form>
    }
}

/// Sends a request with this browser's session, if there is one. If the new password has ended that
/// session, the browser then removes it.
fn verify_session() {
    if session::load().is_some() {
        spawn_local(async {
            let _ = user::view().await;
        });
    }
}

#[component]
fn Invalid() -> impl IntoView {
    view! {
        <p class="panel-text">{INVALID_REASON} " Your password hasn't changed."</p>
        <p>
            <a class="button primary" href="/forgot">
                "Get a new link"
            </a>
        </p>
    }
}

#[component]
fn Done() -> impl IntoView {
    view! {
        <p class="panel-text">"All your devices are signed out. Sign in with your new password."</p>
        <p>
            <a class="button primary" href="/login">
                "Sign in"
            </a>
        </p>
    }
}
