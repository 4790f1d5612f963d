//! JSON, read by the browser's own parser: one of ours would weigh more than what is read here.

use js_sys::{Array, JSON, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// A JSON object.
pub(super) struct Object(JsValue);

impl Object {
    /// Reads an object; `None` where the text is no JSON.
    pub fn read(text: &str) -> Option<Self> {
        JSON::parse(text).ok().map(Self)
    }

    /// The text under a key.
    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key)?.as_string()
    }

    /// The whole number from 0 on under a key.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked before"
    )]
    pub fn number(&self, key: &str) -> Option<u64> {
        let number = self.get(key)?.as_f64()?;
        (number >= 0.0 && number.fract() == 0.0).then_some(number as u64)
    }

    /// The list of texts under a key.
    pub fn texts(&self, key: &str) -> Option<Vec<String>> {
        let list = self.get(key)?.dyn_into::<Array>().ok()?;
        list.iter().map(|item| item.as_string()).collect()
    }

    fn get(&self, key: &str) -> Option<JsValue> {
        // Fails where this is a number or the like.
        Reflect::get(&self.0, &key.into()).ok()
    }
}
