//! The page that deletes the account.

use leptos::prelude::*;

use super::{
    HEADING,
    details::Details,
    dialog::{CurrentPassword, DialogForm, DialogSection, DialogState},
    token_request::{Outcome, TokenRequest},
};
use crate::{
    api::{ApiError, Code, user},
    browser::{EndReason, session},
    components::{IntoAnySync, input_value},
};

/// The error when the request has changed nothing.
const NOT_DELETED: &str =
    "The server can't be reached. Your account was not deleted: try again in a moment.";

/// Deletes the account, after the user has confirmed it with the password.
#[component]
pub(super) fn DeleteAccount(details: Details) -> impl IntoView {
    let dialog = DialogState::default();
    view! {
        <DialogSection
            id=HEADING
            dialog
            label="Delete account"
            style="danger"
            form=move || view! { <Form dialog details /> }.into_any_sync()
        >
            <p class="section-lead">
                "Your email address, your password, your devices and the list of recent events will be deleted at once. This can't be undone."
            </p>
        </DialogSection>
    }
}

#[component]
fn Form(dialog: DialogState, details: Details) -> impl IntoView {
    let submission = dialog.submission;
    let password = NodeRef::new();
    let token_request = TokenRequest::new(
        NOT_DELETED,
        "The server can't be reached, so it isn't clear whether your account was deleted. Try again \
         in a moment.",
    );
    let delete = move |()| {
        let password = input_value(password);
        let request = user::delete(password.as_str().into());
        let email = untrack(|| details.email());
        submission.start(async move {
            match token_request.send(request, email, password).await? {
                Outcome::Answered | Outcome::Refused => {
                    session::end(EndReason::Deleted);
                    Ok(())
                }
                Outcome::SignedInAgain => Err(ApiError::detail(Code::Unreachable, NOT_DELETED)),
            }
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
                "This permanently deletes " <strong>{untrack(|| details.shown_email())}</strong>
                " and all its data. Enter your password to confirm."
            </p>
            <CurrentPassword submission input=password />
        </DialogForm>
    }
}
