use leptos::{ev, prelude::*};
use leptos_meta::Title;

use super::{check_mail::CheckMail, input_value};
use crate::{
    api::user,
    browser::within_limit,
    components::{Alert, Button, EmailField, Resending, Submission},
};

/// `/forgot`: asks for a link to choose a new password.
#[component]
pub fn Forgot() -> impl IntoView {
    let sent_to = RwSignal::new(None::<String>);
    view! {
        <Title text="Forgot your password? · Latchkey" />
        <div class="panel">
            {move || match sent_to.get() {
                None => view! { <Ask sent_to /> }.into_any(),
                Some(email) => view! { <Sent email /> }.into_any(),
            }}
        </div>
    }
}

#[component]
fn Ask(
    /// Takes the address once the link is on its way.
    sent_to: RwSignal<Option<String>>,
) -> impl IntoView {
    let submission = Submission::default();
    let email = NodeRef::new();
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let email = input_value(email);
        submission.start(async move {
            within_limit(user::reset_password(email.as_str().into())).await?;
            sent_to.try_set(Some(email));
            Ok(())
        });
    };
    view! {
        <h1 tabindex="-1">"Forgot your password?"</h1>
        <p class="panel-text">"We mail you a link to choose a new one."</p>
        <form method="post" novalidate on:submit=send>
            <Alert submission />
            <EmailField submission input=email />
            <Button submission kind="submit" label="Send link" busy="Sending the link…" />
        </form>
        <p class="aside">
            <a href="/login">"Back to sign in"</a>
        </p>
    }
}

#[component]
fn Sent(
    /// Where the link went, if there is an account.
    email: String,
) -> impl IntoView {
    let address = email.clone();
    let resend = move |resending: Resending| {
        let request = user::reset_password(address.as_str().into());
        resending.start(within_limit(request));
    };
    let link = view! { <a href="/login">"Back to sign in"</a> }.into_any();
    view! {
        <CheckMail on_resend=resend link>
            "If "
            <strong>{email}</strong>
            " has an account, a link to choose a new password is on its way."
        </CheckMail>
    }
}
