//! Tests of the whole program over HTTP, as its users meet it: the real binary, a real database.
//!
//! `LATCHKEY_TEST_DATABASE` chooses the database: `sqlite` (the default), or `postgres`, which
//! takes the server to use from `PGHOST`, `PGPORT`, `PGUSER` and `PGPASSWORD`.
//!
//! The modules under `routes` mirror the paths of the API.

mod audit;
mod docs;
mod faults;
mod hostile;
mod limits;
mod memory;
mod mfa_pending;
mod operator;
mod outbox;
mod program;
mod races;
mod routes;
mod storage;
mod support;
mod tokens;
