//! The header of every page.

use leptos::prelude::*;

use super::logo::Logo;

/// The header of every page.
#[component]
pub fn Header() -> impl IntoView {
    view! {
        <header class="site-header">
            <a href="/" class="home-link">
                <Logo />
            </a>
        </header>
    }
}
