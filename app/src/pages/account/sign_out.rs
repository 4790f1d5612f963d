use leptos::prelude::*;

use crate::{
    api::user,
    components::{Alert, Button, Submission},
    pages::sign_out::leave,
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
