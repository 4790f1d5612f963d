use leptos::prelude::*;

use super::Logo;

/// The head of every page.
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
