//! Endpoints below `/api/user/password`.

mod change;
mod check;
mod reset;
