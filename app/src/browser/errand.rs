//! Requests of those who are not signed in, and the renewal of a session. Their code is a parcel of
//! its own, as [`pages`](crate::pages) are: who only looks at the sign-in page does without.

use std::{future::Future, pin::Pin};

use leptos::{task::spawn_local, wasm_split::SplitLoaderError};

use super::{
    renewal::renew,
    session::Session,
    sign_in::{resend_activation, sign_in},
};
use crate::api::{ApiError, Code};
use parcel::{fetch, start};

/// What is to be asked of the server.
pub enum Errand {
    /// To sign in, and to store the session. Where the account has a second factor, the person is
    /// only half signed in by that, and is never taken for more on the way.
    SignIn {
        /// The account's address.
        email: String,
        /// Its password.
        password: String,
    },
    /// To mail the link again that activates the account with this address.
    ResendActivation(String),
    /// To replace a session's tokens, unless another tab has done so already.
    Renew(Session),
}

type Answer = Pin<Box<dyn Future<Output = Result<(), ApiError>>>>;

impl Errand {
    /// Fetches the code ahead, when a person begins to fill a form.
    pub fn prepare() {
        spawn_local(async {
            // It is tried once more when it is needed.
            let _ = fetch().await;
        });
    }

    /// Asks the server.
    ///
    /// # Errors
    /// Those of the request, and `Code::Unreachable` where its code can't be fetched.
    pub async fn run(self) -> Result<(), ApiError> {
        match start(self).await {
            Ok(answer) => answer.await,
            Err(_) => Err(Code::Unreachable.into()),
        }
    }

    fn answer(self) -> Answer {
        match self {
            Self::SignIn { email, password } => Box::pin(sign_in(email, password)),
            Self::ResendActivation(email) => Box::pin(resend_activation(email)),
            Self::Renew(session) => Box::pin(async move { renew(&session).await.map(drop) }),
        }
    }
}

/// The release is built with `--split`, which makes a file of this.
#[cfg(feature = "split")]
mod parcel {
    use leptos::wasm_split::wasm_split;

    use super::{Answer, Errand, SplitLoaderError};

    #[wasm_split(
        errands,
        wasm_split_path = ::leptos::wasm_split,
        preload(fetch),
        fallible
    )]
    pub(super) fn start(errand: Errand) -> Result<Answer, SplitLoaderError> {
        Ok(errand.answer())
    }
}

/// On the server, and in the developer's loop, all the code is there from the start.
#[cfg(not(feature = "split"))]
mod parcel {
    use super::{Answer, Errand, SplitLoaderError};

    pub(super) async fn fetch() -> Result<(), SplitLoaderError> {
        Ok(())
    }

    pub(super) async fn start(errand: Errand) -> Result<Answer, SplitLoaderError> {
        Ok(errand.answer())
    }
}
