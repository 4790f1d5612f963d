//! Copying text to the clipboard.

use js_sys::{Function, Promise, Reflect};
use languages::tr;
use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::icon::{Icon, IconName};
use crate::hydration::is_hydrated;

/// A button that copies a text, and says whether that has worked.
#[component]
pub fn CopyButton(
    /// The text.
    #[prop(into)]
    text: String,
    /// The button's label.
    label: &'static str,
) -> impl IntoView {
    let text = StoredValue::new(text);
    let status = RwSignal::new(None);
    let copy = move |_| {
        copy(
            text,
            status,
            tr("Copying failed. Select the text and copy it by hand."),
        )
    };
    view! {
        <div class="copy">
            <button
                type="button"
                class="button quiet"
                disabled=move || !is_hydrated()
                on:click=copy
            >
                <Icon name=IconName::Copy />
                {label}
            </button>
            <span class="action-status" role="status">
                {move || status.get().map(|status| view! { <span>{status}</span> })}
            </span>
        </div>
    }
}

/// Returns whether there is a clipboard: in secure contexts only (HTTPS and localhost).
pub(super) fn has_clipboard() -> bool {
    clipboard().is_some_and(|clipboard| clipboard.is_object())
}

/// Copies a text, and says in `status` whether that has worked.
pub(super) fn copy(
    text: StoredValue<String>,
    status: RwSignal<Option<&'static str>>,
    failed: &'static str,
) {
    spawn_local(async move {
        let Some(text) = text.try_get_value() else {
            return;
        };
        let is_copied = match write(&text) {
            Some(promise) => JsFuture::from(promise).await.is_ok(),
            None => false,
        };
        status.try_set(Some(if is_copied { tr("Copied.") } else { failed }));
    });
}

fn clipboard() -> Option<JsValue> {
    Reflect::get(&window().navigator(), &"clipboard".into()).ok()
}

/// Calls `navigator.clipboard.writeText(text)`.
fn write(text: &str) -> Option<Promise> {
    let clipboard = clipboard()?;
    let write = Reflect::get(&clipboard, &"writeText".into()).ok()?;
    write
        .dyn_ref::<Function>()?
        .call1(&clipboard, &text.into())
        .ok()?
        .dyn_into()
        .ok()
}
