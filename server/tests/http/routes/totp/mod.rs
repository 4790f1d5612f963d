//! Endpoints below `/api/totp`.

mod add;
mod confirm;
mod create;
mod delete;
mod list;
mod login;
mod remove;
mod rename;
