use leptos::{ev, prelude::*};
use leptos_meta::Title;

use super::{check_mail::CheckMail, go_on_when_signed_in, input_value};
use crate::{
    api::{Code, user},
    browser::{
        Errand,
        next::{next, with_next},
        within_limit,
    },
    components::{Alert, Button, EmailField, PASSWORD_HINT, PasswordField, Resending, Submission},
};

/// `/register`: create an account, and be signed in.
#[component]
pub fn Register() -> impl IntoView {
    let next = next();
    go_on_when_signed_in(next.clone());
    let login = StoredValue::new(with_next("/login", next.as_deref()));
    let sent_to = RwSignal::new(None::<String>);
    view! {
        <Title text="Create account · Latchkey" />
        <div class="panel when-signed-out">
            {move || {
                let login = login.get_value();
                match sent_to.get() {
                    None => view! { <Create login sent_to /> }.into_any(),
                    Some(email) => view! { <Created login email /> }.into_any(),
                }
            }}
        </div>
    }
}

#[component]
fn Create(
    /// The way to the sign-in page.
    login: String,
    /// Takes the address where the account has to be activated by mail.
    sent_to: RwSignal<Option<String>>,
) -> impl IntoView {
    let submission = Submission::default();
    let (email, password) = (NodeRef::new(), NodeRef::new());
    // The account that exists already, should signing in fail after creating it: then trying
    // again must not stumble over the account.
    let created = StoredValue::new(None::<String>);
    let create = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let (email, password) = (input_value(email), input_value(password));
        submission.start(async move {
            if created.try_get_value().flatten().as_ref() != Some(&email) {
                let request = user::create(email.as_str().into(), password.as_str().into());
                within_limit(request).await?;
                created.try_set_value(Some(email.clone()));
            }
            let sign_in = Errand::SignIn {
                email: email.clone(),
                password,
            };
            let result = sign_in.run().await;
            match result.as_ref().map_err(|error| error.code()) {
                // An address that had an account already is not told from a new one.
                Err(Some(Code::InactiveAccount | Code::InvalidCredentials)) => {
                    sent_to.try_set(Some(email));
                    Ok(())
                }
                _ => result,
            }
        });
    };
    view! {
        <h1 tabindex="-1">"Create account"</h1>
        <form method="post" novalidate on:focusin=|_| Errand::prepare() on:submit=create>
            <Alert submission />
            <EmailField submission input=email />
            <PasswordField
                submission
                input=password
                autocomplete="new-password"
                hint=PASSWORD_HINT
            />
            <Button submission kind="submit" label="Create account" busy="Creating account…" />
        </form>
        <p class="aside">"Have an account already? " <a href=login>"Sign in"</a></p>
    }
}

/// Waits for the mailed link to be opened, where new accounts need activation.
#[component]
fn Created(
    /// The way to the sign-in page.
    login: String,
    /// Where the link went.
    email: String,
) -> impl IntoView {
    let address = email.clone();
    let resend = move |resending: Resending| {
        resending.start(Errand::ResendActivation(address.clone()).run());
    };
    let link = view! { <a href=login>"Sign in"</a> }.into_any();
    view! {
        <CheckMail on_resend=resend link>
            "We sent a link to "
            <strong>{email}</strong>
            ". Open it to activate your account."
        </CheckMail>
    }
}
