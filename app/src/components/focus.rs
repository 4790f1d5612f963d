use leptos::prelude::*;
use wasm_bindgen::JsCast;

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
