//! The HTTP API under `/api`. Each endpoint is one server function in a file named by its path.

mod error;
mod protocol;
pub mod recovery;
mod text;
pub mod totp;
pub mod user;

#[cfg(feature = "ssr")]
mod call;

#[cfg(feature = "ssr")]
pub use call::Call;
pub use error::{ApiError, Code, Field, FieldErrors};
pub use protocol::{Get, Post};
pub use text::Text;
#[cfg(feature = "ssr")]
use text::texts;
