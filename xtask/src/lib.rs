//! The developer tasks of the workspace. The checks among them also run as tests.

pub mod bench;
pub mod db;
pub mod import;
pub mod layers;
pub mod lean;
pub mod report;
pub mod schema;
pub mod soak;
pub mod test;
pub mod tidy;
pub mod workspace;
