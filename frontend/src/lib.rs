//! The entry point of the browser's WebAssembly.

// A view is one type, as deep as its page.
#![recursion_limit = "256"]

use leptos::{
    mount::hydrate_from_async,
    prelude::{document, window},
};

/// Takes over the page that the server has rendered.
#[wasm_bindgen::prelude::wasm_bindgen]
pub async fn hydrate() {
    let path = window().location().pathname().unwrap_or_default();
    let (Ok(()), Some(body)) = (app::pages::fetch(&path).await, document().body()) else {
        return app::not_hydrated();
    };
    hydrate_from_async(body, app::App).await.forget();
    app::hydrated();
}
