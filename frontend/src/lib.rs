//! The entry point of the browser's WebAssembly.

// A view is one type, as deep as its page.
#![recursion_limit = "256"]

use leptos::{
    mount::hydrate_from,
    prelude::{document, window},
};

/// Takes over the page that the server has rendered.
#[wasm_bindgen::prelude::wasm_bindgen]
pub async fn hydrate() {
    let path = window().location().pathname().unwrap_or_default();
    let (Ok(()), Some(body)) = (app::pages::fetch(&path).await, document().body()) else {
        return app::not_hydrated();
    };
    // The page's code is here now, so nothing has to be waited for on the way.
    hydrate_from(body, app::App).forget();
    app::hydrated();
}
