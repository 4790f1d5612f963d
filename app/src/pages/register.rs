//! `/register`: creates an account and signs in.

use leptos::{ev, prelude::*};
use leptos_meta::Title;

use super::{check_email::CheckEmail, lazy::prefetch_sign_in, navigation::redirect_if_signed_in};
use crate::{
    api::{ApiError, Code, user},
    browser::{
        LazyRequest,
        next::{next, with_next},
        with_timeout,
    },
    components::{
        Alert, Button, EmailField, PASSWORD_HINT, PasswordField, Resend, Submission, input_value,
    },
};

/// `/register`: creates an account and signs in.
#[component]
pub fn Register() -> impl IntoView {
    let next = next();
    redirect_if_signed_in(next.clone());
    let login = StoredValue::new(with_next("/login", next.as_deref()));
    let sent_to = RwSignal::new(None::<String>);
    view! {
        <Title text="Create account · Latchkey" />
        <div class="panel when-signed-out">
            {move || {
                let login = login.get_value();
                match sent_to.get() {
                    None => view! { <RegistrationForm login sent_to /> }.into_any(),
                    Some(email) => view! { <ActivationNeeded login email /> }.into_any(),
                }
            }}
        </div>
    }
}

#[component]
fn RegistrationForm(
    /// The link to the sign-in page.
    login: String,
    /// Set to the email address if the account must be activated.
    sent_to: RwSignal<Option<String>>,
) -> impl IntoView {
    let submission = Submission::default();
    let (email, password) = (NodeRef::new(), NodeRef::new());
    // The email address of the account that has been created. If signing in fails after that, the
    // next attempt must not create it again.
    let created = StoredValue::new(None::<String>);
    // The same if the response was lost: the account may have been created nevertheless.
    let unclear = StoredValue::new(None::<String>);
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let (email, password) = (input_value(email), input_value(password));
        submission.start(async move {
            if created.try_get_value().flatten().as_ref() != Some(&email) {
                let request = user::create(email.as_str().into(), password.as_str().into());
                let response = with_timeout(request).await;
                let was_unclear = unclear.try_get_value().flatten().as_ref() == Some(&email);
                if response.as_ref().is_err_and(ApiError::is_unclear) {
                    unclear.try_set_value(Some(email.clone()));
                }
                if let Err(error) = response {
                    if !was_unclear || error.is_unclear() {
                        return Err(error);
                    }
                    // If the earlier request has created the account, its password is correct.
                    let request = LazyRequest::SignIn { email, password };
                    return request.send().await.map_err(|_| error);
                }
                created.try_set_value(Some(email.clone()));
            }
            sign_in(email, password, sent_to).await
        });
    };
    view! {
        <h1 tabindex="-1">"Create account"</h1>
        <form method="post" novalidate on:focusin=|_| prefetch_sign_in() on:submit=send>
            <Alert submission />
            <EmailField submission input=email />
            <PasswordField
                submission
                input=password
                autocomplete="new-password"
                hint=PASSWORD_HINT
            />
            <Button
                submission
                kind="submit"
                label="Create account"
                pending_label="Creating account…"
            />
        </form>
        <p class="aside">"Already have an account? " <a href=login>"Sign in"</a></p>
    }
}

/// Signs in after registration, or sets `sent_to` if the account must be activated. If the email
/// address already had an account, signing in fails with `invalid_credentials`, and the page must
/// look the same.
async fn sign_in(
    email: String,
    password: String,
    sent_to: RwSignal<Option<String>>,
) -> Result<(), ApiError> {
    let request = LazyRequest::SignIn {
        email: email.clone(),
        password,
    };
    let result = request.send().await;
    match result.as_ref().err().and_then(ApiError::code) {
        Some(Code::InactiveAccount | Code::InvalidCredentials) => {
            sent_to.try_set(Some(email));
            Ok(())
        }
        _ => result,
    }
}

/// Asks the user to open the emailed link.
#[component]
fn ActivationNeeded(
    /// The link to the sign-in page.
    login: String,
    /// Where the emailed link was sent.
    email: String,
) -> impl IntoView {
    let address = email.clone();
    let send_again = move |resend: Resend| {
        resend.start(LazyRequest::ResendActivation(address.clone()).send());
    };
    let link = view! { <a href=login>"Sign in"</a> }.into_any();
    view! {
        <CheckEmail on_resend=send_again link>
            "We sent a link to "
            <strong>{email}</strong>
            ". Open it to activate your account."
        </CheckEmail>
    }
}
