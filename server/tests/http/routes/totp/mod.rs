//! Endpoints below `/api/totp`.

mod confirm;
mod create;
mod delete;
mod login;
