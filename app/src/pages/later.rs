//! Pages whose code comes when they are first opened, in three parcels: so the first visit to the
//! sign-in page is a small one.

use leptos::{prelude::*, wasm_split::SplitLoaderError};
use leptos_meta::Title;
use leptos_router::{ChooseView, hooks::use_location};

use super::{Account, Activate, ConfirmEmail, Forgot, Home, Login, Register, Reset, TwoFactor};
use crate::components::{AtOnce, focus_new_page};
use parcels::{
    fetch_mail_pages, fetch_signed_in_pages, fetch_start_pages, mail_pages, signed_in_pages,
    start_pages,
};

/// A page, as a route names it.
#[derive(Clone, Copy)]
pub enum Page {
    /// [`Login`], which is there from the start.
    Login,
    /// One for those who have no account yet.
    Start(StartPage),
    /// One for those who have given their password.
    SignedIn(SignedInPage),
    /// One that has to do with mailed links.
    Mail(MailPage),
}

/// A page for those who have no account yet.
#[derive(Clone, Copy)]
pub enum StartPage {
    /// [`Home`].
    Home,
    /// [`Register`].
    Register,
}

/// A page for those who have given their password.
#[derive(Clone, Copy)]
pub enum SignedInPage {
    /// [`Account`].
    Account,
    /// [`TwoFactor`].
    TwoFactor,
}

/// A page that has to do with mailed links.
#[derive(Clone, Copy)]
pub enum MailPage {
    /// [`Forgot`].
    Forgot,
    /// [`Reset`].
    Reset,
    /// [`Activate`].
    Activate,
    /// [`ConfirmEmail`].
    ConfirmEmail,
}

// One type for all routes keeps the WebAssembly small.
impl ChooseView for Page {
    async fn choose(self) -> AnyView {
        let path = use_location().pathname;
        let asked = path.get_untracked();
        let page = match self {
            Self::Login => Ok(AtOnce(view! { <Login /> }).into_any()),
            Self::Start(page) => start_pages(page).await,
            Self::SignedIn(page) => signed_in_pages(page).await,
            Self::Mail(page) => mail_pages(page).await,
        };
        // Not earlier, or the old page would have the focus. Whoever has gone on meanwhile is on
        // another page already.
        if path.get_untracked() == asked {
            focus_new_page();
        }
        // The server is away, or has a newer version.
        page.unwrap_or_else(|_| AtOnce(view! { <DidNotArrive /> }).into_any())
    }

    async fn preload(&self) {}
}

fn start_page(page: StartPage) -> AnyView {
    match page {
        StartPage::Home => AtOnce(view! { <Home /> }).into_any(),
        StartPage::Register => AtOnce(view! { <Register /> }).into_any(),
    }
}

fn signed_in_page(page: SignedInPage) -> AnyView {
    match page {
        SignedInPage::Account => AtOnce(view! { <Account /> }).into_any(),
        SignedInPage::TwoFactor => AtOnce(view! { <TwoFactor /> }).into_any(),
    }
}

fn mail_page(page: MailPage) -> AnyView {
    match page {
        MailPage::Forgot => AtOnce(view! { <Forgot /> }).into_any(),
        MailPage::Reset => AtOnce(view! { <Reset /> }).into_any(),
        MailPage::Activate => AtOnce(view! { <Activate /> }).into_any(),
        MailPage::ConfirmEmail => AtOnce(view! { <ConfirmEmail /> }).into_any(),
    }
}

/// The release is built with `--split`, which makes a file of each of these.
#[cfg(feature = "split")]
mod parcels {
    use leptos::wasm_split::wasm_split;

    use super::*;

    #[wasm_split(
        start,
        wasm_split_path = ::leptos::wasm_split,
        preload(fetch_start_pages),
        fallible
    )]
    pub(super) fn start_pages(page: StartPage) -> Result<AnyView, SplitLoaderError> {
        Ok(start_page(page))
    }

    #[wasm_split(
        signed_in,
        wasm_split_path = ::leptos::wasm_split,
        preload(fetch_signed_in_pages),
        fallible
    )]
    pub(super) fn signed_in_pages(page: SignedInPage) -> Result<AnyView, SplitLoaderError> {
        Ok(signed_in_page(page))
    }

    #[wasm_split(
        mail,
        wasm_split_path = ::leptos::wasm_split,
        preload(fetch_mail_pages),
        fallible
    )]
    pub(super) fn mail_pages(page: MailPage) -> Result<AnyView, SplitLoaderError> {
        Ok(mail_page(page))
    }
}

/// On the server, and in the developer's loop, all the code is there from the start.
#[cfg(not(feature = "split"))]
mod parcels {
    use super::*;

    pub(super) async fn start_pages(page: StartPage) -> Result<AnyView, SplitLoaderError> {
        Ok(start_page(page))
    }

    pub(super) async fn signed_in_pages(page: SignedInPage) -> Result<AnyView, SplitLoaderError> {
        Ok(signed_in_page(page))
    }

    pub(super) async fn mail_pages(page: MailPage) -> Result<AnyView, SplitLoaderError> {
        Ok(mail_page(page))
    }

    pub(super) async fn fetch_start_pages() -> Result<(), SplitLoaderError> {
        Ok(())
    }

    pub(super) async fn fetch_signed_in_pages() -> Result<(), SplitLoaderError> {
        Ok(())
    }

    pub(super) async fn fetch_mail_pages() -> Result<(), SplitLoaderError> {
        Ok(())
    }
}

/// Fetches the code of the page under a path, if it does not come with the first visit's.
///
/// # Errors
/// When it can't be had: the server is away, or has a newer version.
pub async fn fetch(path: &str) -> Result<(), SplitLoaderError> {
    match path.trim_end_matches('/') {
        "" | "/register" => fetch_start_pages().await,
        "/account" | "/two-factor" => fetch_signed_in_pages().await,
        "/forgot" | "/reset" | "/activate" | "/email" => fetch_mail_pages().await,
        _ => Ok(()),
    }
}

#[component]
fn DidNotArrive() -> impl IntoView {
    let reload = move |_| {
        // Fails only where the browser forbids it; then the person can still do it.
        let _ = window().location().reload();
    };
    view! {
        <Title text="Page not loaded · Latchkey" />
        <div class="panel">
            <h1 tabindex="-1">"This page did not arrive"</h1>
            <p role="alert">"The server can't be reached. Try again in a moment."</p>
            <p>
                <button type="button" class="button primary" on:click=reload>
                    "Try again"
                </button>
            </p>
        </div>
    }
}
