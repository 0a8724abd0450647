//! The library as a downstream crate uses it, over the memory store.
mod books;
#[cfg(all(feature = "config", feature = "sqlite"))]
mod config;
#[cfg(all(feature = "copy", feature = "sqlite", feature = "timescale"))]
mod copy;
mod cut;
#[cfg(feature = "export")]
mod exports;
mod imports;
mod indicators;
#[cfg(feature = "legacy")]
mod legacy;
#[cfg(feature = "timescale")]
mod model;
#[cfg(feature = "journal")]
mod outage;
mod push;
mod quality;
mod round_trips;
mod subscribe;
mod support;
mod tape;
