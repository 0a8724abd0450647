//! The command line as other tools use it: a real process, a real database.
mod bad_input;
mod config;
mod default_store;
mod delayed;
mod demo;
mod doctor;
mod errors;
mod file;
mod golden;
mod killed;
mod live;
mod maintain;
mod people;
mod status;
mod support;
mod tables;
