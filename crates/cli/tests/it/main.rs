//! The command line as other tools use it: a real process, a real database.
mod bad_input;
mod copy;
mod delayed;
mod demo;
mod doctor;
#[cfg(feature = "export")]
mod export;
mod file;
mod golden;
mod journaled;
mod killed;
mod live;
mod maintain;
#[cfg(feature = "export")]
mod python;
mod support;
mod tables;
