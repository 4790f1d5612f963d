//! The HTML document around the app, as the server renders it.

mod fingerprint;

use std::sync::LazyLock;

use languages::{Language, browser_catalog, language, tr, tr_later, tr_with};
use leptos::{nonce::use_nonce, prelude::*};
use leptos_meta::MetaTags;

use crate::{
    App, Appearance, Registration, ServerInfo, SignInWays, Site, appearance::site_name,
    browser::session::STORAGE_BLOCKED, pages,
};

pub use fingerprint::with_fingerprint;

/// The script that decides what is visible before the app runs.
static FIRST_PAINT: LazyLock<String> =
    LazyLock::new(|| minify(include_str!("shell/first_paint.js")));

/// The script that loads the app and starts it.
static START: LazyLock<String> = LazyLock::new(|| minify(include_str!("shell/start.js")));

/// The font of all pages, made by `scripts/font`. `style/font.css` names it, too.
const FONT: &str = "/fonts/figtree.812e1f09.woff2";

/// The letters that other languages than English need besides.
const ACCENTS: &str = "/fonts/figtree-accents.d1ca7935.woff2";

/// The symbols of all icons. Lucide, ISC license: `icons.LICENSE.txt`.
const ICONS: &str = include_str!("shell/icons.svg");

/// The message for browsers in which the app can't run.
const UNSUPPORTED: &str = tr_later(
    "This page needs JavaScript, WebAssembly and site data (local storage). \
     Allow them, or use an up-to-date browser, and reload.",
);

/// The message when some of the app's files could not be loaded.
const INCOMPLETE: &str =
    tr_later("The page could not be loaded completely. Check your connection.");

/// The message when the app has not started after a while.
const LATE: &str = tr_later("This page is still loading.");

/// The message when the app can't start, although its files have arrived.
const NOT_STARTED: &str = tr_later(
    "This page can't start, because something in this browser keeps changing \
     it. Turn off extensions and translation for this site, or use a private \
     window.",
);

/// The message when the app has stopped.
const STOPPED: &str = tr_later("This page has stopped working. Reload it to continue.");

/// The pages that search engines may list. The others mean something to one user only.
const LISTED: [&str; 3] = ["/", "/login", "/register"];

/// Renders the HTML document of the page at a path. Both scripts carry the nonce of the response's
/// Content-Security-Policy. [`with_fingerprint`] completes the document.
///
/// The app has an element of its own, because extensions add their elements to `<body>`. The footer is
/// outside of it, because it is the same for everyone.
#[must_use]
pub fn shell(site: &Site, path: &str) -> impl IntoView + use<> {
    let (css, js, wasm) = (site.css.clone(), site.js.clone(), site.wasm.clone());
    let noindex = !LISTED.contains(&path);
    let expected = fingerprint::PLACEHOLDER;
    // The app does the same where it does not load a page from the server.
    let registration = Registration::of_server().as_str();
    let ways = SignInWays::of_server();
    let server = use_context::<ServerInfo>();
    let home_url = server.as_ref().and_then(|server| server.home_url.clone());
    let appearance = server.map(|server| server.appearance).unwrap_or_default();
    let (name, logo) = (appearance.name.clone(), appearance.logo.clone());
    let description = match &name {
        Some(name) => tr_with(
            "Sign in to {name}, and manage your account.",
            &[("name", name)],
        ),
        None => tr("Accounts, sign-in and sessions: Latchkey manages your users.").to_owned(),
    };
    let texts = browser_catalog(language()).map(|catalog| catalog.path.as_str());
    // The debug format of a path is also a valid JavaScript literal.
    let start = format!(
        "const js = {js:?}, wasm = {wasm:?}, expected = {expected};\n{}",
        *START
    );
    view! {
        <!DOCTYPE html>
        <html
            lang=language().code()
            data-home=home_url
            data-registration=registration
            data-passkeys=ways.passkeys.then_some("")
            data-providers=ways.providers_as_text()
            data-site-name=name
            data-logo=logo
            data-texts=texts
        >
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <script nonce=use_nonce() inner_html=FIRST_PAINT.as_str()></script>
                <link rel="stylesheet" href=css />
                {appearance
                    .style_sheet
                    .clone()
                    .map(|path| view! { <link rel="stylesheet" href=path /> })}
                {preload_font(FONT)}
                {texts.map(|_| preload_font(ACCENTS))}
                <link rel="modulepreload" href=js nonce=use_nonce() />
                {preload(wasm, "application/wasm")}
                {texts.map(|path| preload(path.to_owned(), "application/json"))}
                {preload_chunk(site, path)}
                <script type="module" nonce=use_nonce() inner_html=start></script>
                <meta
                    name="theme-color"
                    media="(prefers-color-scheme: light)"
                    content="#f6f5f1"
                />
                <meta
                    name="theme-color"
                    media="(prefers-color-scheme: dark)"
                    content="#14181a"
                />
                <meta name="description" content=description />
                {noindex.then(|| view! { <meta name="robots" content="noindex" /> })}
                <link rel="icon" href=appearance.icon.clone() />
                <link rel="manifest" href="/manifest.webmanifest" />
                {auto_reload()}
                <MetaTags />
            </head>
            <body>
                <div class="icons" hidden inner_html=ICONS></div>
                <p class="banner unsupported">{tr(UNSUPPORTED)}</p>
                <p class="banner storage-blocked">{tr(STORAGE_BLOCKED)}</p>
                <p class="banner incomplete">{tr(INCOMPLETE)} {try_again()}</p>
                <p class="banner late">{tr(LATE)} {try_again()}</p>
                <p class="banner not-started">{tr(NOT_STARTED)} {try_again()}</p>
                <p class="banner stopped">{tr(STOPPED)} {try_again()}</p>
                <div id="app">
                    <App />
                </div>
                {footer(&appearance)}
            </body>
        </html>
    }
}

