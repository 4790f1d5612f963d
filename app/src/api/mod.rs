//! The HTTP API under `/api`: each endpoint is one server function, in a file named after its path. Those
//! that no server function can be, for their responses, are in the server (`server/src/api`).

pub mod admin;
#[cfg(feature = "ssr")]
mod context;
#[cfg(feature = "ssr")]
pub mod describe;
mod error;
pub mod passkey;
mod protocol;
pub mod recovery;
pub mod social;
mod text;
pub mod token;
pub mod totp;
mod uri_protocol;
pub mod user;

#[cfg(feature = "ssr")]
pub use context::{
    ClientIp, authenticate, authenticate_service, bearer_token, browser_cookie, cookies, device_of,
    set_browser_cookie,
};
pub use error::{ApiError, Code, Field, FieldErrors};
pub use protocol::{Get, Post};
pub use text::{Flag, Text};
#[cfg(feature = "ssr")]
pub use uri_protocol::UriFields;
pub use uri_protocol::{Delete, Patch, PostList, PostTo, Query};
