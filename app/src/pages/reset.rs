use leptos::{ev, prelude::*, task::spawn_local};
use leptos_meta::Title;

use super::{
    input_value,
    mailed_link::{VOID, on_token},
};
use crate::{
    api::user,
    browser::{session, within_limit},
    components::{Alert, Button, PASSWORD_HINT, PasswordField, Submission, focus_soon},
};

/// What the page shows.
#[derive(Clone, PartialEq, Eq)]
enum TestEnv {
    /// The app does not run yet, and only it can read the link.
    Waiting,
    /// The link's token is there, and may be good.
    Choose(String),
    Void,
    Done,
}

/// `/reset`: the mailed link to choose a new password.
#[component]
pub fn Reset() -> impl IntoView {
    let stage = RwSignal::new(TestEnv::Waiting);
    on_token(move |token| stage.set(token.map_or(TestEnv::Void, TestEnv::Choose)));
    let heading = move || match stage.get() {
        TestEnv::Waiting | TestEnv::Choose(_) => "Choose a new password",
        TestEnv::Void => VOID,
        TestEnv::Done => "Your password is changed",
    };
    view! {
        <Title text="Choose a new password · Latchkey" />
        <div class="panel by-app">
            <h1 tabindex="-1">{heading}</h1>
            {move || match stage.get() {
                TestEnv::Waiting => ().into_any(),
                TestEnv::Choose(token) => view! { <Choose token stage /> }.into_any(),
                TestEnv::Void => view! { <Void /> }.into_any(),
                TestEnv::Done => view! { <Done /> }.into_any(),
            }}
        </div>
    }
}

#[component]
fn Choose(
    /// The link's token.
    token: String,
    /// Where the page goes from here.
    stage: RwSignal<TestEnv>,
) -> impl IntoView {
    let submission = Submission::default();
    let password = NodeRef::new();
    let set = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let request = user::confirm_reset(token.as_str().into(), input_value(password).into());
        submission.start(async move {
            within_limit(request).await?;
            ask_after_session();
            stage.try_set(TestEnv::Done);
            focus_soon("h1");
            Ok(())
        });
    };
    Effect::new(move |_| {
        if submission.field_message("token").is_some() {
            stage.set(TestEnv::Void);
            focus_soon("h1");
        }
    });
    view! {
        <form method="post" novalidate on:submit=set>
            <Alert submission />
            <PasswordField
                submission
                input=password
                name="new_password"
                label="New password"
                autocomplete="new-password"
                hint=PASSWORD_HINT
            />
            <Button submission kind="submit" label="Set password" busy="Setting the password…" />
        </form>
    }
}

/// A session that this browser keeps may be one that has just ended: asking the server makes the
/// browser forget it then.
fn ask_after_session() {
    if session::load().is_some() {
        spawn_local(async {
            let _ = user::view().await;
        });
    }
}

#[component]
fn Void() -> impl IntoView {
    view! {
        <p class="panel-text">
            "It may have expired, been used, or been replaced by a newer one. Your password is as it was."
        </p>
        <p>
            <a class="button primary" href="/forgot">
                "Ask for a new link"
            </a>
        </p>
    }
}

#[component]
fn Done() -> impl IntoView {
    view! {
        <p class="panel-text">
            "All your devices are signed out. From now on, the new password is the one that counts."
        </p>
        <p>
            <a class="button primary" href="/login">
                "Sign in"
            </a>
        </p>
    }
}
