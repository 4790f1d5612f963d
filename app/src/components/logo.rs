//! The logo.

use leptos::{either::Either, prelude::*};

use crate::appearance::{own_logo, site_name};

/// The logo: that of the operator, or else a key on a door plate and the name.
#[component]
pub fn Logo() -> impl IntoView {
    let name = site_name();
    if let Some(path) = own_logo() {
        return Either::Left(view! { <img class="logo-image" src=path alt=name /> });
    }
    Either::Right(view! {
        <span class="logo">
            <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" focusable="false">
                <rect class="logo-plate" width="32" height="32" rx="8" />
                <path
                    class="logo-key"
                    d="M16 16a4.5 4.5 0 1 0-9 0a4.5 4.5 0 0 0 9 0H25.5V20.5M21 16V19.5"
                />
            </svg>
            <span>{name}</span>
        </span>
    })
}
