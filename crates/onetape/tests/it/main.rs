//! The library as a downstream crate uses it, over the memory store.
mod books;
#[cfg(all(feature = "config", feature = "sqlite"))]
mod config;
mod imports;
mod indicators;
#[cfg(feature = "timescale")]
mod model;
mod push;
mod quality;
mod round_trips;
mod support;
mod tape;
