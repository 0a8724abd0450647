//! Tests of the testkit itself, and the properties of the engine it can state.

mod book_properties;
mod candle_properties;
mod coverage_properties;
mod doubles;
mod handmade_cases;
mod naive_archive;
mod naive_cutover;
mod naive_imports;
mod naive_manifests;
mod naive_store;
mod pushed_properties;
mod replay_properties;
mod scenario;
mod suite;
mod truth;
