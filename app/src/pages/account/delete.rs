use leptos::{ev, html, prelude::*};

use crate::{
    api::user,
    browser::{Ended, session},
    components::{Alert, Button, PasswordField, Submission, close_dialog, open_dialog},
    pages::typed,
};

/// Deletes the account, once the person has confirmed it with the password.
#[component]
pub(super) fn DeleteAccount(
    /// The account's address.
    email: String,
) -> impl IntoView {
    let submission = Submission::default();
    let dialog = NodeRef::<html::Dialog>::new();
    let password = NodeRef::<html::Input>::new();
    let delete = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let password = typed(password);
        submission.start(async move {
            user::delete(password.into()).await?;
            session::end(Ended::Deleted);
            Ok(())
        });
    };
    let forget = move |_: ev::Event| {
        submission.reset();
        if let Some(password) = password.get_untracked() {
            password.set_value("");
        }
    };
    view! {
        <section class="section" aria-labelledby="delete">
            <h2 id="delete">"Delete account"</h2>
            <p class="section-lead">
                "Removes your account and everything that belongs to it. This can't be undone."
            </p>
            <button type="button" class="button danger" on:click=move |_| open_dialog(dialog)>
                "Delete account"
            </button>
            <dialog node_ref=dialog aria-labelledby="confirm-delete" on:close=forget>
                <form method="post" novalidate on:submit=delete>
                    <h2 id="confirm-delete">"Delete your account?"</h2>
                    <p>
                        "All that belongs to " <strong>{email.clone()}</strong>
                        " will be gone for good. Your password confirms that it is you."
                    </p>
                    <Alert submission />
                    // Tells password managers whose password is asked for.
                    <input type="text" autocomplete="username" value=email readonly hidden />
                    <PasswordField
                        submission
                        input=password
                        name="current_password"
                        label="Current password"
                        autocomplete="current-password"
                    />
                    <div class="actions">
                        <button
                            type="button"
                            class="button quiet"
                            on:click=move |_| close_dialog(dialog)
                        >
                            "Cancel"
                        </button>
                        <Button
                            submission
                            kind="submit"
                            look="danger"
                            label="Delete account"
                            busy="Deleting account…"
                        />
                    </div>
                </form>
            </dialog>
        </section>
    }
}
