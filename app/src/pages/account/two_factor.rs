//! The section "Two-factor authentication".

use leptos::prelude::*;

use super::{
    details::Details,
    dialog::{CurrentPassword, DialogForm, DialogState},
};
use crate::{
    api::{
        recovery,
        totp::{self, Setup, TurnedOn},
    },
    browser::renewal::exchange,
    components::{CodeField, Dialog, Notice, RecoveryCodes, focus_soon, input_value},
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

/// The dialog, and the requests that lead from step to step.
#[derive(Clone, Copy)]
struct Flow {
    details: Details,
    dialog: DialogState,
    step: RwSignal<Step>,
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
            let codes = exchange(async {
                let TurnedOn {
                    pair,
                    recovery_codes,
                } = totp::confirm(code.into()).await?;
                Ok((pair, recovery_codes))
            })
            .await?;
            self.details.set_second_factor(true);
            self.show_codes(codes, TURNED_ON);
            Ok(())
        });
    }

    fn create_codes(self, password: String) {
        self.dialog.submission.start(async move {
            let codes = recovery::create(password.into()).await?.recovery_codes;
            self.show_codes(codes, CODES_REPLACED);
            Ok(())
        });
    }

    fn turn_off(self, password: String) {
        self.dialog.submission.start(async move {
            exchange(async { Ok((totp::delete(password.into()).await?, ())) }).await?;
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

/// Turns the second factor on and off, and creates new recovery codes.
#[component]
pub(super) fn TwoFactor(details: Details) -> impl IntoView {
    let flow = Flow {
        details,
        dialog: DialogState::default(),
        step: RwSignal::new(Step::TurnOn),
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
                        view! { <RecoveryCodes codes on_done=move |()| flow.finish(notice) /> }
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
        <button
            type="button"
            class="button quiet"
            on:click=move |_| flow.start(Step::TurnOn)
        >
            "Turn on"
        </button>
    }
}

#[component]
fn On(flow: Flow) -> impl IntoView {
    view! {
        <p class="section-lead fact">
            <span class="badge">"On"</span>
            <span>"Signing in requires a code from your authenticator app."</span>
        </p>
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
                <code>{in_groups(&setup.secret)}</code>
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
