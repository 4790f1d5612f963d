//! The section "Two-factor authentication".

use std::future::Future;

use http::StatusCode;
use leptos::prelude::*;

use super::{
    details::Details,
    dialog::{CurrentPassword, DialogForm, DialogState},
    token_request::{Outcome, TokenRequest},
    unverified::FIRST,
};
use crate::{
    api::{
        ApiError, Code, recovery,
        totp::{self, Setup, TurnedOn},
        user,
    },
    browser::{EndReason, renewal::exchange, session, unsaved_codes},
    components::{
        CodeField, Dialog, Message, Notice, RecoveryCodes, Status, focus_soon, input_value,
    },
};

/// What the dialog shows.
#[derive(Clone)]
enum Step {
    /// Asks for the password, to set up an authenticator app.
    TurnOn,
    /// Shows the secret for the app, and asks for the app's first code.
    SetUp(Setup),
    /// Asks for the password, to create new recovery codes.
    CreateCodes,
    /// Shows new recovery codes. Holds the notice that follows.
    Codes(Vec<String>, &'static str),
    /// Asks for the password, to turn the second factor off.
    TurnOff,
}

const TURNED_ON: &str = "Two-factor authentication is on.";
const CODES_REPLACED: &str = "You have new recovery codes. The old ones no longer work.";
const TURNED_OFF: &str = "Two-factor authentication is off. Other devices are signed out.";
const UNSAVED: &str = "You haven't saved your recovery codes. Without them you can't sign in if you \
                       lose your phone: create new ones.";
const NOT_ON: &str = "The server can't be reached. Two-factor authentication is not on yet: try again \
                      in a moment.";
const UNCLEAR_ON: &str = "The server can't be reached, so it isn't clear whether two-factor \
                          authentication is on. Try again in a moment.";
const CODES_LOST: &str = "Two-factor authentication is on, but the recovery codes didn't arrive. Create \
                          new ones.";
const NEW_CODES_LOST: &str = "The server can't be reached. Your earlier codes may not work any more: try \
                              again in a moment.";
const STILL_ON: &str = "The server can't be reached. Two-factor authentication is still on: try again in \
                        a moment.";
const UNCLEAR_OFF: &str = "The server can't be reached, so it isn't clear whether two-factor \
                           authentication is still on. Try again in a moment.";

/// The dialog, and the requests that lead from step to step.
#[derive(Clone, Copy)]
struct Flow {
    details: Details,
    dialog: DialogState,
    step: RwSignal<Step>,
    /// Whether the newest recovery codes were not saved.
    has_unsaved_codes: RwSignal<bool>,
    turn_off: TokenRequest,
}

impl Flow {
    fn start(self, step: Step) {
        self.step.set(step);
        self.dialog.open();
    }

    /// Returns whether the dialog must stay open: recovery codes are shown only once.
    fn is_locked(self) -> bool {
        let shows_codes = self.step.with(|step| matches!(step, Step::Codes(..)));
        shows_codes || self.dialog.submission.is_running()
    }

    /// Records that the user has saved the codes.
    fn finish_codes(self, notice: &'static str) {
        self.set_unsaved_codes(false);
        self.finish(notice);
    }

    /// Remembers, also in the browser's storage, whether the newest codes were not saved.
    fn set_unsaved_codes(self, are_unsaved: bool) {
        if are_unsaved {
            let user = self.details.profile.try_get_untracked();
            unsaved_codes::remember(&user.map(|user| user.id).unwrap_or_default());
        } else {
            unsaved_codes::forget();
        }
        self.has_unsaved_codes.try_set(are_unsaved);
    }

    /// Waits for new recovery codes. They are unsaved from now on, unless the server refuses the
    /// request: the page may be left, and the response lost.
    async fn receive_codes<T>(
        self,
        request: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let were_unsaved = self.has_unsaved_codes.try_get_untracked() == Some(true);
        self.set_unsaved_codes(true);
        let response = request.await;
        if response.as_ref().is_err_and(|error| !error.is_unclear()) {
            self.set_unsaved_codes(were_unsaved);
        }
        response
    }

    fn finish(self, notice: &'static str) {
        self.step.try_set(Step::TurnOn);
        self.dialog.finish(notice.to_owned());
        // The button that opened the dialog is gone, except the one for new codes.
        if notice != CODES_REPLACED {
            focus_soon("#two-factor");
        }
    }

    fn set_up(self, password: String) {
        self.dialog.submission.start(async move {
            let setup = totp::create(password.into()).await?;
            self.step.try_set(Step::SetUp(setup));
            focus_soon("#code");
            Ok(())
        });
    }

