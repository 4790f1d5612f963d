//! Pages whose code comes when they are first opened, in two parcels: so the first visit to the
//! sign-in page is a small one.

use leptos::{prelude::*, wasm_split::SplitLoaderError};
use leptos_meta::Title;
use leptos_router::LazyRoute;

use super::{Account, Activate, ConfirmEmail, Forgot, Reset, TwoFactor};
use parcels::{fetch_mail_pages, fetch_signed_in_pages, mail_pages, signed_in_pages};

/// The route of [`Account`].
pub struct AccountRoute;

impl LazyRoute for AccountRoute {
    fn data() -> Self {
        Self
    }

    async fn view(_: Self) -> AnyView {
        arrived(signed_in_pages(SignedInPage::Account).await)
    }
}

/// The route of [`TwoFactor`].
pub struct TwoFactorRoute;

impl LazyRoute for TwoFactorRoute {
    fn data() -> Self {
        Self
    }

    async fn view(_: Self) -> AnyView {
        arrived(signed_in_pages(SignedInPage::TwoFactor).await)
    }
}

/// The route of [`Forgot`].
pub struct ForgotRoute;

impl LazyRoute for ForgotRoute {
    fn data() -> Self {
        Self
    }

    async fn view(_: Self) -> AnyView {
        arrived(mail_pages(MailPage::Forgot).await)
    }
}

/// The route of [`Reset`].
pub struct ResetRoute;

impl LazyRoute for ResetRoute {
    fn data() -> Self {
        Self
    }

    async fn view(_: Self) -> AnyView {
        arrived(mail_pages(MailPage::Reset).await)
    }
}

/// The route of [`Activate`].
pub struct ActivateRoute;

impl LazyRoute for ActivateRoute {
    fn data() -> Self {
        Self
    }

    async fn view(_: Self) -> AnyView {
        arrived(mail_pages(MailPage::Activate).await)
    }
}

/// The route of [`ConfirmEmail`].
pub struct ConfirmEmailRoute;

impl LazyRoute for ConfirmEmailRoute {
    fn data() -> Self {
        Self
    }

    async fn view(_: Self) -> AnyView {
        arrived(mail_pages(MailPage::ConfirmEmail).await)
    }
}

#[derive(Clone, Copy)]
enum SignedInPage {
    Account,
    TwoFactor,
}

#[derive(Clone, Copy)]
enum MailPage {
    Forgot,
    Reset,
    Activate,
    ConfirmEmail,
}

fn signed_in_page(page: SignedInPage) -> AnyView {
    match page {
        SignedInPage::Account => view! { <Account /> }.into_any(),
        SignedInPage::TwoFactor => view! { <TwoFactor /> }.into_any(),
    }
}

fn mail_page(page: MailPage) -> AnyView {
    match page {
        MailPage::Forgot => view! { <Forgot /> }.into_any(),
        MailPage::Reset => view! { <Reset /> }.into_any(),
        MailPage::Activate => view! { <Activate /> }.into_any(),
        MailPage::ConfirmEmail => view! { <ConfirmEmail /> }.into_any(),
    }
}

/// The release is built with `--split`, which makes a file of each of these.
#[cfg(feature = "split")]
mod parcels {
    use leptos::wasm_split::wasm_split;

    use super::*;

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

    pub(super) async fn signed_in_pages(page: SignedInPage) -> Result<AnyView, SplitLoaderError> {
        Ok(signed_in_page(page))
    }

    pub(super) async fn mail_pages(page: MailPage) -> Result<AnyView, SplitLoaderError> {
        Ok(mail_page(page))
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
        "/account" | "/two-factor" => fetch_signed_in_pages().await,
        "/forgot" | "/reset" | "/activate" | "/email" => fetch_mail_pages().await,
        _ => Ok(()),
    }
}

/// The page, or a word about why it did not come: the server is away, or has a newer version.
fn arrived(page: Result<AnyView, SplitLoaderError>) -> AnyView {
    page.unwrap_or_else(|_| view! { <DidNotArrive /> }.into_any())
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
