//! The section "Email".

use leptos::prelude::*;

use super::{
    details::Details,
    dialog::{CurrentPassword, DialogForm, DialogSection, DialogState},
    unverified::FIRST,
};
use crate::{
    api::user,
    components::{EmailField, EmailSuggestion, IntoAnySync, input_value, look_for_slip},
};

/// Shows the email address and whether it is verified, and changes it.
#[component]
pub(super) fn Email(details: Details) -> impl IntoView {
    let dialog = DialogState::default();
    let badge = move || {
        if details.is_verified() {
            view! { <span class="badge">"Confirmed"</span> }
        } else {
            view! { <span class="badge warning">"Not confirmed"</span> }
        }
    };
    view! {
        <DialogSection
            id="email"
            title="Email"
            dialog
            label="Change email"
            blocked=Signal::derive(move || (!details.is_verified()).then_some(FIRST))
            form=move || view! { <Form dialog details /> }.into_any_sync()
        >
            <p class="section-lead fact">
                <span class="fact-text" translate="no">
                    {move || view! { <span>{details.shown_email()}</span> }}
                </span>
                {badge}
            </p>
        </DialogSection>
    }
}

#[component]
fn Form(dialog: DialogState, details: Details) -> impl IntoView {
    let submission = dialog.submission;
    let (new_email, password) = (NodeRef::new(), NodeRef::new());
    let suggestion = RwSignal::new(None);
    let change = move |()| {
        let email = input_value(new_email).trim().to_owned();
        let request = user::change_email(email.as_str().into(), input_value(password).into());
        dialog.submit(async move {
            request.await?;
            Ok(format!("We sent a link to {email}. Open it to finish."))
        });
    };
    view! {
        <DialogForm
            dialog
            title="Change email"
            details
            submit="Change email"
            pending_label="Sending the link…"
            on_submit=change
        >
            <p class="dialog-lead">
                "We'll email a link to the new address. Your account keeps the current address until you open it."
            </p>
            <div on:focusout=move |_| look_for_slip(new_email, suggestion)>
                <EmailField
                    submission
                    input=new_email
                    name="new_email"
                    label="New email"
                    autocomplete="email"
                />
                <EmailSuggestion input=new_email suggestion />
            </div>
            <CurrentPassword submission input=password />
        </DialogForm>
    }
}
