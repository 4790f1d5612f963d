//! Endpoints below `/api/user/password`.

mod change;
mod reset;
