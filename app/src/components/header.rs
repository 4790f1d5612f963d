//! The header of every page.

use leptos::prelude::*;

use super::{account_menu::AccountMenu, logo::Logo};

/// The header of every page.
#[component]
pub fn Header() -> impl IntoView {
    view! {
        <header class="site-header">
            <div class="site-header-content">
                <a href="/" class="home-link">
                    <Logo />
                </a>
                <AccountMenu />
            </div>
        </header>
    }
}
