//! The section "Two-factor authentication".

mod apps;
mod codes_left;
mod flow;
mod set_up;

use languages::tr;
use leptos::prelude::*;

use crate::components::IntoAnySync;

use super::{details::Details, dialog::PasswordForm, unverified::FIRST};
use crate::{
    api::user::{self, Session},
    components::{Alert, Button, Dialog, Notice, RecoveryCodes, Submission, focus_soon},
};
use apps::{AddApp, AddAppButton, Apps, RemoveApp, RenameApp};
use codes_left::RecoveryCodesLeft;
use flow::{CODES_REPLACED, Flow, Step};
use set_up::{Purpose, SetUp, Steps};

/// Turns the second factor on and off, lists the authenticator apps, and creates new recovery codes.
#[component]
pub(super) fn TwoFactor(details: Details) -> impl IntoView {
    let flow = Flow::new(details);
    let is_on = Memo::new(move |_| details.has_second_factor());
    view! {
        <section class="section" aria-labelledby="two-factor">
            <h2 id="two-factor" tabindex="-1">
                {tr("Two-factor authentication")}
            </h2>
            {move || {
                if is_on.get() {
                    view! { <On flow /> }.into_any_sync()
                } else {
                    view! { <Off flow /> }.into_any_sync()
                }
            }}
            <Dialog open=flow.dialog.is_open locked=Signal::derive(move || flow.is_locked())>
                {move || match flow.step.get() {
                    Step::TurnOn => view! { <TurnOn flow /> }.into_any_sync(),
                    Step::SetUp(setup) => {
                        view! { <SetUp flow setup purpose=Purpose::TurnOn /> }.into_any_sync()
                    }
                    Step::AddApp => view! { <AddApp flow /> }.into_any_sync(),
                    Step::SetUpAnother(setup) => {
                        view! { <SetUp flow setup purpose=Purpose::Add /> }.into_any_sync()
                    }
                    Step::RenameApp(app) => view! { <RenameApp flow app /> }.into_any_sync(),
                    Step::RemoveApp(app) => view! { <RemoveApp flow app /> }.into_any_sync(),
                    Step::CreateCodes => view! { <CreateCodes flow /> }.into_any_sync(),
                    Step::Codes(codes, notice) => view! { <Codes flow codes notice /> }.into_any_sync(),
                    Step::TurnOff => view! { <TurnOff flow /> }.into_any_sync(),
                }}
            </Dialog>
        </section>
    }
}

#[component]
fn Off(flow: Flow) -> impl IntoView {
    view! {
        <p class="section-lead">
            {tr("Add a second step at sign-in, a code from an app on your phone. Then a stolen password is no longer enough to sign in.")}
        </p>
        <Notice text=flow.dialog.notice />
        {move || {
            if flow.details.is_verified() {
                view! {
                    <button
                        type="button"
                        class="button quiet"
                        on:click=move |_| flow.start(Step::TurnOn)
                    >
                        {tr("Turn on")}
                    </button>
                }
                    .into_any_sync()
            } else {
                view! { <p class="blocked">{tr(FIRST)}</p> }.into_any_sync()
            }
        }}
    }
}

#[component]
fn On(flow: Flow) -> impl IntoView {
    view! {
        <p class="section-lead fact">
            <span class="badge">{tr("On")}</span>
            <span>{tr("Signing in requires a code from your authenticator app.")}</span>
        </p>
        <Apps flow />
        <RecoveryCodesLeft flow />
        <Notice text=flow.dialog.notice />
        <div class="actions">
            <AddAppButton flow />
            <button
                type="button"
                class="button quiet"
                on:click=move |_| flow.start(Step::CreateCodes)
            >
                {tr("New recovery codes")}
            </button>
            <button
                type="button"
                class="button danger"
                on:click=move |_| flow.start(Step::TurnOff)
            >
                {tr("Turn off")}
            </button>
        </div>
        <TrustedDevices flow />
    }
}

/// Lets every device ask for a code again, if some don't.
#[component]
fn TrustedDevices(flow: Flow) -> impl IntoView {
    let submission = Submission::default();
    let details = flow.details;
    let is_trusting = Memo::new(move |_| {
        let is_trusted = |session: &Session| session.trusted_until.is_some();
        details
            .sessions
            .with(|sessions| sessions.iter().any(is_trusted))
    });
    let forget = move |()| {
        submission.start(async move {
            user::revoke_trusted_devices().await?;
            details.reload_sessions();
            focus_soon("#two-factor");
            Ok(())
        });
    };
    move || {
        is_trusting.get().then(|| {
            view! {
                <div class="section-foot">
                    <p class="section-lead">
                        {tr("Some of your devices don't need a code for 30 days.")}
                    </p>
                    <Alert submission />
                    <Button
                        submission
                        style="quiet"
                        label=tr("Ask for a code everywhere")
                        pending_label=tr("Saving…")
                        on_press=forget
                    />
                </div>
            }
        })
    }
}

#[component]
fn TurnOn(flow: Flow) -> impl IntoView {
    view! {
        <PasswordForm
            dialog=flow.dialog
            details=flow.details
            title=tr("Turn on two-factor authentication")
            header=move || view! { <Steps step=1 /> }.into_any_sync()
            lead=tr("You need an authenticator app on your phone, such as Google Authenticator, Microsoft Authenticator, Aegis, 1Password or Apple's Passwords. Enter your password to continue.")
            submit=tr("Continue")
            pending_label=tr("Checking…")
            on_submit=move |password| flow.set_up(password)
        />
    }
}

#[component]
fn CreateCodes(flow: Flow) -> impl IntoView {
    view! {
        <PasswordForm
            dialog=flow.dialog
            details=flow.details
            title=tr("New recovery codes")
            lead=tr("Your current codes will stop working.")
            submit=tr("Create new codes")
            pending_label=tr("Creating new codes…")
            on_submit=move |password| flow.create_codes(password)
        />
    }
}

#[component]
fn TurnOff(flow: Flow) -> impl IntoView {
    view! {
        <PasswordForm
            dialog=flow.dialog
            details=flow.details
            title=tr("Turn off two-factor authentication?")
            lead=tr("You'll sign in with your password only.")
            submit=tr("Turn off")
            pending_label=tr("Turning off…")
            style="danger"
            on_submit=move |password| flow.turn_off(password)
        />
    }
}

/// Shows new recovery codes.
#[component]
fn Codes(
    flow: Flow,
    /// The codes.
    codes: Vec<String>,
    /// What the section says afterwards.
    notice: &'static str,
) -> impl IntoView {
    let header = move || (notice != tr(CODES_REPLACED)).then(|| view! { <Steps step=3 /> });
    view! {
        <RecoveryCodes
            codes
            account=untrack(|| flow.details.shown_email())
            header
            on_done=move |()| flow.finish_codes(notice)
        />
    }
}
