use leptos::prelude::*;

use super::{
    details::Details,
    dialog_form::{CurrentPassword, DialogForm},
};
use crate::{
    api::user,
    browser::renewal::exchange,
    components::{Dialog, Notice, PASSWORD_HINT, PasswordField, Submission},
    pages::input_value,
};

/// Changes the password.
#[component]
pub(super) fn Password(details: Details) -> impl IntoView {
    let open = RwSignal::new(false);
    let submission = Submission::default();
    let notice = RwSignal::new(None);
    let ask = move |_| {
        notice.set(None);
        submission.reset();
        open.set(true);
    };
    view! {
        <section class="section" aria-labelledby="password">
            <h2 id="password">"Password"</h2>
            <p class="section-lead">
                "A new password signs out every other device, and voids every link that we have mailed you."
            </p>
            <Notice text=notice />
            <button type="button" class="button quiet" on:click=ask>
                "Change password"
            </button>
            <Dialog open locked=Signal::derive(move || submission.is_running())>
                <Change details open submission notice />
            </Dialog>
        </section>
    }
}

#[component]
fn Change(
    details: Details,
    open: RwSignal<bool>,
    submission: Submission,
    notice: RwSignal<Option<String>>,
) -> impl IntoView {
    let (current, new) = (NodeRef::new(), NodeRef::new());
    let change = move || {
        let request = user::change_password(input_value(current).into(), input_value(new).into());
        submission.start(async move {
            exchange(async { Ok((request.await?, ())) }).await?;
            open.try_set(false);
            let done = "Your password is changed. Other devices are signed out.";
            notice.try_set(Some(done.to_owned()));
            details.reload_sessions();
            Ok(())
        });
    };
    view! {
        <DialogForm
            title="Change password"
            details
            submission
            submit="Change password"
            busy="Changing password…"
            on_submit=move |()| change()
            on_cancel=move |()| open.set(false)
        >
            <CurrentPassword submission input=current />
            <PasswordField
                submission
                input=new
                name="new_password"
                label="New password"
                autocomplete="new-password"
                hint=PASSWORD_HINT
            />
        </DialogForm>
    }
}
