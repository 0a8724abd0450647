//! The pipeline with its journal.

mod journal;
mod repair;
