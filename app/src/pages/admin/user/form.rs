//! Changing what is stored about a user.

use languages::tr;
use leptos::{ev, html, prelude::*};
use serde_json::Value;

use super::{
    super::{
        console::{Console, Reply, clear_notice, notify},
        form::TextArea,
    },
    Loading,
};
use crate::{
    admin_pages::user_path,
    api::{
        Code, Text,
        admin::{self, ManagedUser},
    },
    components::{Alert, Button, EmailField, Submission, TextField, input_value, pretty_json},
};

/// The inputs of the form.
#[derive(Clone, Copy, Default)]
struct Fields {
    email: NodeRef<html::Input>,
    name: NodeRef<html::Input>,
    roles: NodeRef<html::Input>,
    metadata: NodeRef<html::Textarea>,
    app_metadata: NodeRef<html::Textarea>,
}

/// The texts of the fields.
#[derive(Clone, PartialEq, Eq)]
struct Texts {
    email: String,
    name: String,
    roles: String,
    metadata: String,
    app_metadata: String,
}

impl Texts {
    fn of(user: &ManagedUser) -> Self {
        Self {
            email: user.email.clone(),
            name: user.name.clone(),
            roles: user.roles.join(", "),
            metadata: pretty_json(&user.metadata.to_string()),
            app_metadata: pretty_json(&user.app_metadata.to_string()),
        }
    }

    fn read(fields: Fields) -> Self {
        Self {
            email: input_value(fields.email).trim().to_owned(),
            name: input_value(fields.name),
            roles: input_value(fields.roles),
            metadata: text_of(fields.metadata),
            app_metadata: text_of(fields.app_metadata),
        }
    }

    /// Shows the texts, as far as they are others: the server writes some in another way.
    fn show(&self, fields: Fields) {
        for (input, text) in [
            (fields.email, &self.email),
            (fields.name, &self.name),
            (fields.roles, &self.roles),
        ] {
            if let Some(Some(input)) = input.try_get_untracked() {
                input.set_value(text);
            }
        }
        for (input, text) in [
            (fields.metadata, &self.metadata),
            (fields.app_metadata, &self.app_metadata),
        ] {
            if let Some(Some(input)) = input.try_get_untracked() {
                input.set_value(text);
            }
        }
    }
}

/// A change of a user: the fields that are other than before.
#[derive(Clone)]
struct Change {
    id: String,
    version: String,
    before: Texts,
    after: Texts,
}

impl Change {
    fn send(&self) -> Reply<ManagedUser> {
        let changed = |before: &String, after: &String| {
            if before == after {
                Value::Null
            } else {
                Value::from(after.as_str())
            }
        };
        let Self { before, after, .. } = self;
        Box::pin(admin::update_user(
            Text::from(self.id.as_str()),
            changed(&before.email, &after.email),
            changed(&before.name, &after.name),
            changed(&before.roles, &after.roles),
            Value::Null,
            Value::Null,
            changed(&before.metadata, &after.metadata),
            changed(&before.app_metadata, &after.app_metadata),
            Value::from(self.version.as_str()),
        ))
    }
}

/// Changes email address, name, roles and metadata. Of somebody else's change in the meantime the server
/// says so, and the form offers to load the user again.
#[component]
pub(super) fn ProfileForm(
    user: RwSignal<ManagedUser>,
    console: Console,
    loading: Loading,
) -> impl IntoView {
    let submission = Submission::default();
    let fields = Fields::default();
    let texts = StoredValue::new(user.with_untracked(Texts::of));
    let save = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let change = user.with_untracked(|user| Change {
            id: user.id.clone(),
            version: user.version.clone(),
            before: texts.get_value(),
            after: Texts::read(fields),
        });
        let path = user_path(&change.id);
        if change.before == change.after {
            submission.reset();
            notify(&path, tr("Nothing has changed."));
            return;
        }
        clear_notice("");
        submission.start(async move {
            let changed = console.send(move || change.send()).await?;
            let stored = Texts::of(&changed);
            stored.show(fields);
            texts.try_set_value(stored);
            user.try_set(changed);
            notify(&path, tr("Your changes have been saved."));
            Ok(())
        });
    };
    view! {
        <section class="section" aria-labelledby="profile">
            <h2 id="profile">{tr("Profile")}</h2>
            <form class="profile-form" method="post" novalidate on:submit=save>
                <Alert submission />
                <Conflict submission loading />
                <Inputs submission fields texts />
                <div class="actions">
                    <Button
                        submission
                        kind="submit"
                        label=tr("Save changes")
                        pending_label=tr("Saving…")
                    />
                </div>
            </form>
        </section>
    }
}

#[component]
fn Inputs(submission: Submission, fields: Fields, texts: StoredValue<Texts>) -> impl IntoView {
    let Texts {
        email: _,
        name,
        roles,
        metadata,
        app_metadata,
    } = texts.get_value();
    // When the user is loaded again, what was typed is replaced: attributes alone don't do that.
    let stored = texts.get_value();
    Effect::new(move |_| {
        if fields.email.get().is_some() {
            stored.show(fields);
        }
    });
    view! {
        <EmailField submission input=fields.email autocomplete="off" />
        <TextField submission input=fields.name name="name" label=tr("Name") value=name />
        <TextField
            submission
            input=fields.roles
            name="roles"
            label=tr("Roles")
            value=roles
            hint=Some(tr("Names with commas between them, such as editor, billing."))
        />
        <TextArea
            submission
            input=fields.metadata
            name="metadata"
            label=tr("Metadata")
            value=metadata
            hint=tr("A JSON object, which the user may read and change.")
        />
        <TextArea
            submission
            input=fields.app_metadata
            name="app_metadata"
            label=tr("App metadata")
            value=app_metadata
            hint=tr("A JSON object that only administrators may change.")
        />
    }
}

/// Offers to load the user again, after somebody else's change.
#[component]
fn Conflict(submission: Submission, loading: Loading) -> impl IntoView {
    let is_conflict = Memo::new(move |_| submission.code() == Some(Code::Conflict));
    move || {
        is_conflict.get().then(|| {
            view! {
                <p class="conflict">
                    <button type="button" class="button quiet" on:click=move |_| loading.start()>
                        {tr("Reload this user")}
                    </button>
                    <span class="hint">{tr("This replaces what you have typed.")}</span>
                </p>
            }
        })
    }
}

fn text_of(input: NodeRef<html::Textarea>) -> String {
    input
        .get_untracked()
        .map(|input| input.value())
        .unwrap_or_default()
}
