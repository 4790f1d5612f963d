//! The section "Password".

use languages::tr;
use leptos::prelude::*;

use super::{
    details::Details,
    dialog::{CurrentPassword, DialogForm, DialogSection, DialogState, PasswordForm},
    token_request::{Outcome, TokenRequest},
};
use crate::{
    api::{Code, user},
    browser::{EndReason, renewal::exchange, session},
    components::{Dialog, IntoAnySync, NewPasswordField, Notice, focus_soon, input_value},
};

/// Changes, removes and sets the password.
#[component]
pub(super) fn Password(details: Details) -> impl IntoView {
    // What has happened is said also when the section looks different afterwards.
    let dialog = DialogState::default();
    let removal = DialogState {
        notice: dialog.notice,
        ..DialogState::default()
    };
    let has_password = Memo::new(move |_| details.has_password());
    move || {
        if has_password.get() {
            view! { <Present dialog removal details /> }.into_any_sync()
        } else {
            view! { <Absent dialog details /> }.into_any_sync()
        }
    }
}

#[component]
fn Present(dialog: DialogState, removal: DialogState, details: Details) -> impl IntoView {
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
            foot=move || view! { <Removal dialog=removal details /> }.into_any_sync()
        >
            <p class="section-lead">
                {tr("A new password signs out every other device and invalidates every link we have emailed you.")}
            </p>
        </DialogSection>
    }
}

#[component]
fn Absent(dialog: DialogState, details: Details) -> impl IntoView {
    view! {
        <DialogSection
            id="password"
            title=tr("Password")
            dialog
            label=tr("Set a password")
            form=move || {
                view! {
                    <Form
                        dialog
                        details
                        title=tr("Set a password")
                        lead=tr("Every other device will be signed out.")
                        submit=tr("Set a password")
                        pending_label=tr("Saving…")
                    />
                }
                    .into_any_sync()
            }
        >
            <p class="section-lead">
                {tr("Your account has no password, so there is none that anyone could guess or steal.")}
            </p>
        </DialogSection>
    }
}

/// Removes the password of those who can do without.
#[component]
fn Removal(dialog: DialogState, details: Details) -> impl IntoView {
    let is_locked = Signal::derive(move || dialog.submission.is_running());
    let is_possible = Memo::new(move |_| details.can_remove_password());
    let remove = move |password: String| {
        dialog.submit(async move {
            exchange(async { Ok((user::remove_password(password.into()).await?, ())) }).await?;
            details.set_password(false);
            details.reload_sessions();
            focus_soon("#password");
            Ok(tr("Your password has been removed. Other devices are signed out.").to_owned())
        });
    };
    move || {
        is_possible.get().then(|| {
            view! {
                <div class="section-foot">
                    <p class="section-lead">
                        {tr("Your passkeys are enough to sign in. You can do without a password.")}
                    </p>
                    <button type="button" class="button quiet" on:click=move |_| dialog.open()>
                        {tr("Remove password")}
                    </button>
                    <Dialog open=dialog.is_open locked=is_locked>
                        <PasswordForm
                            dialog
                            details
                            title=tr("Remove your password?")
                            lead=tr("You'll sign in with a passkey from now on. Every other device will be signed out. You can set a password again at any time.")
                            submit=tr("Remove password")
                            pending_label=tr("Removing…")
                            style="danger"
                            on_submit=remove
                        />
                    </Dialog>
                </div>
            }
        })
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
    /// The submit button's label.
    #[prop(default = tr("Change password"))]
    submit: &'static str,
    /// The submit button's label while the request runs.
    #[prop(default = tr("Changing password…"))]
    pending_label: &'static str,
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
            let text = if untrack(|| details.has_password()) {
                tr("Your password has been changed. Other devices are signed out.")
            } else {
                details.set_password(true);
                focus_soon("#password");
                tr("Your account has a password now. Other devices are signed out.")
            };
            details.reload_sessions();
            Ok(text.to_owned())
        });
    };
    view! {
        <DialogForm
            dialog
            title
            details
            submit
            pending_label
            on_submit=change
        >
            <p class="dialog-lead">{lead}</p>
            <CurrentPassword details submission input=current />
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