    fn turn_on(self, code: String) {
        self.dialog.submission.start(async move {
            let request = exchange(async {
                let TurnedOn {
                    pair,
                    recovery_codes,
                } = totp::confirm(code.into()).await?;
                Ok((pair, recovery_codes))
            });
            match self.receive_codes(request).await {
                Ok(codes) => {
                    self.details.set_second_factor(true);
                    self.show_codes(codes, TURNED_ON);
                    Ok(())
                }
                Err(error) if error.is_unclear() => self.check_whether_on().await,
                Err(error) => Err(note_end(error)),
            }
        });
    }

    /// Asks the server whether the second factor is on, after the response was lost. If it is, the
    /// session's tokens usually still lack it, and the page that asks for a code opens.
    async fn check_whether_on(self) -> Result<(), ApiError> {
        match user::view().await {
            Ok(profile) if profile.otp_enabled => {
                self.details.set_second_factor(true);
                self.finish(CODES_LOST);
                Ok(())
            }
            Ok(_) => {
                self.set_unsaved_codes(false);
                Err(ApiError::detail(Code::Unreachable, NOT_ON))
            }
            Err(error) if error.is_unclear() => {
                Err(ApiError::detail(Code::Unreachable, UNCLEAR_ON))
            }
            Err(error) => Err(error),
        }
    }

    fn create_codes(self, password: String) {
        self.dialog.submission.start(async move {
            match self.receive_codes(recovery::create(password.into())).await {
                Ok(created) => {
                    self.show_codes(created.recovery_codes, CODES_REPLACED);
                    Ok(())
                }
                Err(error) if error.is_unclear() => {
                    Err(ApiError::detail(Code::Unreachable, NEW_CODES_LOST))
                }
                Err(error) => Err(note_end(error)),
            }
        });
    }

    fn turn_off(self, password: String) {
        self.dialog.submission.start(async move {
            let email = untrack(|| self.details.email());
            let request = totp::delete(password.as_str().into());
            let request = exchange(async { Ok((request.await?, ())) });
            match self.turn_off.send(request, email, password).await? {
                Outcome::Answered => {}
                // Unless this needs the second factor: then the page that asks for it opens.
                Outcome::SignedInAgain if !user::view().await?.otp_enabled => {}
                Outcome::SignedInAgain => {
                    return Err(ApiError::detail(Code::Unreachable, STILL_ON));
                }
                Outcome::Refused => {
                    session::end(EndReason::NotDone);
                    return Err(Code::TokenInvalid.into());
                }
            }
            self.set_unsaved_codes(false);
            self.details.set_second_factor(false);
            self.finish(TURNED_OFF);
            self.details.reload_sessions();
            Ok(())
        });
    }

    fn show_codes(self, codes: Vec<String>, notice: &'static str) {
        self.step.try_set(Step::Codes(codes, notice));
        focus_soon("#dialog-title");
    }
}

/// Says, where the user will read it, that the session ended before the change was made.
fn note_end(error: ApiError) -> ApiError {
    if error.status() == StatusCode::UNAUTHORIZED {
        session::explain_end(EndReason::NotDone);
    }
    error
}

/// Turns the second factor on and off, and creates new recovery codes.
#[component]
pub(super) fn TwoFactor(details: Details) -> impl IntoView {
    let flow = Flow {
        details,
        dialog: DialogState::default(),
        step: RwSignal::new(Step::TurnOn),
        has_unsaved_codes: RwSignal::new(unsaved_codes::has(&details.profile.read_untracked().id)),
        turn_off: TokenRequest::new(STILL_ON, UNCLEAR_OFF),
    };
    let is_on = Memo::new(move |_| details.has_second_factor());
    view! {
        <section class="section" aria-labelledby="two-factor">
            <h2 id="two-factor" tabindex="-1">
                "Two-factor authentication"
            </h2>
            {move || {
                if is_on.get() {
                    view! { <On flow /> }.into_any()
                } else {
                    view! { <Off flow /> }.into_any()
                }
            }}
            <Dialog open=flow.dialog.is_open locked=Signal::derive(move || flow.is_locked())>
                {move || match flow.step.get() {
                    Step::TurnOn => view! { <TurnOn flow /> }.into_any(),
                    Step::SetUp(setup) => view! { <SetUp flow setup /> }.into_any(),
                    Step::CreateCodes => view! { <CreateCodes flow /> }.into_any(),
                    Step::Codes(codes, notice) => {
                        view! { <RecoveryCodes codes on_done=move |()| flow.finish_codes(notice) /> }
                            .into_any()
                    }
                    Step::TurnOff => view! { <TurnOff flow /> }.into_any(),
                }}
            </Dialog>
        </section>
    }
}

#[component]
fn Off(flow: Flow) -> impl IntoView {
    view! {
        <p class="section-lead">
            "Add a code from an app on your phone as a second step: a stolen password is no longer enough to sign in."
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
                        "Turn on"
                    </button>
                }
                    .into_any()
            } else {
                view! { <p class="blocked">{FIRST}</p> }.into_any()
            }
        }}
    }
}

