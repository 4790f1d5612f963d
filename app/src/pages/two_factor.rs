//! `/two-factor`: the second step of signing in.

use std::future::Future;

use languages::{tr, tr_later};
use leptos::{ev, prelude::*};

use crate::components::IntoAnySync;
use leptos_meta::Title;

use super::{
    navigation::{signed_out_redirect, use_auth_state, use_redirect},
    use_passkey::{UsePasskey, can_use_passkeys},
};
use crate::{
    api::{ApiError, Flag, recovery, totp, user, user::TokenPair},
    appearance::page_title,
    browser::{
        AuthState, LOADING_LIMIT,
        next::{HOME, next},
        pending_account,
        renewal::exchange,
        sign_out::{Scope, finish_sign_out},
        unsaved_codes, with_limit,
    },
    components::{
        Alert, Button, CodeField, LiveText, Notice, RecoveryCodeField, Submission, focus_new_page,
        focus_soon, input_value,
    },
    email::email_for_display,
};

/// The error when the response to a code was lost.
const CODE_LOST: &str =
    tr_later("The server can't be reached. Try again with your app's next code.");

/// The error when the response to a recovery code was lost.
const RECOVERY_CODE_LOST: &str = tr_later(
    "The server can't be reached. Try again, and if this code was used up, with another one.",
);

/// What follows when the response that turned the second factor on was lost.
const UNSAVED_CODES: &str = tr_later(
    "Two-factor authentication is on, but your recovery codes were not saved. \
     Enter a code from your app, and then create new recovery codes.",
);

/// `/two-factor`: the second step of signing in.
#[component]
pub fn TwoFactor() -> impl IntoView {
    let auth_state = use_auth_state();
    let check = SessionCheck::default();
    redirect_if_not_pending(check);
    let is_pending = Memo::new(move |_| matches!(auth_state.get(), AuthState::MfaPending(_)));
    view! {
        <Title text=page_title(tr("Two-factor authentication")) />
        <div class="panel two-factor when-signed-in">
            <h1 tabindex="-1">{tr("Two-factor authentication")}</h1>
            {move || {
                if is_pending.get() {
                    view! { <CodeForms /> }.into_any_sync()
                } else {
                    view! { <Checking check /> }.into_any_sync()
                }
            }}
        </div>
    }
}

/// Asks the server whether the session needs the second factor. After a reload the app does not
/// know.
#[derive(Clone, Copy)]
struct SessionCheck {
    submission: Submission,
    /// Whether the session does not need the second factor.
    is_signed_in: RwSignal<bool>,
}

impl Default for SessionCheck {
    fn default() -> Self {
        Self {
            submission: Submission::default(),
            is_signed_in: RwSignal::new(false),
        }
    }
}

impl SessionCheck {
    fn start(self) {
        self.submission.start(self.run());
    }

    fn start_again(self) {
        self.submission.start(async move {
            let result = self.run().await;
            // The button that had the focus is gone.
            focus_new_page();
            result
        });
    }

    async fn run(self) -> Result<(), ApiError> {
        // If the session needs the second factor, this makes the auth state `MfaPending`.
        with_limit(LOADING_LIMIT, user::view()).await?;
        self.is_signed_in.try_set(true);
        Ok(())
    }
}

/// Redirects users who don't need the second factor, or have just completed it.
fn redirect_if_not_pending(check: SessionCheck) {
    let auth_state = use_auth_state();
    let redirect = use_redirect();
    let next = next().unwrap_or_else(|| HOME.to_owned());
    Effect::new(move |was_pending: Option<bool>| {
        let state = auth_state.get();
        match state {
            AuthState::Unknown | AuthState::MfaPending(_) => {}
            AuthState::SignedOut(reason) => redirect(&signed_out_redirect(reason, &next)),
            AuthState::SignedIn(_) if was_pending == Some(true) || check.is_signed_in.get() => {
                redirect(&next);
            }
            AuthState::SignedIn(_) => check.start(),
        }
        matches!(state, AuthState::MfaPending(_))
    });
}

/// A placeholder for the form while the server is being asked, or the error.
#[component]
fn Checking(check: SessionCheck) -> impl IntoView {
    let submission = check.submission;
    view! {
        <Show
            when=move || submission.message().is_some()
            fallback=|| {
                view! {
                    <p class="panel-text" aria-busy="true">
                        <span class="skeleton">{tr("Enter the code that your authenticator app shows.")}</span>
                    </p>
                }
            }
        >
            <Alert submission />
            <button type="button" class="button primary" on:click=move |_| check.start_again()>
                {tr("Try again")}
            </button>
        </Show>
    }
}

