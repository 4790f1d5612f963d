//! The ways to sign in besides the password, below its form.

use languages::{tr, tr_with};
use leptos::{ev, prelude::*, task::spawn_local};

use crate::{
    SignInWays,
    api::Code,
    browser::{
        LazyRequest,
        next::with_next,
        passkeys,
        social::{self, Return},
    },
    components::{Alert, Button, Icon, IconName, Notice, Status, Submission},
    hydration::is_hydrated,
};

/// The ways to sign in besides the password: one below the other, and calmer than the form.
#[component]
pub(super) fn OtherWays(
    /// The page that follows.
    next: Option<String>,
) -> impl IntoView {
    let SignInWays {
        passkeys,
        providers,
    } = SignInWays::of_server();
    let remembered = next.clone();
    let remember = move |_: ev::MouseEvent| social::remember_next(remembered.as_deref());
    let providers = providers.into_iter().map(|provider| {
        let path = format!("/api/social/{}/start", provider.name);
        let label = tr_with("Sign in with {provider}", &[("provider", &provider.label)]);
        // The server responds to this, not the app.
        view! {
            <a class="button quiet" href=path rel="external" on:click=remember.clone()>
                {label}
            </a>
        }
    });
    let providers = providers.collect_view();
    view! {
        <div class="other-ways">
            <p class="or">
                <span>{tr("or")}</span>
            </p>
            {passkeys.then(|| view! { <PasskeyButton /> })}
            {providers}
            <a class="button quiet" href=with_next("/login/code", next.as_deref())>
                <Icon name=IconName::Email />
                {tr("Email me a code")}
            </a>
        </div>
    }
}

/// Completes a sign-in from which a provider has led the browser back, or says why it failed.
#[component]
pub(super) fn FromProvider() -> impl IntoView {
    let submission = Submission::default();
    Effect::new(move |_| {
        if let Some(found) = Return::take() {
            submission.start(LazyRequest::FinishSocial(found).send());
        }
    });
    let text = move || {
        submission
            .is_running()
            .then(|| tr("Signing in…").to_owned())
    };
    view! {
        <Alert submission />
        <Notice text=Signal::derive(text) status=Status::Success />
    }
}

/// Signs in with a passkey, which the field for the email address suggests, too.
#[component]
fn PasskeyButton() -> impl IntoView {
    let submission = Submission::default();
    Effect::new(move |_| suggest(submission));
    on_cleanup(passkeys::stop_waiting);
    let sign_in = move |()| {
        submission.start(async move {
            let result = LazyRequest::SignInWithPasskey.send().await;
            if result.is_err() {
                suggest(submission);
            }
            result
        });
    };
    // The server can't know. Without JavaScript nobody can sign in anyway.
    let is_hidden = move || is_hydrated() && !passkeys::are_supported();
    view! {
        <div class="passkey" hidden=is_hidden>
            <Alert submission />
            <Button
                submission
                style="quiet"
                icon=IconName::Passkey
                label=tr("Sign in with a passkey")
                pending_label=tr("Waiting for your passkey…")
                on_press=sign_in
            />
        </div>
    }
}

/// Lets the browser suggest passkeys. Until the user picks one, nothing that fails is worth a message.
fn suggest(submission: Submission) {
    if !passkeys::are_supported() {
        return;
    }
    spawn_local(async move {
        if let Err(error) = LazyRequest::SuggestPasskeys.send().await
            && error.code() != Some(Code::Unreachable)
        {
            submission.start(async move { Err(error) });
        }
    });
}
