//! Endpoints below `/api/recovery`.

mod create;
mod login;
mod view;
