//! Reads JSON with the browser's own parser.
//!
//! The stored session and the claims of a token are read on every page. With `serde_json`, which the
//! requests use, a first visit to `/login` would be 21 KB (Brotli) larger.

use js_sys::{Array, JSON, Reflect};
use wasm_bindgen::JsValue;

/// The largest integer up to which a JavaScript number holds each one, 2^53 - 1.
const MAX_INTEGER: f64 = 9_007_199_254_740_991.0;

/// A value that was parsed from JSON.
pub(super) struct Json(JsValue);

impl Json {
    /// Parses a text. Returns `None` if it is not JSON.
    pub fn parse(text: &str) -> Option<Self> {
        JSON::parse(text).ok().map(Self)
    }

    /// Returns the text, if the value is one.
    pub fn as_text(&self) -> Option<String> {
        self.0.as_string()
    }

    /// Returns a text of an object.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.as_string()
    }

    /// Returns an integer of an object that is not negative.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and within the limits"
    )]
    pub fn integer(&self, name: &str) -> Option<u64> {
        let number = self.get(name)?.as_f64()?;
        let is_integer = number.fract() == 0.0 && (0.0..=MAX_INTEGER).contains(&number);
        is_integer.then_some(number as u64)
    }

    /// Returns whether a list of an object contains a text. Returns `None` if it is no list.
    pub fn list_contains(&self, name: &str, text: &str) -> Option<bool> {
        let list = self.get(name)?;
        Array::is_array(&list).then(|| Array::from(&list).includes(&text.into(), 0))
    }

    fn get(&self, name: &str) -> Option<JsValue> {
        // Fails if the value is no object.
        Reflect::get(&self.0, &name.into()).ok()
    }
}
