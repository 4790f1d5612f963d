//! Whether the app has taken over the page that the server rendered.

use std::sync::LazyLock;

use js_sys::{Function, Promise, Reflect};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

/// One value for the whole tab, because a tab shows one document. Always false on the server.
static HYDRATED: LazyLock<ArcRwSignal<bool>> = LazyLock::new(ArcRwSignal::default);

/// Records that the app has taken over the page.
pub fn set_hydrated() {
    HYDRATED.set(true);
}

/// Returns whether the app has taken over the page. Reactive.
#[must_use]
pub fn is_hydrated() -> bool {
    HYDRATED.get()
}

/// Returns whether the app has taken over the page, without tracking changes.
#[must_use]
pub fn is_hydrated_untracked() -> bool {
    HYDRATED.get_untracked()
}

/// Makes the page say that it could not be loaded completely (`style/auth-state.css`).
pub fn show_incomplete() {
    set_root_attribute("data-lacks", "app");
}

/// Returns an attribute of `<html>`.
#[must_use]
pub fn root_attribute(name: &str) -> Option<String> {
    document().document_element()?.get_attribute(name)
}

/// Sets an attribute of `<html>`.
pub fn set_root_attribute(name: &str, value: &str) {
    if let Some(root) = document().document_element() {
        // Setting an attribute with a valid name can't fail.
        let _ = root.set_attribute(name, value);
    }
}

/// Reloads the page at this path if code is missing because the server has been updated, and
/// returns whether it does. `shell/start.js` decides that, and does so at most once a minute.
pub async fn reload_if_updated(path: &str) -> bool {
    match call_reload(path) {
        Some(reloads) => JsFuture::from(reloads)
            .await
            .is_ok_and(|reloads| reloads.is_truthy()),
        None => false,
    }
}

fn call_reload(path: &str) -> Option<Promise> {
    let reload = Reflect::get(&window(), &"latchkeyReload".into()).ok()?;
    let reload = reload.dyn_ref::<Function>()?;
    reload.call1(reload, &path.into()).ok()?.dyn_into().ok()
}
