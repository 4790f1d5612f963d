use leptos::prelude::*;

use super::{
    details::Details,
    dialog_form::{CurrentPassword, DialogForm},
};
use crate::{
    api::user,
    browser::{EndReason, session},
    components::{Dialog, Submission},
    pages::input_value,
};

/// Deletes the account, once the person has confirmed it with the password.
#[component]
pub(super) fn DeleteAccount(details: Details) -> impl IntoView {
    let open = RwSignal::new(false);
    let submission = Submission::default();
    let ask = move |_| {
        submission.reset();
        open.set(true);
    };
    view! {
        <section class="section" aria-labelledby="delete">
            <h2 id="delete">"Delete account"</h2>
            <p class="section-lead">
                "Removes your account and everything that belongs to it. This can't be undone."
            </p>
            <button type="button" class="button danger" on:click=ask>
                "Delete account"
            </button>
            <Dialog open locked=Signal::derive(move || submission.is_running())>
                <Confirm details open submission />
            </Dialog>
        </section>
    }
}

#[component]
fn Confirm(details: Details, open: RwSignal<bool>, submission: Submission) -> impl IntoView {
    let password = NodeRef::new();
    let delete = move || {
        let request = user::delete(input_value(password).into());
        submission.start(async move {
            request.await?;
            session::end(EndReason::Deleted);
            Ok(())
        });
    };
    view! {
        <DialogForm
            title="Delete your account?"
            details
            submission
            submit="Delete account"
            busy="Deleting account…"
            look="danger"
            on_submit=move |()| delete()
            on_cancel=move |()| open.set(false)
        >
            <p class="dialog-lead">
                "All that belongs to " <strong>{details.email()}</strong>
                " will be gone for good. Your password confirms that it is you."
            </p>
            <CurrentPassword submission input=password />
        </DialogForm>
    }
}
