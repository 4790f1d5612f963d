//! `/api/social`: signing in with accounts at providers. The redirects to a provider and back are in the
//! server (`server/src/api/social.rs`).

mod confirm;
mod link;
mod list;
mod providers;
mod unlink;

pub use confirm::confirm;
pub use link::{SocialLink, link};
pub use list::{Identity, list};
pub use providers::{Provider, providers};
pub use unlink::unlink;
