//! The pattern of the account page's sections: a button opens a dialog with a form, the form sends
//! a request, and a notice in the section shows the result.

use std::future::Future;

use languages::tr;
use leptos::{ev, html, prelude::*};

use crate::components::{IntoAnySync, SyncChildren};

use super::details::Details;
use crate::pages::use_passkey::{UsePasskey, can_use_passkeys};
use crate::{
    api::{ApiError, Code},
    components::{
        Alert, Button, DIALOG_TITLE, Dialog, Notice, PasswordField, Submission, input_value,
    },
};

/// The state of a section's dialog.
#[derive(Clone, Copy)]
pub(super) struct DialogState {
    /// Whether the dialog is open.
    pub is_open: RwSignal<bool>,
    /// The request of the dialog's form.
    pub submission: Submission,
    /// The result, shown in the section after the dialog was closed.
    pub notice: RwSignal<Option<String>>,
}

impl Default for DialogState {
    fn default() -> Self {
        Self {
            is_open: RwSignal::new(false),
            submission: Submission::default(),
            notice: RwSignal::new(None),
        }
    }
}

impl DialogState {
    /// Opens the dialog.
    pub fn open(self) {
        self.notice.set(None);
        self.submission.reset();
        self.is_open.set(true);
    }

    /// Sends a request. If it succeeds, closes the dialog and shows the message it returns.
    pub fn submit(self, request: impl Future<Output = Result<String, ApiError>> + 'static) {
        self.submission.start(async move {
            self.finish(request.await?);
            Ok(())
        });
    }

    /// Closes the dialog, and shows a message in the section.
    pub fn finish(self, message: String) {
        // The page may have been left, and its signals disposed.
        self.is_open.try_set(false);
        self.notice.try_set(Some(message));
    }
}

/// A section of the account page with one button that opens a dialog.
#[component]
pub(super) fn DialogSection(
    /// The id of the heading.
    id: &'static str,
    /// The heading, unless it is that of the page.
    #[prop(optional)]
    title: Option<&'static str>,
    /// The dialog.
    dialog: DialogState,
    /// The button's label.
    label: &'static str,
    /// The button's style: `quiet` or `danger`.
    #[prop(default = "quiet")]
    style: &'static str,
    /// Why the dialog can't be opened now, in place of the button.
    #[prop(default = Signal::stored(None), into)]
    blocked: Signal<Option<&'static str>>,
    /// The dialog's content.
    #[prop(into)]
    form: ViewFn,
    /// What is below the button.
    #[prop(optional, into)]
    foot: Option<ViewFn>,
    /// The text below the heading.
    children: SyncChildren,
) -> impl IntoView {
    let is_locked = Signal::derive(move || dialog.submission.is_running());
    view! {
        <section class="section" aria-labelledby=id>
            {title.map(|title| view! { <h2 id=id tabindex="-1">{title}</h2> })}
            {children.run()}
            <Notice text=dialog.notice />
            {move || match blocked.get() {
                Some(reason) => view! { <p class="blocked">{reason}</p> }.into_any_sync(),
                None => {
                    view! {
                        <button
                            type="button"
                            class=format!("button {style}")
                            on:click=move |_| dialog.open()
                        >
                            {label}
                        </button>
                    }
                        .into_any_sync()
                }
            }}
            {foot.map(|foot| foot.run())}
            <Dialog open=dialog.is_open locked=is_locked>
                {form.run()}
            </Dialog>
        </section>
    }
}

/// The form in a dialog: a heading, the fields, a button that submits and one that cancels.
#[component]
pub(super) fn DialogForm(
    /// The dialog.
    dialog: DialogState,
    /// The heading.
    title: &'static str,
    /// The account that the form changes.
    details: Details,
    /// The submit button's label.
    submit: &'static str,
    /// The submit button's label while the request runs.
    pending_label: &'static str,
    /// The submit button's style.
    #[prop(default = "primary")]
    style: &'static str,
    /// Sends the request.
    #[prop(into)]
    on_submit: Callback<()>,
    /// The explanation and the fields.
    children: SyncChildren,
) -> impl IntoView {
    let submission = dialog.submission;
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        on_submit.run(());
    };
    // A running request can't be cancelled, so the dialog stays open to show its result.
    let cancel = move |_| {
        if !untrack(|| submission.is_running()) {
            dialog.is_open.set(false);
        }
    };
    view! {
        <form method="post" novalidate on:submit=send>
            <h2 id=DIALOG_TITLE>{title}</h2>
            <Alert submission />
            {move || {
                (submission.code() == Some(Code::ReauthenticationRequired))
                    .then(|| view! { <Reauthenticate on_done=on_submit /> })
            }}
            // Tells password managers which account's password is asked for.
            <input type="text" autocomplete="username" value=untrack(|| details.email()) readonly hidden />
            {children.run()}
            <div class="actions">
                <button type="button" class="button quiet" on:click=cancel>
                    {tr("Cancel")}
                </button>
                <Button submission kind="submit" style label=submit pending_label />
            </div>
        </form>
    }
}

/// What to do when a user without a password has not signed in lately.
#[component]
fn Reauthenticate(
    /// Sends the request of the form again.
    on_done: Callback<()>,
) -> impl IntoView {
    if can_use_passkeys() {
        return view! {
            <p>
                <UsePasskey label=tr("Confirm with a passkey") class="button primary" on_done />
            </p>
        }
        .into_any_sync();
    }
    view! {
        <p class="dialog-lead">
            {tr("Your account has no password, and you signed in more than 15 minutes ago. Sign out, sign in again, and then make this change.")}
        </p>
    }
    .into_any_sync()
}

/// Asks for the current password, which confirms that the account's owner uses this device. Without one, the
/// server asks for a recent sign-in instead.
#[component]
pub(super) fn CurrentPassword(
    /// The account.
    details: Details,
    /// The form's request.
    submission: Submission,
    /// The input, from which the form reads the password.
    input: NodeRef<html::Input>,
) -> impl IntoView {
    move || {
        details.has_password().then(|| {
            view! {
                <PasswordField
                    submission
                    input
                    name="current_password"
                    label=tr("Current password")
                    autocomplete="current-password"
                />
            }
        })
    }
}

/// The form in a dialog with no other field than the current password.
#[component]
pub(super) fn PasswordForm(
    /// The dialog.
    dialog: DialogState,
    /// The account that the form changes.
    details: Details,
    /// The heading.
    title: &'static str,
    /// What is above the explanation.
    #[prop(optional, into)]
    header: Option<ViewFn>,
    /// The explanation.
    #[prop(into)]
    lead: String,
    /// The submit button's label.
    submit: &'static str,
    /// The submit button's label while the request runs.
    pending_label: &'static str,
    /// The submit button's style.
    #[prop(default = "primary")]
    style: &'static str,
    /// Called with the password.
    #[prop(into)]
    on_submit: Callback<String>,
) -> impl IntoView {
    let input = NodeRef::new();
    view! {
        <DialogForm
            dialog
            title
            details
            submit
            pending_label
            style
            on_submit=move |()| on_submit.run(input_value(input))
        >
            {header.map(|header| header.run())}
            <p class="dialog-lead">{lead}</p>
            <CurrentPassword details submission=dialog.submission input />
        </DialogForm>
    }
}
