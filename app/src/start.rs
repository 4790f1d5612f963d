//! Starting the app in the browser: `shell/start.js` calls these functions.

use leptos::{
    mount::{hydrate_from_async, mount_to_renderer},
    prelude::window,
    wasm_split::SplitLoaderError,
    web_sys::HtmlElement,
};

use crate::{App, hydration, pages};

/// Sets the language of the page.
#[cfg_attr(feature = "ssr", expect(unused_variables))]
pub fn set_language(tag: &str) {
    // `--all-features` compiles the server's languages.
    #[cfg(not(feature = "ssr"))]
    languages::set_language(languages::Language::from_tag(tag).unwrap_or_default());
}

/// Adds a text in that language, by the text in English.
#[cfg_attr(feature = "ssr", expect(unused_variables))]
pub fn add_text(text: String, translation: String) {
    #[cfg(not(feature = "ssr"))]
    languages::add_text(text, translation);
}

/// Fetches the code of the page in the address bar, so that starting does not have to wait. An error
/// is not reported: starting tries again.
pub async fn load() {
    if let Ok(path) = window().location().pathname() {
        pages::preload(&path).await;
    }
}

/// Takes over the page that the server has rendered in this element.
pub async fn hydrate(root: HtmlElement) {
    hydrate_from_async(root, App).await.forget();
    hydration::set_hydrated();
}

/// Renders the page in this empty element.
///
/// # Errors
/// Fails if the code that only this needs can't be fetched.
pub async fn render(root: HtmlElement) -> Result<(), SplitLoaderError> {
    let mounted = mount(root);
    #[cfg(feature = "split")]
    let mounted = mounted.await;
    mounted?;
    hydration::set_hydrated();
    Ok(())
}

/// Mounts the app. With the feature `split` this function, and everything that only it needs, is a
/// separate file.
#[cfg_attr(
    feature = "split",
    leptos::wasm_split::wasm_split(mount, wasm_split_path = ::leptos::wasm_split, fallible)
)]
fn mount(root: HtmlElement) -> Result<(), SplitLoaderError> {
    mount_to_renderer(&root, App).forget();
    Ok(())
}