/// Asks for a code of the authenticator app, or for a recovery code instead.
#[component]
fn CodeForms() -> impl IntoView {
    let uses_recovery_code = RwSignal::new(false);
    let has_unsaved_codes = unsaved_codes::has_current_user();
    let notice = Signal::derive(move || has_unsaved_codes.then(|| tr(UNSAVED_CODES).to_owned()));
    let alternative = move || {
        let uses_app = uses_recovery_code.get();
        let text = if uses_app {
            tr("Use the authenticator app")
        } else {
            tr("Use a recovery code")
        };
        text.to_owned()
    };
    let switch = move |_: ev::MouseEvent| {
        uses_recovery_code.update(|uses_it| *uses_it = !*uses_it);
        focus_soon("#code");
    };
    view! {
        <Notice text=notice />
        <PendingAccount />
        {move || {
            if uses_recovery_code.get() {
                view! { <RecoveryCodeForm /> }.into_any_sync()
            } else {
                view! { <AppCodeForm /> }.into_any_sync()
            }
        }}
        <div class="aside alternatives">
            <button type="button" class="link" on:click=switch>
                <LiveText text=Signal::derive(alternative) />
            </button>
            {can_use_passkeys()
                .then(|| {
                    view! {
                        <UsePasskey
                            label=tr("Use a passkey")
                            on_done=move |()| pending_account::forget()
                        />
                    }
                })}
            <details class="help">
                <summary>{tr("Lost your phone?")}</summary>
                <p>
                    {tr("Use one of the recovery codes that you saved when you turned on two-factor authentication. If you have none left, ask the administrator of this site to turn it off for your account.")}
                </p>
            </details>
        </div>
    }
}

/// Says which account is being signed in to, with a way to another one.
#[component]
fn PendingAccount() -> impl IntoView {
    let sign_out = Submission::default();
    let text = Signal::derive(move || {
        let text = if sign_out.is_running() {
            tr("Signing out…")
        } else {
            tr("Use another account")
        };
        text.to_owned()
    });
    let leave = move |_| {
        sign_out.start(async {
            let result = finish_sign_out(user::logout().await, Scope::Here, false);
            if result.is_ok() {
                pending_account::forget();
            }
            result
        });
    };
    let email = pending_account::email().map(|email| {
        view! {
            <p class="pending-email">
                <span class="visually-hidden">{tr("Signing in as")} " "</span>
                <strong translate="no">{email_for_display(&email)}</strong>
            </p>
        }
    });
    view! {
        <div class="pending-account">
            {email}
            <button
                type="button"
                class="link"
                aria-disabled=move || sign_out.is_running().then_some("true")
                on:click=leave
            >
                <LiveText text />
            </button>
            <Alert submission=sign_out />
        </div>
    }
}

#[component]
fn AppCodeForm() -> impl IntoView {
    let submission = Submission::default();
    let code = NodeRef::new();
    let trusts = RwSignal::new(false);
    let verify = move || {
        let trust_device = if trusts.get_untracked() {
            Flag::Present(true)
        } else {
            Flag::Absent
        };
        let request = totp::login(input_value(code).into(), trust_device);
        submission.start(store_tokens(request, tr(CODE_LOST)));
    };
    view! {
        <p class="panel-text">{tr("Enter the code that your authenticator app shows.")}</p>
        <form
            class="steady"
            method="post"
            novalidate
            on:submit=move |event| submit(&event, verify)
        >
            <CodeField submission input=code on_complete=move |()| verify() />
            <Alert submission />
            <Button submission kind="submit" label=tr("Verify") pending_label=tr("Verifying…") />
            // After the button, which is at the same place in the other form.
            <div class="check">
                <label>
                    <input
                        type="checkbox"
                        on:change=move |event| trusts.set(event_target_checked(&event))
                    />
                    {tr("Don't ask for a code on this device for 30 days")}
                </label>
            </div>
        </form>
    }
}

#[component]
fn RecoveryCodeForm() -> impl IntoView {
    let submission = Submission::default();
    let code = NodeRef::new();
    let verify = move || {
        let request = recovery::login(input_value(code).into());
        submission.start(store_tokens(request, tr(RECOVERY_CODE_LOST)));
    };
    view! {
        <p class="panel-text">{tr("Enter one of your saved recovery codes. Each works once.")}</p>
        <form
            class="steady"
            method="post"
            novalidate
            on:submit=move |event| submit(&event, verify)
        >
            <RecoveryCodeField submission input=code />
            <Alert submission />
            <Button submission kind="submit" label=tr("Verify") pending_label=tr("Verifying…") />
        </form>
    }
}

fn submit(event: &ev::SubmitEvent, verify: impl Fn()) {
    event.prevent_default();
    verify();
}

/// Stores the tokens that the server returns for a correct code. If the response is lost, the code may
/// have been used up, which `lost` says.
async fn store_tokens(
    response: impl Future<Output = Result<TokenPair, ApiError>>,
    lost: &'static str,
) -> Result<(), ApiError> {
    let result = exchange(async { Ok((response.await?, ())) }).await;
    if result.is_ok() {
        pending_account::forget();
    }
    result.map_err(|error| match error.code() {
        Some(code) if error.is_unclear() => ApiError::detail(code, lost),
        _ => error,
    })
}
