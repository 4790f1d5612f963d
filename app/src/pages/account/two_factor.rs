use leptos::prelude::*;

use super::{
    details::Details,
    dialog_form::{CurrentPassword, DialogForm},
};
use crate::{
    api::{
        recovery,
        totp::{self, Setup, TurnedOn},
    },
    browser::renewal::exchange,
    components::{CodeField, Dialog, Notice, RecoveryCodes, Submission, focus_soon},
    pages::input_value,
};

/// What the section's dialog shows.
#[derive(Clone)]
enum Step {
    /// Asks for the password, to set up an app.
    TurnOn,
    /// Shows what the app needs, and asks for its first code.
    SetUp(Setup),
    /// Asks for the password, to make new recovery codes.
    MakeCodes,
    /// Shows new codes, and is done after that: what to say then, and where to look.
    Codes(Vec<String>, Done),
    /// Asks for the password, to turn the second factor off.
    TurnOff,
}

/// What has been done.
#[derive(Clone, Copy)]
enum Done {
    TurnedOn,
    MadeCodes,
    TurnedOff,
}

impl Done {
    fn sentence(self) -> &'static str {
        match self {
            Self::TurnedOn => "Two-factor authentication is on.",
            Self::MadeCodes => "You have new recovery codes. The earlier ones no longer work.",
            Self::TurnedOff => "Two-factor authentication is off. Other devices are signed out.",
        }
    }
}

/// The section's dialog and what comes of it.
#[derive(Clone, Copy)]
struct Flow {
    details: Details,
    open: RwSignal<bool>,
    step: RwSignal<Step>,
    submission: Submission,
    done: RwSignal<Option<Done>>,
}

impl Flow {
    fn begin(self, step: Step) {
        self.done.set(None);
        self.submission.reset();
        self.step.set(step);
        self.open.set(true);
    }

    /// While codes are on their way or shown, the dialog stays: they come this once.
    fn is_locked(self) -> bool {
        let shows_codes = self.step.with(|step| matches!(step, Step::Codes(..)));
        shows_codes || self.submission.is_running()
    }

    fn finish(self, done: Done) {
        self.step.try_set(Step::TurnOn);
        self.open.try_set(false);
        self.done.try_set(Some(done));
        // The button that has opened the dialog is gone, unless it was for new codes.
        if !matches!(done, Done::MadeCodes) {
            focus_soon("#two-factor");
        }
    }

    fn set_up(self, password: String) {
        self.submission.start(async move {
            let setup = totp::create(password.into()).await?;
            self.step.try_set(Step::SetUp(setup));
            focus_soon("#code");
            Ok(())
        });
    }

    fn turn_on(self, code: String) {
        self.submission.start(async move {
            let codes = exchange(async {
                let TurnedOn {
                    pair,
                    recovery_codes,
                } = totp::confirm(code.into()).await?;
                Ok((pair, recovery_codes))
            })
            .await?;
            self.details.set_second_factor(true);
            self.show(codes, Done::TurnedOn);
            Ok(())
        });
    }

    fn make_codes(self, password: String) {
        self.submission.start(async move {
            let codes = recovery::create(password.into()).await?.recovery_codes;
            self.show(codes, Done::MadeCodes);
            Ok(())
        });
    }

    fn turn_off(self, password: String) {
        self.submission.start(async move {
            exchange(async { Ok((totp::delete(password.into()).await?, ())) }).await?;
            self.details.set_second_factor(false);
            self.finish(Done::TurnedOff);
            self.details.reload_sessions();
            Ok(())
        });
    }

    fn show(self, codes: Vec<String>, done: Done) {
        self.step.try_set(Step::Codes(codes, done));
        focus_soon("#dialog-title");
    }
}

