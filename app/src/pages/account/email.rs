//! The section "Email".

use languages::{tr, tr_with};
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
            view! { <span class="badge">{tr("Confirmed")}</span> }
        } else {
            view! { <span class="badge warning">{tr("Not confirmed")}</span> }
        }
    };
    view! {
        <DialogSection
            id="email"
            title=tr("Email")
            dialog
            label=tr("Change email")
            blocked=Signal::derive(move || (!details.is_verified()).then_some(tr(FIRST)))
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
            Ok(tr_with(
                "We sent a link to {email}. Open it to finish.",
                &[("email", &email)],
            ))
        });
    };
    view! {
        <DialogForm
            dialog
            title=tr("Change email")
            details
            submit=tr("Change email")
            pending_label=tr("Sending the link…")
            on_submit=change
        >
            <p class="dialog-lead">
                {tr("We'll email a link to the new address. Your account keeps the current address until you open it.")}
            </p>
            <div on:focusout=move |_| look_for_slip(new_email, suggestion)>
                <EmailField
                    submission
                    input=new_email
                    name="new_email"
                    label=tr("New email")
                    autocomplete="email"
                />
                <EmailSuggestion input=new_email suggestion />
            </div>
            <CurrentPassword details submission input=password />
        </DialogForm>
    }
}
