//! The commands, one a file.

pub mod db;
pub mod demo;
pub mod query;
pub mod replay;
