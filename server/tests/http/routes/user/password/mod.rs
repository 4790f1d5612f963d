//! Endpoints below `/api/user/password`.

mod change;
mod check;
mod remove;
mod reset;
