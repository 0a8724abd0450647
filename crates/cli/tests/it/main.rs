//! The command line as other tools use it: a real process, a real database.
mod bad_input;
mod collect;
mod config;
mod copy;
mod cutover;
mod cutover_phases;
mod default_store;
mod delayed;
mod demo;
mod doctor;
mod errors;
#[cfg(feature = "export")]
mod export;
mod file;
mod gaps;
mod golden;
mod import;
mod import_harmful;
mod import_holes;
mod import_killed;
mod journaled;
mod killed;
mod live;
mod maintain;
mod migration_page;
mod people;
mod published;
#[cfg(feature = "export")]
mod python;
mod quarantine;
mod refused;
mod status;
mod support;
mod tables;
mod whole;
