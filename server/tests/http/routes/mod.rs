//! Tests of one endpoint each; the modules mirror the paths of the API.

mod admin;
mod connections;
mod general;
mod health;
mod pages;
mod passkey;
mod recovery;
mod social;
mod token;
mod totp;
mod user;
mod well_known;
