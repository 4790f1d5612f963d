//! New recovery codes, to be saved by the user.

use js_sys::{Function, Promise, Reflect, encode_uri_component};
use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::dialog::DIALOG_TITLE;

/// The name of the downloaded file.
const FILE: &str = "latchkey-recovery-codes.txt";

/// Shows new recovery codes, and offers to copy, download and print them.
#[component]
pub fn RecoveryCodes(
    /// The codes.
    codes: Vec<String>,
    /// Called when the user has saved the codes.
    #[prop(into)]
    on_done: Callback<()>,
) -> impl IntoView {
    let text = StoredValue::new(codes.join("\n") + "\n");
    let guard = window_event_listener_untyped("beforeunload", ask_before_leaving);
    on_cleanup(move || guard.remove());
    // The print names the site.
    let site = window().location().host().unwrap_or_default();
    view! {
        <h2 id=DIALOG_TITLE tabindex="-1">
            "Save your recovery codes"
        </h2>
        <p class="dialog-lead">
            "Each code signs you in once when you don't have your authenticator app. They are shown only once: keep them in a safe place."
        </p>
        <ul class="recovery-codes" role="list" translate="no" data-site=site>
            {codes.into_iter().map(|code| view! { <li>{code}</li> }).collect_view()}
        </ul>
        <SaveButtons text />
        <div class="actions">
            <button type="button" class="button primary" on:click=move |_| on_done.run(())>
                "Done"
            </button>
        </div>
    }
}

/// Makes the browser ask before it leaves the page, because the codes are shown only once.
fn ask_before_leaving(event: web_sys::Event) {
    event.prevent_default();
    // For older browsers. Setting a property of an event can't fail.
    let _ = Reflect::set(&event, &"returnValue".into(), &true.into());
}

/// The buttons that copy, download and print the codes.
#[component]
fn SaveButtons(
    /// The codes, one per line.
    text: StoredValue<String>,
) -> impl IntoView {
    let status = RwSignal::new(None);
    let copy = move |_| {
        spawn_local(async move {
            let is_copied = match text.with_value(|text| write_to_clipboard(text)) {
                Some(promise) => JsFuture::from(promise).await.is_ok(),
                None => false,
            };
            status.try_set(Some(if is_copied {
                "Copied."
            } else {
                "Copying failed. Select the codes and copy them by hand."
            }));
        });
    };
    let copy_button = has_clipboard().then(|| {
        view! {
            <button type="button" class="button quiet" on:click=copy>
                "Copy"
            </button>
        }
    });
    view! {
        <div class="actions save">
            {copy_button}
            <button
                type="button"
                class="button quiet"
                on:click=move |_| text.with_value(|text| download(text))
            >
                "Download"
            </button>
            <button
                type="button"
                class="button quiet"
                on:click=move |_| {
                    // Fails only in browsers that can't print.
                    let _ = window().print();
                }
            >
                "Print"
            </button>
        </div>
        <p class="action-status" role="status">
            {move || status.get().map(|status| view! { <span>{status}</span> })}
        </p>
    }
}

/// Returns whether there is a clipboard: in secure contexts only (HTTPS and localhost).
fn has_clipboard() -> bool {
    clipboard().is_some_and(|clipboard| clipboard.is_object())
}

fn clipboard() -> Option<JsValue> {
    Reflect::get(&window().navigator(), &"clipboard".into()).ok()
}

/// Calls `navigator.clipboard.writeText(text)`.
fn write_to_clipboard(text: &str) -> Option<Promise> {
    let clipboard = clipboard()?;
    let write = Reflect::get(&clipboard, &"writeText".into()).ok()?;
    write
        .dyn_ref::<Function>()?
        .call1(&clipboard, &text.into())
        .ok()?
        .dyn_into()
        .ok()
}

/// Downloads a text as a file, by clicking a link that is not part of the page.
fn download(text: &str) {
    let link = document()
        .create_element("a")
        .ok()
        .and_then(|link| link.dyn_into::<web_sys::HtmlElement>().ok());
    if let Some(link) = link {
        let url = format!(
            "data:text/plain;charset=utf-8,{}",
            encode_uri_component(text)
        );
        // Setting an attribute with a valid name can't fail.
        let _ = link.set_attribute("href", &url);
        let _ = link.set_attribute("download", FILE);
        link.click();
    }
}
