//! The buttons "Sign out" and "Sign out everywhere".

use leptos::prelude::*;

use crate::{
    api::user,
    components::{Alert, Button, Submission},
    pages::sign_out::finish_sign_out,
};

/// Signs out this device, or every device.
#[component]
pub(super) fn SignOut() -> impl IntoView {
    let here = Submission::default();
    let everywhere = Submission::default();
    let sign_out_here = move || {
        everywhere.reset();
        here.start(async { finish_sign_out(user::logout().await) });
    };
    let sign_out_everywhere = move || {
        here.reset();
        everywhere.start(async { finish_sign_out(user::logout_all().await) });
    };
    view! {
        <div class="actions">
            <Button
                submission=here
                style="quiet"
                label="Sign out"
                pending_label="Signing out…"
                on_press=move |()| sign_out_here()
            />
            <Button
                submission=everywhere
                style="quiet"
                label="Sign out everywhere"
                pending_label="Signing out everywhere…"
                on_press=move |()| sign_out_everywhere()
            />
        </div>
        <Alert submission=here />
        <Alert submission=everywhere />
    }
}
