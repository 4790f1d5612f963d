use leptos::{ev, html, prelude::*};

use super::details::Details;
use crate::components::{Alert, Button, DIALOG_TITLE, PasswordField, Submission};

/// The form in a dialog: a heading, what is asked for, and the two ways out.
#[component]
pub(super) fn DialogForm(
    /// The heading.
    title: &'static str,
    /// Whose account it is about.
    details: Details,
    /// The request that the form sends.
    submission: Submission,
    /// What the form does.
    submit: &'static str,
    /// The same while it is being done.
    busy: &'static str,
    /// How its button looks.
    #[prop(default = "primary")]
    look: &'static str,
    /// Sends the request.
    #[prop(into)]
    on_submit: Callback<()>,
    /// Closes the dialog; while the request runs, nobody is let out.
    #[prop(into)]
    on_cancel: Callback<()>,
    /// What there is to know, and the fields.
    children: Children,
) -> impl IntoView {
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        on_submit.run(());
    };
    // A request on its way can't be taken back: the dialog stays to tell what came of it.
    let cancel = move |_| {
        if !untrack(|| submission.is_running()) {
            on_cancel.run(());
        }
    };
    view! {
        <form method="post" novalidate on:submit=send>
            <h2 id=DIALOG_TITLE>{title}</h2>
            <Alert submission />
            // Tells password managers whose password is asked for.
            <input type="text" autocomplete="username" value=details.email() readonly hidden />
            {children()}
            <div class="actions">
                <button type="button" class="button quiet" on:click=cancel>
                    "Cancel"
                </button>
                <Button submission kind="submit" look label=submit busy />
            </div>
        </form>
    }
}

/// Asks for the password once more, before something that a stranger at this device must not do.
#[component]
pub(super) fn CurrentPassword(
    /// The request that the form sends.
    submission: Submission,
    /// Where the form reads the input.
    input: NodeRef<html::Input>,
) -> impl IntoView {
    view! {
        <PasswordField
            submission
            input
            name="current_password"
            label="Current password"
            autocomplete="current-password"
        />
    }
}
