//! `/login`: signs in, and then opens the page that the user came from.

use languages::tr;
use leptos::{ev, html, prelude::*};
use leptos_meta::Title;

use super::{
    lazy::prefetch_sign_in,
    navigation::{redirect_if_signed_in, use_auth_state},
    other_ways::{FromProvider, OtherWays},
};
use crate::{
    Registration, SignInWays,
    api::Code,
    appearance::page_title,
    browser::{
        AuthState, EndReason, LazyRequest,
        next::{next, with_next},
        social,
    },
    components::{
        Alert, Button, EmailField, Notice, PasswordField, Resend, ResendButton, Status, Submission,
        focus_new_page, input_value,
    },
};

/// `/login`: signs in, and then opens the page that the user came from.
#[component]
pub fn Login() -> impl IntoView {
    focus_new_page();
    let next = next();
    redirect_if_signed_in(social::next().or_else(|| next.clone()));
    let ways = SignInWays::of_server();
    let has_providers = !ways.providers.is_empty();
    let autocomplete = if ways.passkeys {
        "username webauthn"
    } else {
        "username"
    };
    let submission = Submission::default();
    let (email, password) = (NodeRef::new(), NodeRef::new());
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let (email, password) = (input_value(email), input_value(password));
        submission.start(LazyRequest::SignIn { email, password }.send());
    };
    // With activation required, the server says the same for every address.
    let mentions_link = Memo::new(move |_| {
        let is_refused = submission.code() == Some(Code::InvalidCredentials);
        is_refused
            && submission
                .message()
                .is_some_and(|text| text != tr("Incorrect email or password."))
    });
    view! {
        <Title text=page_title(tr("Sign in")) />
        <div class="panel when-signed-out">
            <h1 tabindex="-1" aria-describedby="notice">
                {tr("Sign in")}
            </h1>
            <SignedOutNotice />
            {has_providers.then(|| view! { <FromProvider /> })}
            <form method="post" novalidate on:focusin=|_| prefetch_sign_in() on:submit=send>
                <Alert submission />
                {move || mentions_link.get().then(|| view! { <NotActivated email /> })}
                <EmailField submission input=email autocomplete />
                <PasswordField submission input=password autocomplete="current-password" />
                <p class="forgot">
                    <a href="/forgot">{tr("Forgot password?")}</a>
                </p>
                <Button submission kind="submit" label=tr("Sign in") pending_label=tr("Signing in…") />
            </form>
            <OtherWays next=next.clone() />
            {(Registration::of_server() == Registration::Open)
                .then(|| {
                    view! {
                        <p class="aside">
                            {tr("New here?")} " "
                            <a href=with_next("/register", next.as_deref())>{tr("Create account")}</a>
                        </p>
                    }
                })}
        </div>
    }
}

/// Says why the session has ended, if it just has.
#[component]
fn SignedOutNotice() -> impl IntoView {
    let auth_state = use_auth_state();
    let text = move || match auth_state.get() {
        // The page to which a deletion leads says it.
        AuthState::SignedOut(Some(EndReason::Deleted)) => None,
        AuthState::SignedOut(Some(reason)) => Some(reason.message().to_owned()),
        _ => None,
    };
    let status = move || match auth_state.get() {
        AuthState::SignedOut(Some(EndReason::SignedOut)) => Status::Success,
        _ => Status::Warning,
    };
    view! { <Notice text=Signal::derive(text) status=Signal::derive(status) id="notice" /> }
}

/// Offers another email with the link that activates the account.
#[component]
fn NotActivated(
    /// The input with the email address.
    email: NodeRef<html::Input>,
) -> impl IntoView {
    let resend = Resend::default();
    let send_again =
        move |()| resend.start(LazyRequest::ResendActivation(input_value(email)).send());
    view! {
        <div class="not-activated">
            <p>{tr("Haven't opened the link we emailed you?")}</p>
            <ResendButton resend label=tr("Send the link again") on_press=send_again />
        </div>
    }
}
