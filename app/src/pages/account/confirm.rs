//! A dialog that asks before it does something.

use languages::tr;
use leptos::{ev, prelude::*};

use crate::components::{Alert, Button, DIALOG_TITLE, Dialog, LiveText, Submission};

/// A dialog that asks before it does something that can't be taken back.
#[component]
pub(super) fn ConfirmDialog(
    /// Whether the dialog is open.
    open: RwSignal<bool>,
    /// The request.
    submission: Submission,
    /// The heading: a question.
    title: &'static str,
    /// What will happen.
    #[prop(into)]
    text: Signal<String>,
    /// The label of the button that does it.
    label: &'static str,
    /// Its label while the request runs.
    pending_label: &'static str,
    /// Sends the request.
    #[prop(into)]
    on_confirm: Callback<()>,
) -> impl IntoView {
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        on_confirm.run(());
    };
    // A running request can't be cancelled, so the dialog stays open to show its result.
    let cancel = move |_| {
        if !untrack(|| submission.is_running()) {
            open.set(false);
        }
    };
    view! {
        <Dialog open locked=Signal::derive(move || submission.is_running())>
            <form method="post" novalidate on:submit=send>
                <h2 id=DIALOG_TITLE>{title}</h2>
                <Alert submission />
                <p class="dialog-lead">
                    <LiveText text />
                </p>
                <div class="actions">
                    <button type="button" class="button quiet" on:click=cancel>
                        {tr("Cancel")}
                    </button>
                    <Button submission kind="submit" style="danger" label pending_label />
                </div>
            </form>
        </Dialog>
    }
}
