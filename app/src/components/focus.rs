//! Moving the focus after a change of the page.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::hydration::is_hydrated_untracked;

/// Moves the focus to the first element that matches, in the next frame, when the page shows what
/// has just changed.
pub fn focus_soon(selector: &'static str) {
    request_animation_frame(move || {
        let element = document()
            .query_selector(selector)
            .ok()
            .flatten()
            .and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok());
        if let Some(element) = element {
            // An element that can't have the focus leaves it unchanged.
            let _ = element.focus();
        }
    });
}

/// Moves the focus to the heading of a new page, or to its `autofocus` field, so that screen readers
/// read it and the Tab key continues there. When the browser itself loads a page, it sets the focus.
pub fn focus_new_page() {
    if is_hydrated_untracked() {
        focus_soon("main [autofocus], main:not(:has([autofocus])) h1");
    }
}
