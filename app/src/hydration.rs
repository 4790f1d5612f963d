//! Whether the app has taken over the page that the server rendered.

use std::sync::LazyLock;

use leptos::prelude::*;

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

/// Sets an attribute of `<html>`.
pub fn set_root_attribute(name: &str, value: &str) {
    if let Some(root) = document().document_element() {
        // Setting an attribute with a valid name can't fail.
        let _ = root.set_attribute(name, value);
    }
}
