//! Files that the page itself makes.

use js_sys::{Date, JSON, encode_uri_component};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};

/// Downloads a text as a file, by clicking a link that is not part of the page.
pub fn download(name: &str, media_type: &str, text: &str) {
    let link = document()
        .create_element("a")
        .ok()
        .and_then(|link| link.dyn_into::<web_sys::HtmlElement>().ok());
    if let Some(link) = link {
        let text = encode_uri_component(text);
        let url = format!("data:{media_type};charset=utf-8,{text}");
        // Setting an attribute with a valid name can't fail.
        let _ = link.set_attribute("href", &url);
        let _ = link.set_attribute("download", name);
        link.click();
    }
}

/// Returns today's date as in `2026-11-27`, in UTC.
#[must_use]
pub fn today() -> String {
    let now = String::from(Date::new_0().to_iso_string());
    // RFC 3339: the date is before the T.
    now.split('T').next().unwrap_or_default().to_owned()
}

/// Returns JSON with line breaks and indentation, or the text itself if it is not JSON.
#[must_use]
pub fn pretty_json(text: &str) -> String {
    let pretty = JSON::parse(text).and_then(|value| {
        JSON::stringify_with_replacer_and_space(&value, &JsValue::NULL, &2.into())
    });
    pretty.map_or_else(|_| text.to_owned(), String::from)
}
