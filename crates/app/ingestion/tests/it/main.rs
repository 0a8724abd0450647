//! The pipeline over a store that fails, with and without its journal.

mod clock;
mod journal;
mod lives;
mod outage;
mod refusal;
mod repair;
mod support;
