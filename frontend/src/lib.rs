//! The entry point of the browser's WebAssembly.

// A view is one type, as deep as its page.
#![recursion_limit = "256"]

/// Takes over the page that the server has rendered.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_body(app::App);
}
