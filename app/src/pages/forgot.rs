//! `/forgot`: requests a link to choose a new password.

use leptos::{ev, prelude::*};
use leptos_meta::Title;

use super::check_email::CheckEmail;
use crate::{
    api::user,
    browser::with_timeout,
    components::{Alert, Button, EmailField, Resend, Submission, input_value},
};

/// `/forgot`: requests a link to choose a new password.
#[component]
pub fn Forgot() -> impl IntoView {
    let sent_to = RwSignal::new(None::<String>);
    view! {
        <Title text="Forgot your password? · Latchkey" />
        <div class="panel">
            {move || match sent_to.get() {
                None => view! { <RequestForm sent_to /> }.into_any(),
                Some(email) => view! { <Sent email /> }.into_any(),
            }}
        </div>
    }
}

#[component]
fn RequestForm(
    /// Set to the email address when the request has succeeded.
    sent_to: RwSignal<Option<String>>,
) -> impl IntoView {
    let submission = Submission::default();
    let email = NodeRef::new();
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let email = input_value(email);
        submission.start(async move {
            with_timeout(user::reset_password(email.as_str().into())).await?;
            sent_to.try_set(Some(email));
            Ok(())
        });
    };
    view! {
        <h1 tabindex="-1">"Forgot your password?"</h1>
        <p class="panel-text">"We'll email you a link to choose a new one."</p>
        <form method="post" novalidate on:submit=send>
            <Alert submission />
            <EmailField submission input=email />
            <Button submission kind="submit" label="Send link" pending_label="Sending the link…" />
        </form>
        <p class="aside">
            <a href="/login">"Back to sign in"</a>
        </p>
    }
}

#[component]
fn Sent(
    /// Where the link was sent, if there is an account.
    email: String,
) -> impl IntoView {
    let address = email.clone();
    let send_again = move |resend: Resend| {
        let request = user::reset_password(address.as_str().into());
        resend.start(with_timeout(request));
    };
    let link = view! { <a href="/login">"Back to sign in"</a> }.into_any();
    view! {
        <CheckEmail on_resend=send_again link>
            "If "
            <strong>{email}</strong>
            " has an account, a link to choose a new password is on its way."
        </CheckEmail>
    }
}