/// Lets the browser fetch a file that the app loads before the app asks for it.
fn preload(path: String, media_type: &'static str) -> impl IntoView {
    preload_as("fetch", path, media_type)
}

/// Lets the browser fetch a font before it knows what it needs it for.
fn preload_font(path: &str) -> impl IntoView + use<> {
    preload_as("font", path.to_owned(), "font/woff2")
}

fn preload_as(kind: &'static str, path: String, media_type: &'static str) -> impl IntoView {
    view! {
        <link
            rel="preload"
            href=path
            r#as=kind
            r#type=media_type
            crossorigin="anonymous"
        />
    }
}

/// Lets the browser fetch the code of the page at this path at the same time as the app. Otherwise it
/// would be asked for only when the app has arrived, which takes a second longer on a phone.
fn preload_chunk(site: &Site, path: &str) -> impl IntoView + use<> {
    let split_js = site.split_js.clone();
    let chunk = pages::chunk(path).and_then(|chunk| site.chunks.get(chunk));
    let files = chunk.cloned().unwrap_or_default();
    view! {
        {split_js.map(|js| view! { <link rel="modulepreload" href=js nonce=use_nonce() /> })}
        {files
            .into_iter()
            .map(|file| preload(file, "application/wasm"))
            .collect_view()}
    }
}

/// A button that reloads the page. `first_paint.js` makes it work.
fn try_again() -> impl IntoView {
    view! {
        <button type="button" class="link" data-reload>
            {tr("Try again")}
        </button>
    }
}

/// Renders the footer. It contains no `<div>` (see [`with_fingerprint`]), and only links that the
/// operator has set.
fn footer(appearance: &Appearance) -> impl IntoView + use<> {
    let name = site_name();
    let links = appearance.links.clone();
    let links: Vec<_> = [
        (tr("Help"), links.help),
        (tr("Support"), links.support),
        (tr("Privacy"), links.privacy),
    ]
    .into_iter()
    .filter_map(|(name, url)| url.map(|url| view! { <a href=url>{name}</a> }))
    .collect();
    let label = name.clone();
    let nav = (!links.is_empty()).then(|| view! { <nav aria-label=label>{links}</nav> });
    view! {
        <footer class="site-footer">
            <p translate="no">{name}</p>
            {nav}
            {language_choice()}
        </footer>
    }
}

/// Renders the choice of the language, which `first_paint.js` keeps.
fn language_choice() -> impl IntoView {
    let choices = Language::ALL.map(|choice| {
        let selected = choice == language();
        view! {
            <option value=choice.code() lang=choice.code() selected=selected>
                {choice.name()}
            </option>
        }
    });
    // Browsers would show after a reload what was chosen before.
    view! {
        <select data-language autocomplete="off" translate="no" aria-label=tr("Language")>
            {choices.into_iter().collect_view()}
        </select>
    }
}

/// Removes comments and indentation from a script.
fn minify(script: &str) -> String {
    let lines = script.lines().map(str::trim);
    let code: Vec<_> = lines.filter(|line| !line.starts_with("//")).collect();
    code.join("\n")
}

/// Reloads the page when `cargo leptos watch` has rebuilt the app.
fn auto_reload() -> impl IntoView {
    std::env::var_os("LEPTOS_WATCH").map(|_| {
        let options = LeptosOptions::builder().output_name("latchkey").build();
        view! { <AutoReload options /> }
    })
}

#[cfg(test)]
mod tests {
    use super::{ACCENTS, FONT};

    #[test]
    fn the_preloaded_fonts_are_those_that_the_style_sheet_uses() {
        let style = include_str!("../../style/font.css");
        let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets");
        for font in [FONT, ACCENTS] {
            assert!(style.contains(&format!("url(\"{font}\")")), "{font}");
            assert!(
                std::fs::exists(format!("{assets}{font}")).unwrap_or(false),
                "{font}"
            );
        }
    }
}
