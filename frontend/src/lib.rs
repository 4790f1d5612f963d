//! The entry point of the browser's WebAssembly.

// A view is one type, nested as deeply as its page.
#![recursion_limit = "256"]

use leptos::{mount::hydrate_from_async, prelude::document};

/// Hydrates the page that the server has rendered.
#[wasm_bindgen::prelude::wasm_bindgen]
pub async fn hydrate() {
    let Some(body) = document().body() else {
        return;
    };
    hydrate_from_async(body, app::App).await.forget();
    app::hydration::set_hydrated();
}
