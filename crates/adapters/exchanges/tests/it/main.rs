//! Tests of the exchange adapters against literal messages, bad input and real recordings.

// Instrumented for fuzzing, every test binary needs the fuzzing engine's symbols.
use bolero as _;

mod bad_input;
mod data;
#[cfg(feature = "live")]
mod live;
mod messages;
mod pacing;
mod properties;
mod recordings;
mod snapshots;
mod tape;
mod tapes;
