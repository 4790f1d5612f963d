//! The Latchkey application: one HTTP API, and the pages that use it in a browser.
//!
//! [`api`] holds the server functions: each is one endpoint of the HTTP API and, compiled to
//! WebAssembly, the typed function by which the browser calls it. [`pages`] are what a person
//! sees, made of [`components`]; [`browser`] keeps the person's session.

// A view is one type, as deep as its page.
#![recursion_limit = "256"]

use std::sync::LazyLock;

use leptos::prelude::*;
use leptos_meta::provide_meta_context;
use leptos_router::{
    components::{FlatRoutes, Route, Router},
    path,
};

pub mod api;
pub mod browser;
pub mod components;
pub mod pages;

#[cfg(feature = "ssr")]
mod shell;

#[cfg(feature = "ssr")]
pub use shell::shell;

use browser::{AuthState, renewal, session};
use components::{AtOnce, Header};
use pages::{MailPage, NotFound, Page, SignedInPage, StartPage};

/// Where the built site's files are, as URL paths with the hash of their content in the name.
#[derive(Clone, Debug)]
pub struct Site {
    /// The style sheet, `/pkg/latchkey.<hash>.css`.
    pub css: String,
    /// The JavaScript that loads the WebAssembly, `/pkg/latchkey.<hash>.js`.
    pub js: String,
    /// The WebAssembly, `/pkg/latchkey.<hash>.wasm`.
    pub wasm: String,
}

/// Whether the page that the server rendered still waits for the app to take over: until then
/// buttons would do nothing.
#[derive(Clone, Copy)]
pub struct Waiting(ReadSignal<bool>);

impl Waiting {
    /// That of this page.
    #[must_use]
    pub fn get() -> ReadSignal<bool> {
        expect_context::<Self>().0
    }
}

/// The app: its pages under their paths.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    take_over();
    view! {
        <Router>
            <Header />
            <main>
                <FlatRoutes fallback=|| AtOnce(view! { <NotFound /> })>
                    <Route path=path!("/") view=Page::Start(StartPage::Home) />
                    <Route path=path!("/register") view=Page::Start(StartPage::Register) />
                    <Route path=path!("/login") view=Page::Login />
                    <Route path=path!("/two-factor") view=Page::SignedIn(SignedInPage::TwoFactor) />
                    <Route path=path!("/account") view=Page::SignedIn(SignedInPage::Account) />
                    <Route path=path!("/forgot") view=Page::Mail(MailPage::Forgot) />
                    <Route path=path!("/reset") view=Page::Mail(MailPage::Reset) />
                    <Route path=path!("/activate") view=Page::Mail(MailPage::Activate) />
                    <Route path=path!("/email") view=Page::Mail(MailPage::ConfirmEmail) />
                </FlatRoutes>
            </main>
        </Router>
    }
}

/// Whether the browser's first rendering is done. One for the tab, as there is one page.
static HYDRATED: LazyLock<ArcRwSignal<bool>> = LazyLock::new(ArcRwSignal::default);

/// To be called once the app has taken over the page that the server rendered.
pub fn hydrated() {
    HYDRATED.set(true);
}

/// Whether the first rendering is done; never on the server.
fn is_hydrated() -> bool {
    HYDRATED.get_untracked()
}

/// To be called where the page's code is missing: the page then says that it is not complete.
pub fn not_hydrated() {
    if let Some(root) = document().document_element() {
        // An attribute with a valid name can always be set.
        let _ = root.set_attribute("data-lacks", "app");
    }
}

/// Looks for the stored session once the page is taken over. Not earlier: the first rendering in
/// the browser must be the server's, and the server knows of no session.
fn take_over() {
    let (waiting, set_waiting) = signal(true);
    let (presence, set_presence) = signal(AuthState::Unknown);
    provide_context(Waiting(waiting));
    provide_context(presence);
    Effect::new(move |_| {
        if !HYDRATED.get() {
            return;
        }
        session::follow();
        set_waiting.set(false);
        renewal::keep_fresh();
        Effect::new(move |_| {
            let presence = session::presence();
            show(&presence);
            // A renewal changes the session's tokens, but not who is there.
            set_presence.maybe_update(|before| {
                let changed = *before != presence;
                *before = presence;
                changed
            });
        });
    });
}

/// Tells the style sheet whether there is a session, as `shell/first_paint.js` did before.
fn show(presence: &AuthState) {
    let is_in = matches!(presence, AuthState::SignedIn(_) | AuthState::MfaPending(_));
    if let Some(root) = document().document_element() {
        // An attribute with a valid name can always be set.
        let _ = root.set_attribute("data-session", if is_in { "in" } else { "out" });
    }
}
