//! The command line as other tools use it: a real process, a real database.
mod bad_input;
mod copy;
mod delayed;
mod demo;
mod doctor;
mod file;
mod golden;
mod killed;
mod live;
mod maintain;
mod support;
mod tables;
