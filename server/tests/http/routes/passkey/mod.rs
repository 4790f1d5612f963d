//! Endpoints below `/api/passkey`.

mod confirm;
mod create;
mod delete;
mod list;
mod login;
mod rename;