/// Turns the second factor on and off, and makes new recovery codes.
#[component]
pub(super) fn TwoFactor(details: Details) -> impl IntoView {
    let flow = Flow {
        details,
        open: RwSignal::new(false),
        step: RwSignal::new(Step::TurnOn),
        submission: Submission::default(),
        done: RwSignal::new(None),
    };
    let notice = move || flow.done.get().map(|done| done.sentence().to_owned());
    let is_on = Memo::new(move |_| details.has_second_factor());
    view! {
        <section class="section" aria-labelledby="two-factor">
            <h2 id="two-factor" tabindex="-1">
                "Two-factor authentication"
            </h2>
            {move || {
                if is_on.get() {
                    view! { <On flow notice=Signal::derive(notice) /> }.into_any()
                } else {
                    view! { <Off flow notice=Signal::derive(notice) /> }.into_any()
                }
            }}
            <Dialog open=flow.open locked=Signal::derive(move || flow.is_locked())>
                {move || match flow.step.get() {
                    Step::TurnOn => {
                        view! {
                            <Password
                                flow
                                title="Turn on two-factor authentication"
                                lead="You need an authenticator app, on your phone for instance. First, your password confirms that it is you."
                                submit="Continue"
                                busy="Checking…"
                                on_submit=move |password| flow.set_up(password)
                            />
                        }
                            .into_any()
                    }
                    Step::SetUp(setup) => view! { <SetUp flow setup /> }.into_any(),
                    Step::MakeCodes => {
                        view! {
                            <Password
                                flow
                                title="New recovery codes"
                                lead="The codes that you have now will no longer work."
                                submit="Make new codes"
                                busy="Making new codes…"
                                on_submit=move |password| flow.make_codes(password)
                            />
                        }
                            .into_any()
                    }
                    Step::Codes(codes, done) => {
                        view! { <RecoveryCodes codes on_done=move |()| flow.finish(done) /> }
                            .into_any()
                    }
                    Step::TurnOff => {
                        view! {
                            <Password
                                flow
                                title="Turn off two-factor authentication?"
                                lead="From then on your password alone opens the account."
                                submit="Turn off"
                                busy="Turning off…"
                                look="danger"
                                on_submit=move |password| flow.turn_off(password)
                            />
                        }
                            .into_any()
                    }
                }}
            </Dialog>
        </section>
    }
}

#[component]
fn Off(flow: Flow, notice: Signal<Option<String>>) -> impl IntoView {
    view! {
        <p class="section-lead">
            "After the password, a code from an app on your phone: then a stolen password alone opens nothing."
        </p>
        <Notice text=notice />
        <button
            type="button"
            class="button quiet"
            on:click=move |_| flow.begin(Step::TurnOn)
        >
            "Turn on"
        </button>
    }
}

#[component]
fn On(flow: Flow, notice: Signal<Option<String>>) -> impl IntoView {
    view! {
        <p class="section-lead fact">
            <span class="badge">"On"</span>
            <span>"Signing in takes a code from your authenticator app."</span>
        </p>
        <Notice text=notice />
        <div class="actions">
            <button
                type="button"
                class="button quiet"
                on:click=move |_| flow.begin(Step::MakeCodes)
            >
                "New recovery codes"
            </button>
            <button
                type="button"
                class="button danger"
                on:click=move |_| flow.begin(Step::TurnOff)
            >
                "Turn off"
            </button>
        </div>
    }
}

/// Asks for the password and nothing else.
#[component]
fn Password(
    flow: Flow,
    title: &'static str,
    /// What there is to know.
    lead: &'static str,
    submit: &'static str,
    busy: &'static str,
    #[prop(default = "primary")] look: &'static str,
    /// Takes the password.
    #[prop(into)]
    on_submit: Callback<String>,
) -> impl IntoView {
    let input = NodeRef::new();
    let submission = flow.submission;
    view! {
        <DialogForm
            title
            details=flow.details
            submission
            submit
            busy
            look
            on_submit=move |()| on_submit.run(input_value(input))
            on_cancel=move |()| flow.open.set(false)
        >
            <p class="dialog-lead">{lead}</p>
            <CurrentPassword submission input />
        </DialogForm>
    }
}

/// Shows what an authenticator app needs, and asks for its first code.
#[component]
fn SetUp(flow: Flow, setup: Setup) -> impl IntoView {
    let input = NodeRef::new();
    let submission = flow.submission;
    let turn_on = move |()| flow.turn_on(input_value(input));
    view! {
        <DialogForm
            title="Set up your app"
            details=flow.details
            submission
            submit="Turn on"
            busy="Turning on…"
            on_submit=turn_on
            on_cancel=move |()| flow.open.set(false)
        >
            <p class="dialog-lead">
                "Scan this with your authenticator app, or type the key into it. Then enter the code that it shows."
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
            <CodeField submission input on_complete=turn_on />
        </DialogForm>
    }
}

/// A secret in groups of four, which are easier to type.
fn in_groups(secret: &str) -> String {
    let groups: Vec<_> = secret
        .as_bytes()
        .chunks(4)
        .map(String::from_utf8_lossy)
        .collect();
    groups.join(" ")
}
