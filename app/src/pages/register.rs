//! `/register`: creates an account and signs in.

use languages::{tr, tr_around};
use leptos::{ev, prelude::*};

use crate::components::IntoAnySync;
use leptos_meta::Title;

use super::{
    check_email::CheckEmail,
    invitation::{
        InvalidInvitation, Invitation, InvitationFailed, InvitationLoading, Invited, NotOpen,
    },
    lazy::prefetch_sign_in,
    navigation::redirect_if_signed_in,
};
use crate::{
    Registration,
    api::{ApiError, Code, Text, user},
    appearance::page_title,
    browser::{
        LazyRequest,
        confirmed::on_confirmed,
        next::{next, with_next},
        with_timeout,
    },
    components::{
        Alert, Button, EmailField, EmailSuggestion, NewPasswordField, Resend, Submission,
        focus_soon, input_value, look_for_slip,
    },
    email::email_for_display,
};

/// What the page shows.
#[derive(Clone)]
enum Step {
    /// The form, with an email address that was entered before.
    Form(String),
    /// That the account must be activated with the link that was emailed. Holds the email address and the
    /// password, with which the page signs in as soon as another tab has used the link.
    CheckEmail(String, String),
}

/// `/register`: creates an account and signs in.
#[component]
pub fn Register() -> impl IntoView {
    let next = next();
    redirect_if_signed_in(next.clone());
    let login = StoredValue::new(with_next("/login", next.as_deref()));
    let step = RwSignal::new(Step::Form(String::new()));
    let (policy, invitation) = (Registration::of_server(), Invitation::new());
    view! {
        <Title text=page_title(tr("Create account")) />
        <div class="panel when-signed-out">
            {move || {
                let login = login.get_value();
                let by_invitation = policy == Registration::Invite;
                if policy == Registration::Closed {
                    return view! { <NotOpen login by_invitation /> }.into_any_sync();
                }
                match invitation.state.get() {
                    Invited::No if by_invitation => {
                        view! { <NotOpen login by_invitation /> }.into_any_sync()
                    }
                    Invited::No => form_or_next_step(login, step),
                    Invited::Loading => view! { <InvitationLoading /> }.into_any_sync(),
                    Invited::Failed(error) => {
                        view! { <InvitationFailed error invitation /> }.into_any_sync()
                    }
                    Invited::Invalid => view! { <InvalidInvitation login /> }.into_any_sync(),
                    Invited::Yes(token, email) => {
                        let invited = Some((invitation, token));
                        view! { <RegistrationForm login email step invited /> }.into_any_sync()
                    }
                }
            }}
        </div>
    }
}

/// Shows the form, or what follows it.
fn form_or_next_step(login: String, step: RwSignal<Step>) -> AnyView {
    match step.get() {
        Step::Form(email) => view! { <RegistrationForm login email step /> }.into_any_sync(),
        Step::CheckEmail(email, password) => {
            view! { <ActivationNeeded login email password step /> }.into_any_sync()
        }
    }
}

