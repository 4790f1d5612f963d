//! The entry points of the browser's WebAssembly, which `app/src/shell/start.js` calls.

// A view is one type, nested as deeply as its page.
#![recursion_limit = "256"]

use app::start;
use leptos::web_sys::HtmlElement;
use wasm_bindgen::prelude::{JsError, wasm_bindgen};

/// Room for the splitter, which moves each text into the file that needs it, with padding between them. If they
/// are then longer than they were together, it leaves all texts of all pages in the first file: 40 KB more for
/// every visitor. Nothing refers to these bytes, so they are in none of the files.
#[used]
static ROOM: [u8; 8192] = [1; 8192];

/// Sets the language of the page. It is called first.
#[wasm_bindgen(js_name = setLanguage)]
pub fn set_language(tag: &str) {
    start::set_language(tag);
}

/// Adds a text in that language, by the text in English.
#[wasm_bindgen(js_name = addText)]
pub fn add_text(text: String, translation: String) {
    start::add_text(text, translation);
}

/// Fetches the code of the page in the address bar.
#[wasm_bindgen]
pub async fn load() {
    start::load().await;
}

/// Hydrates the page that the server has rendered in this element.
#[wasm_bindgen]
pub async fn hydrate(root: HtmlElement) {
    start::hydrate(root).await;
}

/// Renders the page in this empty element.
///
/// # Errors
/// Fails if code can't be fetched.
#[wasm_bindgen]
pub async fn render(root: HtmlElement) -> Result<(), JsError> {
    let rendered = start::render(root).await;
    rendered.map_err(|_| JsError::new("the code could not be fetched"))
}
