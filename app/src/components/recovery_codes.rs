use js_sys::{Function, Promise, Reflect, encode_uri_component};
use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::dialog::DIALOG_TITLE;

/// The name of the file that the codes are saved as.
const FILE: &str = "latchkey-recovery-codes.txt";

/// New recovery codes, shown this once, to be kept outside the browser.
#[component]
pub fn RecoveryCodes(
    /// The codes.
    codes: Vec<String>,
    /// What to do when the person has them.
    #[prop(into)]
    on_done: Callback<()>,
) -> impl IntoView {
    let text = StoredValue::new(codes.join("\n") + "\n");
    let status = RwSignal::new("");
    let copy = move |_| {
        spawn_local(async move {
            let is_copied = match text.with_value(|text| write_to_clipboard(text)) {
                Some(promise) => JsFuture::from(promise).await.is_ok(),
                None => false,
            };
            status.try_set(if is_copied {
                "Copied."
            } else {
                "That did not work. Select the codes and copy them by hand."
            });
        });
    };
    // On paper they would be anybody's.
    let site = window().location().host().unwrap_or_default();
    let copy_button = has_clipboard().then(|| {
        view! {
            <button type="button" class="button quiet" on:click=copy>
                "Copy"
            </button>
        }
    });
    view! {
        <h2 id=DIALOG_TITLE tabindex="-1">
            "Keep your recovery codes"
        </h2>
        <p class="dialog-lead">
            "Each of them lets you in once when your authenticator app is out of reach. They are shown this one time: keep them in a safe place."
        </p>
        <ul class="recovery-codes" role="list" data-site=site>
            {codes.into_iter().map(|code| view! { <li>{code}</li> }).collect_view()}
        </ul>
        <div class="actions keep">
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
                    // Where there is no printing, nothing is printed.
                    let _ = window().print();
                }
            >
                "Print"
            </button>
        </div>
        <p class="action-status" role="status">
            {status}
        </p>
        <div class="actions">
            <button type="button" class="button primary" on:click=move |_| on_done.run(())>
                "Done"
            </button>
        </div>
    }
}

/// Browsers have a clipboard in secure contexts only (HTTPS and localhost).
fn has_clipboard() -> bool {
    clipboard().is_some_and(|clipboard| clipboard.is_object())
}

fn clipboard() -> Option<JsValue> {
    Reflect::get(&window().navigator(), &"clipboard".into()).ok()
}

/// `navigator.clipboard.writeText(text)`.
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

/// Saves a text as a file: by a link that is followed without ever standing on the page.
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
        // Attributes with a valid name can always be set.
        let _ = link.set_attribute("href", &url);
        let _ = link.set_attribute("download", FILE);
        link.click();
    }
}
