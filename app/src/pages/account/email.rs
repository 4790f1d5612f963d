use leptos::prelude::*;

use super::{
    details::Details,
    dialog_form::{CurrentPassword, DialogForm},
};
use crate::{
    api::user,
    browser::within_limit,
    components::{Dialog, EmailField, Notice, ResendButton, Resending, Submission},
    pages::input_value,
};

/// Shows the address and whether it is proved, and changes it.
#[component]
pub(super) fn Email(details: Details) -> impl IntoView {
    let open = RwSignal::new(false);
    let submission = Submission::default();
    let notice = RwSignal::new(None);
    let ask = move |_| {
        notice.set(None);
        submission.reset();
        open.set(true);
    };
    let badge = move || {
        if details.is_confirmed() {
            view! { <span class="badge">"Confirmed"</span> }
        } else {
            view! { <span class="badge open">"Not confirmed"</span> }
        }
    };
    view! {
        <section class="section" aria-labelledby="email">
            <h2 id="email">"Email"</h2>
            <p class="section-lead fact">
                <span class="fact-text">{move || details.email()}</span>
                {badge}
            </p>
            <Notice text=notice />
            <div class="actions">
                {move || (!details.is_confirmed()).then(|| view! { <Resend details /> })}
                <button type="button" class="button quiet" on:click=ask>
                    "Change email"
                </button>
            </div>
            <Dialog open locked=Signal::derive(move || submission.is_running())>
                <Change details open submission notice />
            </Dialog>
        </section>
    }
}

#[component]
fn Resend(details: Details) -> impl IntoView {
    let resending = Resending::default();
    let resend = move |()| {
        let email = untrack(|| details.email());
        resending.start(within_limit(user::resend_activation(email.into())));
    };
    view! { <ResendButton resending label="Send the link again" on_press=resend /> }
}

#[component]
fn Change(
    details: Details,
    open: RwSignal<bool>,
    submission: Submission,
    notice: RwSignal<Option<String>>,
) -> impl IntoView {
    let (new_email, password) = (NodeRef::new(), NodeRef::new());
    let change = move || {
        let email = input_value(new_email).trim().to_owned();
        let request = user::change_email(email.as_str().into(), input_value(password).into());
        submission.start(async move {
            request.await?;
            open.try_set(false);
            let done = format!("We sent a link to {email}. Open it to finish.");
            notice.try_set(Some(done));
            Ok(())
        });
    };
    view! {
        <DialogForm
            title="Change email"
            details
            submission
            submit="Change email"
            busy="Sending the link…"
            on_submit=move |()| change()
            on_cancel=move |()| open.set(false)
        >
            <p class="dialog-lead">
                "We mail a link to the new address. Until you open it, your account keeps the old one."
            </p>
            <EmailField
                submission
                input=new_email
                name="new_email"
                label="New email"
                autocomplete="email"
            />
            <CurrentPassword submission input=password />
        </DialogForm>
    }
}
