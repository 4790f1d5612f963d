use http::StatusCode;
use leptos::prelude::*;

use crate::{
    api::{ApiError, Code, user},
    browser::{Ended, session},
    components::{Alert, Button, Submission},
};

/// The two ways to sign out.
#[component]
pub(super) fn SignOut() -> impl IntoView {
    let here = Submission::default();
    let everywhere = Submission::default();
    let sign_out_here = move || {
        everywhere.reset();
        here.start(async { leave(user::logout().await) });
    };
    let sign_out_everywhere = move || {
        here.reset();
        everywhere.start(async { leave(user::logout_all().await) });
    };
    view! {
        <div class="actions">
            <Button
                submission=here
                look="quiet"
                label="Sign out"
                busy="Signing out…"
                on_press=move |()| sign_out_here()
            />
            <Button
                submission=everywhere
                look="quiet"
                label="Sign out everywhere"
                busy="Signing out everywhere…"
                on_press=move |()| sign_out_everywhere()
            />
        </div>
        <Alert submission=here />
        <Alert submission=everywhere />
    }
}

/// Forgets the session once the server has ended it, and only then: a person who reads "signed
/// out" must be able to rely on it.
fn leave(answer: Result<(), ApiError>) -> Result<(), ApiError> {
    match answer {
        Err(error) if error.code() == Some(Code::Unreachable) => Err(ApiError::detail(
            Code::Unreachable,
            "The server can't be reached, so you are still signed in. Try again in a moment.",
        )),
        Err(error) if error.status() != StatusCode::UNAUTHORIZED => Err(error),
        _ => {
            session::end(Ended::SignedOut);
            Ok(())
        }
    }
}