/// Creates the account, and says whether the form has to stay.
async fn create(
    email: &str,
    password: &str,
    invited: Option<(Invitation, String)>,
) -> Result<(), ApiError> {
    let token = match &invited {
        Some((_, token)) => token.as_str().into(),
        None => Text::default(),
    };
    let request = user::create(email.into(), password.into(), Text::default(), token);
    let error = match with_timeout(request).await {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    // The form has no field for the invitation.
    if let (Some((invitation, _)), ApiError::Fields(fields)) = (&invited, &error)
        && fields.contains_key("invitation")
    {
        invitation.look();
    }
    Err(error)
}

#[component]
fn RegistrationForm(
    /// The link to the sign-in page.
    login: String,
    /// The email address that was entered before.
    email: String,
    /// What the page shows.
    step: RwSignal<Step>,
    /// The invitation whose address this is, with its token.
    #[prop(default = None)]
    invited: Option<(Invitation, String)>,
) -> impl IntoView {
    let submission = Submission::default();
    let is_invited = invited.is_some();
    let fixed = is_invited.then(|| email_for_display(&email));
    let (input, password) = (NodeRef::new(), NodeRef::new());
    let suggestion = RwSignal::new(None);
    if !email.is_empty() && !is_invited {
        input.on_load(move |input: web_sys::HtmlInputElement| input.set_value(&email));
        focus_soon("#email");
    }
    // The email address of the account that has been created. If signing in fails after that, the
    // next attempt must not create it again.
    let created = StoredValue::new(None::<String>);
    // The same if the response was lost: the account may have been created nevertheless.
    let unclear = StoredValue::new(None::<String>);
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let (email, password) = (input_value(input), input_value(password));
        let invited = invited.clone();
        submission.start(async move {
            if created.try_get_value().flatten().as_ref() != Some(&email) {
                let response = create(&email, &password, invited).await;
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
            sign_in(email, password, step).await
        });
    };
    view! {
        <h1 tabindex="-1">{tr("Create account")}</h1>
        <form
            method="post"
            novalidate
            on:focusin=|_| prefetch_sign_in()
            on:focusout=move |_| {
                if !is_invited {
                    look_for_slip(input, suggestion);
                }
            }
            on:submit=send
        >
            <Alert submission />
            <EmailField submission input fixed />
            <EmailSuggestion input suggestion />
            <NewPasswordField submission input=password email=move |()| input_value(input) />
            <Button
                submission
                kind="submit"
                label=tr("Create account")
                pending_label=tr("Creating account…")
            />
            {(!is_invited)
                .then(|| {
                    view! {
                        <p class="next-step">
                            {tr("Next, we'll email you a link to confirm your address.")}
                        </p>
                    }
                })}
        </form>
        <p class="aside">{tr("Already have an account?")} " " <a href=login>{tr("Sign in")}</a></p>
    }
}

/// Signs in after registration, or shows that the account must be activated. If the email address
/// already had an account, signing in fails with `invalid_credentials`, and the page must look the same.
async fn sign_in(email: String, password: String, step: RwSignal<Step>) -> Result<(), ApiError> {
    let request = LazyRequest::SignIn {
        email: email.clone(),
        password: password.clone(),
    };
    let result = request.send().await;
    match result.as_ref().err().and_then(ApiError::code) {
        Some(Code::InactiveAccount | Code::InvalidCredentials) => {
            step.try_set(Step::CheckEmail(email, password));
            Ok(())
        }
        _ => result,
    }
}

/// Asks the user to open the emailed link, and signs in when another tab has.
#[component]
fn ActivationNeeded(
    /// The link to the sign-in page.
    login: String,
    /// Where the emailed link was sent.
    email: String,
    /// The password of the registration.
    password: String,
    /// What the page shows.
    step: RwSignal<Step>,
) -> impl IntoView {
    let signing_in = Submission::default();
    let account = email.clone();
    on_confirmed(&email, move || {
        let (email, password) = (account.clone(), password.clone());
        signing_in.start(LazyRequest::SignIn { email, password }.send());
    });
    let (address, entered) = (email.clone(), email.clone());
    let send_again = move |resend: Resend| {
        resend.start(LazyRequest::ResendActivation(address.clone()).send());
    };
    let link = view! { <a href=login>{tr("Sign in")}</a> }.into_any_sync();
    let (before, after) = tr_around(
        "We sent a link to {email}. Open it to activate your account.",
        "email",
    );
    view! {
        <CheckEmail
            email=email.clone()
            lifetime=tr("The link works once, for 24 hours.")
            on_resend=send_again
            on_correct=move |()| step.set(Step::Form(entered.clone()))
            link
        >
            {before}
            <strong>{email}</strong>
            {after}
        </CheckEmail>
        <Alert submission=signing_in />
    }
}
