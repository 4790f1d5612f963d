//! The buttons "Sign out" and "Sign out everywhere".

use leptos::{ev, prelude::*};

use super::AccountData;
use crate::{
    api::{ApiError, user},
    browser::sign_out::{Scope, finish_sign_out},
    components::{Alert, Button, DIALOG_TITLE, Dialog, LiveText, Submission},
};

/// Signs out this device, or every device after a question.
#[component]
pub(super) fn SignOut(
    /// The account's data, with the number of devices.
    data: RwSignal<AccountData>,
) -> impl IntoView {
    let here = Submission::default();
    let asks = RwSignal::new(false);
    let sign_out = move |()| {
        here.start(async { finish_sign_out(user::logout().await, Scope::Here, false) });
    };
    view! {
        <div class="actions">
            <Button
                submission=here
                style="quiet"
                label="Sign out"
                pending_label="Signing out…"
                on_press=sign_out
            />
            <button
                type="button"
                class="button quiet"
                disabled=move || !crate::hydration::is_hydrated()
                on:click=move |_| {
                    here.reset();
                    asks.set(true);
                }
            >
                "Sign out everywhere"
            </button>
        </div>
        <Alert submission=here />
        <Everywhere asks data />
    }
}

/// Asks whether to sign out every device.
#[component]
fn Everywhere(
    /// Whether the question is open.
    asks: RwSignal<bool>,
    /// The account's data.
    data: RwSignal<AccountData>,
) -> impl IntoView {
    let submission = Submission::default();
    // Whether the response to an earlier request was lost.
    let was_lost = StoredValue::new(false);
    let sign_out = move |event: ev::SubmitEvent| {
        event.prevent_default();
        submission.start(async move {
            let response = user::logout_all().await;
            let lost_before = was_lost.try_get_value().unwrap_or(false);
            if response.as_ref().is_err_and(ApiError::is_unclear) {
                was_lost.try_set_value(true);
            }
            finish_sign_out(response, Scope::Everywhere, lost_before)
        });
    };
    let question = Signal::derive(move || question(&data.read()));
    view! {
        <Dialog open=asks locked=Signal::derive(move || submission.is_running())>
            <form method="post" novalidate on:submit=sign_out>
                <h2 id=DIALOG_TITLE>"Sign out everywhere?"</h2>
                <Alert submission />
                <p class="dialog-lead">
                    <LiveText text=question />
                </p>
                <div class="actions">
                    <button
                        type="button"
                        class="button quiet"
                        on:click=move |_| {
                            if !untrack(|| submission.is_running()) {
                                asks.set(false);
                            }
                        }
                    >
                        "Cancel"
                    </button>
                    <Button
                        submission
                        kind="submit"
                        style="danger"
                        label="Sign out all devices"
                        pending_label="Signing out…"
                    />
                </div>
            </form>
        </Dialog>
    }
}

fn question(data: &AccountData) -> String {
    match data {
        AccountData::Loaded(_, sessions, _) if sessions.len() > 1 => format!(
            "This signs out all {} devices of your account at once, including this one.",
            sessions.len()
        ),
        _ => "This signs out every device of your account at once, including this one.".to_owned(),
    }
}
