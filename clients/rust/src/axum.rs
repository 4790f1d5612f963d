//! An extractor for axum.

use axum::{
    body::Body,
    extract::{FromRef, FromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::{Claims, Rejection, Verifier, bearer_token};

/// The claims of the request's access token, in handlers whose state has a [`Verifier`]. A request without
/// a valid token is responded to with 401.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified(pub Claims);

impl<S: Send + Sync> FromRequestParts<S> for Verified
where
    Verifier: FromRef<S>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let token = bearer_token(&parts.headers)?;
        Ok(Self(Verifier::from_ref(state).check(token).await?))
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.into_response_with::<Body>()
    }
}
