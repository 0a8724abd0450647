//! The commands, one a file.

pub(crate) mod collect;
pub(crate) mod config;
pub(crate) mod copy;
pub(crate) mod cutover;
pub(crate) mod db;
pub(crate) mod demo;
pub(crate) mod doctor;
#[cfg(feature = "export")]
pub(crate) mod export;
pub(crate) mod gaps;
#[cfg(feature = "import")]
pub(crate) mod import;
pub(crate) mod maintain;
pub(crate) mod quarantine;
pub(crate) mod query;
pub(crate) mod replay;
pub(crate) mod shell;
pub(crate) mod status;
