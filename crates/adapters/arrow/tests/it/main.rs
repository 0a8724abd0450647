//! Batches and files, read back with the readers of arrow-rs.
mod cells;
mod documented;
mod files;
mod frames;
mod market;
mod round_trips;
