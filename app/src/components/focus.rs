use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::is_hydrated;

/// Moves the focus to the first element that matches, in the next frame: when what has just
/// changed stands on the page.
pub fn focus_soon(selector: &'static str) {
    request_animation_frame(move || {
        let element = document()
            .query_selector(selector)
            .ok()
            .flatten()
            .and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok());
        if let Some(element) = element {
            // What can't take the focus leaves it where it is.
            let _ = element.focus();
        }
    });
}

/// Moves the focus to the heading of a page that comes now, so that it is read out and the Tab key
/// goes on from there; or to the field that the page is there for. A page that the browser has
/// loaded itself needs nothing of the kind.
pub fn focus_new_page() {
    if is_hydrated() {
        focus_soon("main [autofocus], main:not(:has([autofocus])) h1");
    }
}
