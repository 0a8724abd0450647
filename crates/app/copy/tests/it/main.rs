//! Copies between stores: equal on both sides at every instant, whatever comes in between.

mod interrupted;
mod refusals;
mod round_trips;
mod support;
mod updates;
