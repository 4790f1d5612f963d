mod general;
mod health;
mod pages;
mod user;
