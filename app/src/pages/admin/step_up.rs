//! The dialog that asks for the password, when a change needs a sign-in of the last minutes. What was typed
//! elsewhere stays, and the request is sent again.

use futures::channel::oneshot;
use languages::tr;
use leptos::{ev, html, prelude::*};

use crate::{
    api::user::{self, Profile},
    browser::renewal::exchange,
    components::{
        Alert, Button, Dialog, IntoAnySync, PasswordField, Submission, TextField, input_value,
    },
};

/// The id of the heading. This dialog may be open above another one.
const TITLE: &str = "step-up-title";

/// The dialog, and the requests that wait for it.
#[derive(Clone, Copy)]
pub(super) struct StepUp {
    is_open: RwSignal<bool>,
    submission: Submission,
    waiting: StoredValue<Vec<oneshot::Sender<bool>>>,
}

impl Default for StepUp {
    fn default() -> Self {
        Self {
            is_open: RwSignal::new(false),
            submission: Submission::default(),
            waiting: StoredValue::new(Vec::new()),
        }
    }
}

impl StepUp {
    /// Asks for the password. Returns whether the server has accepted it.
    pub async fn confirm(self) -> bool {
        let (done, result) = oneshot::channel();
        // The page may have been left.
        if self
            .waiting
            .try_update_value(|waiting| waiting.push(done))
            .is_none()
        {
            return false;
        }
        self.submission.reset();
        self.is_open.try_set(true);
        result.await.unwrap_or(false)
    }

    /// Lets the requests that wait go on or fail.
    fn resume(self, is_confirmed: bool) {
        let waiting = self.waiting.try_update_value(std::mem::take);
        for request in waiting.unwrap_or_default() {
            // The request may have been given up.
            let _ = request.send(is_confirmed);
        }
    }

    /// Closes the dialog after the server has accepted the password.
    fn finish(self) {
        self.resume(true);
        self.is_open.try_set(false);
    }
}

/// The dialog that asks for the password.
#[component]
pub(super) fn StepUpDialog(
    step_up: StepUp,
    /// The user, once it is known.
    me: RwSignal<Option<Profile>>,
) -> impl IntoView {
    let locked = Signal::derive(move || step_up.submission.is_running());
    Effect::new(move |_| {
        if !step_up.is_open.get() {
            step_up.resume(false);
        }
    });
    view! {
        <Dialog open=step_up.is_open locked title_id=TITLE>
            <Form step_up me />
        </Dialog>
    }
}

#[component]
fn Form(step_up: StepUp, me: RwSignal<Option<Profile>>) -> impl IntoView {
    let submission = step_up.submission;
    let (password, code) = (NodeRef::<html::Input>::new(), NodeRef::new());
    let (email, has_code) = me.with_untracked(|me| {
        let me = me.as_ref();
        let email = me.map(|me| me.email.clone()).unwrap_or_default();
        (email, me.is_some_and(|me| me.otp_enabled))
    });
    // If that is not known, the response says it.
    let asks_for_code = Memo::new(move |asked: Option<&bool>| {
        has_code || asked == Some(&true) || submission.field_message("code").is_some()
    });
    let confirm = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let request = user::reauthenticate(input_value(password).into(), input_value(code).into());
        submission.start(async move {
            exchange(async { Ok((request.await?, ())) }).await?;
            step_up.finish();
            Ok(())
        });
    };
    let cancel = move |_| {
        if !untrack(|| submission.is_running()) {
            step_up.is_open.set(false);
        }
    };
    view! {
        <form method="post" novalidate on:submit=confirm>
            <h2 id=TITLE>{tr("Confirm it's you")}</h2>
            <Alert submission />
            <p class="dialog-lead">
                {tr("This change needs your password, because you signed in more than 15 minutes ago. What you have typed stays.")}
            </p>
            <input type="text" autocomplete="username" value=email readonly hidden />
            <PasswordField
                submission
                input=password
                name="current_password"
                label=tr("Your password")
                autocomplete="current-password"
            />
            {move || {
                asks_for_code
                    .get()
                    .then(|| {
                        view! {
                            <TextField
                                submission
                                input=code
                                name="code"
                                label=tr("Code")
                                autocomplete="one-time-code"
                                hint=Some(tr("From your authenticator app."))
                            />
                        }
                            .into_any_sync()
                    })
            }}
            <div class="actions">
                <button type="button" class="button quiet" on:click=cancel>
                    {tr("Cancel")}
                </button>
                <Button
                    submission
                    kind="submit"
                    label=tr("Confirm")
                    pending_label=tr("Checking…")
                />
            </div>
        </form>
    }
}
