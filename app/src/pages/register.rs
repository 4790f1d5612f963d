use leptos::{ev, prelude::*};
use leptos_meta::Title;

use super::{go_on_when_signed_in, typed};
use crate::{
    api::user,
    browser::{
        next::{next, with_next},
        session, within_limit,
    },
    components::{Alert, Button, EmailField, PasswordField, Submission},
};

/// `/register`: create an account, and be signed in.
#[component]
pub fn Register() -> impl IntoView {
    let next = next();
    go_on_when_signed_in(next.clone());
    let submission = Submission::default();
    let (email, password) = (NodeRef::new(), NodeRef::new());
    // The account that exists already, should signing in fail after creating it: then trying
    // again must not stumble over the account.
    let created = StoredValue::new(None::<String>);
    let create = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let (email, password) = (typed(email), typed(password));
        submission.start(async move {
            if created.try_get_value().flatten().as_ref() != Some(&email) {
                let request = user::create(email.as_str().into(), password.as_str().into());
                within_limit(request).await?;
                created.try_set_value(Some(email.clone()));
            }
            let pair = within_limit(user::login(email.into(), password.into())).await?;
            session::store(pair);
            Ok(())
        });
    };
    view! {
        <Title text="Create account · Latchkey" />
        <div class="panel when-signed-out">
            <h1 tabindex="-1">"Create account"</h1>
            <form method="post" novalidate on:submit=create>
                <Alert submission />
                <EmailField submission input=email />
                <PasswordField
                    submission
                    input=password
                    autocomplete="new-password"
                    hint="8 characters or more. A few words in a row are easy to keep in mind."
                />
                <Button submission kind="submit" label="Create account" busy="Creating account…" />
            </form>
            <p class="aside">
                "Have an account already? "
                <a href=with_next("/login", next.as_deref())>"Sign in"</a>
            </p>
        </div>
    }
}
