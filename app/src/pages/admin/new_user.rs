//! What the forms for a new user and for an invitation have in common.

use leptos::{html, prelude::*};
use serde_json::Value;

use super::{console::Reply, form::Tick};
use crate::{
    api::admin::{self, ManagedUser},
    components::{IntoAnySync, Submission, TextField, input_value},
};

/// The inputs of the forms.
#[derive(Clone, Copy, Default)]
pub(super) struct NewUserFields {
    pub email: NodeRef<html::Input>,
    name: NodeRef<html::Input>,
    roles: NodeRef<html::Input>,
    is_admin: RwSignal<bool>,
}

impl NewUserFields {
    /// Takes back what is not typed.
    pub fn reset(self) {
        self.is_admin.set(false);
    }
}

/// The fields that may stay empty.
#[component]
pub(super) fn OptionalFields(submission: Submission, fields: NewUserFields) -> impl IntoView {
    view! {
        <TextField submission input=fields.name name="name" label="Name (optional)" />
        <TextField
            submission
            input=fields.roles
            name="roles"
            label="Roles (optional)"
            hint=Some("Names with commas between them, such as editor, billing.")
        />
        <Tick
            label="Administrator"
            hint="May see and change every account."
            value=fields.is_admin
            on_change=move |is_admin| fields.is_admin.set(is_admin)
        />
    }
    .into_any_sync()
}

/// How a new user gets into the account.
#[derive(Clone)]
pub(super) enum Credential {
    /// With this password.
    Password(String),
    /// By an emailed link.
    Invitation,
}

/// A new user, and what the account starts with.
#[derive(Clone)]
pub(super) struct NewUser {
    pub email: String,
    pub credential: Credential,
    pub name: String,
    /// Names with commas between them.
    pub roles: String,
    pub is_admin: bool,
    pub metadata: Value,
    pub app_metadata: Value,
}

impl NewUser {
    /// Reads what was entered.
    pub fn read(fields: NewUserFields, credential: Credential) -> Self {
        Self {
            email: input_value(fields.email).trim().to_owned(),
            credential,
            name: input_value(fields.name),
            roles: input_value(fields.roles),
            is_admin: fields.is_admin.get_untracked(),
            metadata: Value::Null,
            app_metadata: Value::Null,
        }
    }

    /// Creates the user, or sends the invitation.
    pub fn send(&self) -> Reply<ManagedUser> {
        let given = |text: &str| match text.trim() {
            "" => Value::Null,
            text => Value::from(text),
        };
        let (password, invite) = match &self.credential {
            Credential::Password(password) => (password.as_str(), Value::Null),
            Credential::Invitation => ("", Value::Bool(true)),
        };
        Box::pin(admin::create_user(
            given(&self.email),
            password.into(),
            invite,
            given(&self.name),
            given(&self.roles),
            // What is not given needs no recent sign-in.
            self.is_admin.then_some(true).into(),
            self.metadata.clone(),
            self.app_metadata.clone(),
        ))
    }
}
