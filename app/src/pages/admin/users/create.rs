//! Adding a user, with a password.

use leptos::{html, prelude::*};

use crate::{
    admin_pages::AdminPage,
    api::admin::ManagedUser,
    components::{EmailField, NewPasswordField, Submission, input_value},
    email::email_for_display,
    pages::admin::{
        console::{Console, notify},
        form::FormDialog,
        listing::Listing,
        new_user::{Credential, NewUser, NewUserFields, OptionalFields},
    },
};

/// A button that opens the form for a new user.
#[component]
pub(super) fn AddUser(console: Console, list: Listing<ManagedUser>) -> impl IntoView {
    let open = RwSignal::new(false);
    let submission = Submission::default();
    let fields = NewUserFields::default();
    let password = NodeRef::<html::Input>::new();
    let show = move |_| {
        submission.reset();
        fields.reset();
        open.set(true);
    };
    let send = move |()| {
        let user = NewUser::read(fields, Credential::Password(input_value(password)));
        submission.start(async move {
            let user = console.send(move || user.send()).await?;
            open.try_set(false);
            let email = email_for_display(&user.email);
            notify(AdminPage::Users.path(), format!("{email} was created."));
            list.reload();
            Ok(())
        });
    };
    view! {
        <button type="button" class="button primary" on:click=show>
            "Add user"
        </button>
        <FormDialog
            open
            submission
            title="Add user"
            submit="Add user"
            pending_label="Adding…"
            on_submit=send
        >
            <p class="dialog-lead">
                "The account can be used at once, and its email address counts as confirmed."
            </p>
            <EmailField submission input=fields.email autocomplete="off" />
            <NewPasswordField
                submission
                input=password
                email=move |()| untrack(|| input_value(fields.email))
            />
            <OptionalFields submission fields />
        </FormDialog>
    }
}
