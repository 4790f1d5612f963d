//! Adding a user, with a password. What is entered has a type of its own, apart from that of the invitations.

use languages::{tr, tr_with};
use leptos::{html, prelude::*};
use serde_json::Value;

use crate::{
    admin_pages::AdminPage,
    api::admin::{self, ManagedUser},
    components::{EmailField, NewPasswordField, Submission, input_value},
    email::email_for_display,
    pages::admin::{
        console::{Console, Reply, notify},
        form::{FormDialog, OptionalFields},
        listing::Listing,
    },
};

/// A button that opens the form for a new user.
#[component]
pub(super) fn AddUser(console: Console, list: Listing<ManagedUser>) -> impl IntoView {
    let open = RwSignal::new(false);
    let submission = Submission::default();
    let fields = Fields::default();
    let show = move |_| {
        submission.reset();
        fields.is_admin.set(false);
        open.set(true);
    };
    let send = move |()| {
        let user = NewUser::read(fields);
        submission.start(async move {
            let user = console.send(move || user.create()).await?;
            open.try_set(false);
            let email = email_for_display(&user.email);
            let text = tr_with("{email} was created.", &[("email", &email)]);
            notify(AdminPage::Users.path(), text);
            list.reload();
            Ok(())
        });
    };
    view! {
        <button type="button" class="button primary" on:click=show>
            {tr("Add user")}
        </button>
        <FormDialog
            open
            submission
            title=tr("Add user")
            submit=tr("Add user")
            pending_label=tr("Adding…")
            on_submit=send
        >
            <Form submission fields />
        </FormDialog>
    }
}

/// The inputs of the form.
#[derive(Clone, Copy, Default)]
struct Fields {
    email: NodeRef<html::Input>,
    name: NodeRef<html::Input>,
    password: NodeRef<html::Input>,
    roles: NodeRef<html::Input>,
    is_admin: RwSignal<bool>,
}

#[component]
fn Form(submission: Submission, fields: Fields) -> impl IntoView {
    view! {
        <p class="dialog-lead">
            {tr("The account can be used at once, and its email address counts as confirmed.")}
        </p>
        <EmailField submission input=fields.email autocomplete="off" />
        <NewPasswordField
            submission
            input=fields.password
            email=move |()| untrack(|| input_value(fields.email))
        />
        <OptionalFields
            submission
            name=fields.name
            roles=fields.roles
            is_admin=fields.is_admin
        />
    }
}

/// What was entered.
#[derive(Clone)]
struct NewUser {
    email: String,
    name: String,
    password: String,
    roles: String,
    is_admin: bool,
}

impl NewUser {
    fn read(fields: Fields) -> Self {
        Self {
            email: input_value(fields.email).trim().to_owned(),
            name: input_value(fields.name),
            password: input_value(fields.password),
            roles: input_value(fields.roles),
            is_admin: fields.is_admin.get_untracked(),
        }
    }

    fn create(&self) -> Reply<ManagedUser> {
        let given = |text: &String| match text.trim() {
            "" => Value::Null,
            text => Value::from(text),
        };
        // What is not given needs no recent sign-in.
        let is_admin = if self.is_admin {
            Value::Bool(true)
        } else {
            Value::Null
        };
        Box::pin(admin::create_user(
            given(&self.email),
            self.password.as_str().into(),
            Value::Null,
            given(&self.name),
            given(&self.roles),
            is_admin,
            Value::Null,
            Value::Null,
        ))
    }
}
