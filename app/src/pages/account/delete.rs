//! The section "Delete account".

use leptos::prelude::*;

use super::{
    details::Details,
    dialog::{CurrentPassword, DialogForm, DialogSection, DialogState},
};
use crate::{
    api::user,
    browser::{EndReason, session},
    components::input_value,
};

/// Deletes the account, after the user has confirmed it with the password.
#[component]
pub(super) fn DeleteAccount(details: Details) -> impl IntoView {
    let dialog = DialogState::default();
    view! {
        <DialogSection
            id="delete"
            title="Delete account"
            dialog
            label="Delete account"
            style="danger"
            form=move || view! { <Form dialog details /> }
        >
            <p class="section-lead">
                "Permanently deletes your account and all its data. This can't be undone."
            </p>
        </DialogSection>
    }
}

#[component]
fn Form(dialog: DialogState, details: Details) -> impl IntoView {
    let submission = dialog.submission;
    let password = NodeRef::new();
    let delete = move |()| {
        let request = user::delete(input_value(password).into());
        submission.start(async move {
            request.await?;
            session::end(EndReason::Deleted);
            Ok(())
        });
    };
    view! {
        <DialogForm
            dialog
            title="Delete your account?"
            details
            submit="Delete account"
            pending_label="Deleting account…"
            style="danger"
            on_submit=delete
        >
            <p class="dialog-lead">
                "This permanently deletes " <strong>{details.shown_email()}</strong>
                " and all its data. Enter your password to confirm."
            </p>
            <CurrentPassword submission input=password />
        </DialogForm>
    }
}
