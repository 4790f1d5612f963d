//! The Latchkey application: one HTTP API, and the pages that use it in a browser.
//!
//! [`api`] contains the server functions: each is one endpoint of the HTTP API and, compiled to
//! WebAssembly, the typed function by which the browser calls it. [`pages`] are built from
//! [`components`]; [`browser`] keeps the user's session.

// A view is one type, nested as deeply as its page.
#![recursion_limit = "256"]

use std::{collections::HashMap, sync::Arc};

use leptos::prelude::*;
use leptos_meta::provide_meta_context;
use leptos_router::{
    components::{FlatRoutes, Route, Router},
    path,
};

pub mod account_pages;
pub mod admin_pages;
pub mod api;
pub mod appearance;
pub mod browser;
pub mod components;
mod email;
pub mod hydration;
pub mod pages;
mod registration;
mod sign_in_ways;
#[cfg(feature = "hydrate")]
pub mod start;

#[cfg(feature = "ssr")]
mod shell;

#[cfg(feature = "ssr")]
pub use shell::{shell, with_fingerprint};

pub use appearance::{Appearance, FooterLinks};
pub use registration::Registration;
pub use sign_in_ways::{Provider, SignInWays};

use browser::{AuthState, keep_fresh, session};
use components::{Header, SyncHydrate};
use pages::{AdminConsole, HomePage, Login, NotFound, PublicPage, RegisterPage, SignedInPage};

/// The URL paths of the built site's files, with a hash of the content in each name.
#[derive(Debug)]
pub struct Site {
    /// The style sheet, `/pkg/latchkey.<hash>.css`.
    pub css: String,
    /// The JavaScript that loads the WebAssembly, `/pkg/latchkey.<hash>.js`.
    pub js: String,
    /// The WebAssembly, `/pkg/latchkey.<hash>.wasm`.
    pub wasm: String,
    /// The JavaScript that fetches chunks of the WebAssembly, unless it was built in one piece.
    pub split_js: Option<String>,
    /// The WebAssembly files of each chunk in `pages/lazy.rs`.
    pub chunks: HashMap<String, Vec<String>>,
}

/// What the server's pages say about itself. The server provides it as context.
#[derive(Clone, Debug)]
pub struct ServerInfo {
    /// The server's URL as users see it, without a trailing slash.
    pub public_url: String,
    /// Where the home page redirects to.
    pub home_url: Option<String>,
    /// Who may create an account.
    pub registration: Registration,
    /// Which ways to sign in there are besides the password.
    pub sign_in_ways: SignInWays,
    /// What the pages look like.
    pub appearance: Arc<Appearance>,
}

/// The app: its pages under their paths.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_auth_state();
    view! {
        <Router>
            {SyncHydrate::new(view! { <Header /> })}
            <main>
                <FlatRoutes fallback=|| SyncHydrate::new(view! { <NotFound /> })>
                    <Route path=path!("/") view=HomePage />
                    <Route path=path!("/register") view=RegisterPage />
                    <Route path=path!("/login") view=|| SyncHydrate::new(view! { <Login /> }) />
                    <Route path=path!("/login/code") view=PublicPage::LoginCode />
                    <Route path=path!("/two-factor") view=SignedInPage::TwoFactor />
                    <Route path=path!("/account/:page?") view=SignedInPage::Account />
                    <Route path=path!("/admin/:page?") view=AdminConsole />
                    <Route path=path!("/admin/users/:id") view=AdminConsole />
                    <Route path=path!("/forgot") view=PublicPage::Forgot />
                    <Route path=path!("/reset") view=PublicPage::Reset />
                    <Route path=path!("/activate") view=PublicPage::Activate />
                    <Route path=path!("/email") view=PublicPage::ConfirmEmail />
                    <Route path=path!("/email/undo") view=PublicPage::UndoEmail />
                    <Route path=path!("/device") view=PublicPage::RejectDevice />
                </FlatRoutes>
            </main>
        </Router>
    }
}

/// Provides the [`AuthState`] to all pages. It is `Unknown` until the page is hydrated, because the
/// first rendering in the browser must equal the server's, and the server knows no session.
fn provide_auth_state() {
    let (auth_state, set_auth_state) = signal(AuthState::Unknown);
    provide_context(auth_state);
    Effect::new(move |_| {
        if !hydration::is_hydrated() {
            return;
        }
        session::listen();
        keep_fresh();
        Effect::new(move |_| {
            let current = session::auth_state();
            update_root_attribute(&current);
            // A renewal changes the session's tokens, but not the state.
            set_auth_state.maybe_update(|previous| {
                let is_changed = *previous != current;
                *previous = current;
                is_changed
            });
        });
    });
}

/// Tells the style sheet whether there is a session, as `shell/first_paint.js` does before the
/// first paint.
fn update_root_attribute(state: &AuthState) {
    let is_in = matches!(state, AuthState::SignedIn(_) | AuthState::MfaPending(_));
    hydration::set_root_attribute("data-session", if is_in { "in" } else { "out" });
}
