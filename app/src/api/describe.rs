//! What the OpenAPI document says of an endpoint. Each server function has its [`Endpoint`] beside it; path,
//! method, fields and response are read from the function itself.

mod schema;

use http::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use server_fn::{Protocol, ServerFn, inventory};

use schema::field_names;
pub use schema::{Schemas, schema};

use super::Code;

/// What authorizes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Public,
    /// Nothing; an access token of the account is taken into account.
    MaybeToken,
    /// An access token.
    Token,
    /// An access token, also that of a user who must set up a second factor.
    EnrollingToken,
    /// An access token, also one that has not completed the second factor.
    PendingToken,
    /// A service key with this scope.
    Service(&'static str),
    /// An access token of an administrator, or a service key with this scope.
    Administrator(&'static str),
    /// An access token of an administrator.
    AdministratorOnly,
}

/// Returns the schema of a response, and adds those that it refers to.
pub type Output = fn(&mut Schemas) -> Value;

/// A server function, as the document describes it.
pub struct Endpoint {
    /// Its path, where `{id}` stands for a field.
    pub path: &'static str,
    /// Its method.
    pub method: fn() -> Method,
    /// The names of all fields.
    pub fields: fn() -> &'static [&'static str],
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What authorizes it.
    pub access: Access,
    /// The fields that must be there.
    pub required: &'static [&'static str],
    /// The status of a success.
    pub status: u16,
    /// The response; none with status 204.
    pub output: Option<Output>,
    /// The codes of errors that are no consequence of the rest.
    pub errors: &'static [Code],
}

inventory::collect!(Endpoint);

impl Endpoint {
    /// Describes a server function that responds with a body.
    #[must_use]
    pub const fn new<F>(summary: &'static str, access: Access) -> Self
    where
        F: ServerFn + DeserializeOwned,
        F::Output: DeserializeOwned,
    {
        Self {
            status: 200,
            output: Some(schema::<F::Output>),
            ..Self::no_content::<F>(summary, access)
        }
    }

    /// Describes a server function that responds with status 204.
    #[must_use]
    pub const fn no_content<F: ServerFn + DeserializeOwned>(
        summary: &'static str,
        access: Access,
    ) -> Self {
        Self {
            path: F::PATH,
            method: method::<F>,
            fields: field_names::<F>,
            summary,
            access,
            required: &[],
            status: 204,
            output: None,
            errors: &[],
        }
    }

    /// The same with status 201.
    #[must_use]
    pub const fn created(mut self) -> Self {
        self.status = 201;
        self
    }

    /// The same, where the response has the fields of two types.
    #[must_use]
    pub const fn flattened<A: DeserializeOwned, B: DeserializeOwned>(mut self) -> Self {
        self.output = Some(both::<A, B>);
        self
    }

    /// The same with this response, for a type that does not show its own fields.
    #[must_use]
    pub const fn output(mut self, output: Output) -> Self {
        self.output = Some(output);
        self
    }

    /// The same with fields that must be there.
    #[must_use]
    pub const fn required(mut self, fields: &'static [&'static str]) -> Self {
        self.required = fields;
        self
    }

    /// The same with errors of its own.
    #[must_use]
    pub const fn errors(mut self, codes: &'static [Code]) -> Self {
        self.errors = codes;
        self
    }

    /// Returns all that are described.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        inventory::iter::<Self>.into_iter()
    }
}

fn both<A: DeserializeOwned, B: DeserializeOwned>(schemas: &mut Schemas) -> Value {
    json!({ "allOf": [schema::<A>(schemas), schema::<B>(schemas)] })
}

fn method<F: ServerFn>() -> Method {
    <F::Protocol as Protocol<
        F,
        F::Output,
        F::Client,
        F::Server,
        F::Error,
        F::InputStreamError,
        F::OutputStreamError,
    >>::METHOD
}