#[component]
fn On(flow: Flow) -> impl IntoView {
    view! {
        <p class="section-lead fact">
            <span class="badge">"On"</span>
            <span>"Signing in requires a code from your authenticator app."</span>
        </p>
        {move || {
            // While the codes are shown, they are not saved yet.
            let warns = flow.has_unsaved_codes.get() && !flow.dialog.is_open.get();
            warns.then(|| view! { <Message status=Status::Warning text=UNSAVED /> })
        }}
        <Notice text=flow.dialog.notice />
        <div class="actions">
            <button
                type="button"
                class="button quiet"
                on:click=move |_| flow.start(Step::CreateCodes)
            >
                "New recovery codes"
            </button>
            <button
                type="button"
                class="button danger"
                on:click=move |_| flow.start(Step::TurnOff)
            >
                "Turn off"
            </button>
        </div>
    }
}

#[component]
fn TurnOn(flow: Flow) -> impl IntoView {
    view! {
        <PasswordForm
            flow
            title="Turn on two-factor authentication"
            lead="You need an authenticator app, for example on your phone. Enter your password to continue."
            submit="Continue"
            pending_label="Checking…"
            on_submit=move |password| flow.set_up(password)
        />
    }
}

#[component]
fn CreateCodes(flow: Flow) -> impl IntoView {
    view! {
        <PasswordForm
            flow
            title="New recovery codes"
            lead="Your current codes will stop working."
            submit="Create new codes"
            pending_label="Creating new codes…"
            on_submit=move |password| flow.create_codes(password)
        />
    }
}

#[component]
fn TurnOff(flow: Flow) -> impl IntoView {
    view! {
        <PasswordForm
            flow
            title="Turn off two-factor authentication?"
            lead="You'll sign in with your password only."
            submit="Turn off"
            pending_label="Turning off…"
            style="danger"
            on_submit=move |password| flow.turn_off(password)
        />
    }
}

/// A form with no other field than the password.
#[component]
fn PasswordForm(
    flow: Flow,
    title: &'static str,
    /// The explanation.
    lead: &'static str,
    submit: &'static str,
    pending_label: &'static str,
    #[prop(default = "primary")] style: &'static str,
    /// Called with the password.
    #[prop(into)]
    on_submit: Callback<String>,
) -> impl IntoView {
    let input = NodeRef::new();
    view! {
        <DialogForm
            dialog=flow.dialog
            title
            details=flow.details
            submit
            pending_label
            style
            on_submit=move |()| on_submit.run(input_value(input))
        >
            <p class="dialog-lead">{lead}</p>
            <CurrentPassword submission=flow.dialog.submission input />
        </DialogForm>
    }
}

/// Shows the secret for the authenticator app, and asks for the app's first code.
#[component]
fn SetUp(flow: Flow, setup: Setup) -> impl IntoView {
    let input = NodeRef::new();
    let turn_on = move |()| flow.turn_on(input_value(input));
    view! {
        <DialogForm
            dialog=flow.dialog
            title="Set up your app"
            details=flow.details
            submit="Turn on"
            pending_label="Turning on…"
            on_submit=turn_on
        >
            <p class="dialog-lead">
                "Scan this with your authenticator app, or type in the key. Then enter the code it shows."
            </p>
            <div
                class="qr-code"
                role="img"
                aria-label="QR code for your authenticator app"
                inner_html=setup.qr_svg
            ></div>
            <p class="secret">
                <span class="secret-label">"Key"</span>
                <code translate="no">{in_groups(&setup.secret)}</code>
            </p>
            <CodeField submission=flow.dialog.submission input on_complete=turn_on />
        </DialogForm>
    }
}

/// Inserts a space after every four characters of a secret, so that it is easier to type.
fn in_groups(secret: &str) -> String {
    let groups: Vec<_> = secret
        .as_bytes()
        .chunks(4)
        .map(String::from_utf8_lossy)
        .collect();
    groups.join(" ")
}
