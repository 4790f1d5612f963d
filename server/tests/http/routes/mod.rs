mod general;
mod health;
mod pages;
mod recovery;
mod totp;
mod user;
