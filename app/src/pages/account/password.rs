//! The section "Password".

use leptos::prelude::*;

use super::{
    details::Details,
    dialog::{CurrentPassword, DialogForm, DialogSection, DialogState},
};
use crate::{
    api::user,
    browser::renewal::exchange,
    components::{PASSWORD_HINT, PasswordField, input_value},
};

/// Changes the password.
#[component]
pub(super) fn Password(details: Details) -> impl IntoView {
    let dialog = DialogState::default();
    view! {
        <DialogSection
            id="password"
            title="Password"
            dialog
            label="Change password"
            form=move || view! { <Form dialog details /> }
        >
            <p class="section-lead">
                "A new password signs out every other device and invalidates every link we have emailed you."
            </p>
        </DialogSection>
    }
}

#[component]
fn Form(dialog: DialogState, details: Details) -> impl IntoView {
    let submission = dialog.submission;
    let (current, new) = (NodeRef::new(), NodeRef::new());
    let change = move |()| {
        let request = user::change_password(input_value(current).into(), input_value(new).into());
        dialog.submit(async move {
            exchange(async { Ok((request.await?, ())) }).await?;
            details.reload_sessions();
            Ok("Your password has been changed. Other devices are signed out.".to_owned())
        });
    };
    view! {
        <DialogForm
            dialog
            title="Change password"
            details
            submit="Change password"
            pending_label="Changing password…"
            on_submit=change
        >
            <CurrentPassword submission input=current />
            <PasswordField
                submission
                input=new
                name="new_password"
                label="New password"
                autocomplete="new-password"
                hint=PASSWORD_HINT
            />
        </DialogForm>
    }
}
