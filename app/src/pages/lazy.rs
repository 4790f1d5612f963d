//! Pages whose code is fetched when the first of its group is opened, so that a first visit to the
//! sign-in page is small: with all pages in one file it would be twice as large.
//!
//! Leptos' `#[lazy]` and `#[lazy_route]` panic when the code can't be fetched, and need
//! `cargo leptos watch --split`, which is slow. So this uses the attribute below them, whose
//! `fallible` option returns an error instead, and only in builds with the feature `split`.

use std::{
    future::{Future, pending},
    pin::Pin,
};

#[cfg(feature = "split")]
use futures::future::{Either, select};
#[cfg(feature = "split")]
use gloo_timers::future::TimeoutFuture;
use languages::tr;
use leptos::{prelude::*, wasm_split::SplitLoaderError};
#[cfg(feature = "split")]
use leptos::{task::spawn_local, wasm_split::wasm_split};
use leptos_meta::Title;
use leptos_router::{ChooseView, hooks::use_location};

use super::{
    account::Account, activate::Activate, admin::Admin, confirm_email::ConfirmEmail,
    forgot::Forgot, home::Home, login_code::LoginCode, register::Register,
    reject_device::RejectDevice, reset::Reset, two_factor::TwoFactor, undo_email::UndoEmail,
};
#[cfg(feature = "split")]
use crate::browser::{LOADING_LIMIT, LazyRequest};
use crate::{
    appearance::page_title,
    components::{SyncHydrate, focus_new_page},
    hydration::{is_hydrated_untracked, reload_if_updated, show_incomplete},
};

/// `/`, whose code is fetched on demand.
#[derive(Clone, Copy)]
pub struct HomePage;

/// `/register`, whose code is fetched on demand.
#[derive(Clone, Copy)]
pub struct RegisterPage;

/// Another page for signed-out visitors, whose code is fetched on demand.
#[derive(Clone, Copy)]
pub enum PublicPage {
    /// `/login/code`
    LoginCode,
    /// `/forgot`
    Forgot,
    /// `/reset`
    Reset,
    /// `/activate`
    Activate,
    /// `/email`
    ConfirmEmail,
    /// `/email/undo`
    UndoEmail,
    /// `/device`
    RejectDevice,
}

/// A page for users who have entered their password, whose code is fetched on demand.
#[derive(Clone, Copy)]
pub enum SignedInPage {
    /// `/account`, `/account/security` and so on
    Account,
    /// `/two-factor`
    TwoFactor,
}

/// A page for administrators, whose code is fetched on demand.
#[derive(Clone, Copy)]
pub struct AdminConsole;

impl ChooseView for HomePage {
    async fn choose(self) -> AnyView {
        show(Box::pin(async move {
            let page = home_page();
            #[cfg(feature = "split")]
            let page = page.await;
            page
        }))
        .await
    }

    async fn preload(&self) {}
}

impl ChooseView for RegisterPage {
    async fn choose(self) -> AnyView {
        show(Box::pin(async move {
            let page = register_page();
            #[cfg(feature = "split")]
            let page = page.await;
            page
        }))
        .await
    }

    async fn preload(&self) {}
}

impl ChooseView for PublicPage {
    async fn choose(self) -> AnyView {
        show(Box::pin(async move {
            let page = public_page(self);
            #[cfg(feature = "split")]
            let page = page.await;
            page
        }))
        .await
    }

    async fn preload(&self) {}
}

impl ChooseView for SignedInPage {
    async fn choose(self) -> AnyView {
        show(Box::pin(async move {
            let page = signed_in_page(self);
            #[cfg(feature = "split")]
            let page = page.await;
            page
        }))
        .await
    }

    async fn preload(&self) {}
}

impl ChooseView for AdminConsole {
    async fn choose(self) -> AnyView {
        show(Box::pin(async move {
            let page = admin_page();
            #[cfg(feature = "split")]
            let page = page.await;
            page
        }))
        .await
    }

    async fn preload(&self) {}
}

/// Returns the name of the chunk with the code of the page at this path: `None` if the first file
/// contains it.
#[cfg(any(feature = "ssr", feature = "split"))]
pub fn chunk(path: &str) -> Option<&'static str> {
    match path.trim_end_matches('/') {
        "" => Some("home"),
        "/register" => Some("register"),
        "/login/code" | "/forgot" | "/reset" | "/activate" | "/email" | "/email/undo"
        | "/device" => Some("public"),
        "/two-factor" => Some("signed_in"),
        path if path == "/account" || path.starts_with("/account/") => Some("signed_in"),
        path if path == "/admin" || path.starts_with("/admin/") => Some("admin"),
        _ => None,
    }
}

/// Fetches the code of the page at this path ahead of time. An error is not reported: opening the page
/// tries again.
#[cfg(feature = "hydrate")]
pub async fn preload(path: &str) {
    #[cfg(feature = "split")]
    {
        let _ = match chunk(path) {
            Some("home") => load_home().await,
            Some("register") => load_register().await,
            Some("public") => load_public().await,
            Some("signed_in") => load_signed_in().await,
            Some("admin") => load_admin().await,
            _ => Ok(()),
        };
    }
    #[cfg(not(feature = "split"))]
    let _ = path;
}

