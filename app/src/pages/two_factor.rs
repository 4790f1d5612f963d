use std::future::Future;

use leptos::{ev, prelude::*};
use leptos_meta::Title;

use super::{input_value, sign_out::leave, signed_out_redirect, use_auth_state, use_redirect};
use crate::{
    api::{ApiError, recovery, totp, user, user::TokenPair},
    browser::{
        AuthState,
        next::{HOME, next},
        renewal::exchange,
    },
    components::{
        Alert, Button, CodeField, RecoveryCodeField, Submission, focus_new_page, focus_soon,
    },
};

/// `/two-factor`: the second step of signing in, where the account has one.
#[component]
pub fn TwoFactor() -> impl IntoView {
    let presence = use_auth_state();
    let question = Question::default();
    redirect_if_not_pending(question);
    let is_half = Memo::new(move |_| matches!(presence.get(), AuthState::MfaPending(_)));
    view! {
        <Title text="Two-factor authentication · Latchkey" />
        <div class="panel when-signed-in">
            <h1 tabindex="-1">"Two-factor authentication"</h1>
            {move || {
                if is_half.get() {
                    view! { <Codes /> }.into_any()
                } else {
                    view! { <Unanswered question /> }.into_any()
                }
            }}
        </div>
    }
}

/// Whether the session, which a page that has just been loaded can't know, has nothing to pass.
#[derive(Clone, Copy)]
struct Question {
    submission: Submission,
    is_signed_in: RwSignal<bool>,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            submission: Submission::default(),
            is_signed_in: RwSignal::new(false),
        }
    }
}

impl Question {
    fn ask(self) {
        self.submission.start(self.answer());
    }

    fn ask_again(self) {
        self.submission.start(async move {
            let answer = self.answer().await;
            // The button went when it was pressed.
            focus_new_page();
            answer
        });
    }

    async fn answer(self) -> Result<(), ApiError> {
        // Where the second factor is missing, the person is half signed in from then on.
        user::view().await?;
        self.is_signed_in.try_set(true);
        Ok(())
    }
}

/// Leads away whoever has nothing to do here, or nothing any more.
fn redirect_if_not_pending(question: Question) {
    let presence = use_auth_state();
    let redirect = use_redirect();
    let next = next().unwrap_or_else(|| HOME.to_owned());
    Effect::new(move |was_half: Option<bool>| {
        let presence = presence.get();
        match presence {
            AuthState::Unknown | AuthState::MfaPending(_) => {}
            AuthState::SignedOut(ended) => redirect(&signed_out_redirect(ended, &next)),
            AuthState::SignedIn(_) if was_half == Some(true) || question.is_signed_in.get() => {
                redirect(&next);
            }
            AuthState::SignedIn(_) => question.ask(),
        }
        matches!(presence, AuthState::MfaPending(_))
    });
}

/// The place of the form, until it is clear that one is needed.
#[component]
fn Unanswered(question: Question) -> impl IntoView {
    let submission = question.submission;
    view! {
        <Show
            when=move || submission.message().is_some()
            fallback=|| {
                view! {
                    <p class="panel-text" aria-busy="true">
                        <span class="skeleton">"Enter the code from your authenticator app."</span>
                    </p>
                }
            }
        >
            <Alert submission />
            <button type="button" class="button primary" on:click=move |_| question.ask_again()>
                "Try again"
            </button>
        </Show>
    }
}

/// Asks for a code of the app, or for a recovery code in its place.
#[component]
fn Codes() -> impl IntoView {
    let by_recovery = RwSignal::new(false);
    let sign_out = Submission::default();
    let switch = move |_: ev::MouseEvent| {
        by_recovery.update(|by_recovery| *by_recovery = !*by_recovery);
        focus_soon("#code");
    };
    view! {
        {move || {
            if by_recovery.get() {
                view! { <ByRecoveryCode /> }.into_any()
            } else {
                view! { <ByApp /> }.into_any()
            }
        }}
        <div class="aside ways">
            <button type="button" class="link" on:click=switch>
                {move || {
                    if by_recovery.get() {
                        "Use the authenticator app"
                    } else {
                        "Use a recovery code"
                    }
                }}
            </button>
            <Button
                submission=sign_out
                look="quiet"
                label="Sign out"
                busy="Signing out…"
                on_press=move |()| sign_out.start(async { leave(user::logout().await) })
            />
            <Alert submission=sign_out />
        </div>
    }
}

#[component]
fn ByApp() -> impl IntoView {
    let submission = Submission::default();
    let code = NodeRef::new();
    let verify = move || submission.start(pass(totp::login(input_value(code).into())));
    view! {
        <p class="panel-text">"Enter the code from your authenticator app."</p>
        <form method="post" novalidate on:submit=move |event| submit(&event, verify)>
            <Alert submission />
            <CodeField submission input=code on_complete=move |()| verify() />
            <Button submission kind="submit" label="Verify" busy="Verifying…" />
        </form>
    }
}

#[component]
fn ByRecoveryCode() -> impl IntoView {
    let submission = Submission::default();
    let code = NodeRef::new();
    let verify = move || submission.start(pass(recovery::login(input_value(code).into())));
    view! {
        <p class="panel-text">
            "Enter one of the codes that you kept when you turned this on. It works once."
        </p>
        <form method="post" novalidate on:submit=move |event| submit(&event, verify)>
            <Alert submission />
            <RecoveryCodeField submission input=code />
            <Button submission kind="submit" label="Verify" busy="Verifying…" />
        </form>
    }
}

fn submit(event: &ev::SubmitEvent, verify: impl Fn()) {
    event.prevent_default();
    verify();
}

/// Signs in fully with the pair that a right code is answered with.
async fn pass(answer: impl Future<Output = Result<TokenPair, ApiError>>) -> Result<(), ApiError> {
    exchange(async { Ok((answer.await?, ())) }).await
}
