//! The page that deletes the account.

use languages::{tr, tr_around, tr_later};
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
    tr_later("The server can't be reached. Your account was not deleted: try again in a moment.");

/// Deletes the account, after the user has confirmed it with the password.
#[component]
pub(super) fn DeleteAccount(details: Details) -> impl IntoView {
    let dialog = DialogState::default();
    view! {
        <DialogSection
            id=HEADING
            dialog
            label=tr("Delete account")
            style="danger"
            form=move || view! { <Form dialog details /> }.into_any_sync()
        >
            <p class="section-lead">
                {tr("Your email address, your password, your devices and the list of recent events will be deleted at once. This can't be undone.")}
            </p>
        </DialogSection>
    }
}

#[component]
fn Form(dialog: DialogState, details: Details) -> impl IntoView {
    let submission = dialog.submission;
    let password = NodeRef::new();
    let token_request = TokenRequest::new(
        tr(NOT_DELETED),
        tr(
            "The server can't be reached, so it isn't clear whether your account was deleted. Try again \
             in a moment.",
        ),
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
                Outcome::SignedInAgain => Err(ApiError::detail(Code::Unreachable, tr(NOT_DELETED))),
            }
        });
    };
    let (before, after) = tr_around(
        "This permanently deletes {email} and all its data. Enter your password to confirm.",
        "email",
    );
    view! {
        <DialogForm
            dialog
            title=tr("Delete your account?")
            details
            submit=tr("Delete account")
            pending_label=tr("Deleting account…")
            style="danger"
            on_submit=delete
        >
            <p class="dialog-lead">
                {before} <strong>{untrack(|| details.shown_email())}</strong> {after}
            </p>
            <CurrentPassword details submission input=password />
        </DialogForm>
    }
}
