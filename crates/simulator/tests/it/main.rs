//! Tests of the simulated venue, by clients of its sockets.

mod client;
mod collected;
mod faults;
mod protocol;
mod proxy;
mod rest;
