//! Endpoints below `/api/recovery`.

mod create;
mod login;
