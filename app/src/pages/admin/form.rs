//! The dialogs with forms, and their fields.

use languages::tr;
use leptos::{ev, html, prelude::*};

use crate::components::{
    Alert, Button, CopyButton, DIALOG_TITLE, Dialog, Field, IntoAnySync, Submission,
    SyncChildrenFn, TextField, describe, invalid,
};

/// A dialog with a form: a heading, the fields, a button that submits and one that cancels.
#[component]
pub(super) fn FormDialog(
    /// Whether the dialog is open.
    open: RwSignal<bool>,
    /// The form's request.
    submission: Submission,
    /// The heading.
    title: &'static str,
    /// The submit button's label.
    submit: &'static str,
    /// Its label while the request runs.
    pending_label: &'static str,
    /// Sends the request.
    #[prop(into)]
    on_submit: Callback<()>,
    /// The explanation and the fields.
    children: SyncChildrenFn,
) -> impl IntoView {
    view! {
        <Dialog open locked=Signal::derive(move || submission.is_running())>
            <DialogForm
                open
                submission
                title
                submit
                pending_label
                on_submit
                children=children.clone()
            />
        </Dialog>
    }
}

#[component]
fn DialogForm(
    open: RwSignal<bool>,
    submission: Submission,
    title: &'static str,
    submit: &'static str,
    pending_label: &'static str,
    on_submit: Callback<()>,
    children: SyncChildrenFn,
) -> impl IntoView {
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        on_submit.run(());
    };
    // A running request can't be cancelled, so the dialog stays open to show its result.
    let cancel = move |_| {
        if !untrack(|| submission.is_running()) {
            open.set(false);
        }
    };
    view! {
        <form method="post" novalidate on:submit=send>
            <h2 id=DIALOG_TITLE>{title}</h2>
            <Alert submission />
            {children.run()}
            <div class="actions">
                <button type="button" class="button quiet" on:click=cancel>
                    {tr("Cancel")}
                </button>
                <Button submission kind="submit" label=submit pending_label />
            </div>
        </form>
    }
}

/// Asks for several lines of text.
#[component]
pub(super) fn TextArea(
    /// The form's request.
    submission: Submission,
    /// The input, from which the form reads the text.
    input: NodeRef<html::Textarea>,
    /// The field's name in the request.
    name: &'static str,
    /// The label.
    label: &'static str,
    /// The text at first.
    value: String,
    /// Help for filling in the field.
    hint: &'static str,
) -> impl IntoView {
    let rows = value.lines().count().clamp(3, 16).to_string();
    view! {
        <Field submission name label hint=Some(hint)>
            <textarea
                node_ref=input
                id=name
                name=name
                class="code"
                rows=rows
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                aria-describedby=describe(name, Some(hint))
                aria-invalid=move || invalid(submission, name)
            >
                {value}
            </textarea>
        </Field>
    }
}

/// A choice of several values.
#[component]
pub(super) fn Choice(
    /// The element's id.
    id: &'static str,
    /// The label.
    label: &'static str,
    /// The values and their texts.
    options: Vec<(&'static str, String)>,
    /// The current value.
    value: Signal<String>,
    /// Called with another value.
    #[prop(into)]
    on_change: Callback<String>,
) -> impl IntoView {
    let options = options.into_iter().map(|(option, text)| {
        let is_selected = move || value.get() == option;
        view! {
            <option value=option prop:selected=is_selected>
                {text}
            </option>
        }
    });
    view! {
        <div class="choice">
            <label for=id>{label}</label>
            <select id=id on:change=move |event| on_change.run(event_target_value(&event))>
                {options.collect_view()}
            </select>
        </div>
    }
}

/// A box to tick, with its label.
#[component]
pub(super) fn Tick(
    /// The label.
    #[prop(into)]
    label: String,
    /// What ticking it means.
    #[prop(optional)]
    hint: &'static str,
    /// Whether it is ticked.
    #[prop(into)]
    value: Signal<bool>,
    /// Called when it is ticked or not.
    #[prop(into)]
    on_change: Callback<bool>,
) -> impl IntoView {
    view! {
        <label class="tick">
            <input
                type="checkbox"
                prop:checked=move || value.get()
                on:change=move |event| on_change.run(event_target_checked(&event))
            />
            <span>
                {label} {(!hint.is_empty()).then(|| view! { <span class="hint">{hint}</span> })}
            </span>
        </label>
    }
}

/// The fields of a new user that may stay empty.
#[component]
pub(super) fn OptionalFields(
    /// The form's request.
    submission: Submission,
    /// The input of the name.
    name: NodeRef<html::Input>,
    /// The input of the roles.
    roles: NodeRef<html::Input>,
    /// Whether the user becomes an administrator.
    is_admin: RwSignal<bool>,
) -> impl IntoView {
    view! {
        <TextField submission input=name name="name" label=tr("Name (optional)") />
        <TextField
            submission
            input=roles
            name="roles"
            label=tr("Roles (optional)")
            hint=Some(tr("Names with commas between them, such as editor, billing."))
        />
        <Tick
            label=tr("Administrator")
            hint=tr("May see and change every account.")
            value=is_admin
            on_change=move |value| is_admin.set(value)
        />
    }
    .into_any_sync()
}

/// Shows a new secret, this once, and then forgets it.
#[component]
pub(super) fn SecretDialog(
    /// The secret. The dialog is open while there is one.
    secret: RwSignal<Option<String>>,
    /// The heading.
    title: &'static str,
    /// What it is for.
    text: &'static str,
    /// The label of the button that copies it.
    label: &'static str,
) -> impl IntoView {
    let open = RwSignal::new(false);
    Effect::new(move |_| open.set(secret.with(Option::is_some)));
    Effect::new(move |was_open: Option<bool>| {
        let is_open = open.get();
        if was_open == Some(true) && !is_open {
            secret.set(None);
        }
        is_open
    });
    view! {
        <Dialog open>
            <h2 id=DIALOG_TITLE>{title}</h2>
            <p class="dialog-lead">{text}</p>
            {move || {
                let secret = secret.get()?;
                Some(
                    view! {
                        <p class="service-key">
                            <code translate="no">{secret.clone()}</code>
                        </p>
                        <CopyButton text=secret label />
                    },
                )
            }}
            <div class="actions">
                <button type="button" class="button primary" on:click=move |_| open.set(false)>
                    {tr("Done")}
                </button>
            </div>
        </Dialog>
    }
}
