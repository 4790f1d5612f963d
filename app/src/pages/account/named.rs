//! Lists of what a user has given names: passkeys and authenticator apps.

use languages::tr;
use leptos::prelude::*;

use super::{
    details::Details,
    dialog::{DialogForm, DialogState},
};
use crate::{
    api::ApiError,
    components::{
        Icon, IconName, IntoAnySync, Message, RelativeTime, Status, TextField, focus_soon,
        input_value,
    },
};

/// What the server has returned, once it has.
pub(super) type Loaded<T> = RwSignal<Option<Result<Vec<T>, ApiError>>>;

/// Lists what was loaded, with a row for each.
pub(super) fn rows<T: Send + Sync + 'static, V: IntoView + 'static>(
    loaded: Loaded<T>,
    row: impl Fn(&T) -> V + Send + 'static,
) -> impl IntoView {
    move || {
        loaded.with(|loaded| match loaded {
            None => view! {
                <p aria-busy="true">
                    <span class="skeleton" aria-hidden="true">
                        "Firefox on Windows"
                    </span>
                </p>
            }
            .into_any_sync(),
            Some(Err(error)) => {
                view! { <Message status=Status::Error text=error.to_string() /> }.into_any_sync()
            }
            Some(Ok(items)) if items.is_empty() => ().into_any_sync(),
            Some(Ok(items)) => view! {
                <ul class="rows" role="list">
                    {items.iter().map(&row).collect_view()}
                </ul>
            }
            .into_any_sync(),
        })
    }
}

/// A row, with buttons that rename and remove it.
#[component]
pub(super) fn NamedRow(
    icon: IconName,
    name: String,
    /// What is said beside the name.
    #[prop(optional_no_strip)]
    badge: Option<&'static str>,
    /// When it was added, if that is known.
    created_at: Option<String>,
    /// When it was last used, if it was.
    last_used_at: Option<String>,
    /// The time now.
    now: Signal<u64>,
    #[prop(into)] on_rename: Callback<()>,
    /// Removes it; `None` if it can't be removed here.
    on_remove: Option<Callback<()>>,
) -> impl IntoView {
    let subject = format!(" {name}");
    let used = match last_used_at {
        Some(time) => {
            view! { <span>{tr("Last used")} " " <RelativeTime time now /></span> }.into_any_sync()
        }
        None => view! { <span>{tr("Never used")}</span> }.into_any_sync(),
    };
    let added =
        created_at.map(|time| view! { <span>{tr("Added")} " " <RelativeTime time now /></span> });
    let remove = on_remove.map(|on_remove| {
        view! {
            <button type="button" class="button quiet" on:click=move |_| on_remove.run(())>
                {tr("Remove")}
                <span class="visually-hidden">{subject.clone()}</span>
            </button>
        }
    });
    view! {
        <li class="row">
            <span class="row-icon">
                <Icon name=icon />
            </span>
            <div class="row-text">
                <p class="row-title">
                    <span translate="no">{name}</span>
                    {badge.map(|badge| view! { <span class="badge">{badge}</span> })}
                </p>
                <p class="row-facts">{used} " " {added}</p>
            </div>
            <div class="actions">
                <button type="button" class="button quiet" on:click=move |_| on_rename.run(())>
                    {tr("Rename")}
                    <span class="visually-hidden">{subject}</span>
                </button>
                {remove}
            </div>
        </li>
    }
}

/// The form that renames something.
#[component]
pub(super) fn RenameForm(
    dialog: DialogState,
    details: Details,
    /// The heading.
    title: &'static str,
    /// The name so far.
    name: String,
    /// What a good name is.
    hint: &'static str,
    /// Called with the new name.
    #[prop(into)]
    on_submit: Callback<String>,
) -> impl IntoView {
    let input = NodeRef::new();
    focus_soon("#name");
    view! {
        <DialogForm
            dialog
            title
            details
            submit=tr("Save")
            pending_label=tr("Saving…")
            on_submit=move |()| on_submit.run(input_value(input))
        >
            <TextField
                submission=dialog.submission
                input
                name="name"
                label=tr("Name")
                value=name
                hint=Some(hint)
            />
        </DialogForm>
    }
}
