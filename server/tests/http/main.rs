//! Tests of the whole program over HTTP, with the real binary and a real database.
//!
//! `LATCHKEY_TEST_DATABASE` selects the database: `sqlite` (the default) or `postgres`, whose
//! server is given by `PGHOST`, `PGPORT`, `PGUSER` and `PGPASSWORD`.
//!
//! The modules under `routes` mirror the paths of the API.

mod access_tokens;
mod appearance;
mod audit;
mod breached_passwords;
mod copy;
mod cors;
mod docs;
mod embedding;
mod failover;
mod faults;
mod hostile;
mod languages;
mod limits;
mod mail_servers;
mod mfa_pending;
mod monitoring;
mod openapi;
mod operator;
mod operator_roles;
mod outbox;
mod poolers;
mod postgres;
mod postgres_tls;
mod program;
mod races;
mod rolling_restart;
mod routes;
mod second_factor_policy;
mod service_keys;
mod storage;
mod support;
mod text;
mod tokens;
mod user_cache;
mod user_transfers;
mod verifying;
mod ways_to_sign_in;