/// Fetches what follows when a form that signs in is filled in: the code of its request, and then that of
/// the account. Errors are not reported: sending the form tries again.
pub(super) fn prefetch_sign_in() {
    #[cfg(feature = "split")]
    spawn_local(async {
        let _ = LazyRequest::fetch().await;
        let _ = load_signed_in().await;
    });
}

/// Waits for a page, and moves the focus to it.
async fn show(page: Pin<Box<dyn Future<Output = Result<AnyView, SplitLoaderError>>>>) -> AnyView {
    let path = use_location().pathname;
    let requested = path.get_untracked();
    let page = with_limit(page).await;
    if page.is_none() {
        if reload_if_updated(&requested).await {
            return pending().await;
        }
        if !is_hydrated_untracked() {
            // The page that the server rendered stays: nothing else can be hydrated into it.
            show_incomplete();
            return pending().await;
        }
    }
    // The focus moves only now, because the previous page was visible until now. If the user has
    // gone to another page in the meantime, that page sets the focus.
    if path.get_untracked() == requested {
        focus_new_page();
    }
    page.unwrap_or_else(|| SyncHydrate::new(view! { <NotLoaded /> }).into_any())
}

/// Returns a page, or `None` if its code can't be fetched or takes longer than 15 s.
async fn with_limit(
    page: Pin<Box<dyn Future<Output = Result<AnyView, SplitLoaderError>>>>,
) -> Option<AnyView> {
    #[cfg(feature = "split")]
    return match select(page, TimeoutFuture::new(LOADING_LIMIT)).await {
        Either::Left((page, _)) => page.ok(),
        Either::Right(_) => None,
    };
    #[cfg(not(feature = "split"))]
    page.await.ok()
}

/// Builds `/`. With the feature `split` this function, and everything that only it needs, is a separate
/// file. The same holds for the next functions.
#[cfg_attr(
    feature = "split",
    wasm_split(home, wasm_split_path = ::leptos::wasm_split, preload(load_home), fallible)
)]
fn home_page() -> Result<AnyView, SplitLoaderError> {
    Ok(SyncHydrate::new(view! { <Home /> }).into_any())
}

/// Builds `/register`.
#[cfg_attr(
    feature = "split",
    wasm_split(register, wasm_split_path = ::leptos::wasm_split, preload(load_register), fallible)
)]
fn register_page() -> Result<AnyView, SplitLoaderError> {
    Ok(SyncHydrate::new(view! { <Register /> }).into_any())
}

/// Builds the other pages for signed-out visitors.
#[cfg_attr(
    feature = "split",
    wasm_split(public, wasm_split_path = ::leptos::wasm_split, preload(load_public), fallible)
)]
fn public_page(page: PublicPage) -> Result<AnyView, SplitLoaderError> {
    Ok(match page {
        PublicPage::LoginCode => SyncHydrate::new(view! { <LoginCode /> }).into_any(),
        PublicPage::Forgot => SyncHydrate::new(view! { <Forgot /> }).into_any(),
        PublicPage::Reset => SyncHydrate::new(view! { <Reset /> }).into_any(),
        PublicPage::Activate => SyncHydrate::new(view! { <Activate /> }).into_any(),
        PublicPage::ConfirmEmail => SyncHydrate::new(view! { <ConfirmEmail /> }).into_any(),
        PublicPage::UndoEmail => SyncHydrate::new(view! { <UndoEmail /> }).into_any(),
        PublicPage::RejectDevice => SyncHydrate::new(view! { <RejectDevice /> }).into_any(),
    })
}

/// Builds the pages for users who have entered their password.
#[cfg_attr(
    feature = "split",
    wasm_split(signed_in, wasm_split_path = ::leptos::wasm_split, preload(load_signed_in), fallible)
)]
fn signed_in_page(page: SignedInPage) -> Result<AnyView, SplitLoaderError> {
    Ok(match page {
        SignedInPage::Account => SyncHydrate::new(view! { <Account /> }).into_any(),
        SignedInPage::TwoFactor => SyncHydrate::new(view! { <TwoFactor /> }).into_any(),
    })
}

/// Builds the pages for administrators.
#[cfg_attr(
    feature = "split",
    wasm_split(admin, wasm_split_path = ::leptos::wasm_split, preload(load_admin), fallible)
)]
fn admin_page() -> Result<AnyView, SplitLoaderError> {
    Ok(SyncHydrate::new(view! { <Admin /> }).into_any())
}

/// Takes the place of a page whose code could not be fetched: the server can't be reached or has
/// been updated.
#[component]
fn NotLoaded() -> impl IntoView {
    let reload = move |_| {
        // If the browser forbids this, the user can still reload.
        let _ = window().location().reload();
    };
    view! {
        <Title text=page_title(tr("Page not loaded")) />
        <div class="panel">
            <h1 tabindex="-1">{tr("This page could not be loaded")}</h1>
            <p role="alert">{tr("The server can't be reached. Try again in a moment.")}</p>
            <p>
                <button type="button" class="button primary" on:click=reload>
                    {tr("Try again")}
                </button>
            </p>
        </div>
    }
}
