//! Requests whose code is fetched when a form is used or a session is renewed.
//!
//! This keeps 26 KB (Brotli) out of a first visit to `/login`: the HTTP client, and the decoding of
//! responses. With them the visit would be 194,000 bytes, more than its budget of 180,000.

use std::{
    future::{Future, pending},
    pin::Pin,
};

use leptos::wasm_split::SplitLoaderError;
#[cfg(feature = "split")]
use leptos::{task::spawn_local, wasm_split::wasm_split};

#[cfg(feature = "split")]
use super::limit::{LOADING_LIMIT, with_limit};
use super::{
    renewal::renew,
    session::Session,
    sign_in::{resend_activation, sign_in, sign_in_with_passkey, suggest_passkeys},
    sign_out::{Scope, finish_sign_out},
    social,
};
use crate::{
    api::{ApiError, Code, user},
    hydration::reload_if_updated,
};

/// A request whose code is fetched on demand.
pub enum LazyRequest {
    /// Signs in and stores the session.
    SignIn {
        /// The account's email address.
        email: String,
        /// Its password.
        password: String,
    },
    /// Asks for a passkey, signs in with it and stores the session.
    SignInWithPasskey,
    /// Lets the browser suggest passkeys, until the user picks one or another way to sign in.
    SuggestPasskeys,
    /// Signs in with what a provider's redirect has brought, and stores the session.
    FinishSocial(social::Return),
    /// Sends another email with the link that activates the account with this email address.
    ResendActivation(String),
    /// Replaces a session's tokens, unless another tab has already done so.
    Renew(Session),
    /// Signs out this device.
    SignOut,
}

type Response = Pin<Box<dyn Future<Output = Result<(), ApiError>>>>;

impl LazyRequest {
    /// Fetches the code ahead of time. An error is not reported: [`send`](Self::send) tries again.
    pub fn prefetch() {
        #[cfg(feature = "split")]
        spawn_local(async {
            let _ = Self::fetch().await;
        });
    }

    /// Fetches the code.
    ///
    /// # Errors
    /// Fails if the server can't be reached or no longer has it.
    #[cfg(feature = "split")]
    pub async fn fetch() -> Result<(), SplitLoaderError> {
        fetch().await
    }

    /// Sends the request, after fetching its code if necessary.
    ///
    /// # Errors
    /// Returns the errors of the request, or `Code::Unreachable` if its code can't be fetched.
    pub async fn send(self) -> Result<(), ApiError> {
        let response = start(self);
        #[cfg(feature = "split")]
        let response = with_limit(LOADING_LIMIT, async { Ok(response.await) }).await?;
        match response {
            Ok(response) => response.await,
            Err(_) if reload_if_updated("").await => pending().await,
            Err(_) => Err(Code::Unreachable.into()),
        }
    }
}

/// Starts a request. With the feature `split` this function, and everything that only it needs, is a
/// separate file.
#[cfg_attr(
    feature = "split",
    wasm_split(requests, wasm_split_path = ::leptos::wasm_split, preload(fetch), fallible)
)]
fn start(request: LazyRequest) -> Result<Response, SplitLoaderError> {
    Ok(match request {
        LazyRequest::SignIn { email, password } => Box::pin(sign_in(email, password)),
        LazyRequest::SignInWithPasskey => Box::pin(sign_in_with_passkey()),
        LazyRequest::SuggestPasskeys => Box::pin(suggest_passkeys()),
        LazyRequest::FinishSocial(found) => Box::pin(social::finish(found)),
        LazyRequest::ResendActivation(email) => Box::pin(resend_activation(email)),
        LazyRequest::Renew(session) => Box::pin(async move { renew(&session).await.map(drop) }),
        LazyRequest::SignOut => {
            Box::pin(async { finish_sign_out(user::logout().await, Scope::Here, false) })
        }
    })
}
