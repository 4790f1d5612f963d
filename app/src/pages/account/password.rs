//! The section "Password".

use languages::tr;
use leptos::prelude::*;

use super::{
    details::Details,
    dialog::{CurrentPassword, DialogForm, DialogSection, DialogState},
    token_request::{Outcome, TokenRequest},
};
use crate::{
    api::{Code, user},
    browser::{EndReason, renewal::exchange, session},
    components::{Dialog, IntoAnySync, NewPasswordField, Notice, input_value},
};

/// Changes the password.
#[component]
pub(super) fn Password(details: Details) -> impl IntoView {
    let dialog = DialogState::default();
    view! {
        <DialogSection
            id="password"
            title=tr("Password")
            dialog
            label=tr("Change password")
            form=move || {
                view! {
                    <Form
                        dialog
                        details
                        title=tr("Change password")
                        lead=tr("Every other device will be signed out.")
                    />
                }
                    .into_any_sync()
            }
        >
            <p class="section-lead">
                {tr("A new password signs out every other device and invalidates every link we have emailed you.")}
            </p>
        </DialogSection>
    }
}

/// Leads from something that the user does not recognize to a new password, which signs out every other
/// device.
#[component]
pub(super) fn WasntYou(details: Details) -> impl IntoView {
    let dialog = DialogState::default();
    let is_locked = Signal::derive(move || dialog.submission.is_running());
    view! {
        <Notice text=dialog.notice />
        <button type="button" class="link" on:click=move |_| dialog.open()>
            {tr("Wasn't you?")}
        </button>
        <Dialog open=dialog.is_open locked=is_locked>
            <Form
                dialog
                details
                title=tr("Secure your account")
                lead=tr("Choose a new password. Every other device will be signed out at once, and links in earlier emails will stop working.")
            />
        </Dialog>
    }
}

#[component]
fn Form(
    dialog: DialogState,
    details: Details,
    /// The heading.
    title: &'static str,
    /// What a new password does.
    lead: &'static str,
) -> impl IntoView {
    let submission = dialog.submission;
    let (current, new) = (NodeRef::new(), NodeRef::new());
    let token_request = TokenRequest::new(
        tr("The server can't be reached. Your password hasn't changed: try again in a moment."),
        tr(
            "The server can't be reached, so it isn't clear whether your password has changed. Try \
             again in a moment.",
        ),
    );
    let change = move |()| {
        let (current, new) = (input_value(current), input_value(new));
        let request = user::change_password(current.into(), new.as_str().into());
        let request = exchange(async { Ok((request.await?, ())) });
        let email = untrack(|| details.email());
        dialog.submit(async move {
            if token_request.send(request, email, new).await? == Outcome::Refused {
                // Something else has ended the session.
                session::end(EndReason::NotDone);
                return Err(Code::TokenInvalid.into());
            }
            details.reload_sessions();
            Ok(tr("Your password has been changed. Other devices are signed out.").to_owned())
        });
    };
    view! {
        <DialogForm
            dialog
            title
            details
            submit=tr("Change password")
            pending_label=tr("Changing password…")
            on_submit=change
        >
            <p class="dialog-lead">{lead}</p>
            <CurrentPassword submission input=current />
            <NewPasswordField
                submission
                input=new
                name="new_password"
                label=tr("New password")
                email=move |()| untrack(|| details.email())
            />
        </DialogForm>
    }
}
