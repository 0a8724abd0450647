//! Tests of the in-memory store and the hot cache, through their ports.

mod agreement;
mod cache;
mod clock;
mod live;
mod store;
mod threads;
mod watch;
