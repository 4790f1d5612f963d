//! The pages, one file per path.

mod account;
mod activate;
mod address_form;
mod admin;
mod check_email;
mod confirm_email;
mod emailed_link;
mod forgot;
mod home;
mod invitation;
mod lazy;
mod link_action;
mod link_form;
mod login;
mod login_code;
mod navigation;
mod not_found;
mod other_ways;
mod register;
mod reject_device;
mod reset;
mod settings_navigation;
mod two_factor;
mod undo_email;
mod use_passkey;

#[cfg(feature = "ssr")]
pub use lazy::chunk;
#[cfg(feature = "hydrate")]
pub use lazy::preload;
pub use lazy::{AdminConsole, HomePage, PublicPage, RegisterPage, SignedInPage};
pub use login::Login;
pub use not_found::NotFound;
